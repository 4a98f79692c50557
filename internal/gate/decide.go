package gate

import (
	"cmp"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"

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
	rules := judgeRules(overall(in), p)
	anchored := judgeRules(anchorScope(in), p.withoutFloors())
	parts, warnings := judgeSlices(in, p.withFairness())
	groups, ceilings, warned := fairness(in, p)
	warnings = append(warnings, warned...)
	all := slices.Concat(rules, anchored, parts)
	// Each family is corrected for itself (statistics.md 2.3).
	adjust(rules, p.Mode == Lenient, byMaxT(in.Seed))
	adjust(anchored, p.Mode == Lenient, byMaxT(in.Seed))
	adjust(parts, p.Mode == Lenient, byHolm)
	for _, j := range all {
		j.settle(p)
	}
	warnings = append(warnings, wear(rules, in.Judged)...)
	for _, r := range ceilings {
		all = append(all, settled(r))
	}
	result := conclude(p, all, in.Baseline == nil, warnings)
	result.Fairness = groups
	return result, nil
}

// settled is a judgement of what was judged already.
func settled(r RuleResult) *judgement { return &judgement{result: r, pWorse: 1} }

// judgeRules measures every rule of the policy on one scope; none where there is no scope.
func judgeRules(s *scope, p Policy) []*judgement {
	if s == nil {
		return nil
	}
	js := make([]*judgement, len(p.Rules))
	together(len(js), func(i int) { js[i] = newJudgement(p.Rules[i], s, p.Confidence) })
	return js
}

// together does independent work on all processors; what comes out does not depend on how many there are.
func together(n int, work func(i int)) {
	var wait sync.WaitGroup
	slots := make(chan struct{}, runtime.GOMAXPROCS(0))
	for i := range n {
		slots <- struct{}{}
		wait.Go(func() {
			work(i)
			<-slots
		})
	}
	wait.Wait()
}

// withoutFloors keeps the rules' margins alone: floors and ceilings are judged once.
func (p Policy) withoutFloors() Policy {
	rules := p.Rules
	p.Rules = nil
	for _, r := range rules {
		if r.Margin != nil {
			p.Rules = append(p.Rules, Rule{Metric: r.Metric, Params: r.Params, Margin: r.Margin})
		}
	}
	return p
}

// byMaxT corrects by the joint distribution of the rules; one that has no influence values counts as independent.
func byMaxT(seed uint64) adjustment {
	return func(raw []float64, phi func(*judgement) []float64, tested []*judgement) []float64 {
		columns, length := make([][]float64, len(tested)), 0
		for i, j := range tested {
			columns[i] = phi(j)
			length = max(length, len(columns[i]))
		}
		for i, column := range columns {
			if column == nil {
				columns[i] = make([]float64, length)
			}
		}
		adjusted, _ := stats.MaxT(raw, columns, seed, draws)
		return adjusted
	}
}

func byHolm(raw []float64, _ func(*judgement) []float64, _ []*judgement) []float64 {
	return stats.Holm(raw)
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
	if in.Rows.Moment != nil && len(in.Rows.Moment) != t.Rows() {
		return fmt.Errorf("moments for %d rows, the evaluation set has %d", len(in.Rows.Moment), t.Rows())
	}
	for _, m := range in.Rows.Moment {
		if m < 0 || m >= t.Rows() {
			return fmt.Errorf("a row lies at moment %d of at most %d", m, t.Rows())
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
	if err := in.Folds.check(in.Baseline == nil); err != nil {
		return err
	}
	if in.Anchor != nil {
		if err := in.Anchor.Predictions.Check(t); err != nil {
			return fmt.Errorf("the anchor %.80q cannot be judged: %w", in.Anchor.Name, err)
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
	for _, s := range in.Policy.withFairness().Slices {
		for _, rule := range s.rules() {
			add(rule, s.By)
		}
	}
	for _, rule := range in.Policy.Fairness {
		for _, name := range sortedKeys(rule.Ceilings) {
			result := ceilingResult(rule, name, nil, in.Rows.Truth.Rows())
			result.Why = err.Error()
			r.Rules = append(r.Rules, result)
		}
	}
	return r
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

// column is what the joint distribution is estimated from: influence values, summed over what is independent. It is nil
// where there are none.
func (j *judgement) column(scale float64) []float64 {
	p := j.pair
	phi := p.phi(scale)
	switch {
	case phi == nil || p.folds != nil:
		return nil
	case p.moment != nil && p.truth.Task == metric.Forecast:
		sums, _ := stats.MomentSums(phi, p.moment)
		return sums
	case p.cluster != nil:
		sums, _, _ := stats.ClusterSums(phi, p.cluster)
		return sums
	}
	return phi
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
