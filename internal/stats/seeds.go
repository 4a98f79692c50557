package stats

import "math"

// Seeds is what training with other random seeds adds to the variance of a difference.
type Seeds struct {
	// Variance is the variance that the seeds give the difference, in squared units of the metric.
	Variance float64
	// DF is the degrees of freedom behind Variance.
	DF float64
}

// StoredSeeds is the term of a single training on each side, when sd was estimated from `trained` trainings earlier:
// 2·sd², with trained-1 degrees of freedom (statistics.md 2.5).
func StoredSeeds(sd float64, trained int) Seeds {
	return Seeds{Variance: 2 * sd * sd, DF: float64(trained - 1)}
}

// AveragedSeeds is one side's term when its metric is the mean over `trained` trainings with standard deviation sd
// between them: sd²/trained, with trained-1 degrees of freedom.
func AveragedSeeds(sd float64, trained int) Seeds {
	return Seeds{Variance: sd * sd / float64(trained), DF: float64(trained - 1)}
}

// WithSeeds widens a Result by the variance of training, so that it speaks about the pipeline and no longer about two
// artefacts: SE² is the sum of the parts, the degrees of freedom are Welch's and Satterthwaite's. Where the interval was
// not a t interval, each end and each p-value is the more cautious of the two. A term that is negative, not finite or
// without degrees of freedom leaves nothing to conclude.
func WithSeeds(r Result, terms ...Seeds) Result {
	old := r.pivot
	r.Flags = append(append([]string{}, r.Flags...), FlagSeeds)
	if old == nil {
		return tooSmall(r, FlagTooSmall)
	}
	if _, nothing := old.(vacuous); nothing {
		return r
	}
	variance := r.SE * r.SE
	slack := 0.0
	if r.DF > 0 {
		slack = variance * variance / r.DF
	}
	added := 0.0
	for _, s := range terms {
		if !(s.Variance >= 0) || math.IsInf(s.Variance, 0) || !(s.DF >= 1) {
			return tooSmall(r, FlagNotFinite)
		}
		variance += s.Variance
		added += s.Variance
		slack += s.Variance * s.Variance / s.DF
	}
	if added == 0 {
		return r
	}
	r.SE, r.lasting = math.Sqrt(variance), r.lasting+added
	r.DF = variance * variance / slack
	r.Method += " with seeds"
	r.pivot = student{r.Delta, r.SE, r.DF}
	switch old.(type) {
	case student, point:
	default:
		r.pivot = envelope{old, r.pivot}
	}
	return finish(r)
}
