package stats

import (
	"math"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
)

// Resampling says how a bootstrap or a permutation test draws. Resample b uses its own generator, seeded by Seed and b,
// so the answer does not depend on Workers.
type Resampling struct {
	Seed uint64
	// Resamples is how many; 2,000 where zero.
	Resamples int
	// Workers is how many resamples are computed at the same time; one per processor where zero.
	Workers int
}

// poissonFrom is the number of row draws from which Poisson(1) counts replace drawing row by row (statistics.md 8).
const poissonFrom = 2e9

func (o Resampling) resamples() int {
	if o.Resamples > 0 {
		return o.Resamples
	}
	return 2000
}

// poisson reports whether n rows are so many that the budget asks for Poisson counts.
func (o Resampling) poisson(n int) bool { return float64(n)*float64(o.resamples()) > poissonFrom }

// source is the generator of resample b.
func (o Resampling) source(b int) *rand.PCG { return rand.NewPCG(o.Seed, uint64(b)) }

// each calls work for every resample, on several workers. newWork makes the private state of one worker.
func (o Resampling) each(count int, newWork func() func(b int)) {
	workers := o.Workers
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	workers = min(workers, count)
	var next atomic.Int64
	var wait sync.WaitGroup
	for range workers {
		wait.Go(func() {
			work := newWork()
			for b := int(next.Add(1)) - 1; b < count; b = int(next.Add(1)) - 1 {
				work(b)
			}
		})
	}
	wait.Wait()
}

// means returns the means of the resamples of x, whose mean is given.
func (o Resampling) means(x []float64, mean float64) []float64 {
	out := make([]float64, o.resamples())
	poisson := o.poisson(len(x))
	if poisson {
		poissonOnce()
	}
	o.each(len(out), func() func(int) {
		return func(b int) {
			if poisson {
				out[b] = poissonMean(x, mean, o.source(b))
			} else {
				out[b] = drawnMean(x, mean, o.source(b))
			}
		}
	})
	return out
}

// drawnMean adds deviations from the mean, which keeps the digits that a large mean would cost. Two rows are drawn per
// 64 random bits; the choice of row is even to one part in 2³²/n.
func drawnMean(x []float64, mean float64, source *rand.PCG) float64 {
	n := uint64(len(x))
	s := 0.0
	i := uint64(0)
	for ; i+2 <= n; i += 2 {
		r := source.Uint64()
		s += (x[(r>>32)*n>>32] - mean) + (x[(r&math.MaxUint32)*n>>32] - mean)
	}
	if i < n {
		s += x[(source.Uint64()>>32)*n>>32] - mean
	}
	return mean + s/float64(n)
}

func poissonMean(x []float64, mean float64, source *rand.PCG) float64 {
	var s0, s1 float64
	total := 0
	table := poissonTable
	var bits uint64
	for i, v := range x {
		if i%4 == 0 {
			bits = source.Uint64()
		}
		w := table[bits&0xffff]
		bits >>= 16
		total += int(w)
		if i%2 == 0 {
			s0 += float64(w) * (v - mean)
		} else {
			s1 += float64(w) * (v - mean)
		}
	}
	if total == 0 {
		return mean
	}
	return mean + (s0+s1)/float64(total)
}

// poissonTable maps 16 random bits to a Poisson(1) count.
var poissonTable *[1 << 16]uint8

var poissonOnce = sync.OnceFunc(func() {
	var table [1 << 16]uint8
	count, upTo, term := uint8(0), math.Exp(-1), math.Exp(-1)
	for i := range table {
		for (float64(i)+0.5)/(1<<16) > upTo && count < 9 {
			count++
			term /= float64(count)
			upTo += term
		}
		table[i] = count
	}
	poissonTable = &table
})
