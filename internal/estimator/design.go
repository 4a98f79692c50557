package estimator

import (
	"context"
	"fmt"
	"iter"
	"slices"
)

// design is the matrix of a fit, a row for each row of the table. It is in memory, or written a few rows at a time when
// they are asked for: to write a large one to memory takes longer than to go through it.
type design struct {
	rows, columns int
	// fill writes the rows [lo, hi) to out, which holds zeros, on any number of goroutines; names are the columns'.
	fill  func(lo, hi int, out []float64)
	names []string
	// x is row-major; nil until the design was gathered.
	x []float64
}

// gather brings the whole design into memory and refuses a value that is not finite.
func (d *design) gather(ctx context.Context, workers int) error {
	if d.x != nil || d.fill == nil {
		return nil
	}
	x := make([]float64, d.rows*d.columns)
	infinite := make([]int, chunkCount(d.rows))
	err := chunks(ctx, d.rows, workers, func(c, lo, hi int) {
		part := x[lo*d.columns : hi*d.columns]
		d.fill(lo, hi, part)
		infinite[c] = -1
		if i := slices.IndexFunc(part, func(v float64) bool { return v-v != 0 }); i >= 0 {
			infinite[c] = lo*d.columns + i
		}
	})
	if err != nil {
		return err
	}
	for _, i := range infinite {
		if i >= 0 {
			return fmt.Errorf("row %d, %s: its value is too large", i/d.columns+1, d.names[i%d.columns])
		}
	}
	d.x = x
	return nil
}

// pieceRows is how many rows each writes at a time: they stay in the nearest cache.
const pieceRows = 64

// each goes through the rows [lo, hi). A row is good until the next one.
func (d *design) each(lo, hi int) iter.Seq2[int, []float64] {
	return func(yield func(int, []float64) bool) {
		p := d.columns
		piece, first := d.x, 0
		if d.x == nil {
			piece, first = make([]float64, min(pieceRows, hi-lo)*p), hi
		}
		for i := lo; i < hi; i++ {
			if d.x == nil && (first == hi || i == first+pieceRows) {
				first = i
				n := min(pieceRows, hi-i)
				clear(piece)
				d.fill(i, i+n, piece[:n*p])
			}
			at := (i - first) * p
			if !yield(i, piece[at:at+p:at+p]) {
				return
			}
		}
	}
}
