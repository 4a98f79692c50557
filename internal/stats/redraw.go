package stats

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
)

// Redraw is two statistics of the same resampled rows, for a metric that has no influence values, such as average
// precision.
type Redraw struct {
	// Statistic returns the candidate's and the baseline's value when row i counts counts[i] times; NaN where one is
	// undefined. It is called from several goroutines at once and must not keep counts.
	Statistic func(counts []int32) (candidate, baseline float64)
	Rows      int
	// Positive has one entry per row, and has positive and negative rows drawn apart so that their numbers stay. nil
	// draws all rows alike.
	Positive []bool
	// Cluster has whole clusters drawn, Moment stretches of neighbouring moments (small numbers in the order of time); at
	// most one of them is not nil, and then nothing is drawn apart.
	Cluster, Moment []int
	// Order lists the rows in an order that depends on their content alone, so that a permuted table is drawn from
	// alike; nil is row order.
	Order []int32
}

// Redrawn holds the values on every resample, from which any contrast of the two can be judged.
type Redrawn struct {
	candidate, baseline []float64
	about               Result
	shrinks             float64
}

// Draw resamples. The error says that a class has under MinimumPerClass rows, or that there are too few rows, clusters or
// moments.
func (r Redraw) Draw(o Resampling) (*Redrawn, error) {
	about := Result{
		Rows: r.Rows, DF: float64(r.Rows - 1), Effective: float64(r.Rows), Method: "bootstrap", Assumption: "rows are independent",
	}
	if r.Rows < 2 {
		return nil, fmt.Errorf("resample rows: %d rows", r.Rows)
	}
	plan, err := r.plan(&about)
	if err != nil {
		return nil, fmt.Errorf("resample rows: %w", err)
	}
	d := &Redrawn{candidate: make([]float64, o.resamples()), baseline: make([]float64, o.resamples()), about: about, shrinks: plan.shrinks}
	o.each(len(d.candidate), func() func(int) {
		counts := make([]int32, r.Rows)
		return func(b int) {
			clear(counts)
			plan.draw(counts, o.source(b))
			d.candidate[b], d.baseline[b] = r.Statistic(counts)
		}
	})
	return d, nil
}

// Contrast is a difference of two resampled statistics: Sign·(candidate - Scale·baseline), positive for better; Delta is
// its value on the rows themselves.
type Contrast struct{ Delta, Sign, Scale float64 }

// Judge gives Delta ± t·SE with the bootstrap's standard error (statistics.md 1.2 and 1.5: percentile intervals are too
// narrow with few positives). The degrees of freedom are one less than the positive rows, the rows or the clusters, the
// fewest of those that count. Stretches of time are as long as the bandwidth of PairedOrdered and corrected like it.
//
// Nothing is concluded where a statistic was undefined on more than one resample in a hundred.
func (d *Redrawn) Judge(c Contrast, level float64) Result {
	values := make([]float64, len(d.candidate))
	for b := range values {
		values[b] = c.Sign * (d.candidate[b] - float64(c.Scale*d.baseline[b]))
	}
	drawn := newReplicates(values)
	out := d.about
	out.Delta, out.Level, out.Flags = c.Delta, level, slices.Clone(out.Flags)
	if drawn.Undefined*100 > len(values) || len(drawn.Values) < 2 {
		return tooSmall(out, FlagTooSmall)
	}
	out.SE = drawn.SE() / math.Sqrt(d.shrinks)
	return symmetric(out, math.Abs(c.Delta))
}

// redrawing is how one resample is drawn.
type redrawing struct {
	// strata hold units of rows; a stratum is drawn from on its own.
	strata [][]int32
	// units are the rows of each number in strata; nil where the numbers are rows.
	units [][]int32
	// stretch is how many neighbouring units are drawn at once, 1 where they are independent.
	stretch int
	// shrinks is the share of the variance that drawing stretches keeps.
	shrinks float64
}

