package model

import (
	"math"
	"slices"
)

// median is the middle value of v, or halfway between the two of them. It does not depend on the order of v, which it
// leaves alone.
//
// Of a long v it sorts the part around the middle only: an evenly spaced sample says between which two values the middle
// lies, one pass counts what is below and copies what is between. Where the sample misled, everything is sorted.
func median(v []float64) float64 {
	n := len(v)
	first, last := (n-1)/2, n/2
	if between, below, ok := around(v); ok && below <= first && last < below+len(between) {
		slices.Sort(between)
		return middle(between[first-below], between[last-below])
	}
	sorted := slices.Clone(v)
	slices.Sort(sorted)
	return middle(sorted[first], sorted[last])
}

// middle adds 0 so that the result is never -0, which compares as equal to 0 and may be sorted before or behind it.
func middle(a, b float64) float64 {
	if a == b {
		return a + 0
	}
	return a/2 + b/2
}

// shortMedian is the length up to which sorting is as quick.
const shortMedian = 4096

// around copies the values of v within a narrow range that most likely holds the middle, and counts those below it.
func around(v []float64) (between []float64, below int, ok bool) {
	if len(v) <= shortMedian {
		return nil, 0, false
	}
	size := int(math.Pow(float64(len(v)), 2.0/3))
	sample := make([]float64, size)
	for i := range sample {
		sample[i] = v[i*(len(v)/size)]
	}
	slices.Sort(sample)
	// three standard deviations of the rank of the middle, sqrt(size)/2 each
	margin := int(1.5*math.Sqrt(float64(size))) + 1
	low, high := sample[size/2-margin], sample[size/2+margin]
	between = make([]float64, 0, 4*margin*(len(v)/size))
	for _, x := range v {
		// without a branch on x < low, which no processor could foresee
		less := number(x < low)
		below += less
		if number(x <= high) > less {
			between = append(between, x)
		}
	}
	return between, below, true
}

func number(b bool) int {
	if b {
		return 1
	}
	return 0
}
