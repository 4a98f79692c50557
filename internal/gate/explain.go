package gate

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/weighlock/weighlock/internal/dataset"
	"github.com/weighlock/weighlock/internal/evaluation"
	"github.com/weighlock/weighlock/internal/metric"
	"github.com/weighlock/weighlock/internal/stats"
)

// Explanation says where in the rows a difference lies. Nothing in it judges.
type Explanation struct {
	// Metric is the one that rows and slices are explained by: that of the worst rule that rows contribute to.
	Metric    string
	Params    metric.Params
	Direction metric.Direction
	Flips     Flips
	Parts     []Decomposition
	// Worst are the slices that lost most, the worst first; none contains another. Searched is how many slices were looked
	// at, each with at least SearchedRows rows.
	Worst                  []WorstSlice
	Searched, SearchedRows int
}

// Flips counts rows whose answer changed from right to wrong or back, for classification, and lists the rows that lost
// most, for any task.
type Flips struct {
	// Broken were right and are wrong now, Mended the other way round; zero where the task has no right answers.
	Broken, Mended int
	// Rows are those that lost most, at most MostFlips: of a classification only broken ones.
	Rows []FlippedRow
}

// MostFlips is how many rows are named.
const MostFlips = 10

// FlippedRow is one row that got worse. It names the row and holds no value of it.
type FlippedRow struct {
	// Row is the row's number in evaluation.Rows.
	Row int
	// Loss is what the row lost in the units of the metric that explains, positive for worse.
	Loss float64
	// Slices are the row's levels, such as "sex=F".
	Slices []string
}

// Decomposition splits a difference over the levels of a column: the contributions add up to the whole difference, to
// first order where the metric is no mean.
type Decomposition struct {
	By     string
	Levels []LevelShare
}

// LevelShare is one level's part of a difference, candidate minus baseline in the metric's units.
type LevelShare struct {
	Level string
	Rows  int
	// Share is the level's share of the rows by weight, Mean the mean difference of its rows, and Contribution their product.
	Share, Mean, Contribution float64
}

// WorstSlice is a part of the rows that the search found.
type WorstSlice struct {
	// Where holds one or two predicates, such as "age = 45 – 53".
	Where []string
	Rows  int
	// Mean is the mean difference of its rows, candidate minus baseline in the metric's units.
	Mean float64
	// P is the probability that the worst of all slices that were looked at is as bad as this one by chance.
	P float64
}

// Explain says which rows, which declared slices and which slices of the features lost most by the rules' worst metric.
// features are the evaluation rows without their target, in the same order; leaveOut names columns that are no features.
// It returns nil where there is nothing to explain: no baseline, no metric that rows contribute to, or no difference.
func Explain(in Input, r Result, features *dataset.Table, leaveOut []string) *Explanation {
	if in.Baseline == nil || unusable(in) != nil {
		return nil
	}
	p := explained(in, r)
	if p == nil || p.identical() {
		return nil
	}
	d := contributions(p)
	e := &Explanation{Metric: p.metric.Name, Params: p.params, Direction: p.metric.Direction, Flips: flips(in, d), Parts: decompose(in, p, d)}
	e.search(in, p, searchable(features, leaveOut))
	return e
}

// explained is the pair of the worst rule on all rows whose metric rows contribute to, or of the task's plainest metric.
func explained(in Input, r Result) *pair {
	var candidates []Rule
	for _, rule := range r.Rules {
		if rule.Slice == "" && rule.Against == "" {
			candidates = append(candidates, Rule{Metric: rule.Metric, Params: rule.Params})
		}
	}
	for _, name := range []string{"mae", "log_loss", "accuracy"} {
		candidates = append(candidates, Rule{Metric: name})
	}
	for _, rule := range candidates {
		m, ok := metric.Lookup(rule.Metric)
		if !ok || !m.For(in.Rows.Truth.Task) || m.Influence == nil {
			continue
		}
		if j := newJudgement(rule, overall(in), 0.95); j.undefined == "" && j.pair.phi(1) != nil {
			return j.pair
		}
	}
	return nil
}

// contributions are what each row adds to the improvement: their weighted mean is the improvement.
func contributions(p *pair) []float64 {
	d, delta := p.phi(1), p.delta(1)
	if w := p.truth.Weights; w != nil {
		d = unweighted(d, w)
	}
	for i := range d {
		d[i] += delta
	}
	return d
}

func flips(in Input, d []float64) Flips {
	t, c, b := in.Rows.Truth, in.Candidate, *in.Baseline
	var f Flips
	var rows []int
	for i := range d {
		if !t.Task.Classifies() {
			if d[i] < 0 {
				rows = append(rows, i)
			}
			continue
		}
		before, after := b.Labels[i] == t.Labels[i], c.Labels[i] == t.Labels[i]
		switch {
		case before && !after:
			f.Broken++
			rows = append(rows, i)
		case after && !before:
			f.Mended++
		}
	}
	slices.SortStableFunc(rows, func(i, j int) int { return cmp.Compare(d[i], d[j]) })
	for _, i := range rows[:min(len(rows), MostFlips)] {
		f.Rows = append(f.Rows, FlippedRow{Row: i, Loss: -d[i], Slices: levelsOf(in, i)})
	}
	return f
}

