package stats

import (
	"math"
	"math/bits"
)

// SignFlips is a paired permutation test's answer: p-values of "the two models are equally good", never of a margin.
type SignFlips struct {
	// Worse and Better are one-sided: small means that the candidate is worse, or better. TwoSided compares |sum|.
	Worse, Better, TwoSided float64
	// Exact says that all 2ⁿ flips were tried, so that the answer has no chance in it.
	Exact bool
}

// exactFlips is the number of rows up to which every combination of signs is tried.
const exactFlips = 20

// SignFlip asks how often random signs would make the sum of d as extreme as it is. It is exact where the difference of
// each row is as likely to be d as -d under equality; rows that belong together must come in as cluster sums. Up to 20
// rows that are not zero it enumerates, beyond it draws o.Resamples flips and p = (1+#)/(B+1).
func SignFlip(d []float64, o Resampling) SignFlips {
	var moved []float64
	var total, scale sum
	for _, v := range d {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return SignFlips{Worse: 1, Better: 1, TwoSided: 1}
		}
		if v != 0 {
			moved = append(moved, v)
			total.add(v)
			scale.add(math.Abs(v))
		}
	}
	if len(moved) == 0 {
		return SignFlips{Worse: 1, Better: 1, TwoSided: 1, Exact: true}
	}
	t := flipTally{observed: total.value(), slack: 1e-11 * scale.value()}
	if len(moved) <= exactFlips {
		t.enumerate(moved)
		return t.answer(0, true)
	}
	words := make([]uint64, len(moved))
	for i, v := range moved {
		words[i] = math.Float64bits(v)
	}
	sums := make([]float64, o.resamples())
	o.each(len(sums), func() func(int) {
		return func(b int) { sums[b] = flippedSum(words, o.source(b).Uint64) }
	})
	for _, s := range sums {
		t.count(s)
	}
	return t.answer(1, false)
}

// flipTally counts flips. Sums within slack count as equal, so that rounding cannot break a tie.
type flipTally struct {
	observed, slack           float64
	flips, worse, better, two int
}

func (t *flipTally) count(s float64) {
	t.flips++
	if s <= t.observed+t.slack {
		t.worse++
	}
	if s >= t.observed-t.slack {
		t.better++
	}
	if math.Abs(s) >= math.Abs(t.observed)-t.slack {
		t.two++
	}
}

func (t *flipTally) answer(extra int, exact bool) SignFlips {
	n := float64(t.flips + extra)
	return SignFlips{
		Worse: float64(t.worse+extra) / n, Better: float64(t.better+extra) / n,
		TwoSided: float64(t.two+extra) / n, Exact: exact,
	}
}

// enumerate walks all signs in Gray code order, one flip at a time.
func (t *flipTally) enumerate(d []float64) {
	s := t.observed
	negative := make([]bool, len(d))
	for i := uint(0); ; {
		t.count(s)
		i++
		if i == 1<<len(d) {
			return
		}
		k := bits.TrailingZeros(i)
		if negative[k] {
			s += 2 * d[k]
		} else {
			s -= 2 * d[k]
		}
		negative[k] = !negative[k]
	}
}

// flippedSum adds the rows with one random bit each as their sign, in four lanes.
func flippedSum(words []uint64, random func() uint64) float64 {
	const sign = 1 << 63
	var s0, s1, s2, s3 float64
	for start := 0; start < len(words); start += 64 {
		r := random()
		block := words[start:min(start+64, len(words))]
		for len(block) >= 4 {
			s0 += math.Float64frombits(block[0] ^ r&sign)
			s1 += math.Float64frombits(block[1] ^ r<<1&sign)
			s2 += math.Float64frombits(block[2] ^ r<<2&sign)
			s3 += math.Float64frombits(block[3] ^ r<<3&sign)
			r <<= 4
			block = block[4:]
		}
		for _, w := range block {
			s0 += math.Float64frombits(w ^ r&sign)
			r <<= 1
		}
	}
	return (s0 + s1) + (s2 + s3)
}
