package stats

import (
	"math"
	"slices"
)

// Result is what one paired comparison allows us to say. Positive differences mean that the candidate is better.
//
// Every Result comes from one of this package's functions: the interval, the p-values and the flags always belong
// together. The zero Result proves nothing: its p-values are 1.
type Result struct {
	// Delta is the observed improvement and SE its standard error, in the metric's units; SE is +Inf where the rows
	// say nothing. Tango's and BCa's intervals are not Delta ± quantile·SE.
	Delta, SE float64
	// DF is the degrees of freedom of the t distribution; +Inf means normal.
	DF float64
	// Low and High are the ends of the two-sided interval with coverage Level; infinite where the rows say nothing.
	Low, High, Level float64
	// PWorse is the one-sided p-value of the hypothesis that the candidate is at least as good: small means worse.
	PWorse float64
	// Method names the interval, such as "paired t" or "Tango"; Assumption is one phrase for the reader.
	Method, Assumption string
	// Flags name what a reader should know: the Flag constants.
	Flags []string
	// Rows is the number of paired rows, Clusters the number of clusters (0 where rows are independent).
	Rows, Clusters int
	// Effective is the amount of information in rows or clusters of equal weight: (Σw)²/Σw².
	Effective float64

	pivot pivot
	// lasting is the part of SE² that more rows do not make smaller: the seeds' variance.
	lasting float64
}

// The flags that a Result may carry.
const (
	FlagSkewed         = "skewed"          // the interval is the more cautious of t and BCa
	FlagFewPositives   = "few positives"   // under 50 rows in the smaller class (under 20 for average precision)
	FlagFewClusters    = "few clusters"    // under 10 effective clusters
	FlagFewBlocks      = "few blocks"      // a time series too short for its dependence
	FlagConstantShift  = "constant shift"  // every row differs by the same amount
	FlagNoVariation    = "no variation"    // no difference, and no row that says how sure that is
	FlagClustered      = "clustered"       // rows of one cluster were summed before judging
	FlagWeighted       = "weighted"        // rows count by weight
	FlagTooSmall       = "too small"       // not enough rows to say anything
	FlagNotFinite      = "not finite"      // an input was NaN or infinite; nothing can be concluded
	FlagSeeds          = "seeds"           // the training seeds' variance is included
	FlagAutocorrelated = "autocorrelated"  // neighbouring rows are dependent
	FlagFewDiscordant  = "few differences" // under 20 rows on which exactly one of the two models is right
)

// Identical is the Result of two models whose relevant predictions are the same on every row.
func Identical(rows int, level float64) Result {
	return finish(Result{
		Level: level, DF: math.Inf(1), Rows: rows, Effective: float64(rows),
		Method: "identical", Assumption: "the predictions are the same on every row",
		pivot: point(0),
	})
}

// Widened is the Result with a larger standard error: t or normal, as it was, and elsewhere the more cautious of both. A
// standard error that is not larger changes nothing.
func (r Result) Widened(se float64) Result {
	if !r.Defined() || !(se > r.SE) || math.IsInf(se, 0) {
		return r
	}
	old := r.pivot
	r.SE = se
	r.pivot = student{r.Delta, se, r.DF}
	switch old.(type) {
	case student, point:
	default:
		r.pivot = envelope{old, r.pivot}
	}
	return finish(r)
}

// WithDF is a t Result with other degrees of freedom; any other Result stays as it is.
func (r Result) WithDF(df float64) Result {
	if t, ok := r.pivot.(student); ok && df >= 1 {
		r.DF, t.df = df, df
		r.pivot = t
		return finish(r)
	}
	return r
}

// Has reports whether the Result carries the flag.
func (r Result) Has(flag string) bool { return slices.Contains(r.Flags, flag) }

// Defined reports whether the Result says anything at all: a finite difference and a finite standard error.
func (r Result) Defined() bool {
	return r.pivot != nil && !math.IsInf(r.SE, 0) && !math.IsNaN(r.SE) && !math.IsNaN(r.Delta)
}

