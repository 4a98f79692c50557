package gate

import (
	"math"

	"github.com/weighlock/weighlock/internal/metric"
	"github.com/weighlock/weighlock/internal/stats"
)

// mostScaled bounds how much larger than seen a candidate's errors are assumed to be at the margin.
const mostScaled = 10

// atMargin is the standard error that a bound's difference would have if the candidate were as bad as the margin just
// allows: all its errors larger in proportion. Errors grow with their mean, so a set of rows on which the candidate looks
// well by luck also looks surer than it is, and an interval around what was seen would call too many drops of the margin
// safe. It is what a score interval does, for metrics that have none; zero where it changes nothing.
func (j *judgement) atMargin(b bound) float64 {
	p := j.pair
	if p.metric.Family == metric.ZeroOne && p.plain() && b.at > 0 {
		return 0 // Tango's interval is a score interval already
	}
	allowed, seen := p.deficits(j.size)
	if !(allowed > seen) || !(seen > 0) {
		return 0
	}
	scale := 1.0
	if b.at == 0 && j.rule.Margin.Relative {
		scale = p.scale(*j.rule.Margin)
	}
	// s·candidate - scale·baseline is s times candidate - scale/s·baseline.
	s := min(allowed/seen, mostScaled)
	return s * p.judge(scale/s).SE
}

// deficits are how far the candidate may lie from a perfect value, and how far it does.
func (p *pair) deficits(size float64) (allowed, seen float64) {
	if p.metric.Direction == metric.LowerIsBetter {
		return p.baseline.outcome.Value + size, p.candidate.outcome.Value
	}
	return p.metric.High - (p.baseline.outcome.Value - size), p.metric.High - p.candidate.outcome.Value
}

// faultless reports that the candidate made no error on so few rows that a model with errors beyond the margin could
// well have done the same: the chance of that, (1-margin)ⁿ, is above one tail.
func (j *judgement) faultless(confidence float64) bool {
	p := j.pair
	if p.metric.Family == metric.ZeroOne && p.plain() || p.metric.Direction == metric.LowerIsBetter {
		return false
	}
	_, seen := p.deficits(j.size)
	return seen == 0 && float64(j.leastClass()) < flawless(j.size, confidence)
}

// flawless is how many rows without an error show that errors are rarer than the margin.
func flawless(size, confidence float64) float64 {
	return math.Log((1-confidence)/2) / math.Log1p(-min(size, 1))
}

// leastClass is the number of rows in the smallest class that counts, or of all rows where none does.
func (j *judgement) leastClass() int {
	t, need := j.scope.truth, classNeeds[j.metric.Name]
	least := t.Rows()
	for label, wanted := range []bool{need.negative, need.positive} {
		if !wanted || t.Task != metric.Binary {
			continue
		}
		n := 0
		for _, l := range t.Labels {
			if int(l) == label {
				n++
			}
		}
		least = min(least, n)
	}
	return least
}

// holdsAtMargin reports whether a bound is still proved with the spread that the candidate would have at the margin.
func (j *judgement) holdsAtMargin(b bound, confidence float64) bool {
	if j.faultless(confidence) {
		return false
	}
	return b.result.Widened(b.spread).Low > -b.at
}

// unsettled is a bound's result with the larger of its two standard errors, which more rows have to make small enough.
func (b bound) unsettled() stats.Result { return b.result.Widened(b.spread) }
