package gate

import (
	"github.com/weighlock/weighlock/internal/metric"
	"github.com/weighlock/weighlock/internal/stats"
)

// area judges the area under the ROC curve as DeLong, DeLong and Clarke-Pearson do (1988). A contrast scales the
// baseline's placements, which are linear in it. Groups and weights go by influence values.
func area(p *pair, scale float64) stats.Result {
	if !p.plain() {
		return smooth(p, scale)
	}
	if !p.baseline.place(p.truth) || !p.candidate.place(p.truth) {
		return p.unknown()
	}
	r, err := stats.CompareAreas(scaled(*p.baseline.placed, scale), *p.candidate.placed, p.level)
	if err != nil {
		return p.unknown()
	}
	return r
}

// place ranks the scores once.
func (s *side) place(t metric.Truth) bool {
	if s.placed == nil {
		placed, err := stats.PlacementsOf(positives(t), scores(*s))
		if err != nil {
			return false
		}
		s.placed = &placed
	}
	return true
}

// scores are the probabilities of the positive class.
func scores(s side) []float64 {
	out := make([]float64, len(s.predictions.Probabilities)/2)
	for i := range out {
		out[i] = s.predictions.Probabilities[2*i+1]
	}
	return out
}

func scaled(p stats.Placements, scale float64) stats.Placements {
	if scale == 1 {
		return p
	}
	p.Area *= scale
	p.Positive, p.Negative = times(p.Positive, scale), times(p.Negative, scale)
	return p
}

func times(x []float64, scale float64) []float64 {
	out := make([]float64, len(x))
	for i, v := range x {
		out[i] = v * scale
	}
	return out
}
