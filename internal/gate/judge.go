package gate

import (
	"math"
	"slices"

	"github.com/weighlock/weighlock/internal/evaluation"
	"github.com/weighlock/weighlock/internal/metric"
	"github.com/weighlock/weighlock/internal/stats"
)

// power is how surely an effect of the size Detectable is seen, and how surely RowsNeeded settles a rule.
const power = 0.8

// scope is the rows that a rule looks at.
type scope struct {
	// slice is "column=level", or empty for all rows.
	slice     string
	truth     metric.Truth
	candidate metric.Predictions
	baseline  *metric.Predictions
	cluster   []int
	moment    []int
	horizon   int
	// against names the anchor that stands in for the baseline, or is empty.
	against string
	// least is how many rows are needed, ofClass how many of each class that a metric needs, clusters how many groups.
	least, ofClass, clusters int
	seed                     uint64
	seeds                    map[string]SeedSpread
	// folds take the place of the rows where every row also trained.
	folds *Folds
}

// overall is the scope of all rows.
func overall(in Input) *scope {
	return &scope{
		truth: in.Rows.Truth, candidate: in.Candidate, baseline: in.Baseline, cluster: in.Rows.Cluster,
		moment: in.Rows.Moment, horizon: in.Rows.Horizon, seed: in.Seed, seeds: in.Seeds, folds: in.Folds,
		least: leastRows, ofClass: leastOfClass, clusters: leastClusters,
	}
}

// sliceScope is the scope of some rows.
func sliceScope(in Input, name string, rows []int, least int) *scope {
	s := &scope{
		slice: name, truth: evaluation.PickTruth(in.Rows.Truth, rows), candidate: evaluation.PickPredictions(in.Candidate, rows),
		least: leastRows, ofClass: leastOfClassSliced, clusters: leastClustersSliced,
		horizon: in.Rows.Horizon, seed: in.Seed, seeds: in.Seeds,
	}
	if least > 0 {
		s.least = least
	}
	if in.Baseline != nil {
		b := evaluation.PickPredictions(*in.Baseline, rows)
		s.baseline = &b
	}
	s.cluster = pick(in.Rows.Cluster, rows)
	s.moment = dense(pick(in.Rows.Moment, rows))
	return s
}

func pick(from, rows []int) []int {
	if from == nil {
		return nil
	}
	out := make([]int, len(rows))
	for i, row := range rows {
		out[i] = from[row]
	}
	return out
}

// dense numbers moments again without those that no row has, in their order.
func dense(moments []int) []int {
	if moments == nil {
		return nil
	}
	known := slices.Clone(moments)
	slices.Sort(known)
	known = slices.Compact(known)
	for i, m := range moments {
		moments[i], _ = slices.BinarySearch(known, m)
	}
	return moments
}

// judgement is one rule on one scope: first measured, then adjusted for its family, then settled.
type judgement struct {
	rule   Rule
	metric metric.Metric
	scope  *scope
	result RuleResult

	pair  *pair
	short shortage
	// undefined is why a metric that the rule needs has no value, and whose.
	undefined metric.Reason
	whose     string

	// plain is the difference, and bounds what the margin asks of it, size the margin in the metric's units. They hold
	// where compared is true.
	compared bool
	plain    stats.Result
	bounds   []bound
	size     float64
	// pWorse and pBeyond are the one-sided p-values of "not worse" and "not worse than the margin", adjusted.
	pWorse, pBeyond float64
}

// newJudgement measures a rule; level is the confidence level.
func newJudgement(rule Rule, s *scope, level float64) *judgement {
	m, _ := metric.Lookup(rule.Metric)
	j := &judgement{rule: rule, metric: m, scope: s, pWorse: 1, pBeyond: 1}
	j.result = RuleResult{
		Metric: rule.Metric, Params: rule.Params, Slice: s.slice, Direction: m.Direction, Rows: s.truth.Rows(),
		Margin: clone(rule.Margin), Min: clone(rule.Min), Max: clone(rule.Max), Against: s.against,
	}
	p := &pair{
		metric: m, params: rule.Params, truth: s.truth, cluster: s.cluster, moment: s.moment, horizon: s.horizon,
		level: level, seed: seedFor(s.seed, j.result.Name()),
	}
	if spread, ok := s.seeds[j.result.Name()]; ok {
		p.spread = &spread
	}
	j.pair = p
	if s.truth.Task == metric.Forecast && s.moment == nil {
		j.flag(FlagNoTime)
	}
	p.candidate = newSide(p, s.candidate)
	if s.folds != nil {
		p.newFolded(s.folds)
	}
	j.flag(p.candidate.outcome.Flags...)
	if !p.candidate.outcome.Defined() {
		j.undefined, j.whose = p.candidate.outcome.Undefined, "candidate"
	}
	j.result.Candidate = valueOf(p.candidate.outcome)
	if s.baseline == nil {
		j.short = shortageOf(p, s)
		j.flag(FlagNoBaseline)
		return j
	}
	if p.baseline.predictions = *s.baseline; s.folds == nil {
		p.baseline = newSide(p, *s.baseline)
	}
	j.short = shortageOf(p, s)
	j.result.Baseline = valueOf(p.baseline.outcome)
	if !p.baseline.outcome.Defined() && j.undefined == "" {
		j.flag(FlagBaselineUnknown)
		if rule.Margin != nil {
			j.undefined, j.whose = p.baseline.outcome.Undefined, "baseline"
		}
	}
	if p.candidate.outcome.Defined() && p.baseline.outcome.Defined() {
		j.compare()
	}
	return j
}

