package report

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/weighlock/weighlock/internal/dataset"
)

// How a report speaks. The decision comes first, in one sentence, and names the worst rule with both values. Every rule
// says what to do next. A verdict is one of the five words of the design; "broken" and "waived" say what it means for
// this change. Nothing is praised, nothing is excused, and a bare p-value is never shown.

// longest is how many characters of a foreign string are shown.
const longest = 80

// clean makes a foreign string harmless for any reader: one line, no control, format or bidirectional characters, at most
// longest characters with a visible ellipsis. What the medium makes of the rest is for its own escaper.
func clean(s string) string { return cleanTo(s, longest) }

func cleanTo(s string, most int) string {
	var b strings.Builder
	n := 0
	for i := 0; i < len(s); {
		c, size := utf8.DecodeRuneInString(s[i:])
		i += size
		switch {
		case c == '\n' || c == '\r' || c == '\t' || c == '\u2028' || c == '\u2029':
			c = ' '
		case c == utf8.RuneError, unicode.IsControl(c), unicode.Is(unicode.Cf, c), unicode.Is(unicode.Co, c):
			c = '\uFFFD'
		case unicode.IsSpace(c), unicode.Is(blank, c):
			c = ' '
		}
		if n == 0 && c == ' ' {
			continue
		}
		if n == most {
			return strings.TrimSpace(b.String()) + "…"
		}
		b.WriteRune(c)
		n++
	}
	return strings.TrimSpace(b.String())
}

// blank are letters that show as nothing, and marks that change their neighbours invisibly.
var blank = &unicode.RangeTable{
	R16: []unicode.Range16{{0x115F, 0x1160, 1}, {0x180B, 0x180D, 1}, {0x2800, 0x2800, 1}, {0x3164, 0x3164, 1}, {0xFE00, 0xFE0F, 1}, {0xFFA0, 0xFFA0, 1}},
	R32: []unicode.Range32{{0xE0100, 0xE01EF, 1}},
}

// name is how a rule is called: its metric, its parameter, its slice, and the anchor it is held against.
func (r Rule) name() string {
	name := r.label()
	if r.Slice != "" {
		name += " on " + clean(r.Slice)
	}
	if r.Against != "" {
		name += " against " + clean(r.Against)
	}
	return name
}

// label is the metric with its parameter.
func (r Rule) label() string {
	switch {
	case r.Params.K != 0:
		return fmt.Sprintf("%s@%d", clean(r.Metric), r.Params.K)
	case r.Params.Quantile != 0:
		return fmt.Sprintf("%s(%s)", clean(r.Metric), configured(r.Params.Quantile))
	}
	return orElse(clean(r.Metric), "(no name)")
}

// betterWord says which way is better.
func (r Rule) betterWord() string { return r.Direction + " is better" }

// standing is the verdict as a reader meets it, with what it means for this change.
func (r Rule) standing() string {
	switch {
	case r.Waived:
		return string(r.Verdict) + ", waived"
	case r.missed() != "" && r.Verdict != "invalid":
		return r.missed()
	case r.Verdict == "unchanged" && r.Method == "identical":
		return "unchanged (identical)"
	case r.Verdict == "unchanged" && r.Baseline == nil:
		return "holds"
	}
	return string(r.Verdict)
}

// missed names the floor or ceiling that the candidate does not keep, or is empty.
func (r Rule) missed() string {
	switch {
	case r.Candidate == nil:
		return ""
	case r.Min != nil && *r.Candidate < *r.Min:
		return "below the floor"
	case r.Max != nil && *r.Candidate > *r.Max:
		return "above the ceiling"
	}
	return ""
}

// tone is how a rule is coloured and marked: "bad", "unsure", "good" or "plain".
func (r Rule) tone() string {
	switch {
	case r.Waived:
		return "unsure"
	case r.Verdict == "invalid", r.Verdict == "regressed", r.missed() != "":
		return "bad"
	case r.Verdict == "inconclusive":
		return "unsure"
	case r.Blocks:
		return "bad"
	case r.Verdict == "improved":
		return "good"
	}
	return "plain"
}