func levelsOf(in Input, row int) []string {
	var out []string
	for _, by := range slices.Sorted(maps.Keys(in.Rows.Slices)) {
		out = append(out, by+"="+in.Rows.Slices[by].Text(row))
	}
	return out
}

func decompose(in Input, p *pair, d []float64) []Decomposition {
	weight := func(int) float64 { return 1 }
	if w := in.Rows.Truth.Weights; w != nil {
		weight = func(i int) float64 { return w[i] }
	}
	all := 0.0
	for i := range d {
		all += weight(i)
	}
	var out []Decomposition
	for _, by := range slices.Sorted(maps.Keys(in.Rows.Slices)) {
		levels, err := in.Rows.Levels(by)
		if err != nil {
			continue
		}
		part := Decomposition{By: by}
		for _, level := range levels {
			total, lost := 0.0, 0.0
			for _, i := range level.Rows {
				total += weight(i)
				lost += float64(weight(i) * d[i])
			}
			if total == 0 {
				continue
			}
			part.Levels = append(part.Levels, LevelShare{
				Level: level.Name, Rows: len(level.Rows), Share: total / all, Mean: p.sign() * lost / total, Contribution: p.sign() * lost / all,
			})
		}
		slices.SortStableFunc(part.Levels, func(a, b LevelShare) int {
			return cmp.Compare(p.sign()*a.Contribution, p.sign()*b.Contribution)
		})
		out = append(out, part)
	}
	return out
}

// The bounds of the search (statistics.md 3): up to eight parts per feature, slices of at least 30 rows and a hundredth of all,
// and so many flips that the work stays within a few seconds.
const (
	searchBins   = 8
	searchRows   = 30
	searchWork   = 2.5e9
	mostFlipped  = 1000
	fewFlipped   = 200
	mostFeatures = 40
	mostWorst    = 5
)

// search looks for the slices where the paired difference is worst.
func (e *Explanation) search(in Input, p *pair, features []*dataset.Column) {
	n := in.Rows.Truth.Rows()
	found, names := searchSlices(in, p, features)
	e.SearchedRows, e.Searched = leastSliceRows(n), len(found)
	for _, f := range found {
		if f.T >= 0 || len(e.Worst) == mostWorst {
			break
		}
		where := []string{names[f.Feature][f.Bin]}
		if f.Feature2 >= 0 {
			where = append(where, names[f.Feature2][f.Bin2])
		}
		// A slice of two predicates beside one of its own is the same finding.
		if slices.ContainsFunc(e.Worst, func(w WorstSlice) bool { return nested(w.Where, where) }) {
			continue
		}
		e.Worst = append(e.Worst, WorstSlice{Where: where, Rows: f.Rows, Mean: p.sign() * f.Mean, P: f.P})
	}
}

func leastSliceRows(n int) int { return max(searchRows, n/100) }

func nested(a, b []string) bool {
	all := func(x, y []string) bool {
		return !slices.ContainsFunc(x, func(s string) bool { return !slices.Contains(y, s) })
	}
	return all(a, b) || all(b, a)
}

// searchSlices runs the sign-flip search over the binned features.
func searchSlices(in Input, p *pair, features []*dataset.Column) ([]stats.SliceFinding, [][]string) {
	s := stats.SliceSearch{
		Difference: contributions(p), Cluster: in.Rows.Cluster, Pairs: true, MinRows: leastSliceRows(in.Rows.Truth.Rows()),
	}
	if w := in.Rows.Truth.Weights; w != nil {
		for i := range s.Difference {
			s.Difference[i] *= w[i]
		}
	}
	// Parts of fewer rows than a slice must have would find nothing.
	bins := max(2, min(searchBins, 2*len(s.Difference)/(3*s.MinRows)))
	var names [][]string
	for _, c := range features {
		texts, codes := evaluation.Bins(c, bins)
		if len(texts) < 2 {
			continue
		}
		names, s.Codes, s.Bins = append(names, texts), append(s.Codes, codes), append(s.Bins, len(texts))
	}
	if len(names) == 0 {
		return nil, nil
	}
	k := float64(len(names))
	perFlip := float64(len(s.Difference)) * (k + k*(k-1)/2)
	if perFlip*fewFlipped > searchWork {
		s.Pairs, perFlip = false, float64(len(s.Difference))*k
	}
	s.Resampling = stats.Resampling{Seed: p.seed, Resamples: int(math.Min(mostFlipped, math.Max(fewFlipped, searchWork/perFlip)))}
	found, err := s.Search()
	if err != nil {
		return nil, nil
	}
	return found, names
}

// searchable are the columns that may name a slice.
func searchable(t *dataset.Table, leaveOut []string) []*dataset.Column {
	if t == nil {
		return nil
	}
	var out []*dataset.Column
	for _, c := range t.Columns {
		if !slices.Contains(leaveOut, c.Name) && len(out) < mostFeatures {
			out = append(out, c)
		}
	}
	return out
}

// String is the slice in words: "age = 45 – 53 and sex = F".
func (w WorstSlice) String() string {
	if len(w.Where) == 2 {
		return fmt.Sprintf("%s and %s", w.Where[0], w.Where[1])
	}
	return w.Where[0]
}
