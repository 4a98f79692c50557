package stats

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sort"
)

// SliceSearch asks in which slices of the rows the candidate lost most, with p-values that account for the search:
// every sign flip looks through all slices, and a slice is judged against the worst slice of each flip (max-T).
type SliceSearch struct {
	// Difference holds the paired difference of each row, positive when the candidate is better.
	Difference []float64
	// Cluster holds a number per row of the cluster whose sign flips as a whole; nil where rows are independent.
	Cluster []int
	// Codes holds, per feature and row, the bin of the row; a code of NoBin or at least Bins is in no slice. Bins holds
	// each feature's number of bins. Every bin is a slice, and with Pairs every pair of bins of two features too.
	Codes [][]uint8
	Bins  []int
	Pairs bool
	// Lists are further slices, as row numbers.
	Lists [][]int32
	// MinRows is the support below which a slice is left out.
	MinRows int
	Resampling
}

// NoBin is the code of a row that a feature puts in no bin.
const NoBin = 255

// SliceFinding is one slice that had enough rows. Features are -1 where they do not apply.
type SliceFinding struct {
	// Feature and Bin name a bin; Feature2 and Bin2 the second predicate of a pair; List an entry of Lists.
	Feature, Bin, Feature2, Bin2, List int
	Rows                               int
	// Mean is the slice's mean difference, T its sum over the root of its sum of squares: negative is worse.
	Mean, T float64
	// P is the probability that the worst of all slices is as bad as this one by chance.
	P float64
}

// lanes is how many flips are worked on at once: each row's bin is then looked up once for all of them.
const lanes = 8

// Search returns every slice with enough rows, worst first. The error names an input of the wrong length or range.
func (s SliceSearch) Search() ([]SliceFinding, error) {
	k, err := newSliceKernel(s)
	if err != nil {
		return nil, err
	}
	resamples := s.resamples()
	batches := (resamples + lanes - 1) / lanes
	worst := make([]float64, batches*lanes)
	s.each(batches, func() func(int) {
		w := k.newWorker()
		return func(batch int) {
			w.signs(s.Resampling, batch*lanes)
			w.largest(worst[batch*lanes : (batch+1)*lanes])
		}
	})
	worst = worst[:resamples]
	slices.Sort(worst)
	for i := range k.found {
		f := &k.found[i]
		// The slack lets a flip that gives the same sum by another order of adding count as equal.
		reached := resamples - sort.SearchFloat64s(worst, -f.T*(1-1e-12)-1e-12)
		f.P = float64(1+reached) / float64(resamples+1)
	}
	slices.SortStableFunc(k.found, func(a, b SliceFinding) int { return cmp.Compare(a.T, b.T) })
	return k.found, nil
}

// sliceKernel holds the rows whose difference is not zero (the others move nothing) and the partitions of the rows.
type sliceKernel struct {
	search  SliceSearch
	rows    []int32 // the moved rows
	codes   [][]uint8
	parts   []partition
	lists   [][]int32 // positions in rows
	listsBy []float64
	found   []SliceFinding
}

// partition is the bins of one feature or of two; scale holds 1/√Σd² per cell, 0 where the cell is left out.
type partition struct {
	a, b  int // features; b is -1 for one
	width int // cells per bin of a
	scale []float64
}

func newSliceKernel(s SliceSearch) (*sliceKernel, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	k := &sliceKernel{search: s}
	position := make([]int32, len(s.Difference))
	for i, d := range s.Difference {
		position[i] = -1
		if d != 0 {
			position[i] = int32(len(k.rows))
			k.rows = append(k.rows, int32(i))
		}
	}
	full := make([][]uint8, len(s.Codes))
	for f, codes := range s.Codes {
		full[f] = make([]uint8, len(codes))
		for i, c := range codes {
			full[f][i] = uint8(min(int(c), s.Bins[f])) // the last cell collects the rows in no bin
		}
		k.codes = append(k.codes, make([]uint8, len(k.rows)))
		for at, row := range k.rows {
			k.codes[f][at] = full[f][row]
		}
	}
	for a := range full {
		k.addPartition(full, a, -1)
	}
	for a := range full {
		for b := a + 1; b < len(full) && s.Pairs; b++ {
			k.addPartition(full, a, b)
		}
	}
	for l, list := range s.Lists {
		var tally cellTally
		var moved []int32
		for _, row := range list {
			tally.add(s.Difference[row])
			if position[row] >= 0 {
				moved = append(moved, position[row])
			}
		}
		scale := k.find(SliceFinding{Feature: -1, Bin: -1, Feature2: -1, Bin2: -1, List: l}, tally)
		if scale > 0 {
			k.lists = append(k.lists, moved)
			k.listsBy = append(k.listsBy, scale)
		}
	}
	return k, nil
}

func (s SliceSearch) check() error {
	n := len(s.Difference)
	for i, d := range s.Difference {
		if math.IsNaN(d) || math.IsInf(d, 0) {
			return fmt.Errorf("search slices: row %d: the difference is not a finite number", i)
		}
	}
	if s.Cluster != nil && len(s.Cluster) != n {
		return fmt.Errorf("search slices: %d cluster numbers for %d rows", len(s.Cluster), n)
	}
	for i, c := range s.Cluster {
		if c < 0 || c > 1<<31 {
			return fmt.Errorf("search slices: row %d: cluster number %d", i, c)
		}
	}
	if len(s.Bins) != len(s.Codes) {
		return fmt.Errorf("search slices: %d numbers of bins for %d features", len(s.Bins), len(s.Codes))
	}
	for f, codes := range s.Codes {
		if len(codes) != n {
			return fmt.Errorf("search slices: feature %d: %d codes for %d rows", f, len(codes), n)
		}
		if s.Bins[f] < 1 || s.Bins[f] > NoBin {
			return fmt.Errorf("search slices: feature %d: %d bins, between 1 and %d can be searched", f, s.Bins[f], NoBin)
		}
	}
	for l, list := range s.Lists {
		for _, row := range list {
			if row < 0 || int(row) >= n {
				return fmt.Errorf("search slices: list %d: row %d of %d", l, row, n)
			}
		}
	}
	return nil
}

