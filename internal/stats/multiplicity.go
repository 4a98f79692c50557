package stats

import (
	"cmp"
	"math"
	"slices"
)

// Holm returns p-values adjusted for the family-wise error rate under any dependence (Holm 1979), in the order of p.
// A NaN counts as 1.
func Holm(p []float64) []float64 {
	order, out := ranked(p)
	running := 0.0
	for k, i := range order {
		running = max(running, min(1, float64(len(p)-k)*out[i]))
		out[i] = running
	}
	return out
}

// BenjaminiHochberg returns p-values adjusted for the false discovery rate (Benjamini and Hochberg 1995), in the order
// of p. A NaN counts as 1.
func BenjaminiHochberg(p []float64) []float64 {
	order, out := ranked(p)
	running := 1.0
	for k, i := range slices.Backward(order) {
		running = min(running, float64(len(p))/float64(k+1)*out[i])
		out[i] = running
	}
	return out
}

// ranked returns the positions of p from smallest to largest, and a clean copy of p.
func ranked(p []float64) (order []int, clean []float64) {
	clean = slices.Clone(p)
	order = make([]int, len(p))
	for i := range order {
		order[i] = i
		if math.IsNaN(clean[i]) {
			clean[i] = 1
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(clean[a], clean[b]) })
	return order, clean
}
