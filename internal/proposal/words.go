package proposal

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/weighlock/weighlock/internal/gate"
)

// plain is a text that YAML reads as itself without quotes, unless it is one of the reserved words.
var plain = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_./-]*$`)

var reserved = []string{"true", "false", "yes", "no", "on", "off", "y", "n", "null", "nan", "inf"}

// scalar writes a text as one YAML value.
func scalar(text string) string {
	if plain.MatchString(text) && !slices.Contains(reserved, strings.ToLower(text)) {
		return text
	}
	return strconv.Quote(text)
}

// YAML is the configuration, with the reason of each choice beside it.
func (p *Proposal) YAML() []byte {
	var b strings.Builder
	line := func(format string, args ...any) { _, _ = fmt.Fprintf(&b, format+"\n", args...) }
	line("# A first policy, proposed by weighlock init from %s (%s rows, %d columns).", quoted(p.Path), grouped(p.Rows), p.Columns)
	line("# Read it, change it, commit it. weighlock check finds mistakes; weighlock run weighs a change.")
	line("version: 1")
	line("model: %s", scalar(p.Model))
	line("task: %s%s", p.Task.Value, because(p.Task.Why))
	p.data(line)
	line("train:")
	line("  estimator: %s # or command: [...], see weighlock init --help", p.Estimator)
	line("policy:")
	line("  confidence: 0.95")
	line("  rules:")
	for _, r := range p.Rules {
		for _, comment := range r.comments(p.Evaluate) {
			line("    # %s", comment)
		}
		line("    - %s", r.flow())
	}
	if len(p.Slices) > 0 {
		line("  slices:")
		for _, s := range p.Slices {
			line("    # %s", s.Why)
			line("    - {by: %s, metrics: [%s], margin: %s}", scalar(s.Column), s.Metric, marginText(s.Margin))
		}
	}
	line("  inconclusive: warn # pass, warn or block when the rows cannot tell")
	line("  # owners: [YOUR-NAME] # who may approve a change to this policy or to the rows that judge")
	line("# image:")
	line("#   name: ghcr.io/OWNER/%s # where weighlock push puts models; a folder beside the output where left out", p.Model)
	for _, remark := range p.Remarks {
		line("#\n# Note: %s.", strings.TrimSuffix(remark, "."))
	}
	return []byte(b.String())
}

func (p *Proposal) data(line func(format string, args ...any)) {
	line("data:")
	line("  path: %s", scalar(p.Path))
	line("  target: %s%s", scalar(p.Target.Value), because(p.Target.Why))
	if p.ID.Value != "" {
		line("  id: %s%s", scalar(p.ID.Value), because(p.ID.Why))
	} else {
		line("  # id: COLUMN # no column tells rows apart, so their content does")
	}
	if p.Positive.Value != "" {
		line("  positive: %s%s", scalar(p.Positive.Value), because(p.Positive.Why))
	}
	if len(p.Exclude) > 0 {
		line("  exclude: # columns that are no features")
		for _, c := range p.Exclude {
			line("    - %s%s", scalar(c.Value), because(c.Why))
		}
	}
	line("  # %s rows judge and %s train; which is which is a hash of seed and row, so new rows move none", grouped(p.Evaluate), grouped(p.Train))
	keys := fmt.Sprintf("holdout: %s, seed: %d", number(p.Holdout), seed)
	why := ""
	switch {
	case p.Group.Value != "":
		keys, why = keys+", group: "+scalar(p.Group.Value), p.Group.Why
	case p.Time.Value != "":
		keys, why = keys+", time: "+scalar(p.Time.Value), p.Time.Why
	case p.Stratify:
		keys, why = keys+", stratify: "+scalar(p.Target.Value), "each class keeps its share"
	}
	line("  evaluate: {%s}%s", keys, because(why))
}

// flow is the rule as it stands in the file.
func (r Rule) flow() string {
	out := fmt.Sprintf("{metric: %s, margin: %s", r.Metric.Name, marginText(r.Margin))
	if r.Min != nil {
		out += ", min: " + number(*r.Min)
	}
	return out + "}"
}

// comments say what the rows can show, and where the floor comes from.
func (r Rule) comments(rows int) []string {
	var out []string
	if sees := r.sees(); sees != "" {
		out = append(out, fmt.Sprintf("%s rows show %s", grouped(rows), sees))
	}
	if r.Min != nil {
		out = append(out, fmt.Sprintf("floor: halfway from a constant answer (%s) to this estimator (%s)", rounded(*r.Dummy), rounded(*r.Simple)))
	}
	return out
}

// sees says how small a difference can be seen, from a small change of the model to a large one.
func (r Rule) sees() string {
	switch {
	case r.Small != nil && r.Large != nil && *r.Small < *r.Large:
		return fmt.Sprintf("a difference of %s after a small change of the model, of %s after a large one", r.amount(*r.Small), r.amount(*r.Large))
	case r.Small != nil:
		return "a difference of " + r.amount(*r.Small)
	case r.Large != nil:
		return fmt.Sprintf("a difference of %s after a large change of the model", r.amount(*r.Large))
	}
	return ""
}

// amount writes a difference in the units of the margin.
func (r Rule) amount(v float64) string {
	if r.Margin.Relative && r.Simple != nil && *r.Simple != 0 {
		return fmt.Sprintf("%s (%s %%)", rounded(v), rounded(100*v/math.Abs(*r.Simple)))
	}
	return rounded(v)
}

// Words tell what was proposed, for a terminal.
func (p *Proposal) Words() string {
	var b strings.Builder
	line := func(name, format string, args ...any) {
		_, _ = fmt.Fprintf(&b, "%-10s %s\n", name, fmt.Sprintf(format, args...))
	}
	line("table", "%s: %s rows, %d columns", quoted(p.Path), grouped(p.Rows), p.Columns)
	line("target", "%s (%s)", quoted(p.Target.Value), p.Target.Why)
	line("task", "%s (%s)", p.Task.Value, p.Task.Why)
	for _, c := range []struct {
		name string
		Choice
	}{{"id", p.ID}, {"positive", p.Positive}, {"group", p.Group}, {"time", p.Time}} {
		if c.Value != "" {
			line(c.name, "%s (%s)", quoted(c.Value), c.Why)
		}
	}
	for _, c := range p.Exclude {
		line("exclude", "%s (%s)", quoted(c.Value), c.Why)
	}
	line("judged by", "%s rows, trained on %s", grouped(p.Evaluate), grouped(p.Train))
	for _, r := range p.Rules {
		text := fmt.Sprintf("%s, margin %s", r.Metric.Name, marginText(r.Margin))
		if r.Simple != nil && r.Dummy != nil {
			text += fmt.Sprintf("; %s scores %s, a constant answer %s", p.Estimator, rounded(*r.Simple), rounded(*r.Dummy))
		}
		line("rule", "%s", text)
		if sees := r.sees(); sees != "" {
			line("", "these rows show %s", sees)
		}
	}
	for _, s := range p.Slices {
		line("slice", "%s by %s, margin %s (%s)", s.Metric, quoted(s.Column), marginText(s.Margin), s.Why)
	}
	for _, remark := range p.Remarks {
		line("note", "%s", remark)
	}
	return b.String()
}

func because(why string) string {
	if why == "" {
		return ""
	}
	return " # " + strings.Join(strings.Fields(why), " ")
}

func marginText(m gate.Margin) string {
	if m.Relative {
		return number(100*m.Value) + "%"
	}
	return number(m.Value)
}

// number writes a proposed number without the noise of binary fractions.
func number(x float64) string {
	back, err := strconv.ParseFloat(strconv.FormatFloat(x, 'g', 12, 64), 64)
	if err != nil {
		return strconv.FormatFloat(x, 'g', -1, 64)
	}
	return strconv.FormatFloat(back, 'g', -1, 64)
}

// rounded writes a measured number with three digits.
func rounded(x float64) string {
	if a := math.Abs(x); a >= 1000 {
		return grouped(int(math.Round(x)))
	}
	return number(threeDigits(x))
}

func threeDigits(x float64) float64 {
	back, err := strconv.ParseFloat(strconv.FormatFloat(x, 'g', 3, 64), 64)
	if err != nil {
		return x
	}
	return back
}

// grouped writes a count with commas between thousands.
func grouped(n int) string {
	text := strconv.Itoa(n)
	for at := len(text) - 3; at > 0 && text[at-1] != '-'; at -= 3 {
		text = text[:at] + "," + text[at:]
	}
	return text
}
