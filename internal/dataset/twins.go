package dataset

import (
	"fmt"
	"maps"
	"math"
	"slices"
)

// CheckNearCopies is the name of the check for evaluation rows that stand among the training rows with small changes.
const CheckNearCopies = "near-copies"

const (
	// nearShare is how far apart two values of near copies may be, as a share of the column's spread.
	nearShare = 0.05
	// nearChance is how improbable it must be, in either of two tests, that so many groups of near copies fall on both sides.
	nearChance = 0.0025
	nearLeast  = 3
	// nearRows bounds the rows of either side that are looked at, and nearWork the pairs: where more are near each other,
	// the columns do not tell a copy from a neighbour.
	nearRows = 200_000
	nearWork = 20_000_000
)

// nearCopies looks for evaluation rows that differ from a training row by little in every feature and in the target, but do
// differ: sharedRows finds the others. In many tables some rows are near others by nature. Those fall on both sides of a
// split no more often than a split by chance makes them, whereas copies that were made of evaluation rows always do.
func (c *checker) nearCopies() {
	s, ok := c.newTwinSearch()
	if !ok || !s.run() {
		return
	}
	observed, all, judging := s.split()
	if len(s.copied) < nearLeast {
		return
	}
	chances := all
	if atLeast(observed, all) > nearChance {
		if chances = judging; atLeast(observed, judging) > nearChance {
			return
		}
	}
	expected := 0.0
	for _, p := range chances {
		expected += p
	}
	rows := slices.Sorted(maps.Keys(s.copied))
	c.add(Check{
		Name: CheckNearCopies, Severity: Warn, Rows: pick(c.EvaluateKeys, rows), Count: len(rows),
		Message: fmt.Sprintf("%s of the evaluation rows have a near copy among the training rows: no value further away than %g %% of its column's spread, "+
			"the target's included; of %d groups of such rows %d stand on both sides, where chance would have %.1f",
			count(len(rows), c.Evaluate.Rows()), 100*nearShare, len(chances), observed, expected),
	})
}

// twinSearch finds the pairs of rows that are near each other, of both tables together: training rows first.
type twinSearch struct {
	train, evaluate int
	// step is how far apart the rows of the table are that are looked at.
	steps   [2]int
	columns []twinColumn

	keys   []uint64         // each row's cell
	first  map[uint64]int32 // the first row of a cell
	next   []int32          // the next row of the same cell, or -1
	parent []int32          // of a row in its group
	copied map[int]bool     // rows of the evaluation table with a near copy among the training rows
	work   int
}

// twinColumn is one column of both tables: numbers with a tolerance and the width of a cell, or codes.
type twinColumn struct {
	values           []float64
	near, width      float64 // 0 for what must be equal
	salt, missingKey uint64
}

// newTwinSearch reports false where no column has numbers that could be changed by little.
func (c *checker) newTwinSearch() (*twinSearch, bool) {
	s := &twinSearch{first: make(map[uint64]int32), copied: make(map[int]bool)}
	s.train, s.steps[0] = thin(c.Train.Rows())
	s.evaluate, s.steps[1] = thin(c.Evaluate.Rows())
	var names []string
	for _, f := range c.features() {
		names = append(names, f.Name)
	}
	var spreads []float64
	for _, name := range append(names, c.Target) {
		a, b, ok := c.both(name)
		if !ok || (a.Kind == Category) != (b.Kind == Category) {
			continue
		}
		column := twinColumn{salt: mix(uint64(len(s.columns)) + 1), missingKey: mix(math.MaxUint64 - uint64(len(s.columns)))}
		if a.Kind == Category {
			column.values = s.codes(a, b)
		} else {
			column.values = append(thinned(a.Floats, s.steps[0]), thinned(b.Floats, s.steps[1])...)
		}
		spread := 0.0
		if a.Kind == Number || a.Kind == Date {
			spread = spreadOf(column.values[:s.train])
		}
		s.columns, spreads = append(s.columns, column), append(spreads, spread)
	}
	numbers := float64(len(spreads) - len(where(len(spreads), func(i int) bool { return spreads[i] == 0 })))
	for i, spread := range spreads {
		s.columns[i].near = nearShare * spread
		// With cells this wide a row looks into e^2 = 7 of them on average, however many columns there are.
		s.columns[i].width = max(4, numbers) * s.columns[i].near
	}
	return s, numbers > 0 && s.train > 0 && s.evaluate > 0
}

