package model

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestMedianIsThatOfTheSortedValues(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	shapes := map[string]func(i, n int) float64{
		"random":    func(int, int) float64 { return r.NormFloat64() },
		"ascending": func(i, _ int) float64 { return float64(i) },
		"falling":   func(i, _ int) float64 { return -float64(i) },
		"few":       func(int, int) float64 { return float64(r.IntN(3)) },
		"one":       func(int, int) float64 { return 7 },
		"periodic":  func(i, _ int) float64 { return float64(i % 100) },
		"two heaps": func(i, n int) float64 { return float64(i / ((n + 1) / 2) * 1000) },
		"huge":      func(int, int) float64 { return math.MaxFloat64 * (2*r.Float64() - 1) },
	}
	for name, value := range shapes {
		for _, n := range []int{1, 2, 3, 10, shortList, shortList + 1, 10_000, 100_001} {
			v := make([]float64, n)
			for i := range v {
				v[i] = value(i, n)
			}
			before := slices.Clone(v)
			got := median(v)
			sorted := slices.Sorted(slices.Values(v))
			want := sorted[(n-1)/2]/2 + sorted[n/2]/2
			if got != want || !slices.Equal(v, before) {
				t.Errorf("%s, %d values: got %v, want %v", name, n, got, want)
			}
		}
	}
	if got := median([]float64{math.Copysign(0, -1), math.Copysign(0, -1)}); math.Signbit(got) {
		t.Error("the median of -0 is -0: files would depend on the order of rows")
	}
}

func BenchmarkMedian(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	v := make([]float64, 1_000_000)
	for i := range v {
		v[i] = r.NormFloat64()
	}
	for b.Loop() {
		median(v)
	}
}