// moved says what happened to the value: "rose 54.10 → 58.31 (+4.21, +7.78%)".
func (r Rule) moved() string {
	if r.Baseline == nil || r.Candidate == nil {
		return "is " + r.value(r.Candidate)
	}
	verb := "stayed at"
	switch {
	case *r.Candidate > *r.Baseline:
		verb = "rose"
	case *r.Candidate < *r.Baseline:
		verb = "fell"
	default:
		return verb + " " + r.value(r.Candidate)
	}
	by := r.delta()
	if rel := r.relative(); rel != "" {
		by += ", " + rel
	}
	return fmt.Sprintf("%s %s → %s (%s)", verb, r.value(r.Baseline), r.value(r.Candidate), by)
}

// sentence says in one breath what became of a rule, without its name.
func (r Rule) sentence() string {
	switch {
	case r.Verdict == "invalid":
		return "could not be judged"
	case r.missed() == "below the floor":
		return fmt.Sprintf("is %s, below its floor of %s", r.value(r.Candidate), configured(*r.Min))
	case r.missed() == "above the ceiling":
		return fmt.Sprintf("is %s, above its ceiling of %s", r.value(r.Candidate), configured(*r.Max))
	case r.Verdict == "inconclusive":
		return r.moved() + ", too uncertain to call"
	case r.Margin != nil && r.Verdict == "regressed":
		return r.moved() + ", margin " + r.Margin.String()
	}
	return r.moved()
}

// next says what to do about a rule.
func (r Rule) next() string {
	switch {
	case r.Waived:
		return "nothing to do: waived for this commit"
	case r.Verdict == "invalid":
		return "find out why there is no value: " + orElse(cleanTo(r.Why, 200), "the metric is undefined on these rows")
	case r.missed() != "":
		return fmt.Sprintf("the model is %s: improve it, or change the rule in a change of its own", r.missed())
	case r.Verdict == "regressed":
		return "the model is worse " + r.beyond() + ": mend the change, or ask an owner to accept it"
	case r.Verdict == "inconclusive" && r.RowsNeeded > r.Rows:
		return fmt.Sprintf("wait for %s (there are %s), or accept a wider margin", several(r.RowsNeeded, "evaluation row"), count(r.Rows))
	case r.Verdict == "inconclusive":
		return "the rows cannot tell: add evaluation rows, or accept a wider margin"
	case r.Blocks:
		return orElse(cleanTo(r.Why, 200), "this rule blocks")
	}
	return "nothing to do"
}

func (r Rule) beyond() string {
	if r.Margin == nil {
		return "than the baseline"
	}
	return "beyond the margin of " + r.Margin.String()
}

func orElse(s, fallback string) string {
	if s == "" {
		return fallback
	}
	return s
}

// broken are the rules that stand in the way, the worst first.
func (r *Report) broken() []Rule {
	var out []Rule
	for _, rule := range r.Rules {
		if rule.Blocks && !rule.Waived {
			out = append(out, rule)
		}
	}
	return out
}

// blocking are the data checks that stand in the way.
func (r *Report) blocking() []dataset.Check {
	var out []dataset.Check
	for _, c := range r.Checks {
		if c.Severity == dataset.Block {
			out = append(out, c)
		}
	}
	return out
}

// decisionWord is the decision as the headline has it.
func (r *Report) decisionWord() string {
	switch {
	case r.Decision == "passed" && r.waived() > 0:
		return "passed with a waiver"
	case r.Decision == "passed" && r.FirstRun:
		return "passed (first run)"
	}
	return string(r.Decision)
}

func (r *Report) waived() int {
	n := 0
	for _, rule := range r.Rules {
		if rule.Waived {
			n++
		}
	}
	return n
}

// cause is the headline after the decision: one sentence from whatever weighs most. It may hold foreign text, cleaned
// but not escaped.
func (r *Report) cause() string {
	broken, checks := r.broken(), r.blocking()
	switch {
	case r.Failure != nil:
		return cleanTo(r.Failure.Message, 300)
	case r.Decision == "passed":
		return r.praise()
	case len(broken) > 0:
		return broken[0].name() + " " + broken[0].sentence()
	case len(checks) > 0:
		return cleanTo(checks[0].Message, 300)
	case r.Decision == "blocked" && r.unapproved():
		return r.unapprovedReason()
	case r.Decision == "undecided":
		for _, rule := range r.Rules {
			if rule.Verdict == "inconclusive" {
				return rule.name() + " " + rule.sentence()
			}
		}
	}
	if len(r.Reasons) > 0 {
		return cleanTo(r.Reasons[0], 300)
	}
	return "no reason was given"
}