// thin gives how many of n rows are looked at, and their distance.
func thin(n int) (rows, step int) {
	step = max(1, (n+nearRows-1)/nearRows)
	return (n + step - 1) / step, step
}

func thinned(v []float64, step int) []float64 {
	out := make([]float64, 0, len(v)/step+1)
	for i := 0; i < len(v); i += step {
		out = append(out, v[i])
	}
	return out
}

// codes numbers the texts of both columns alike; NaN is a missing one.
func (s *twinSearch) codes(a, b *Column) []float64 {
	known := make(map[string]float64)
	var out []float64
	for side, c := range []*Column{a, b} {
		for i := 0; i < c.Len(); i += s.steps[side] {
			if c.Missing(i) {
				out = append(out, math.NaN())
				continue
			}
			text := c.Text(i)
			code, ok := known[text]
			if !ok {
				code = float64(len(known))
				known[text] = code
			}
			out = append(out, code)
		}
	}
	return out
}

// spreadOf is the standard deviation, or what the quartiles of a normal distribution say of it where that is less, so that
// a few far values do not make everything near.
func spreadOf(v []float64) float64 {
	const most = 4096
	var sample []float64
	step := max(1, len(v)/most)
	for i := 0; i < len(v); i += step {
		if v[i]-v[i] == 0 {
			sample = append(sample, v[i])
		}
	}
	if len(sample) < 2 {
		return 0
	}
	mean, square := 0.0, 0.0
	for i, x := range sample {
		d := x - mean
		mean += d / float64(i+1)
		square += float64(d * (x - mean))
	}
	spread := math.Sqrt(square / float64(len(sample)-1))
	slices.Sort(sample)
	const normalQuartiles = 1.349 // between the quartiles of the standard normal distribution
	if q := (sample[3*len(sample)/4] - sample[len(sample)/4]) / normalQuartiles; q > 0 && q < spread {
		spread = q
	}
	if spread-spread != 0 {
		return 0
	}
	return spread
}

// mix spreads the bits of a number (splitmix64, Steele, Lea and Flood 2014).
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// cell is what a value adds to its row's key, and what its near neighbour cell would add instead; other is 0 where the
// value is not near a border.
func (t *twinColumn) cell(v float64) (own, other uint64) {
	if v != v {
		return t.missingKey, 0
	}
	if t.width == 0 {
		return mix(math.Float64bits(v+0) ^ t.salt), 0
	}
	at := v/t.width + 0.37 // whole numbers and zeros are away from borders
	floor := math.Floor(at)
	own = mix(math.Float64bits(floor) ^ t.salt)
	edge := t.near / t.width * (1 + 1e-9)
	switch {
	case at-floor <= edge:
		other = mix(math.Float64bits(floor-1) ^ t.salt)
	case floor+1-at <= edge:
		other = mix(math.Float64bits(floor+1) ^ t.salt)
	}
	return own, other
}

// run finds all pairs; false means that there are too many.
func (s *twinSearch) run() bool {
	n := s.train + s.evaluate
	s.keys, s.next, s.parent = make([]uint64, n), make([]int32, n), make([]int32, n)
	for row := n - 1; row >= 0; row-- {
		for i := range s.columns {
			own, _ := s.columns[i].cell(s.columns[i].values[row])
			s.keys[row] += own
		}
		s.parent[row], s.next[row] = int32(row), -1
		if head, ok := s.first[s.keys[row]]; ok {
			s.next[row] = head
		}
		s.first[s.keys[row]] = int32(row)
	}
	moves := make([]uint64, 0, len(s.columns))
	for row := range n {
		moves = moves[:0]
		for i := range s.columns {
			if own, other := s.columns[i].cell(s.columns[i].values[row]); other != 0 {
				moves = append(moves, other-own)
			}
		}
		if !s.look(row, s.keys[row], moves) {
			return false
		}
	}
	return true
}