// cellTally gathers what a slice's statistic needs.
type cellTally struct {
	rows         int
	sum, squares float64
}

func (t *cellTally) add(d float64) {
	t.rows++
	t.sum += d
	t.squares += float64(d * d)
}

// find notes a slice with enough rows and returns the scale of its statistic, 0 where it is left out or cannot move.
func (k *sliceKernel) find(f SliceFinding, t cellTally) float64 {
	if t.rows < max(k.search.MinRows, 1) {
		return 0
	}
	scale := 0.0
	if t.squares > 0 {
		scale = 1 / math.Sqrt(t.squares)
	}
	f.Rows, f.Mean, f.T = t.rows, t.sum/float64(t.rows), t.sum*scale
	k.found = append(k.found, f)
	return scale
}

func (k *sliceKernel) addPartition(full [][]uint8, a, b int) {
	s := k.search
	p := partition{a: a, b: b, width: 1}
	if b >= 0 {
		p.width = s.Bins[b] + 1
	}
	tallies := make([]cellTally, (s.Bins[a]+1)*p.width)
	for i, d := range s.Difference {
		cell := int(full[a][i]) * p.width
		if b >= 0 {
			cell += int(full[b][i])
		}
		tallies[cell].add(d)
	}
	p.scale = make([]float64, len(tallies))
	some := false
	for cell, t := range tallies {
		f := SliceFinding{Feature: a, Bin: cell / p.width, Feature2: -1, Bin2: -1, List: -1}
		outside := f.Bin == s.Bins[a]
		if b >= 0 {
			f.Feature2, f.Bin2 = b, cell%p.width
			outside = outside || f.Bin2 == s.Bins[b]
		}
		if !outside {
			p.scale[cell] = k.find(f, t)
			some = some || p.scale[cell] > 0
		}
	}
	if some {
		k.parts = append(k.parts, p)
	}
}

// sliceWorker is one worker's memory: signed differences of the moved rows and sums of one partition, `lanes` wide.
type sliceWorker struct {
	*sliceKernel
	signed [][lanes]float64
	sums   [][lanes]float64
	words  []uint64
}

func (k *sliceKernel) newWorker() *sliceWorker {
	cells := 0
	for _, p := range k.parts {
		cells = max(cells, len(p.scale))
	}
	units := len(k.rows)
	for _, c := range k.search.Cluster {
		units = max(units, c+1)
	}
	return &sliceWorker{
		sliceKernel: k, signed: make([][lanes]float64, len(k.rows)), sums: make([][lanes]float64, cells),
		words: make([]uint64, (units+63)/64),
	}
}

// signs draws the flips from first on, a bit per row or per cluster.
func (w *sliceWorker) signs(o Resampling, first int) {
	for lane := range lanes {
		source := rand.NewPCG(o.Seed, uint64(first+lane))
		for i := range w.words {
			w.words[i] = source.Uint64()
		}
		for at, row := range w.rows {
			unit := at
			if w.search.Cluster != nil {
				unit = w.search.Cluster[row]
			}
			bit := w.words[unit>>6] >> (unit & 63) << 63
			w.signed[at][lane] = math.Float64frombits(math.Float64bits(w.search.Difference[row]) ^ bit)
		}
	}
}

// largest puts the largest -T over all slices of each lane's flip into out.
func (w *sliceWorker) largest(out []float64) {
	var low [lanes]float64
	for _, p := range w.parts {
		sums := w.sums[:len(p.scale)]
		clear(sums)
		if p.b < 0 {
			addSingle(sums, w.signed, w.codes[p.a])
		} else {
			addPairs(sums, w.signed, pairCodes{w.codes[p.a], w.codes[p.b], p.width})
		}
		for cell, scale := range p.scale {
			if scale > 0 {
				lower(&low, &sums[cell], scale)
			}
		}
	}
	for l, list := range w.lists {
		var total [lanes]float64
		for _, at := range list {
			addLanes(&total, &w.signed[at])
		}
		lower(&low, &total, w.listsBy[l])
	}
	for lane := range lanes {
		out[lane] = -low[lane]
	}
}

func lower(low, sums *[lanes]float64, scale float64) {
	for lane := range lanes {
		if t := sums[lane] * scale; t < low[lane] {
			low[lane] = t
		}
	}
}

func addSingle(sums, signed [][lanes]float64, codes []uint8) {
	for i := range signed {
		addLanes(&sums[codes[i]], &signed[i])
	}
}

type pairCodes struct {
	a, b  []uint8
	width int
}

func addPairs(sums, signed [][lanes]float64, c pairCodes) {
	a, b := c.a[:len(signed)], c.b[:len(signed)]
	for i := range signed {
		addLanes(&sums[int(a[i])*c.width+int(b[i])], &signed[i])
	}
}

// addLanes is unrolled by hand: the compiler keeps it in registers and inlines it.
func addLanes(to, from *[lanes]float64) {
	to[0] += from[0]
	to[1] += from[1]
	to[2] += from[2]
	to[3] += from[3]
	to[4] += from[4]
	to[5] += from[5]
	to[6] += from[6]
	to[7] += from[7]
}
