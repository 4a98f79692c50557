package stats

import (
	"math"
	"slices"
)

// PairedMeanSkewed is PairedMean for rows of any shape: Skewed over the rows.
func PairedMeanSkewed(phi []float64, delta, level float64, o Resampling) Result {
	return Skewed(PairedMean(phi, delta, level), phi, o)
}

// Skewed widens a t Result where the shape of what was summed makes it doubtful. units are the independent parts whose
// mean the Result is about, up to a constant: rows, or cluster sums. Where their skewness γ is large (n < 25γ²) it adds
// the BCa bootstrap interval (Efron 1987), with the acceleration from the units themselves, and takes the more cautious
// end on each side and the larger of the p-values; the Result then carries FlagSkewed (statistics.md 9.3).
//
// The draws depend on the units as a set and mirror with them: neither the order of rows nor swapping the two models
// changes what is concluded.
func Skewed(r Result, units []float64, o Resampling) Result {
	plain, isT := r.pivot.(student)
	if !isT || len(units) < 2 {
		return r
	}
	m := momentsOf(units)
	if !m.allFinite || float64(len(units)) >= skewedBelow*m.skew*m.skew {
		return r
	}
	r.Method += " and BCa"
	r.Flags = append(r.Flags, FlagSkewed)
	r.pivot = envelope{plain, bcaOf(units, m, r.Delta, o)}
	return finish(r)
}

// skewedBelow times the square of the skewness is the number of units below which a t interval is not trusted.
const skewedBelow = 25

// BCa is the bias-corrected and accelerated bootstrap interval alone, of the mean of phi around delta.
func BCa(phi []float64, delta, level float64, o Resampling) Result {
	r := PairedMean(phi, delta, level)
	if _, isT := r.pivot.(student); !isT {
		return r
	}
	r.Method = "BCa"
	r.pivot = bcaOf(phi, momentsOf(phi), delta, o)
	return finish(r)
}

// bcaOf resamples the units' deviations from their mean, sorted and turned so that their skewness is positive.
func bcaOf(units []float64, m moments, delta float64, o Resampling) bca {
	turn := 1.0
	if m.skew < 0 {
		turn = -1
	}
	x := make([]float64, len(units))
	for i, v := range units {
		x[i] = turn * (v - m.mean)
	}
	slices.Sort(x)
	if o.Resamples == 0 {
		o.Resamples = min(max(tailDraws/len(x), fewTailResamples), mostTailResamples)
	}
	means := o.means(x, 0)
	for i := range means {
		means[i] = delta + turn*means[i]
	}
	return newBCa(newReplicates(means), delta, acceleration(m))
}

// The acceleration moves an end far out, where few resamples lie: at 2,000 of them the end of 67 skewed rows moved by a
// sixteenth of the interval from seed to seed. Short tables get more resamples, for about the work of a long one.
const (
	tailDraws         = 1_000_000
	fewTailResamples  = 2000
	mostTailResamples = 20_000
)

// acceleration is Σφ³/(6(Σφ²)^1.5) of the centred values: the jackknife's, without the refits.
func acceleration(m moments) float64 { return m.m3 / (6 * math.Pow(m.m2, 1.5)) }

// envelope takes the more cautious end and p-value of two pivots.
type envelope struct{ a, b pivot }

func (e envelope) below(x float64) float64 { return max(e.a.below(x), e.b.below(x)) }
func (e envelope) above(x float64) float64 { return max(e.a.above(x), e.b.above(x)) }

func (e envelope) interval(level float64) (low, high float64) {
	aLow, aHigh := e.a.interval(level)
	bLow, bHigh := e.b.interval(level)
	return min(aLow, bLow), max(aHigh, bHigh)
}

// bca is Efron's pivot: z0 corrects for bias, a for a variance that changes with the mean.
type bca struct {
	r     Replicates
	z0, a float64
}

func newBCa(r Replicates, delta, a float64) bca {
	return bca{r, normalQuantile(r.share(delta)), a}
}

// below inverts the upper end: the p at which the end of the interval falls on x.
func (b bca) below(x float64) float64 { return normalCDF(-b.normal(x)) }
func (b bca) above(x float64) float64 { return normalCDF(b.normal(x)) }

// normal is the standard normal quantile whose BCa end is x.
func (b bca) normal(x float64) float64 {
	w := b.r.z(x) - b.z0
	if 1+b.a*w <= 0 { // beyond the pole of the correction nothing is certain
		return math.Copysign(math.Inf(1), w)
	}
	return w/(1+b.a*w) - b.z0
}

func (b bca) interval(level float64) (low, high float64) {
	z := normalQuantile(0.5 + level/2)
	return b.r.Quantile(normalCDF(b.corrected(-z))), b.r.Quantile(normalCDF(b.corrected(z)))
}

func (b bca) corrected(z float64) float64 {
	w := b.z0 + z
	if 1-b.a*w <= 0 {
		return math.Copysign(math.Inf(1), w)
	}
	return b.z0 + w/(1-b.a*w)
}
