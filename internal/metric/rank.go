package metric

import (
	"cmp"
	"math"
	"slices"
)

// ranked is one row in the order of its score.
type ranked struct {
	key uint64 // orders as the score does
	tag uint32 // row<<1 | label
}

func (r ranked) row() int   { return int(r.tag >> 1) }
func (r ranked) label() int { return int(r.tag & 1) }

const (
	digitBits   = 11
	digitValues = 1 << digitBits
	digits      = 6 // of 11 bits each hold the 64 of a key
	// radixRows is the number of rows from which on sorting by digits is faster than by comparing.
	radixRows = 2048
)

// rank sorts the rows by their score, the lowest first, equal ones in row order.
func rank(in *input) []ranked {
	ranks := make([]ranked, in.n)
	for i := range ranks {
		// A probability is not negative, so its bits order as it does; adding zero turns -0 into 0.
		ranks[i] = ranked{key: math.Float64bits(in.score(i) + 0), tag: uint32(i)<<1 | uint32(in.labels[i])}
	}
	if in.n < radixRows {
		slices.SortFunc(ranks, func(a, b ranked) int { return cmp.Or(cmp.Compare(a.key, b.key), cmp.Compare(a.tag, b.tag)) })
		return ranks
	}
	return sortByDigits(ranks)
}

// sortByDigits is a radix sort from the lowest digit up, which is stable; digits that all rows share are passed over.
func sortByDigits(ranks []ranked) []ranked {
	var counts [digits][digitValues]int32
	for _, r := range ranks {
		key := r.key
		for d := range counts {
			counts[d][key&(digitValues-1)]++
			key >>= digitBits
		}
	}
	spare := make([]ranked, len(ranks))
	for d := range counts {
		count, shift := &counts[d], d*digitBits
		if int(count[ranks[0].key>>shift&(digitValues-1)]) == len(ranks) {
			continue
		}
		start := int32(0)
		for v, c := range count {
			count[v] = start
			start += c
		}
		for _, r := range ranks {
			v := r.key >> shift & (digitValues - 1)
			spare[count[v]] = r
			count[v]++
		}
		ranks, spare = spare, ranks
	}
	return ranks
}
