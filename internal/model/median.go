package model

import (
	"math"
	"slices"
)

// median is the middle value of v, or halfway between the two of them. It does not depend on the order of v, which it
// leaves alone.
func median(v []float64) float64 {
	a, b := ranked(v, (len(v)-1)/2)
	if len(v)%2 == 1 {
		b = a
	}
	if a == b {
		return a + 0 // never -0, which compares as equal to 0 and may be sorted before or behind it
	}
	return a/2 + b/2
}

// shortList is the length up to which sorting is as quick.
const shortList = 4096

// ranked gives the value of rank r, from 0, and the one after it (or the last).
//
// Of a long v it looks at the part around the rank only: an evenly spaced sample says between which two values it lies,
// one pass counts what is below and copies what is between. Where the sample misled, everything is sorted.
func ranked(v []float64, r int) (at, after float64) {
	next := min(r+1, len(v)-1)
	if len(v) > shortList {
		if between, below := around(v, r); below <= r && next < below+len(between) && len(between) < len(v)/2 {
			return ranked(between, r-below)
		}
	}
	sorted := slices.Clone(v)
	slices.Sort(sorted)
	return sorted[r], sorted[next]
}

// around copies the values of v within a narrow range that most likely holds rank r, and counts those below it.
func around(v []float64, r int) (between []float64, below int) {
	size := int(math.Pow(float64(len(v)), 2.0/3))
	sample := make([]float64, size)
	for i := range sample {
		sample[i] = v[i*(len(v)/size)]
	}
	slices.Sort(sample)
	// Five standard deviations of the rank in the sample, at most sqrt(size)/2 each: with three, one table of 20 columns in
	// twenty would sort one of them whole.
	margin := int(2.5*math.Sqrt(float64(size))) + 1
	place := int(float64(r) / float64(len(v)) * float64(size))
	low, high := sample[max(0, place-margin)], sample[min(size-1, place+margin)]
	between = make([]float64, 0, 3*margin*(len(v)/size))
	for _, x := range v {
		// without a branch on x < low, which no processor could foresee
		less := number(x < low)
		below += less
		if number(x <= high) > less {
			between = append(between, x)
		}
	}
	return between, below
}

func number(b bool) int {
	if b {
		return 1
	}
	return 0
}
