package gate

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/weighlock/weighlock/internal/evaluation"
	"github.com/weighlock/weighlock/internal/metric"
	"github.com/weighlock/weighlock/internal/stats"
)

// FairnessRule looks at a binary classifier group by group.
type FairnessRule struct {
	// By names the column of the groups.
	By string
	// Metrics are judged on every group against the baseline with Margin, as a SliceRule does: recall and specificity
	// where empty. Without a Margin no group is judged against the baseline.
	Metrics []string
	Margin  *Margin
	// Ceilings are the most that a disparity between the groups may be, and for ratios the least, by its name in
	// metric.Disparities. They judge the value that was measured, as min and max of a Rule do.
	Ceilings map[string]float64
	// MinRows is how many rows a group needs to be judged, 30 where zero.
	MinRows int
}

// CheckFairnessRule says in one sentence what is wrong with a fairness rule for this task, or returns nil.
func CheckFairnessRule(task metric.Task, r FairnessRule) error {
	switch {
	case task != metric.Binary:
		return fmt.Errorf("fairness is judged in binary tasks, this is a %s task", task)
	case r.By == "":
		return errors.New("fairness rule names no column in by")
	case r.Margin == nil && len(r.Metrics) > 0:
		return fmt.Errorf("fairness rule by %q has metrics but no margin", r.By)
	case r.MinRows < 0:
		return fmt.Errorf("fairness rule by %q wants %d rows: min_rows is at least 1", r.By, r.MinRows)
	}
	for name, value := range r.Ceilings {
		if !slices.ContainsFunc(metric.Disparities(), func(d metric.Disparity) bool { return d.Name == name }) {
			return fmt.Errorf("fairness rule by %q: unknown disparity %.40q: choices are %s", r.By, name, strings.Join(disparityNames(), ", "))
		}
		if !(value >= 0 && value <= 1) {
			return fmt.Errorf("fairness rule by %q: %s is %v, outside [0, 1]", r.By, name, value)
		}
	}
	if r.Margin != nil {
		if err := CheckSliceRule(task, r.slices()); err != nil {
			return fmt.Errorf("fairness rule by %q: %w", r.By, err)
		}
	}
	return nil
}

func disparityNames() []string {
	var names []string
	for _, d := range metric.Disparities() {
		names = append(names, d.Name)
	}
	return names
}

// slices is the rule's non-inferiority part.
func (r FairnessRule) slices() SliceRule {
	metrics := r.Metrics
	if len(metrics) == 0 {
		metrics = []string{"recall", "specificity"}
	}
	return SliceRule{By: r.By, Metrics: metrics, Margin: r.Margin, MinRows: r.MinRows}
}

// withFairness adds the slice rules that fairness rules stand for.
func (p Policy) withFairness() Policy {
	p.Slices = slices.Clone(p.Slices)
	for _, r := range p.Fairness {
		if r.Margin != nil {
			p.Slices = append(p.Slices, r.slices())
		}
	}
	return p
}

// Fairness is how two binary classifiers treat the groups of one column.
type Fairness struct {
	By     string
	Groups []GroupFairness
	Gaps   []Gap
	// LeftOut are groups of too few rows: they are listed, and no gap counts them.
	LeftOut []string
}

// GroupFairness is one group under both models; a rate without a value is nil, Baseline is nil on a first run.
type GroupFairness struct {
	Level               string
	Rows                int
	Candidate, Baseline *GroupRates
}

// GroupRates are a model's rates on one group.
type GroupRates struct {
	Selection, TPR, FPR *float64
	// Predicted and Observed are the mean predicted probability and the share of positive rows; their difference is how
	// well the model is calibrated on the group at large. Predicted is nil without probabilities.
	Predicted, Observed *float64
}

// Gap is one disparity between the groups.
type Gap struct {
	Name, Title string
	// Ratio says that 1 is equal; else 0 is.
	Ratio               bool
	Candidate, Baseline *float64
	// Interval is that of Candidate, Change that of candidate minus baseline. A difference is biased upwards where groups
	// are small.
	Interval, Change *Interval
}

// fairness measures every fairness rule; the results are of its ceilings.
func fairness(in Input, p Policy) (all []Fairness, results []RuleResult, warnings []string) {
	for _, rule := range p.Fairness {
		levels, err := in.Rows.Levels(rule.By)
		if err != nil {
			warnings = append(warnings, err.Error())
			for _, name := range sortedKeys(rule.Ceilings) {
				results = append(results, ceilingResult(rule, name, nil, in.Rows.Truth.Rows()))
			}
			continue
		}
		g := newGrouping(in, rule, levels)
		f := g.measure(p.Confidence)
		all = append(all, f)
		if len(f.LeftOut) > 0 {
			warnings = append(warnings, fmt.Sprintf("fairness by %s: too few rows in %s", clip(rule.By), clip(strings.Join(f.LeftOut, ", "))))
		}
		for _, name := range sortedKeys(rule.Ceilings) {
			i := slices.IndexFunc(f.Gaps, func(gap Gap) bool { return gap.Name == name })
			results = append(results, ceilingResult(rule, name, &f.Gaps[i], in.Rows.Truth.Rows()))
		}
	}
	return all, results, warnings
}

