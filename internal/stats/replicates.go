package stats

import (
	"math"
	"slices"
	"sort"
)

// Replicates are the values that a statistic took on the resamples, sorted, without those on which it was undefined.
type Replicates struct {
	Values    []float64
	Undefined int
	mean, sd  float64
}

func newReplicates(values []float64) Replicates {
	var r Replicates
	for _, v := range values {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			r.Undefined++
		} else {
			r.Values = append(r.Values, v)
		}
	}
	slices.Sort(r.Values)
	m := momentsOf(r.Values)
	r.mean, r.sd = m.mean, math.Sqrt(m.m2/float64(m.n-1))
	return r
}

// SE is the bootstrap standard error: the standard deviation over the resamples.
func (r Replicates) SE() float64 { return r.sd }

// Quantile interpolates linearly between neighbouring values, as NumPy and R (type 7) do. NaN without values.
func (r Replicates) Quantile(p float64) float64 {
	if len(r.Values) == 0 || math.IsNaN(p) {
		return math.NaN()
	}
	at := p * float64(len(r.Values)-1)
	low := int(math.Floor(at))
	if low+1 >= len(r.Values) {
		return r.Values[len(r.Values)-1]
	}
	return r.Values[low] + (at-float64(low))*(r.Values[low+1]-r.Values[low])
}

// Interval is the percentile interval with two-sided coverage level.
func (r Replicates) Interval(level float64) (low, high float64) {
	return r.Quantile(0.5 - level/2), r.Quantile(0.5 + level/2)
}

// share is the share of the values below x, ties half, kept away from 0 and 1 by half a resample.
func (r Replicates) share(x float64) float64 {
	below := sort.SearchFloat64s(r.Values, x)
	through := below + sort.Search(len(r.Values)-below, func(i int) bool { return r.Values[below+i] > x })
	n := float64(len(r.Values))
	return min(max((float64(below)+float64(through-below)/2)/n, 0.5/n), 1-0.5/n)
}

// z is the normal quantile of share. Outside the values, where counting ends, the distance in standard deviations takes
// over, so that a p-value can be smaller than one resample in the lot.
func (r Replicates) z(x float64) float64 {
	z := normalQuantile(r.share(x))
	if n := len(r.Values); n > 0 && r.sd > 0 {
		if far := (x - r.mean) / r.sd; x > r.Values[n-1] {
			return max(z, far)
		} else if x < r.Values[0] {
			return min(z, far)
		}
	}
	return z
}
