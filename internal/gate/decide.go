package gate

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/weighlock/weighlock/internal/metric"
	"github.com/weighlock/weighlock/internal/stats"
)

// draws of the joint distribution for max-T (statistics.md 9.3).
const draws = 100_000

// Decide compares candidate and baseline, rule by rule, and decides. It is pure: the same input gives the same result,
// and a permutation of the rows gives the same but for the last digits.
//
// A Result always has a Decision. The error is nil unless that is Misconfigured: then nothing was judged, and it says
// what is wrong with the policy.
func Decide(in Input) (Result, error) {
	task := in.Rows.Truth.Task
	if err := CheckPolicy(task, in.Policy); err != nil {
		err = fmt.Errorf("read policy: %w", err)
		return Result{Decision: Misconfigured, Reasons: []string{err.Error()}}, err
	}
	p := in.Policy.withDefaults()
	if err := unusable(in); err != nil {
		return invalid(in, err), nil
	}
	whole := overall(in)
	var family, slicesFamily []*judgement // each corrected for itself (statistics.md 2.3)
	for _, rule := range p.Rules {
		family = append(family, newJudgement(rule, whole, p.Confidence))
	}
	var warnings []string
	for _, rule := range p.Slices {
		js, warned := judgeSlices(in, rule, p.Confidence)
		slicesFamily, warnings = append(slicesFamily, js...), append(warnings, warned...)
	}
	lenient := p.Mode == Lenient
	adjust(family, lenient, func(raw []float64, phi func(*judgement) []float64, tested []*judgement) []float64 {
		columns := make([][]float64, len(tested))
		for i, j := range tested {
			columns[i] = phi(j)
		}
		adjusted, _ := stats.MaxT(raw, columns, in.Seed, draws)
		return adjusted
	})
	adjust(slicesFamily, lenient, func(raw []float64, _ func(*judgement) []float64, _ []*judgement) []float64 { return stats.Holm(raw) })
	all := slices.Concat(family, slicesFamily)
	for _, j := range all {
		j.settle(p)
	}
	return conclude(p, all, in.Baseline == nil, warnings), nil
}

// unusable says why nothing can be judged: predictions or rows that do not fit.
func unusable(in Input) error {
	t := in.Rows.Truth
	switch {
	case t.Rows() == 0:
		return errors.New("there is no row to judge by")
	case in.Rows.Cluster != nil && len(in.Rows.Cluster) != t.Rows():
		return fmt.Errorf("groups for %d rows, the evaluation set has %d", len(in.Rows.Cluster), t.Rows())
	}
	for _, c := range in.Rows.Cluster {
		if c < 0 {
			return errors.New("a row has a negative group")
		}
	}
	for name, c := range in.Rows.Slices {
		if c == nil || c.Len() != t.Rows() {
			return fmt.Errorf("the slice column %.80q does not fit the %d evaluation rows", name, t.Rows())
		}
	}
	if err := in.Candidate.Check(t); err != nil {
		return fmt.Errorf("the candidate cannot be judged: %w", err)
	}
	if in.Baseline != nil {
		if err := in.Baseline.Check(t); err != nil {
			return fmt.Errorf("the baseline cannot be judged: %w", err)
		}
	}
	return nil
}

// invalid is the result when there is nothing to compare; every rule is listed, so that none vanishes.
func invalid(in Input, err error) Result {
	r := Result{Decision: Invalid, Reasons: []string{err.Error()}}
	add := func(rule Rule, slice string) {
		m, _ := metric.Lookup(rule.Metric)
		r.Rules = append(r.Rules, RuleResult{
			Metric: rule.Metric, Params: rule.Params, Slice: slice, Direction: m.Direction, Rows: in.Rows.Truth.Rows(),
			Margin: clone(rule.Margin), Min: clone(rule.Min), Max: clone(rule.Max),
			Verdict: Unjudgeable, Blocks: true, Why: err.Error(),
		})
	}
	for _, rule := range in.Policy.Rules {
		add(rule, "")
	}
	for _, s := range in.Policy.Slices {
		for _, rule := range s.rules() {
			add(rule, s.By)
		}
	}
	return r
}

