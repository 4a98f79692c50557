package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/weighlock/weighlock/internal/gate"
)

// Past is an earlier run in the history of a comment.
type Past struct {
	Head, When, Decision, Headline string
}

// Skipped is a model that was not weighed, which is said rather than left out.
type Skipped struct{ Model, Why string }

// Worst is the weightiest of several decisions: what a job that weighed several models ends with.
func Worst(reports []*Report) gate.Decision {
	worst := gate.Passed
	for _, r := range reports {
		if weight(r.Decision) > weight(worst) {
			worst = r.Decision
		}
	}
	return worst
}

// weight orders decisions: what could not be judged outweighs what is bad.
func weight(d gate.Decision) int {
	return slices.Index([]gate.Decision{
		gate.Passed, gate.Undecided, gate.Blocked, gate.Unavailable, gate.Misconfigured, gate.Invalid, gate.Cancelled,
	}, d)
}

// MarkdownAll writes one comment about several models, the worst first.
func MarkdownAll(reports []*Report, skipped []Skipped, o MarkdownOptions) string {
	if len(reports) == 1 && len(skipped) == 0 {
		return Markdown(reports[0], o)
	}
	sorted := slices.Clone(reports)
	slices.SortStableFunc(sorted, func(a, b *Report) int { return cmp.Compare(weight(b.Decision), weight(a.Decision)) })
	all := []section{{title: "the table of models", body: modelTable(sorted, skipped)}}
	for _, r := range sorted {
		own := r.sections(o)
		own[0].body = "\n### " + emoji[r.tone()] + " " + md(clean(r.Model)) + " " + r.decisionWord() + "\n" + own[0].body
		all = append(all, own...)
	}
	if len(sorted) > 0 {
		all = append(all, section{"earlier runs", 5, history(o.Past)})
	}
	return assemble(headlineAll(sorted, len(skipped)), all, o)
}

func headlineAll(sorted []*Report, skipped int) string {
	counts := map[gate.Decision]int{}
	for _, r := range sorted {
		counts[r.Decision]++
	}
	if len(sorted) == 0 {
		return "## " + emoji["plain"] + " Weighlock: nothing to weigh, " + several(skipped, "model") + " skipped\n"
	}
	worst := sorted[0]
	top := "## " + emoji[worst.tone()] + " Weighlock: " + fmt.Sprintf("%d of %s %s", counts[worst.Decision], several(len(sorted), "model"), worst.Decision)
	if worst.Decision == gate.Passed {
		return top + "\n"
	}
	return top + ": " + md(cleanTo(worst.Model+": "+worst.cause(), longHeadline)) + "\n"
}

func modelTable(sorted []*Report, skipped []Skipped) string {
	var b strings.Builder
	b.WriteString("\n" + row("", "Model", "Decision", "Why") + "|:-:|:--|:--|:--|\n")
	for _, r := range sorted {
		b.WriteString(row(emoji[r.tone()], md(clean(r.Model)), "**"+r.decisionWord()+"**", md(r.cause())))
	}
	for _, s := range skipped {
		b.WriteString(row(emoji["plain"], md(clean(s.Model)), "skipped", md(cleanTo(s.Why, 300))))
	}
	return b.String()
}

// history shows earlier runs, the newest first.
func history(past []Past) string {
	if len(past) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString(row("Change", "When", "Decision", "Worst") + "|:--|:--|:--|:--|\n")
	for _, p := range past[:min(len(past), mostItems)] {
		b.WriteString(row(code(short(p.Head)), md(clean(p.When)), md(clean(p.Decision)), md(clean(p.Headline))))
	}
	return folded("Earlier runs: "+count(min(len(past), mostItems)), b.String())
}

