package gate

import "github.com/weighlock/weighlock/internal/stats"

// smooth judges by a t interval on the paired influence values (statistics.md 1.1). Groups are summed first; weights are
// in the influence values and lower the degrees of freedom.
func smooth(p *pair, scale float64) stats.Result {
	phi := p.phi(scale)
	delta := p.delta(scale)
	switch {
	case phi == nil:
		return p.unknown()
	case p.cluster != nil:
		return stats.PairedClustered(phi, p.cluster, delta, p.level)
	case p.truth.Weights != nil:
		return stats.PairedWeighted(unweighted(phi, p.truth.Weights), p.truth.Weights, delta, p.level)
	}
	return stats.PairedMean(phi, delta, p.level)
}

// unweighted takes the weights, normalised to mean 1, out of influence values.
func unweighted(phi, weights []float64) []float64 {
	largest, total := 0.0, 0.0
	for _, w := range weights {
		largest = max(largest, w)
	}
	for _, w := range weights {
		total += w / largest
	}
	mean := total / float64(len(weights))
	out := make([]float64, len(phi))
	for i, w := range weights {
		if w > 0 {
			out[i] = phi[i] / (w / largest / mean)
		}
	}
	return out
}
