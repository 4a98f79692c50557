package gate

import (
	"cmp"
	"slices"

	"github.com/weighlock/weighlock/internal/metric"
	"github.com/weighlock/weighlock/internal/stats"
)

// rowDraws bounds the work of a bootstrap: rows times resamples. Long tables get fewer resamples, down to fewestResamples,
// which still knows a standard error to 4 %.
const (
	rowDraws        = 2e8
	mostResamples   = 2000
	fewestResamples = 300
)

// resampled judges a metric without influence values by the bootstrap's standard error: rows for the classes apart where
// the metric needs both, else rows, groups, or stretches of time. Rows are drawn once for every contrast of a pair.
func resampled(p *pair, scale float64) stats.Result {
	if p.drawn == nil && !p.redraw() {
		return p.unknown()
	}
	r := p.drawn.Judge(stats.Contrast{Delta: p.delta(scale), Sign: p.sign(), Scale: scale}, p.level)
	if p.truth.Weights != nil {
		r.Flags = append(r.Flags, stats.FlagWeighted)
	}
	return r
}

// redraw resamples both models' values; false where that cannot be done.
func (p *pair) redraw() bool {
	candidate := p.metric.Resample(p.truth, p.candidate.predictions, p.params)
	baseline := p.metric.Resample(p.truth, p.baseline.predictions, p.params)
	if candidate == nil || baseline == nil {
		return false
	}
	r := stats.Redraw{
		Statistic: func(counts []int32) (float64, float64) { return candidate(counts), baseline(counts) },
		Rows:      p.truth.Rows(), Order: contentOrder(p),
	}
	if _, both := classNeeds[p.metric.Name]; both && p.truth.Task == metric.Binary {
		r.Positive = positives(p.truth)
	}
	switch {
	case p.dependsOnTime():
		r.Moment = p.moment
	case p.cluster != nil:
		r.Cluster = p.cluster
	}
	o := p.resampling()
	o.Resamples = int(min(max(rowDraws/float64(r.Rows), fewestResamples), mostResamples))
	var err error
	p.drawn, err = r.Draw(o)
	return err == nil
}

func positives(t metric.Truth) []bool {
	out := make([]bool, len(t.Labels))
	for i, label := range t.Labels {
		out[i] = label == 1
	}
	return out
}

// contentOrder numbers rows by what they hold, so that resampling draws the same from a permuted table, and mirrors when
// the two models are swapped: by truth, by the sum of what both models said, and by which of them said more.
func contentOrder(p *pair) []int32 {
	n := p.truth.Rows()
	truth, total, lead := make([]float64, n), make([]float64, n), make([]float64, n)
	turn := 1.0
	if p.delta(1) < 0 {
		turn = -1
	}
	for i := range n {
		c, b := said(p.candidate.predictions, i), said(p.baseline.predictions, i)
		total[i], lead[i] = c+b, turn*(c-b)
		if p.truth.Values != nil {
			truth[i] = p.truth.Values[i]
		} else {
			truth[i] = float64(p.truth.Labels[i])
		}
	}
	order := make([]int32, n)
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortStableFunc(order, func(a, b int32) int {
		if by := cmp.Or(cmp.Compare(truth[a], truth[b]), cmp.Compare(total[a], total[b]), cmp.Compare(lead[a], lead[b])); by != 0 {
			return by
		}
		if w := p.truth.Weights; w != nil {
			return cmp.Compare(w[a], w[b])
		}
		return 0
	})
	return order
}

// said is what a model said of a row, in one number: a quantity, or the probability of the positive class.
func said(p metric.Predictions, row int) float64 {
	if p.Values != nil {
		return p.Values[row]
	}
	return p.Probabilities[2*row+1]
}