// ceilingResult judges the value of a disparity against its ceiling.
func ceilingResult(rule FairnessRule, name string, gap *Gap, rows int) RuleResult {
	limit := rule.Ceilings[name]
	r := RuleResult{Metric: name, Slice: rule.By, Direction: metric.LowerIsBetter, Rows: rows, Verdict: Unjudgeable, Blocks: true}
	ratio := strings.HasSuffix(name, "_ratio")
	if ratio {
		r.Direction, r.Min = metric.HigherIsBetter, &limit
	} else {
		r.Max = &limit
	}
	if gap == nil {
		r.Why = fmt.Sprintf("%s by %s cannot be judged: the evaluation rows have no such column", name, clip(rule.By))
		return r
	}
	r.Candidate, r.Baseline = gap.Candidate, gap.Baseline
	if gap.Candidate != nil && gap.Baseline != nil {
		r.Delta, r.Interval = finite(*gap.Candidate-*gap.Baseline), gap.Change
	}
	if gap.Change != nil {
		r.Method, r.Assumption = "percentile bootstrap", "rows are independent"
	}
	switch v := gap.Candidate; {
	case v == nil:
		r.Verdict, r.Blocks, r.Flags = Inconclusive, false, []string{FlagUndefined}
		r.Why = fmt.Sprintf("%s by %s has no value: fewer than two groups have rows enough", name, clip(rule.By))
	case ratio && *v < limit:
		r.Verdict, r.Flags = Regressed, []string{FlagBelowFloor}
		r.Why = fmt.Sprintf("%s by %s is %s, below its floor of %s", name, clip(rule.By), beside(*v, limit), exact(limit))
	case !ratio && *v > limit:
		r.Verdict, r.Flags = Regressed, []string{FlagAboveCeiling}
		r.Why = fmt.Sprintf("%s by %s is %s, above its ceiling of %s", name, clip(rule.By), beside(*v, limit), exact(limit))
	default:
		r.Verdict, r.Blocks = Unchanged, false
		r.Why = fmt.Sprintf("%s by %s is %s, within its limit of %s", name, clip(rule.By), beside(*v, limit), exact(limit))
	}
	return r
}

// grouping is the rows dealt to groups.
type grouping struct {
	in       Input
	by       string
	levels   []evaluation.Level
	code     []int32 // group of each row
	judged   []bool  // groups with rows enough
	leftOut  []string
	baseline bool
}

func newGrouping(in Input, rule FairnessRule, levels []evaluation.Level) *grouping {
	least := rule.MinRows
	if least == 0 {
		least = leastRows
	}
	g := &grouping{in: in, by: rule.By, levels: levels, code: make([]int32, in.Rows.Truth.Rows()), judged: make([]bool, len(levels)), baseline: in.Baseline != nil}
	for k, l := range levels {
		for _, row := range l.Rows {
			g.code[row] = int32(k)
		}
		if g.judged[k] = len(l.Rows) >= least; !g.judged[k] {
			g.leftOut = append(g.leftOut, l.Name)
		}
	}
	return g
}

func (g *grouping) measure(level float64) Fairness {
	f := Fairness{By: g.by, LeftOut: g.leftOut}
	candidate := metric.GroupRates(g.in.Rows.Truth, g.in.Candidate, g.code, len(g.levels))
	var baseline []metric.Rates
	if g.baseline {
		baseline = metric.GroupRates(g.in.Rows.Truth, *g.in.Baseline, g.code, len(g.levels))
	}
	for k, l := range g.levels {
		one := GroupFairness{Level: l.Name, Rows: len(l.Rows), Candidate: g.rates(candidate[k], g.in.Candidate, l.Rows)}
		if baseline != nil {
			one.Baseline = g.rates(baseline[k], *g.in.Baseline, l.Rows)
		}
		f.Groups = append(f.Groups, one)
	}
	for _, d := range metric.Disparities() {
		gap := Gap{Name: d.Name, Title: d.Title, Ratio: d.Ratio, Candidate: finite(d.Of(g.kept(candidate)))}
		if baseline != nil {
			gap.Baseline = finite(d.Of(g.kept(baseline)))
		}
		gap.Interval, gap.Change = g.intervals(d, level)
		f.Gaps = append(f.Gaps, gap)
	}
	return f
}

