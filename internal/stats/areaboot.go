package stats

import (
	"fmt"
	"math"
	"math/rand/v2"
)

// AreaBootstrap resamples the difference of two areas under the ROC curve, candidate minus baseline, with the classes
// drawn apart. Scores are sorted once; each resample only walks the two orders with the rows' counts. It is the second
// opinion on DeLong. The error is PlacementsOf's: a class is missing, or a score is not a number.
func AreaBootstrap(positive []bool, baseline, candidate []float64, o Resampling) (Replicates, error) {
	for _, scores := range [][]float64{baseline, candidate} {
		if err := checkScores(positive, scores); err != nil {
			return Replicates{}, fmt.Errorf("resample areas: %w", err)
		}
	}
	a := newAreaResampler(positive, baseline, candidate)
	poisson := o.poisson(len(positive))
	if poisson {
		poissonOnce()
	}
	values := make([]float64, o.resamples())
	o.each(len(values), func() func(int) {
		// A count over 255 would take the same row 256 times out of n draws from n rows: odds of 1 to 256 factorial.
		counts := make([]uint8, len(positive))
		return func(b int) {
			var m, k uint64
			if poisson {
				m, k = a.poisson(counts, o.source(b))
			} else {
				m, k = a.draw(counts, o.source(b))
			}
			if m == 0 || k == 0 {
				values[b] = math.NaN()
				return
			}
			pairs := 2 * float64(m) * float64(k)
			values[b] = (float64(walk(a.candidate, counts)) - float64(walk(a.baseline, counts))) / pairs
		}
	})
	return newReplicates(values), nil
}

// areaResampler holds rows renumbered so that a class is a range, positives first, each in the baseline's order: one of
// the two walks then reads memory in sequence.
type areaResampler struct {
	positives, negatives uint64
	baseline, candidate  []uint32
}

// An entry of an order is the row's number, shifted, with its class and the end of a group of ties in the low bits.
const (
	entryEndsTie  = 1
	entryPositive = 2
	entryShift    = 2
)

func newAreaResampler(positive []bool, baseline, candidate []float64) areaResampler {
	var a areaResampler
	for _, p := range positive {
		if p {
			a.positives++
		} else {
			a.negatives++
		}
	}
	number := make([]uint32, len(positive))
	order := Order(baseline)
	nextPositive, nextNegative := uint32(0), uint32(a.positives)
	for _, row := range order {
		if positive[row] {
			number[row] = nextPositive
			nextPositive++
		} else {
			number[row] = nextNegative
			nextNegative++
		}
	}
	a.baseline = entries(order, baseline, positive, number)
	a.candidate = entries(Order(candidate), candidate, positive, number)
	return a
}

func entries(order []int32, scores []float64, positive []bool, number []uint32) []uint32 {
	out := make([]uint32, len(order))
	for i, row := range order {
		e := number[row] << entryShift
		if positive[row] {
			e |= entryPositive
		}
		if i+1 == len(order) || scores[order[i+1]] != scores[row] {
			e |= entryEndsTie
		}
		out[i] = e
	}
	return out
}

func (a areaResampler) draw(counts []uint8, source *rand.PCG) (m, k uint64) {
	clear(counts)
	drawRange(counts[:a.positives], source)
	drawRange(counts[a.positives:], source)
	return a.positives, a.negatives
}

func drawRange(counts []uint8, source *rand.PCG) {
	n := uint64(len(counts))
	for i := uint64(0); i < n; i += 2 {
		r := source.Uint64()
		counts[(r>>32)*n>>32]++
		if i+1 < n {
			counts[(r&math.MaxUint32)*n>>32]++
		}
	}
}

func (a areaResampler) poisson(counts []uint8, source *rand.PCG) (m, k uint64) {
	table := poissonTable
	var bits uint64
	for i := range counts {
		if i%4 == 0 {
			bits = source.Uint64()
		}
		counts[i] = table[bits&0xffff]
		bits >>= 16
	}
	for i, c := range counts {
		if uint64(i) < a.positives {
			m += uint64(c)
		} else {
			k += uint64(c)
		}
	}
	return m, k
}

// walk returns twice the number of (positive, negative) pairs in the right order, a tie counting as half a pair.
func walk(order []uint32, counts []uint8) uint64 {
	var twice, negativesBelow, tied uint64 // tied: positives in the high half, negatives in the low half
	for _, e := range order {
		tied += uint64(counts[e>>entryShift]) << (e & entryPositive << 4)
		if e&entryEndsTie != 0 {
			negatives := tied & math.MaxUint32
			twice += tied >> 32 * (2*negativesBelow + negatives)
			negativesBelow += negatives
			tied = 0
		}
	}
	return twice
}

func checkScores(positive []bool, scores []float64) error {
	if len(positive) != len(scores) {
		return fmt.Errorf("rank scores: %d labels for %d scores", len(positive), len(scores))
	}
	m := 0
	for i, p := range positive {
		if p {
			m++
		}
		if math.IsNaN(scores[i]) {
			return fmt.Errorf("rank scores: row %d is not a number", i)
		}
	}
	if m == 0 || m == len(positive) {
		return fmt.Errorf("rank scores: %d positive and %d negative rows, both classes are needed", m, len(positive)-m)
	}
	return nil
}