// judgeSlices judges a slice rule on every level of its column. A level that vanished is named and inconclusive; a
// column that vanished is invalid.
func judgeSlices(in Input, rule SliceRule, level float64) (all []*judgement, warnings []string) {
	levels, err := in.Rows.Levels(rule.By)
	if err != nil {
		s := sliceScope(in, rule.By, nil, rule.MinRows)
		for _, one := range rule.rules() {
			j := newJudgement(one, s, level)
			j.undefined, j.whose = metric.Malformed, "slice column"
			j.flag(FlagMissingSlice)
			all = append(all, j)
		}
		return all, []string{err.Error()}
	}
	for _, l := range levels {
		name := rule.By + "=" + l.Name
		s := sliceScope(in, name, l.Rows, rule.MinRows)
		if len(l.Rows) == 0 {
			warnings = append(warnings, fmt.Sprintf("no evaluation row has %s, so that slice was not judged", clip(name)))
		}
		for _, one := range rule.rules() {
			j := newJudgement(one, s, level)
			if len(l.Rows) == 0 {
				j.flag(FlagMissingSlice)
			}
			all = append(all, j)
		}
	}
	return all, warnings
}

// adjustment corrects the p-values of a family; phi gives the influence values behind one of them.
type adjustment func(raw []float64, phi func(*judgement) []float64, tested []*judgement) []float64

// adjust corrects the p-values of a family for being looked at together: those of "not worse", and with beyond those of
// "not worse than the margin", which only lenient asks for.
func adjust(family []*judgement, beyond bool, by adjustment) {
	var tested []*judgement
	for _, j := range family {
		if j.tested() {
			tested = append(tested, j)
		}
	}
	if len(tested) == 0 {
		return
	}
	raw := make([]float64, len(tested))
	for i, j := range tested {
		raw[i] = j.plain.PWorse
	}
	for i, p := range by(raw, func(j *judgement) []float64 { return j.column(1) }, tested) {
		tested[i].pWorse, tested[i].result.PAdjusted = p, finite(p)
	}
	if !beyond {
		return
	}
	for i, j := range tested {
		raw[i] = j.rawBeyond()
	}
	for i, p := range by(raw, func(j *judgement) []float64 { return j.column(j.pair.scale(*j.rule.Margin)) }, tested) {
		tested[i].pBeyond = p
	}
}

// column is what the joint distribution is estimated from: influence values, summed within groups.
func (j *judgement) column(scale float64) []float64 {
	phi := j.pair.phi(scale)
	if j.pair.cluster == nil {
		return phi
	}
	sums, _, ok := stats.ClusterSums(phi, j.pair.cluster)
	if !ok {
		return nil
	}
	return sums
}

// conclude puts the rules in order, the worst first, and decides.
func conclude(p Policy, all []*judgement, firstRun bool, warnings []string) Result {
	slices.SortStableFunc(all, func(a, b *judgement) int {
		return cmp.Or(cmp.Compare(a.severity(), b.severity()), cmp.Compare(a.pWorse, b.pWorse))
	})
	r := Result{Decision: Passed, Warnings: warnings}
	for _, j := range all {
		r.Rules = append(r.Rules, j.result)
		r.Decision = worse(r.Decision, decisionOf(p, j.result))
		switch {
		case j.result.Blocks:
			r.Reasons = append(r.Reasons, j.result.Why)
		case j.has(FlagMissingSlice): // said once for the slice
		case j.result.Verdict == Regressed, j.has(FlagUndefined):
			r.Warnings = append(r.Warnings, j.result.Why)
		case j.result.Verdict == Inconclusive && p.Inconclusive == InconclusiveWarn && !firstRun:
			r.Warnings = append(r.Warnings, j.result.Why)
		}
	}
	if r.Decision == Passed {
		r.Reasons = passedBecause(r.Rules, firstRun)
	}
	return r
}

// decisionOf is what one rule makes of the run.
func decisionOf(p Policy, r RuleResult) Decision {
	switch {
	case !r.Blocks:
		return Passed
	case r.Verdict == Unjudgeable:
		return Invalid
	case r.Verdict == Inconclusive && p.Mode != Strict:
		return Undecided
	}
	return Blocked
}

// worse is the weightier of two decisions. A result that cannot be judged outweighs one that is judged bad.
func worse(a, b Decision) Decision {
	order := []Decision{Passed, Undecided, Blocked, Invalid}
	if slices.Index(order, b) > slices.Index(order, a) {
		return b
	}
	return a
}

// severity orders rules for a reader.
func (j *judgement) severity() int {
	r := j.result
	switch {
	case r.Verdict == Unjudgeable:
		return 0
	case r.Blocks && r.Verdict == Regressed:
		return 1
	case r.Blocks:
		return 2
	case r.Verdict == Regressed:
		return 3
	case r.Verdict == Inconclusive:
		return 4
	case r.Verdict == Unchanged:
		return 5
	}
	return 6
}
