package gate

import (
	"math"
	"slices"

	"github.com/weighlock/weighlock/internal/metric"
	"github.com/weighlock/weighlock/internal/stats"
)

// A family judges candidate - scale·baseline, signed so that positive is better: scale 1 is the plain difference, and
// any other the contrast of a relative margin, in which the baseline is as uncertain as the candidate.
type family func(p *pair, scale float64) stats.Result

// families has one row, and one file, for each family of metrics that has an interval. Rules with a margin on any other
// family are refused by CheckRule.
var families = map[metric.Family]family{
	metric.Smooth:  smooth,
	metric.ZeroOne: zeroOne,
	metric.Area:    area,
}

// pair is one metric of two models on the same rows.
type pair struct {
	metric              metric.Metric
	params              metric.Params
	truth               metric.Truth
	cluster             []int
	level               float64
	candidate, baseline side
}

// side is one of the two models.
type side struct {
	predictions metric.Predictions
	outcome     metric.Outcome
	// phi holds one influence value per row, with weights in them; nil where there are none.
	phi []float64
}

func newSide(p *pair, predictions metric.Predictions) side {
	s := side{predictions: predictions}
	s.outcome, s.phi = p.metric.Measure(p.truth, predictions, p.params)
	return s
}

// sign is 1 where higher is better, else -1.
func (p *pair) sign() float64 { return float64(p.metric.Direction) }

// delta is candidate - scale·baseline, positive when better.
func (p *pair) delta(scale float64) float64 {
	return p.sign() * (p.candidate.outcome.Value - float64(scale*p.baseline.outcome.Value))
}

// phi are the influence values of delta, or nil where one of the models has none.
func (p *pair) phi(scale float64) []float64 {
	c, b, sign := p.candidate.phi, p.baseline.phi, p.sign()
	if len(c) != p.truth.Rows() || len(b) != len(c) {
		return nil
	}
	out := make([]float64, len(c))
	for i := range out {
		out[i] = sign * (c[i] - float64(scale*b[i]))
	}
	return out
}

// plain reports whether every row counts the same and for itself, which the exact methods ask for.
func (p *pair) plain() bool { return p.cluster == nil && p.truth.Weights == nil }

// identical reports whether the two models said the same about every row, as far as the metric looks.
func (p *pair) identical() bool {
	c, b := p.candidate.predictions, p.baseline.predictions
	switch {
	case p.truth.Task.Classifies() && p.metric.Probabilities:
		return slices.Equal(c.Probabilities, b.Probabilities)
	case p.truth.Task.Classifies():
		return slices.Equal(c.Labels, b.Labels)
	case !slices.Equal(c.Values, b.Values):
		return false
	case p.metric.Name != "pinball":
		return true
	}
	if len(c.Quantiles) != len(b.Quantiles) {
		return false
	}
	for level, values := range c.Quantiles {
		if !slices.Equal(values, b.Quantiles[level]) {
			return false
		}
	}
	return true
}

// unknown is the result of a comparison that cannot be made: an infinite interval, p-values of 1.
func (p *pair) unknown() stats.Result { return stats.PairedMean(nil, 0, p.level) }

// bound is a margin and the difference that is held against it: worse by more than at is worse than tolerated.
type bound struct {
	result stats.Result
	at     float64
}

// bounds are what has to hold for a margin, and its size in the metric's units. A relative margin is a contrast against
// 0 (statistics.md 1.1): better than -r·|baseline| means candidate - scale·baseline > 0 with the scale moved by r. For
// 0/1 metrics Tango's interval of the plain difference has to agree, because a contrast's t interval is too narrow where
// few rows differ (statistics.md 1.3).
func (p *pair) bounds(m Margin, plain stats.Result) (all []bound, size float64) {
	if !m.Relative {
		return []bound{{plain, m.Value}}, m.Value
	}
	b := p.baseline.outcome.Value
	size = m.Value * math.Abs(b)
	all = []bound{{families[p.metric.Family](p, p.scale(m)), 0}}
	if p.metric.Family == metric.ZeroOne {
		all = append(all, bound{plain, size})
	}
	return all, size
}

// scale is the share of the baseline that a relative margin asks the candidate to keep.
func (p *pair) scale(m Margin) float64 {
	b := p.baseline.outcome.Value
	if !m.Relative || b == 0 {
		return 1
	}
	return 1 - p.sign()*math.Copysign(m.Value, b)
}