// look compares a row with those of a cell, and of the cells that any of the moves lead to.
func (s *twinSearch) look(row int, key uint64, moves []uint64) bool {
	if s.work++; s.work > nearWork {
		return false
	}
	if head, ok := s.first[key]; ok {
		for other := head; other >= 0; other = s.next[other] {
			if s.work++; s.work > nearWork {
				return false
			}
			if int(other) > row && s.near(row, int(other)) {
				s.join(row, int(other))
			}
		}
	}
	for i, move := range moves {
		if !s.look(row, key+move, moves[i+1:]) {
			return false
		}
	}
	return true
}

// near tells whether two rows differ, and by little.
func (s *twinSearch) near(a, b int) bool {
	differ := false
	for i := range s.columns {
		t := &s.columns[i]
		x, y := t.values[a], t.values[b]
		if x == y || x != x && y != y {
			continue
		}
		if !(math.Abs(x-y) <= t.near) {
			return false
		}
		differ = differ || roughBits(x) != roughBits(y)
	}
	return differ
}

// join puts two rows into one group.
func (s *twinSearch) join(a, b int) {
	if a < s.train && b >= s.train {
		s.copied[(b-s.train)*s.steps[1]] = true
	}
	s.parent[s.root(int32(a))] = s.root(int32(b))
}

func (s *twinSearch) root(row int32) int32 {
	for s.parent[row] != row {
		s.parent[row] = s.parent[s.parent[row]]
		row = s.parent[row]
	}
	return row
}

// split counts the groups that stand on both sides. For each group it gives the probability that it does when each of its
// rows fell on a side by chance; judging has those of the groups that hold evaluation rows, given that they do, for the
// training rows are the change's: copies of them would make the rest look natural.
func (s *twinSearch) split() (observed int, all, judging []float64) {
	sizes := make(map[int32][2]int)
	for row := range s.parent {
		root := s.root(int32(row))
		size := sizes[root]
		size[number(row >= s.train)]++
		sizes[root] = size
	}
	share := float64(s.train) / float64(s.train+s.evaluate)
	for _, size := range sizes {
		n := float64(size[0] + size[1])
		if n < 2 {
			continue
		}
		if size[0] > 0 && size[1] > 0 {
			observed++
		}
		none := math.Pow(share, n)
		mixed := 1 - none - math.Pow(1-share, n)
		all = append(all, mixed)
		if size[1] > 0 {
			judging = append(judging, mixed/(1-none))
		}
	}
	slices.Sort(all) // not in the order of a map
	slices.Sort(judging)
	return observed, all, judging
}

func number(b bool) int {
	if b {
		return 1
	}
	return 0
}

// atLeast is the probability that k or more of independent events happen.
func atLeast(k int, chances []float64) float64 {
	const exactly = 3000
	if len(chances) > exactly { // the normal distribution is as good by then
		mean, variance := 0.0, 0.0
		for _, p := range chances {
			mean += p
			variance += float64(p * (1 - p))
		}
		return math.Erfc((float64(k)-0.5-mean)/math.Sqrt(2*variance)) / 2
	}
	happen := make([]float64, len(chances)+1) // the probability of each number of events so far
	happen[0] = 1
	for n, p := range chances {
		for i := n + 1; i > 0; i-- {
			happen[i] = float64(happen[i]*(1-p)) + float64(happen[i-1]*p)
		}
		happen[0] *= 1 - p
	}
	sum := 0.0
	for _, p := range slices.Backward(happen[min(k, len(happen)):]) {
		sum += p
	}
	return sum
}
