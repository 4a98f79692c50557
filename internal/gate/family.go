package gate

import (
	"hash/fnv"
	"math"
	"slices"

	"github.com/weighlock/weighlock/internal/metric"
	"github.com/weighlock/weighlock/internal/stats"
)

// A family judges candidate - scale·baseline, signed so that positive is better: scale 1 is the plain difference, and
// any other the contrast of a relative margin, in which the baseline is as uncertain as the candidate.
type family func(p *pair, scale float64) stats.Result

// families has one row, and one file, for each family of metrics that has an interval.
var families = map[metric.Family]family{
	metric.Smooth:    smooth,
	metric.ZeroOne:   zeroOne,
	metric.Area:      area,
	metric.Resampled: resampled,
}

// judgeable reports whether a difference of the metric has an interval. Rules with a margin on any other metric are
// refused by CheckRule.
func judgeable(m metric.Metric) bool {
	_, ok := families[m.Family]
	return ok && (m.Family != metric.Resampled || m.Resample != nil)
}

// pair is one metric of two models on the same rows.
type pair struct {
	metric              metric.Metric
	params              metric.Params
	truth               metric.Truth
	cluster, moment     []int
	horizon             int
	level               float64
	candidate, baseline side
	// seed is where this pair's resampling starts.
	seed uint64
	// spread is what other training seeds do to the metric; nil where that is unknown.
	spread *SeedSpread
	// folds are the values of a cross-validation, nil where rows judge.
	folds *foldValues
	// drawn are the resamples of a metric without influence values, once they were drawn.
	drawn *stats.Redrawn
	// serial is what dependsOnTime found; nil before it was asked.
	serial *bool
}

// side is one of the two models.
type side struct {
	predictions metric.Predictions
	outcome     metric.Outcome
	// phi holds one influence value per row, with weights in them; nil where there are none.
	phi []float64
	// placed are the ranked scores, once somebody asked for them.
	placed *stats.Placements
}

func newSide(p *pair, predictions metric.Predictions) side {
	s := side{predictions: predictions}
	s.outcome, s.phi = p.metric.Measure(p.truth, predictions, p.params)
	return s
}

// judge is the family's result, widened by the training seeds' variance where that is known: then it is about two
// pipelines and no longer about two artefacts. A contrast scales the baseline's part.
func (p *pair) judge(scale float64) stats.Result {
	if p.folds != nil {
		return p.folds.resampled(p, scale)
	}
	r := families[p.metric.Family](p, scale)
	if p.spread == nil {
		return r
	}
	s := p.spread
	r = stats.WithSeeds(r, stats.Seeds{Variance: float64(s.SD*s.SD) * (1 + float64(scale*scale)), DF: float64(s.Trained - 1)})
	r.Assumption += "; other training seeds are included"
	return r
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
func (p *pair) plain() bool {
	return p.cluster == nil && p.truth.Weights == nil && !p.dependsOnTime()
}

// dependsOnTime reports whether rows must not be judged as independent because they follow each other: always for
// forecasts, and where moments are known and the paired differences of neighbours are more alike than chance
// (statistics.md 1.7). Without influence values that cannot be seen, so it is assumed.
func (p *pair) dependsOnTime() bool {
	if p.moment == nil {
		return false
	}
	if p.serial == nil {
		p.serial = new(true)
		if phi := p.phi(1); phi != nil && p.truth.Task != metric.Forecast {
			sums, ok := stats.MomentSums(phi, p.moment)
			_, suspicious := stats.Autocorrelation(sums)
			p.serial = new(!ok || suspicious)
		}
	}
	return *p.serial
}

// identical reports whether the two models said the same about every row, as far as the metric looks.
func (p *pair) identical() bool {
	c, b := p.candidate.predictions, p.baseline.predictions
	switch {
	case p.folds != nil:
		return p.folds.same
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

// oneRow reports that a row whose true class was given a probability of almost zero, by either model, makes up more than
// a tenth of the difference: its loss is a convention (statistics.md 9.8).
func (p *pair) oneRow() bool {
	const clipped = 0x1p-52
	phi, delta, n, k := p.phi(1), p.delta(1), float64(p.truth.Rows()), len(p.truth.Classes)
	for i, v := range phi {
		at := i*k + int(p.truth.Labels[i])
		lowest := min(p.candidate.predictions.Probabilities[at], p.baseline.predictions.Probabilities[at])
		if lowest < clipped && math.Abs(v+delta) > 0.1*math.Abs(n*delta) {
			return true
		}
	}
	return false
}

// unknown is the result of a comparison that cannot be made: an infinite interval, p-values of 1.
func (p *pair) unknown() stats.Result { return stats.PairedMean(nil, 0, p.level) }

// resampling draws from this pair's own seed.
func (p *pair) resampling() stats.Resampling { return stats.Resampling{Seed: p.seed} }

// seedFor mixes a rule's name into the run's seed, so that rules draw apart and each draws the same in any policy.
func seedFor(seed uint64, name string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(name))
	return seed ^ h.Sum64()
}

// bound is a margin and the difference that is held against it: worse by more than at is worse than tolerated.
type bound struct {
	result stats.Result
	at     float64
	// spread is the standard error that atMargin found, zero where it changes nothing.
	spread float64
}

// bounds are what has to hold for a margin, and its size in the metric's units. A relative margin is a contrast against
// 0 (statistics.md 1.1): better than -r·|baseline| means candidate - scale·baseline > 0 with the scale moved by r. For
// 0/1 metrics Tango's interval of the plain difference has to agree, because a contrast's t interval is too narrow where
// few rows differ (statistics.md 1.3).
func (p *pair) bounds(m Margin, plain stats.Result) (all []bound, size float64) {
	if !m.Relative {
		return []bound{{result: plain, at: m.Value}}, m.Value
	}
	b := p.baseline.outcome.Value
	size = m.Value * math.Abs(b)
	all = []bound{{result: p.judge(p.scale(m))}}
	if p.metric.Family == metric.ZeroOne {
		all = append(all, bound{result: plain, at: size})
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