// compare holds the two models against each other.
func (j *judgement) compare() {
	p, r := j.pair, &j.result
	delta := p.candidate.outcome.Value - p.baseline.outcome.Value
	r.Delta, r.DeltaRelative = finite(delta), finite(delta/math.Abs(p.baseline.outcome.Value))
	if !judgeable(j.metric) {
		return
	}
	if p.identical() {
		j.plain = stats.Identical(j.scope.truth.Rows(), p.level)
		j.flag(FlagIdentical)
	} else {
		j.plain = p.judge(1)
	}
	j.flag(j.plain.Flags...)
	if j.short.few {
		j.flag(stats.FlagFewPositives)
	}
	if p.metric.Name == "log_loss" && p.oneRow() {
		j.flag(FlagOneRow)
	}
	r.Method, r.Assumption, r.Clusters = j.plain.Method, j.plain.Assumption, j.plain.Clusters
	j.compared = j.plain.Defined()
	r.Interval = intervalOf(j.plain, j.metric.Direction)
	r.SE, r.Detectable = finite(j.plain.SE), finite(j.plain.Detectable(power))
	if m := j.rule.Margin; m != nil && !j.identical() {
		j.bounds, j.size = p.bounds(*m, j.plain)
		if m.Relative && j.size == 0 {
			j.flag(FlagNothingToScale)
		}
		for i, b := range j.bounds {
			j.compared = j.compared && b.result.Defined()
			j.bounds[i].spread = j.atMargin(b)
		}
		r.RowsNeeded = j.needed(func(b bound) int { return b.result.RowsNeeded(j.size, power) })
	}
}

// needed is the largest number of rows that a bound asks for, or 0 where one of them says that no number is enough.
func (j *judgement) needed(rows func(bound) int) int {
	most := 0
	for _, b := range j.bounds {
		n := j.inRows(rows(b), b.result.Rows)
		if n == 0 {
			return 0
		}
		most = max(most, n)
	}
	return most
}

// inRows turns a number of counted rows, such as positive ones, into one of rows.
func (j *judgement) inRows(needed, counted int) int {
	if counted == 0 || counted == j.result.Rows {
		return needed
	}
	return scaleUp(j.result.Rows, float64(needed), float64(counted))
}

// identical reports whether the models said the same on every row.
func (j *judgement) identical() bool { return j.has(FlagIdentical) }

// tested reports whether the rule is one of a family of tests: it has a margin, and rows enough to hold against it.
func (j *judgement) tested() bool {
	return j.undefined == "" && j.compared && j.rule.Margin != nil && j.short.why == "" && !j.identical()
}

// rawBeyond is the p-value of "not worse than the margin" before it is adjusted; the weakest of several bounds counts.
func (j *judgement) rawBeyond() float64 {
	p := 0.0
	for _, b := range j.bounds {
		p = max(p, b.result.PBelow(-b.at))
	}
	return p
}

func (j *judgement) flag(flags ...string) {
	for _, f := range flags {
		if !j.has(f) {
			j.result.Flags = append(j.result.Flags, f)
		}
	}
}

func (j *judgement) has(flag string) bool { return slices.Contains(j.result.Flags, flag) }

// intervalOf turns an interval of the improvement into one of candidate - baseline, or is nil where it is unbounded.
func intervalOf(r stats.Result, d metric.Direction) *Interval {
	low, high := r.Low, r.High
	if d == metric.LowerIsBetter {
		low, high = 0-high, 0-low
	}
	if finite(low) == nil || finite(high) == nil {
		return nil
	}
	return &Interval{Low: low, High: high, Level: r.Level}
}

func valueOf(o metric.Outcome) *float64 {
	if !o.Defined() {
		return nil
	}
	return finite(o.Value)
}

func finite(v float64) *float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	return &v
}

func clone[T any](v *T) *T {
	if v == nil {
		return nil
	}
	c := *v
	return &c
}