func (g *grouping) rates(r metric.Rates, p metric.Predictions, rows []int) *GroupRates {
	out := &GroupRates{Selection: finite(r.Selection()), TPR: finite(r.TPR()), FPR: finite(r.FPR())}
	total, positive, predicted := 0.0, 0.0, 0.0
	for _, i := range rows {
		w := 1.0
		if ws := g.in.Rows.Truth.Weights; ws != nil {
			w = ws[i]
		}
		total += w
		positive += w * float64(g.in.Rows.Truth.Labels[i])
		if p.Probabilities != nil {
			predicted += float64(w * p.Probabilities[2*i+1])
		}
	}
	out.Observed = finite(positive / total)
	if p.Probabilities != nil {
		out.Predicted = finite(predicted / total)
	}
	return out
}

// kept are the groups with rows enough.
func (g *grouping) kept(all []metric.Rates) []metric.Rates {
	var out []metric.Rates
	for k, r := range all {
		if g.judged[k] {
			out = append(out, r)
		}
	}
	return out
}

// cellsOf is how many kinds of rows a group has: true class, candidate's and baseline's.
const cellsOf = 8

// intervals resamples a disparity: by the joint counts of group, truth and both answers where rows are independent and
// count alike, else by drawing groups of rows.
func (g *grouping) intervals(d metric.Disparity, level float64) (candidate, change *Interval) {
	truth := g.in.Rows.Truth
	counts := make([]int, cellsOf*len(g.levels))
	for i, label := range truth.Labels {
		counts[g.cell(i, label)]++
	}
	o := stats.Resampling{Seed: seedFor(g.in.Seed, d.Name+" by "+g.by), Resamples: mostResamples}
	independent := truth.Weights == nil && g.in.Rows.Cluster == nil
	interval := func(of func(c, b []metric.Rates) float64) *Interval {
		if !independent {
			return g.drawn(of, level, o)
		}
		r := stats.Cells(counts, func(drawn []int) float64 { return of(g.fromCells(drawn)) }, o)
		if len(r.Values) == 0 || r.Undefined*100 > len(r.Values) {
			return nil
		}
		low, high := r.Interval(level)
		return &Interval{Low: low, High: high, Level: level}
	}
	candidate = interval(func(c, _ []metric.Rates) float64 { return d.Of(g.kept(c)) })
	if g.baseline {
		change = interval(func(c, b []metric.Rates) float64 { return d.Of(g.kept(c)) - d.Of(g.kept(b)) })
	}
	return candidate, change
}

// cell numbers a row by its group, its truth and both models' answers.
func (g *grouping) cell(row int, label int32) int {
	at := cellsOf*int(g.code[row]) + 4*int(label) + 2*int(g.in.Candidate.Labels[row])
	if g.baseline {
		at += int(g.in.Baseline.Labels[row])
	}
	return at
}

func (g *grouping) fromCells(counts []int) (candidate, baseline []metric.Rates) {
	candidate, baseline = make([]metric.Rates, len(g.levels)), make([]metric.Rates, len(g.levels))
	for at, n := range counts {
		k, rest := at/cellsOf, at%cellsOf
		candidate[k].Add(rest&4 != 0, rest&2 != 0, float64(n))
		baseline[k].Add(rest&4 != 0, rest&1 != 0, float64(n))
	}
	return candidate, baseline
}

// drawn resamples rows, or whole clusters of them, by weight.
func (g *grouping) drawn(of func(c, b []metric.Rates) float64, level float64, o stats.Resampling) *Interval {
	truth, n := g.in.Rows.Truth, g.in.Rows.Truth.Rows()
	weights := truth.Weights
	tally := func(p metric.Predictions, counts []int32) []metric.Rates {
		out := make([]metric.Rates, len(g.levels))
		for i, c := range counts {
			w := float64(c)
			if weights != nil {
				w *= weights[i]
			}
			out[g.code[i]].Add(truth.Labels[i] == 1, p.Labels[i] == 1, w)
		}
		return out
	}
	statistic := func(counts []int32) float64 {
		c := tally(g.in.Candidate, counts)
		if !g.baseline {
			return of(c, c)
		}
		return of(c, tally(*g.in.Baseline, counts))
	}
	ones := make([]int32, n)
	for i := range ones {
		ones[i] = 1
	}
	single := func(counts []int32) (float64, float64) { return statistic(counts), 0 }
	o.Resamples = int(min(max(rowDraws/float64(n), fewestResamples), mostResamples/2))
	drawn, err := stats.Redraw{Statistic: single, Rows: n, Cluster: g.in.Rows.Cluster}.Draw(o)
	if err != nil {
		return nil
	}
	r := drawn.Judge(stats.Contrast{Delta: statistic(ones), Sign: 1}, level)
	if finite(r.Low) == nil || finite(r.High) == nil {
		return nil
	}
	return &Interval{Low: r.Low, High: r.High, Level: level}
}

func sortedKeys(m map[string]float64) []string {
	var out []string
	for _, name := range disparityNames() {
		if _, ok := m[name]; ok {
			out = append(out, name)
		}
	}
	return out
}
