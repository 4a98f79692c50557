package gate

import "github.com/weighlock/weighlock/internal/stats"

// leastTogether is how many effective groups are enough to have a say beside moments (statistics.md 1.2: forecasts of
// many series).
const leastTogether = 10

// smooth judges by a t interval on the paired influence values (statistics.md 1.1), with BCa beside it where they are
// skewed. Groups are summed first; weights are in the influence values and lower the degrees of freedom; rows that
// follow each other are judged by moments.
func smooth(p *pair, scale float64) stats.Result {
	phi := p.phi(scale)
	delta := p.delta(scale)
	switch {
	case phi == nil:
		return p.unknown()
	case p.dependsOnTime() && p.cluster != nil:
		return panel(p, phi, delta)
	case p.dependsOnTime():
		return ordered(p, phi, delta)
	case p.cluster != nil:
		return clustered(p, phi, delta)
	case p.truth.Weights != nil:
		r := stats.PairedWeighted(unweighted(phi, p.truth.Weights), p.truth.Weights, delta, p.level)
		return stats.Skewed(r, weighing(phi, p.truth.Weights), p.resampling())
	}
	return stats.PairedMeanSkewed(phi, delta, p.level, p.resampling())
}

// clustered judges sums over groups.
func clustered(p *pair, phi []float64, delta float64) stats.Result {
	r := stats.PairedClustered(phi, p.cluster, delta, p.level)
	sums, _, ok := stats.ClusterSums(phi, p.cluster)
	if !ok {
		return r
	}
	// Uneven groups are worth fewer of equal size (MacKinnon and Webb 2017), and large ones hide their own spread.
	if r.Effective < 0.8*float64(r.Clusters) {
		r = r.Widened(stats.JackknifeClusters(phi, p.cluster)).WithDF(max(1, r.Effective-1))
	}
	for g := range sums { // so that their mean is that of the rows
		sums[g] *= float64(len(sums)) / float64(len(phi))
	}
	return stats.Skewed(r, sums, p.resampling())
}

// ordered judges rows that follow each other: by the forecasts' horizon where it is known (Diebold and Mariano), else by
// a dependence that fades.
func ordered(p *pair, phi []float64, delta float64) stats.Result {
	sums, ok := stats.MomentSums(phi, p.moment)
	if p.horizon < 1 || !ok {
		return stats.PairedMoments(phi, p.moment, delta, p.level)
	}
	for t := range sums {
		sums[t] = delta + sums[t]*float64(len(sums))/float64(len(phi))
	}
	r := stats.DieboldMariano(sums, p.horizon, p.level)
	if r.Defined() {
		r.Rows = len(phi)
	}
	return r
}

// panel judges rows that belong to groups and follow each other, such as the forecasts of many series: by groups and by
// moments, whichever leaves more doubt, and by one of them alone where there are too few of the other.
func panel(p *pair, phi []float64, delta float64) stats.Result {
	byGroup, byTime := clustered(p, phi, delta), ordered(p, phi, delta)
	groups := byGroup.Defined() && byGroup.Effective >= leastTogether
	if !byTime.Defined() || groups && byGroup.SE > byTime.SE {
		return byGroup
	}
	return byTime
}

// weighing are the rows that weigh anything, scaled so that their mean is that of all rows.
func weighing(phi, weights []float64) []float64 {
	var out []float64
	for i, w := range weights {
		if w > 0 {
			out = append(out, phi[i])
		}
	}
	for i := range out {
		out[i] *= float64(len(out)) / float64(len(phi))
	}
	return out
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