func (r Redraw) plan(out *Result) (redrawing, error) {
	order := r.Order
	if order == nil {
		order = make([]int32, r.Rows)
		for i := range order {
			order[i] = int32(i)
		}
	}
	positives := 0
	for _, p := range r.Positive {
		if p {
			positives++
		}
	}
	if r.Positive != nil {
		if min(positives, r.Rows-positives) < MinimumPerClass {
			return redrawing{}, fmt.Errorf("%d positive and %d negative rows, at least %d of each are needed",
				positives, r.Rows-positives, MinimumPerClass)
		}
		out.DF = float64(positives - 1)
		if positives < 20 {
			out.Flags = append(out.Flags, FlagFewPositives)
		}
	}
	switch {
	case r.Cluster != nil:
		return r.clusters(out, order)
	case r.Moment != nil:
		return r.moments(out)
	case r.Positive == nil:
		return redrawing{strata: [][]int32{order}, stretch: 1, shrinks: 1}, nil
	}
	out.Method = "stratified bootstrap"
	strata := make([][]int32, 2)
	for _, row := range order {
		side := 0
		if r.Positive[row] {
			side = 1
		}
		strata[side] = append(strata[side], row)
	}
	return redrawing{strata: strata, stretch: 1, shrinks: 1}, nil
}

// clusters draws clusters, numbered by the first row of each in order.
func (r Redraw) clusters(out *Result, order []int32) (redrawing, error) {
	place := map[int]int{}
	var units [][]int32
	var sizes []float64
	for _, row := range order {
		g, seen := place[r.Cluster[row]]
		if !seen {
			g = len(units)
			place[r.Cluster[row]] = g
			units, sizes = append(units, nil), append(sizes, 0)
		}
		units[g] = append(units[g], row)
		sizes[g]++
	}
	if len(units) < 2 {
		return redrawing{}, fmt.Errorf("%d clusters", len(units))
	}
	out.Method, out.Assumption = "cluster bootstrap", "clusters are independent"
	out.Clusters, out.Effective = len(units), EffectiveSize(sizes)
	out.DF = min(out.DF, float64(len(units)-1))
	out.Flags = append(out.Flags, FlagClustered)
	if out.Effective < 10 {
		out.Flags = append(out.Flags, FlagFewClusters)
	}
	return redrawing{strata: [][]int32{numbers(len(units))}, units: units, stretch: 1, shrinks: float64(len(units)-1) / float64(len(units))}, nil
}

// moments draws circular stretches of moments.
func (r Redraw) moments(out *Result) (redrawing, error) {
	var units [][]int32
	for row, m := range r.Moment {
		if m < 0 || m >= r.Rows {
			return redrawing{}, fmt.Errorf("row %d lies at moment %d", row+1, m)
		}
		for len(units) <= m {
			units = append(units, nil)
		}
		units[m] = append(units[m], int32(row))
	}
	if len(units) < leastMoments {
		return redrawing{}, fmt.Errorf("%d moments, at least %d are needed", len(units), leastMoments)
	}
	stretch := bandwidth(len(units))
	expected, df := bartlettMoments(len(units), stretch)
	out.Method, out.Assumption = "block bootstrap", dependenceFades
	out.DF = min(out.DF, df)
	out.Flags = append(out.Flags, FlagAutocorrelated)
	if len(units) < 10*stretch {
		out.Flags = append(out.Flags, FlagFewBlocks)
	}
	return redrawing{strata: [][]int32{numbers(len(units))}, units: units, stretch: stretch, shrinks: expected}, nil
}

func numbers(n int) []int32 {
	out := make([]int32, n)
	for i := range out {
		out[i] = int32(i)
	}
	return out
}

func (d redrawing) draw(counts []int32, source *rand.PCG) {
	if d.units == nil {
		for _, rows := range d.strata {
			draw(counts, rows, source)
		}
		return
	}
	n := len(d.units)
	for drawn := 0; drawn < n; {
		start := int((source.Uint64() >> 32) * uint64(n) >> 32)
		for at := 0; at < d.stretch && drawn < n; at++ {
			for _, row := range d.units[(start+at)%n] {
				counts[row]++
			}
			drawn++
		}
	}
}

func draw(counts, rows []int32, source *rand.PCG) {
	n := uint64(len(rows))
	for i := uint64(0); i < n; i += 2 {
		r := source.Uint64()
		counts[rows[(r>>32)*n>>32]]++
		if i+1 < n {
			counts[rows[(r&math.MaxUint32)*n>>32]]++
		}
	}
}
