package gate

import (
	"cmp"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// why is the verdict in one plain sentence.
func (j *judgement) why() string {
	r, name := j.result, j.result.label()
	switch {
	case j.has(FlagMissingSlice) && r.Verdict == Unjudgeable:
		return name + " cannot be judged: the evaluation rows have no such column"
	case r.Verdict == Unjudgeable, j.has(FlagMissingSlice):
		return fmt.Sprintf("%s has no value for the %s: %s", name, j.whose, j.undefined)
	case j.thin():
		return name + " cannot be judged: " + j.short.why + j.settles()
	case j.has(FlagBelowFloor):
		return fmt.Sprintf("%s is %s, below its floor of %s%s", name, beside(*r.Candidate, *r.Min), exact(*r.Min), j.besides())
	case j.has(FlagAboveCeiling):
		return fmt.Sprintf("%s is %s, above its ceiling of %s%s", name, beside(*r.Candidate, *r.Max), exact(*r.Max), j.besides())
	case j.undefined != "":
		return fmt.Sprintf("%s has no value for the %s: %s%s", name, j.whose, j.undefined, j.settles())
	case j.scope.baseline == nil:
		return j.firstRun()
	case j.rule.Margin == nil:
		return fmt.Sprintf("%s is %s, %s", name, number(*r.Candidate), j.kept())
	case j.identical():
		return name + " is unchanged (identical): both models say the same on every row"
	case j.short.why != "":
		return name + " cannot be judged: " + j.short.why + j.settles()
	case !j.compared:
		return name + " cannot be judged: the rows do not tell how sure the difference is" + j.settles()
	}
	return name + " " + r.moved() + j.against()
}

// besides adds to a broken floor what the comparison says, where there is one.
func (j *judgement) besides() string {
	if !j.compared {
		return ""
	}
	return "; compared with the baseline it " + j.result.moved()
}

func (j *judgement) firstRun() string {
	name := j.result.label()
	if j.rule.Min == nil && j.rule.Max == nil {
		return name + ": no baseline: first run"
	}
	text := fmt.Sprintf("%s is %s, %s", name, number(*j.result.Candidate), j.kept())
	if j.rule.Margin != nil {
		text += "; no baseline: first run"
	}
	return text
}

// kept names the floor and the ceiling that hold.
func (j *judgement) kept() string {
	var parts []string
	if j.rule.Min != nil {
		parts = append(parts, "not below its floor of "+exact(*j.rule.Min))
	}
	if j.rule.Max != nil {
		parts = append(parts, "not above its ceiling of "+exact(*j.rule.Max))
	}
	return strings.Join(parts, " and ")
}

// against says how the difference stands to the margin, and how sure that is.
func (j *judgement) against() string {
	r, margin := j.result, j.rule.Margin.String()
	interval := "; " + r.span()
	switch r.Verdict {
	case Improved:
		return interval
	case Unchanged:
		return ", within the " + margin + " tolerated" + interval
	case Regressed:
		text := ", more than the " + margin + " tolerated" + interval
		if !r.Blocks {
			text += "; it is not proved to be worse than tolerated, which lenient asks for"
		}
		return text
	case Inconclusive, Unjudgeable: // of these two only the first comes here
	}
	if j.has(FlagSpreadAtMargin) {
		return fmt.Sprintf(", perhaps within the %s tolerated, but a model that bad would differ more from row to row than %s show%s%s", margin, rowsWord(r.Rows), interval, j.settles())
	}
	text := fmt.Sprintf(", and %s cannot tell whether that is within the %s tolerated%s", rowsWord(r.Rows), margin, interval)
	if j.plain.Delta < 0 && j.bounds[0].result.Delta < -j.bounds[0].at {
		text = fmt.Sprintf(", more than the %s tolerated, but %s do not prove that it is worse at all%s", margin, rowsWord(r.Rows), interval)
		if j.plain.High < 0 {
			text = fmt.Sprintf(", more than the %s tolerated, but not surely so among all rules looked at%s", margin, interval)
		}
	}
	return text + j.settles()
}

// settles says how many rows would settle what is inconclusive, or why no number can be named.
func (j *judgement) settles() string {
	r := j.result
	switch {
	case r.Verdict != Inconclusive:
		return ""
	case r.RowsNeeded > 0:
		return fmt.Sprintf("; about %d rows would", r.RowsNeeded)
	case j.undefined != "" || !j.compared:
		return "; how many rows would do cannot be said before there are some to go by"
	case j.size == 0:
		return "; no number of rows would, for a margin of nothing is kept only by a model that is better or the same"
	case j.pair.spread != nil:
		return "; no number of rows would, for training with another seed alone changes it by as much"
	}
	return "; no number of rows would: the difference is as large as the margin"
}

// label is how a rule is called: its metric, its parameter, its slice, and what it is compared with.
func (r RuleResult) label() string {
	text := r.called()
	if r.Slice != "" {
		text += " on " + clip(r.Slice)
	}
	if r.Against != "" {
		text += " against " + clip(r.Against)
	}
	return text
}

// Name tells the rule from every other rule of a policy, such as "rmse" or "top_k (k=3) on sex=F".
func (r RuleResult) Name() string {
	if r.Slice != "" {
		return r.called() + " on " + r.Slice
	}
	return r.called()
}

func (r RuleResult) called() string {
	switch {
	case r.Params.K != 0:
		return fmt.Sprintf("%s (k=%d)", r.Metric, r.Params.K)
	case r.Params.Quantile != 0:
		return r.Metric + " (quantile " + number(r.Params.Quantile) + ")"
	}
	return r.Metric
}

// moved is "got worse by 4.1 % (53.2 -> 55.4)".
func (r RuleResult) moved() string {
	if r.Baseline == nil || r.Candidate == nil || r.Delta == nil {
		return "changed beyond what a number can hold"
	}
	if *r.Delta == 0 {
		return "stayed at " + number(*r.Candidate)
	}
	verb := "got better by "
	if (*r.Delta > 0) != (r.Direction > 0) {
		verb = "got worse by "
	}
	amount := number(math.Abs(*r.Delta))
	if r.Margin != nil && r.Margin.Relative && r.DeltaRelative != nil {
		amount = percent(math.Abs(*r.DeltaRelative))
	}
	from, to := numbers(*r.Baseline, *r.Candidate)
	return fmt.Sprintf("%s%s (%s → %s)", verb, amount, from, to)
}

// span is "95 % interval -0.2 to 1.1", of candidate - baseline.
func (r RuleResult) span() string {
	if r.Interval == nil {
		return "no interval"
	}
	low, high := numbers(r.Interval.Low, r.Interval.High)
	return fmt.Sprintf("%s interval %s to %s", percent(r.Interval.Level), signed(low), signed(high))
}

func signed(number string) string {
	if number == "0" || strings.HasPrefix(number, "-") {
		return number
	}
	return "+" + number
}

// String is the margin as a policy has it: "0.01" or "2 %".
func (m Margin) String() string {
	if m.Relative {
		return percent(m.Value)
	}
	return number(m.Value)
}

// percent rounds away what multiplying by 100 adds to the last digits.
func percent(share float64) string { return number(100*share) + " %" }

// number has four significant digits, and all of a whole number below a million.
func number(v float64) string {
	if v == math.Trunc(v) && math.Abs(v) < 1e6 {
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return digits(v, 4)
}

// numbers write two values with as many digits as tell them apart.
func numbers(a, b float64) (string, string) {
	for n := 4; n < 17; n++ {
		if x, y := digits(a, n), digits(b, n); x != y || a == b {
			return x, y
		}
	}
	return digits(a, 17), digits(b, 17)
}

// beside writes a value with as many digits as show on which side of the bound it is.
func beside(v, bound float64) string {
	text := number(v)
	for n := 5; n <= 17; n++ {
		if shown, err := strconv.ParseFloat(text, 64); err == nil && cmp.Compare(shown, bound) == cmp.Compare(v, bound) {
			break
		}
		text = digits(v, n)
	}
	return text
}

// exact writes a number that somebody chose, as it was chosen.
func exact(v float64) string { return digits(v, 17) }

func digits(v float64, n int) string {
	text := strconv.FormatFloat(v, 'g', n, 64)
	short, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return text
	}
	if a := math.Abs(short); a == 0 || a >= 1e-4 && a < 1e7 {
		return strconv.FormatFloat(short, 'f', -1, 64)
	}
	return strconv.FormatFloat(short, 'g', -1, 64)
}

// clip keeps a foreign text from filling a sentence.
func clip(s string) string {
	r := []rune(s)
	if len(r) > 80 {
		return string(r[:80]) + "…"
	}
	return s
}

func rowsWord(n int) string {
	if n == 1 {
		return "1 row"
	}
	return strconv.Itoa(n) + " rows"
}

// passedBecause says what let the change through.
func passedBecause(rules []RuleResult, firstRun bool) []string {
	if firstRun {
		return []string{"no baseline: first run; floors and ceilings judged alone"}
	}
	unsure := 0
	for _, r := range rules {
		if r.Verdict == Inconclusive || r.Verdict == Regressed {
			unsure++
		}
	}
	if unsure > 0 {
		return []string{fmt.Sprintf("%d of %d rules hold; the policy lets the others pass", len(rules)-unsure, len(rules))}
	}
	return []string{"every rule holds"}
}