// praise is the headline of a run that passed.
func (r *Report) praise() string {
	if r.FirstRun {
		return "there is no baseline yet, so floors and ceilings judged alone"
	}
	unsure := 0
	for _, rule := range r.Rules {
		if rule.Waived {
			return rule.name() + " " + rule.sentence()
		}
		if rule.Verdict == "inconclusive" {
			unsure++
		}
	}
	for _, rule := range r.Rules {
		if rule.Verdict == "improved" && unsure == 0 {
			return rule.name() + " improved: it " + rule.moved()
		}
	}
	switch {
	case unsure > 0:
		return several(unsure, "rule") + " could not be told with these rows; nothing is known to be worse beyond its margin"
	case len(r.Rules) == 0:
		return "the policy has no rule that compares"
	}
	return "nothing is worse beyond its margin"
}

// advice lists what to do, the most urgent first; at most one line per kind, and one for each broken rule up to five.
func (r *Report) advice() []string {
	var out []string
	if r.Failure != nil {
		if hint := cleanTo(r.Failure.Hint, 300); hint != "" {
			out = append(out, hint)
		}
	}
	for i, rule := range r.broken() {
		if i == 5 {
			out = append(out, fmt.Sprintf("%s more: see the table", several(len(r.broken())-i, "rule")))
			break
		}
		out = append(out, rule.name()+": "+rule.next())
	}
	for _, c := range r.blocking() {
		out = append(out, "mend the data: "+cleanTo(c.Message, 200))
	}
	if r.unapproved() {
		out = append(out, "ask an owner named in the base policy to approve this commit, or take the change of the law out of it")
	}
	if len(out) == 0 {
		out = r.calmAdvice()
	}
	return out
}

func (r *Report) calmAdvice() []string {
	switch {
	case r.Decision == "passed" && r.FirstRun:
		return []string{"merge: from then on, changes are compared with this model"}
	case r.Decision == "passed":
		return []string{r.ease()}
	case r.Decision == "unavailable":
		return []string{"run again; when it stays, see whether the registry and the code host can be reached"}
	case r.Decision == "cancelled":
		return []string{"run again when you like"}
	}
	return []string{"mend what the first line says, and run again"}
}

// ease says that there is nothing to do, and what would make that surer.
func (r *Report) ease() string {
	for _, rule := range r.Rules {
		if rule.Verdict == "inconclusive" && rule.RowsNeeded > rule.Rows {
			return fmt.Sprintf("nothing to do now; %s would settle %s (there are %s)",
				several(rule.RowsNeeded, "evaluation row"), rule.name(), count(rule.Rows))
		}
	}
	return "nothing to do"
}

// short is a commit or digest as people quote it.
func short(id string) string {
	id = strings.TrimPrefix(clean(id), "sha256:")
	if utf8.RuneCountInString(id) > 12 {
		return string([]rune(id)[:12])
	}
	return id
}

// headText is the change that was weighed.
func (r *Report) headText() string {
	switch {
	case r.Head.Commit == "" && r.Head.Dirty:
		return "working tree"
	case r.Head.Commit == "":
		return "no commit"
	case r.Head.Dirty:
		return short(r.Head.Commit) + " and uncommitted changes"
	}
	return short(r.reviewed())
}

// baseText is the baseline, and how old it is.
func (r *Report) baseText() string {
	switch {
	case r.FirstRun:
		return "none: this is the first run"
	case r.Base.Commit == "":
		return "none was found"
	}
	return short(r.Base.Commit) + r.baseAge()
}

// baseAge says how old the baseline is and where it came from.
func (r *Report) baseAge() string {
	text := ""
	if r.Base.CommitsBack > 0 {
		text += ", " + several(r.Base.CommitsBack, "commit") + " before the base revision"
	}
	if r.Base.How != "" {
		text += " (" + clean(r.Base.How) + ")"
	}
	return text
}
