package gate

import (
	"maps"
	"slices"

	"github.com/weighlock/weighlock/internal/metric"
	"github.com/weighlock/weighlock/internal/stats"
)

// falseDiscoveries is the share of the observations called better or worse that may be chance (statistics.md 2.3).
const falseDiscoveries = 0.10

// mostResampledRows is the number of rows up to which observations that need a bootstrap are made.
const mostResampledRows = 50_000

// Observation is a difference that no rule asks about. It never blocks.
type Observation struct {
	Metric string
	// Slice is "column=level", or empty for all rows.
	Slice     string
	Direction metric.Direction
	Baseline  float64
	Candidate float64
	// Delta is candidate minus baseline in the metric's own units, Interval its interval; nil where the rows say nothing.
	Delta    float64
	Interval *Interval
	// PAdjusted is the two-sided p-value of "no difference", adjusted over all observations of the run after Benjamini and
	// Hochberg: of those up to 0.10, a tenth is expected to be chance.
	PAdjusted float64
	// Noticed is "better" or "worse" where PAdjusted is at most 0.10, else empty.
	Noticed string
	Rows    int
	Method  string
	Flags   []string
}

// Observe compares the two models by every metric that the policy has no rule for: on all rows, and on each level of the
// slice columns. It returns nothing on a first run, where Decide finds nothing to judge, or after a cross-validation, whose rows are not independent. Most noticeable come first.
func Observe(in Input) []Observation {
	if in.Baseline == nil || in.Folds != nil || unusable(in) != nil || CheckPolicy(in.Rows.Truth.Task, in.Policy) != nil {
		return nil
	}
	p := in.Policy.withDefaults()
	ruled, looked := map[string]bool{}, map[string]bool{}
	for _, r := range p.Rules {
		looked[r.Metric] = true
		if r.Params == (metric.Params{}) {
			ruled[r.Metric] = true
		}
	}
	for _, r := range p.Slices {
		for _, name := range r.Metrics {
			looked[name], ruled[name+" by "+r.By] = true, true
		}
	}
	var found []*judgement
	add := func(s *scope, name, key string) {
		m, _ := metric.Lookup(name)
		if ruled[key] || !judgeable(m) || m.Family == metric.Resampled && s.truth.Rows() > mostResampledRows {
			return
		}
		if j := newJudgement(Rule{Metric: name}, s, p.Confidence); j.compared && j.short.why == "" {
			found = append(found, j)
		}
	}
	whole := overall(in)
	for _, name := range metric.Names(in.Rows.Truth.Task) {
		add(whole, name, name)
	}
	for _, by := range slices.Sorted(maps.Keys(in.Rows.Slices)) {
		levels, err := in.Rows.Levels(by)
		if err != nil {
			continue
		}
		for _, level := range levels {
			s := sliceScope(in, by+"="+level.Name, level.Rows, 0)
			for _, name := range slices.Sorted(maps.Keys(looked)) {
				add(s, name, name+" by "+by)
			}
		}
	}
	return observations(found)
}

func observations(found []*judgement) []Observation {
	raw := make([]float64, len(found))
	for i, j := range found {
		raw[i] = min(1, 2*min(j.plain.PWorse, j.plain.PAbove(0)))
	}
	out := make([]Observation, len(found))
	for i, q := range stats.BenjaminiHochberg(raw) {
		r := found[i].result
		out[i] = Observation{
			Metric: r.Metric, Slice: r.Slice, Direction: r.Direction, Baseline: *r.Baseline, Candidate: *r.Candidate,
			Delta: *r.Delta, Interval: r.Interval, PAdjusted: q, Rows: r.Rows, Method: r.Method, Flags: r.Flags,
		}
		switch {
		case q > falseDiscoveries:
		case found[i].plain.Delta < 0:
			out[i].Noticed = "worse"
		case found[i].plain.Delta > 0:
			out[i].Noticed = "better"
		}
	}
	slices.SortStableFunc(out, func(a, b Observation) int {
		switch {
		case a.PAdjusted < b.PAdjusted:
			return -1
		case a.PAdjusted > b.PAdjusted:
			return 1
		}
		return 0
	})
	return out
}
