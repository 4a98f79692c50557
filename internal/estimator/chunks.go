package estimator

import (
	"context"
	"sync"
	"sync/atomic"
)

// Rows are worked through in chunks whose bounds depend on the number of rows alone. Each chunk has its own sums, which
// are added in order: so the number of workers changes no bit of a result.
const (
	maxChunks = 32
	minChunk  = 1024
)

func chunkSize(rows int) int { return max(minChunk, (rows+maxChunks-1)/maxChunks) }

func chunkCount(rows int) int { return (rows + chunkSize(rows) - 1) / chunkSize(rows) }

// chunks calls work once for each chunk [lo, hi) of rows, on up to workers goroutines. It ends early when ctx does.
func chunks(ctx context.Context, rows, workers int, work func(chunk, lo, hi int)) error {
	size, count := chunkSize(rows), chunkCount(rows)
	var next atomic.Int64
	loop := func() {
		for ctx.Err() == nil {
			c := int(next.Add(1)) - 1
			if c >= count {
				return
			}
			work(c, c*size, min(rows, (c+1)*size))
		}
	}
	var wait sync.WaitGroup
	for range min(workers, count) - 1 {
		wait.Go(loop)
	}
	loop()
	wait.Wait()
	return ctx.Err()
}

// partials are the sums of chunks, one vector for each.
type partials [][]float64

func newPartials(rows, width int) partials {
	p := make(partials, chunkCount(rows))
	all := make([]float64, len(p)*width)
	for c := range p {
		p[c] = all[c*width : (c+1)*width : (c+1)*width]
	}
	return p
}

// reset sets every sum to zero.
func (p partials) reset() {
	for _, v := range p {
		clear(v)
	}
}

// total adds the chunks in order, into the first.
func (p partials) total() []float64 {
	for _, v := range p[1:] {
		for i, x := range v {
			p[0][i] += x
		}
	}
	return p[0]
}
