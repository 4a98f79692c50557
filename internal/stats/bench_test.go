//go:build unix

package stats

import (
	"math/rand/v2"
	"syscall"
	"testing"
	"time"
)

// loop runs work as often as the benchmark asks, and reports the time of all threads beside the clock's: on a machine
// that others use it is the one to read.
func loop(b *testing.B, work func()) {
	before := processorTime()
	for b.Loop() {
		work()
	}
	b.ReportMetric((processorTime()-before).Seconds()/float64(b.N), "cpu-s/op")
}

func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkThreeMetricsMillion is what the gate does with three metrics of 1,000,000 paired rows, once their influence
// values are there: three t intervals and max-T with 100,000 draws.
func BenchmarkThreeMetricsMillion(b *testing.B) {
	random := rand.New(rand.NewPCG(1, 2))
	phi := make([][]float64, 3)
	for k := range phi {
		phi[k] = make([]float64, 1_000_000)
	}
	for i := range phi[0] {
		x := random.NormFloat64()
		phi[0][i], phi[1][i], phi[2][i] = x, x+random.NormFloat64(), random.NormFloat64()
	}
	loop(b, func() {
		p := make([]float64, len(phi))
		for k := range phi {
			p[k] = PairedMean(phi[k], momentsOf(phi[k]).mean, 0.95).PWorse
		}
		if _, ok := MaxT(p, phi, 1, 100_000); !ok {
			b.Fatal("max-T fell back")
		}
	})
}

func BenchmarkDeLongMillion(b *testing.B) {
	positive, x, y := scoredRows(1_000_000, 0.3)
	loop(b, func() {
		if _, err := DeLong(positive, x, y, 0.95); err != nil {
			b.Fatal(err)
		}
	})
}

// BenchmarkAreaBootstrap is 1,000 resamples of 100,000 rows: the work that scipy.stats.bootstrap is compared on.
func BenchmarkAreaBootstrap(b *testing.B) {
	positive, x, y := scoredRows(100_000, 0.3)
	loop(b, func() {
		if _, err := AreaBootstrap(positive, x, y, Resampling{Seed: 1, Resamples: 1000}); err != nil {
			b.Fatal(err)
		}
	})
}

// BenchmarkSliceSearch is 12,160 pairs and 160 single bins of 10,000 rows under 1,000 flips.
func BenchmarkSliceSearch(b *testing.B) {
	s := randomSlices(10_000, 20, 8, 1)
	s.Resamples = 1000
	loop(b, func() {
		if _, err := s.Search(); err != nil {
			b.Fatal(err)
		}
	})
}

func BenchmarkSignFlipMillion(b *testing.B) {
	random := rand.New(rand.NewPCG(1, 2))
	x := make([]float64, 1_000_000)
	for i := range x {
		x[i] = random.NormFloat64()
	}
	loop(b, func() {
		SignFlip(x, Resampling{Seed: 1, Resamples: 1000})
	})
}

// BenchmarkBootstrapMean is 1,000 resamples of 100,000 rows.
func BenchmarkBootstrapMean(b *testing.B) {
	random := rand.New(rand.NewPCG(1, 2))
	x := make([]float64, 100_000)
	for i := range x {
		x[i] = random.NormFloat64()
	}
	loop(b, func() {
		Resampling{Seed: 1, Resamples: 1000}.means(x, 0)
	})
}

func BenchmarkPoissonMeanMillion(b *testing.B) {
	x := make([]float64, 1_000_000)
	for i := range x {
		x[i] = float64(i % 97)
	}
	poissonOnce()
	o := Resampling{Seed: 1, Resamples: 3000}
	loop(b, func() {
		o.means(x, 48)
	})
}

func BenchmarkCells(b *testing.B) {
	loop(b, func() {
		Cells([]int{40000, 3000, 2000, 1500, 1000, 2500, 5000, 45000}, func(c []int) float64 {
			return float64(c[1]-c[2]) / float64(c[1]+c[2]+1)
		}, Resampling{Seed: 1})
	})
}

func BenchmarkOrderedMillion(b *testing.B) {
	x := make([]float64, 1_000_000)
	for i := range x {
		x[i] = float64(i % 97)
	}
	loop(b, func() {
		PairedOrdered(x, 1, 0.95)
	})
}