// proceed says what can be done about a run that does not let the change through.
func (r *Report) proceed(o MarkdownOptions) string {
	if r.Decision == gate.Passed {
		return ""
	}
	lines := []string{"- Push a commit that mends it: this comment is kept up to date."}
	if r.Decision == gate.Unavailable || r.Decision == gate.Cancelled {
		lines = append(lines, "- Run the failed job again: nothing has to change.")
	}
	if commands := r.acceptCommands(); len(commands) > 0 && len(r.Policy.Waivers) > 0 {
		lines = append(lines, "- Or let it through: "+md(cleanTo(strings.Join(r.Policy.Waivers, ", "), 200))+" may comment one line for each rule, with a reason, and the failed job runs again:")
		for _, c := range commands {
			lines = append(lines, "  - "+c)
		}
	}
	if r.unapproved() && len(r.Policy.Owners) > 0 {
		lines = append(lines, "- The change of the law needs an approving review of this commit by "+md(cleanTo(strings.Join(r.Policy.Owners, " or "), 200))+".")
	}
	if link := safeURL(o.RunURL); link != "" {
		lines = append(lines, "- The log and the whole report: [this run]("+link+").")
	}
	return folded("How to proceed", strings.Join(lines, "\n")+"\n")
}

// acceptCommands are the lines that would waive each blocking rule of this head. A value is rounded to the worse side, so
// that what was shown is what is accepted.
func (r *Report) acceptCommands() []string {
	var out []string
	for _, rule := range r.broken() {
		if rule.Verdict == gate.Unjudgeable || len(out) == 5 {
			continue
		}
		slice := ""
		if rule.Slice != "" {
			by, level, _ := strings.Cut(rule.Slice, "=")
			slice = " on " + by + `="` + level + `"`
		}
		words := "/weighlock accept " + r.Model + "/" + rule.Metric + slice + acceptValue(rule) + " at " + short(r.reviewed()) + " REASON"
		if strings.ContainsAny(words, "`|<>&") || strings.Contains(rule.Slice, `"`) || cleanTo(words, 300) != words {
			continue // no harmless way to show it as something to copy
		}
		out = append(out, "`"+words+"`")
	}
	return out
}

func acceptValue(r Rule) string {
	if r.Candidate == nil {
		return ""
	}
	v := *r.Candidate
	shown := strconv.FormatFloat(v, 'g', 6, 64)
	rounded, err := strconv.ParseFloat(shown, 64)
	if err != nil || v == 0 {
		return " " + shown
	}
	step := math.Pow(10, math.Floor(math.Log10(math.Abs(v)))-5)
	switch {
	case r.Direction == "lower" && rounded < v:
		rounded += step
	case r.Direction == "higher" && rounded > v:
		rounded -= step
	}
	return " " + strconv.FormatFloat(rounded, 'g', 6, 64)
}

// AcceptedValues are the values of the rules that block, by name: what a waiver without a value accepts.
func (r *Report) AcceptedValues() map[string]float64 {
	out := map[string]float64{}
	for _, rule := range r.broken() {
		if rule.Candidate != nil {
			out[AcceptKey(r.Model, rule.Metric, rule.Slice)] = *rule.Candidate
		}
	}
	return out
}

// AcceptKey names one rule of one model in AcceptedValues.
func AcceptKey(model, metric, slice string) string { return model + "/" + metric + "/" + slice }

// Headline is the decision and its cause in one line of plain text, for a history or a commit status.
func (r *Report) Headline() string { return cleanTo(r.cause(), longHeadline) }

// Changed reports whether there is anything to tell about this run: it did not pass, or some rule moved.
func (r *Report) Changed() bool {
	if r.Decision != gate.Passed || len(r.Warnings) > 0 || len(r.Policy.Changed) > 0 {
		return true
	}
	return slices.ContainsFunc(r.Rules, func(rule Rule) bool { return rule.Verdict != gate.Unchanged })
}

// reviewed is the commit that people see on the pull request.
func (r *Report) reviewed() string {
	if r.Head.Reviewed != "" {
		return r.Head.Reviewed
	}
	return r.Head.Commit
}

// safeURL lets through an address that cannot end the link that it stands in.
func safeURL(s string) string {
	if !strings.HasPrefix(s, "https://") && !strings.HasPrefix(s, "http://") {
		return ""
	}
	for _, c := range s {
		if c <= ' ' || c > '~' || strings.ContainsRune("()<>[]\\`\"'|", c) {
			return ""
		}
	}
	return s
}