// PBelow is the one-sided p-value of the hypothesis "the true difference is at least x", by the same pivot as the
// interval: a small value shows that the true difference lies below x. PBelow(0) is PWorse.
func (r Result) PBelow(x float64) float64 {
	if r.pivot == nil || math.IsNaN(x) {
		return 1
	}
	return r.pivot.below(x)
}

// PAbove is the one-sided p-value of the hypothesis "the true difference is at most x", by the same pivot as the
// interval: a small value shows that the true difference lies above x.
func (r Result) PAbove(x float64) float64 {
	if r.pivot == nil || math.IsNaN(x) {
		return 1
	}
	return r.pivot.above(x)
}

// PNonInferior is the one-sided p-value of the hypothesis "worse by margin or more": small proves non-inferiority.
func (r Result) PNonInferior(margin float64) float64 { return r.PAbove(-margin) }

// Detectable is the smallest true difference that this comparison would have noticed with the given power, in the
// metric's units: (z(1-α/2) + z(power))·SE. Zero for identical models, +Inf where the rows say nothing.
func (r Result) Detectable(power float64) float64 {
	return (normalQuantile(0.5+r.Level/2) + normalQuantile(power)) * r.SE
}

// pivot inverts one family of tests: its interval and its p-values at any margin agree with each other.
type pivot interface {
	below(x float64) float64
	above(x float64) float64
	interval(level float64) (low, high float64)
}

// finish is the one place where a Result becomes whole. It turns NaN into the vacuous result, so that a broken input
// can never look like a narrow interval.
func finish(r Result) Result {
	if r.Level <= 0 || r.Level >= 1 || math.IsNaN(r.Level) || math.IsNaN(r.Delta) || math.IsNaN(r.SE) ||
		math.IsInf(r.Delta, 0) {
		r.pivot, r.SE = vacuous{}, math.Inf(1)
		r.Flags = append(r.Flags, FlagNotFinite)
		if math.IsNaN(r.Delta) || math.IsInf(r.Delta, 0) {
			r.Delta = 0
		}
	}
	r.Low, r.High = r.pivot.interval(r.Level)
	r.PWorse = r.pivot.below(0)
	return r
}

// tooSmall is the vacuous Result: an infinite interval and p-values of 1, so whoever forgets to look fails closed.
func tooSmall(r Result, flag string) Result {
	r.pivot, r.SE = vacuous{}, math.Inf(1)
	r.Flags = append(r.Flags, flag)
	return finish(r)
}

// student is the pivot (D-x)/SE with a t distribution, normal where df is infinite.
type student struct{ delta, se, df float64 }

func (s student) below(x float64) float64 { return studentCDF((s.delta-x)/s.se, s.df) }
func (s student) above(x float64) float64 { return studentCDF((x-s.delta)/s.se, s.df) }

func (s student) interval(level float64) (low, high float64) {
	q := studentQuantile(0.5+level/2, s.df) * s.se
	return s.delta - q, s.delta + q
}

// point is the pivot of a difference that shows no spread at all.
type point float64

func (p point) below(x float64) float64 { return step(x, float64(p)) }
func (p point) above(x float64) float64 { return step(float64(p), x) }

func (p point) interval(float64) (low, high float64) { return float64(p), float64(p) }

func step(a, b float64) float64 {
	switch {
	case a > b:
		return 0
	case a < b:
		return 1
	default:
		return 0.5
	}
}

// vacuous is the pivot of rows that say nothing.
type vacuous struct{}

func (vacuous) below(float64) float64 { return 1 }
func (vacuous) above(float64) float64 { return 1 }

func (vacuous) interval(float64) (low, high float64) { return math.Inf(-1), math.Inf(1) }

// symmetric picks the t pivot, or the point where there is no spread, and says so in a flag.
func symmetric(r Result, scale float64) Result {
	// A spread under a few units in the last place of the rows is the rounding of a constant.
	if r.SE <= 1e-14*scale {
		r.SE = 0
		r.pivot = point(r.Delta)
		if r.Delta == 0 {
			r.Flags = append(r.Flags, FlagNoVariation)
		} else {
			r.Flags = append(r.Flags, FlagConstantShift)
		}
		return finish(r)
	}
	r.pivot = student{r.Delta, r.SE, r.DF}
	return finish(r)
}
