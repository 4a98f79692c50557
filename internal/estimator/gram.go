package estimator

import (
	"context"
	"math"
)

// gramSums adds rows v (width numbers each) with weights to the upper triangle of the Gram matrix in sums, four rows a
// step.
type gramSums struct {
	width  int
	sums   []float64 // width × width, row-major
	rows   []float64 // 4 × width
	weight [4]float64
	filled int
}

func newGramSums(width int, sums []float64) *gramSums {
	return &gramSums{width: width, sums: sums, rows: make([]float64, 4*width)}
}

// next is the memory of the next row; the caller fills all of it and calls done with its weight.
func (g *gramSums) next() []float64 { return g.rows[g.filled*g.width : (g.filled+1)*g.width] }

func (g *gramSums) done(weight float64) {
	g.weight[g.filled] = weight
	if g.filled++; g.filled == 4 {
		g.flush()
	}
}

// flush adds the rows that wait.
func (g *gramSums) flush() {
	for k := g.filled; k < 4; k++ {
		clear(g.rows[k*g.width : (k+1)*g.width])
		g.weight[k] = 0
	}
	g.filled = 0
	w := g.width
	r0, r1, r2, r3 := g.rows[:w], g.rows[w:2*w], g.rows[2*w:3*w], g.rows[3*w:4*w]
	for j := range w {
		a0, a1, a2, a3 := g.weight[0]*r0[j], g.weight[1]*r1[j], g.weight[2]*r2[j], g.weight[3]*r3[j]
		if a0 == 0 && a1 == 0 && a2 == 0 && a3 == 0 {
			continue
		}
		out := g.sums[j*w+j : (j+1)*w]
		b0, b1, b2, b3 := r0[j:][:len(out)], r1[j:][:len(out)], r2[j:][:len(out)], r3[j:][:len(out)]
		for k := range out {
			out[k] += (float64(a0*b0[k]) + float64(a1*b1[k])) + (float64(a2*b2[k]) + float64(a3*b3[k]))
		}
	}
}

// cholesky factorises a symmetric positive definite matrix, given by its upper triangle, after it scaled the diagonal
// to 1 (van der Sluis 1969: within a factor of the width the best scaling there is).
type cholesky struct {
	width  int
	lower  []float64 // width × width, row-major
	scale  []float64
	smooth []bool // whether the column took part; the others depend on the ones before
	least  float64
}

// newCholesky leaves out columns of which less than tolerance is left once the earlier ones were taken out.
func newCholesky(width int, upper []float64, tolerance float64) *cholesky {
	c := &cholesky{width: width, lower: make([]float64, width*width), scale: make([]float64, width), smooth: make([]bool, width), least: 1}
	for j := range width {
		if d := upper[j*width+j]; d > 0 && !math.IsInf(d, 0) {
			c.scale[j] = 1 / math.Sqrt(d)
		}
	}
	for j := range width {
		row := c.lower[j*width : (j+1)*width]
		for k := range j {
			if c.smooth[k] {
				other := c.lower[k*width : k*width+k]
				v := float64(float64(upper[k*width+j]*c.scale[k]) * c.scale[j])
				row[k] = (v - dot(other, row[:k])) / c.lower[k*width+k]
			}
		}
		pivot := 0.0
		if c.scale[j] > 0 && !math.IsInf(c.scale[j], 0) {
			pivot = 1 - dot(row[:j], row[:j])
		}
		if pivot != pivot {
			pivot = 0
		}
		c.least = min(c.least, pivot)
		if pivot > tolerance {
			row[j], c.smooth[j] = math.Sqrt(pivot), true
		} else {
			clear(row)
		}
	}
	return c
}

// solve replaces b by the solution; columns that were left out get 0.
func (c *cholesky) solve(b []float64) {
	w := c.width
	for j := range w {
		b[j] = float64(b[j] * c.scale[j])
		if !c.smooth[j] {
			b[j] = 0
			continue
		}
		b[j] = (b[j] - dot(c.lower[j*w:j*w+j], b[:j])) / c.lower[j*w+j]
	}
	for j := w - 1; j >= 0; j-- {
		if !c.smooth[j] {
			continue
		}
		b[j] /= c.lower[j*w+j]
		axpy(b[:j], -b[j], c.lower[j*w:j*w+j])
		b[j] = float64(b[j] * c.scale[j])
	}
}

// The Gram matrix squares the condition, so it serves only where its least pivot (of a unit diagonal) keeps away from
// rounding, and where the refinement moves the solution by little.
const (
	leastPivot  = 1e-7
	largestMove = 1e-5
	// plainPivot is where residuals in plain precision are good enough for the refinement.
	plainPivot = 1e-3
)

// byGram solves by the Gram matrix of centred columns and one refinement step (Björck's corrected seminormal equations,
// 1987). It reports false where this would lose digits.
func (l *leastSquares) byGram(ctx context.Context) (solution, bool, error) {
	p := l.columns
	c, err := l.centred(ctx)
	if err != nil {
		return solution{}, false, err
	}
	gram, b := make([]float64, p*p), make([]float64, p+1)
	for j := range p {
		copy(gram[j*p+j:(j+1)*p], c.gram[j*(p+1)+j:j*(p+1)+p])
		gram[j*p+j] += l.alpha
		b[1+j] = c.gram[j*(p+1)+p]
	}
	f := newCholesky(p, gram, leastPivot)
	if f.least <= leastPivot {
		return solution{}, false, nil
	}
	f.solve(b[1:])
	b[0] = c.means[p] - dot(b[1:], c.means[:p])
	ok, err := l.refine(ctx, f, refinement{c.means, c.total, b})
	return solution{weights: b}, ok, err
}

func (l *leastSquares) weight(i int) float64 {
	if l.w == nil {
		return 1
	}
	return l.w[i]
}

// moments are the weighted means of the columns and of y, the sum of the weights, and the Gram matrix of both once their
// means were taken off (columns + 1 square, upper triangle).
type moments struct {
	means []float64
	total float64
	gram  []float64
}

// farShift is the share of a column's sum of squares that may be its mean's. Beyond it the subtraction of the mean's part
// would cost digits.
const farShift = 0.1

// centred takes guessed means off and corrects for the rest, so that one pass over the rows is enough (Chan, Golub and
// LeVeque 1983); where the guess was far off, as where few rows have most of the weight, it goes once more.
func (l *leastSquares) centred(ctx context.Context) (moments, error) {
	shift := l.guess()
	q := l.columns + 1
	for again := true; ; again = false {
		sums, err := l.shifted(ctx, shift)
		if err != nil {
			return moments{}, err
		}
		m := moments{means: make([]float64, q), gram: make([]float64, q*q), total: sums[q*(q+1)+q]}
		far := false
		for j := range q {
			off := sums[j*(q+1)+q] / m.total
			m.means[j] = shift[j] + off
			for k := j; k < q; k++ {
				m.gram[j*q+k] = sums[j*(q+1)+k] - float64(off*sums[k*(q+1)+q])
			}
			if square := sums[j*(q+1)+j]; !(square-m.gram[j*q+j] <= farShift*square) {
				far = true
				if !again {
					m.gram[j*q+j] = 0 // a constant: there is nothing but rounding, and nothing to trust
				}
			}
		}
		if !far || !again {
			return m, nil
		}
		shift = m.means
	}
}

// guess is the mean of some rows from everywhere.
func (l *leastSquares) guess() []float64 {
	const most = 1024
	p, step := l.columns, max(1, l.rows/most)
	sums, n := make([]float64, p+1), 0.0
	for i := step / 2; i < l.rows; i += step {
		for _, x := range l.each(i, i+1) {
			axpy(sums[:p], 1, x)
		}
		sums[p] += l.y[i]
		n++
	}
	for j := range sums {
		if sums[j] /= n; sums[j]-sums[j] != 0 {
			sums[j] = 0
		}
	}
	return sums
}

// shifted is the weighted Gram matrix of the columns less shift, of y, and of a column of ones.
func (l *leastSquares) shifted(ctx context.Context, shift []float64) ([]float64, error) {
	p, width := l.columns, l.columns+2
	parts := newPartials(l.rows, width*width)
	err := chunks(ctx, l.rows, l.workers, func(c, lo, hi int) {
		g := newGramSums(width, parts[c])
		for i, x := range l.each(lo, hi) {
			row := g.next()
			for j, v := range x {
				row[j] = v - shift[j]
			}
			row[p], row[p+1] = l.y[i]-shift[p], 1
			g.done(l.weight(i))
		}
		g.flush()
	})
	if err != nil {
		return nil, err
	}
	return parts.total(), nil
}

// refinement is what refine works with: weighted means, the sum of weights, and the weights that it improves.
type refinement struct {
	means []float64
	total float64
	b     []float64
}

// refine takes one step towards the solution and reports whether it was as small as it must be.
func (l *leastSquares) refine(ctx context.Context, f *cholesky, r refinement) (bool, error) {
	p := l.columns
	parts := newPartials(l.rows, p+1)
	exact := f.least < plainPivot
	err := chunks(ctx, l.rows, l.workers, func(c, lo, hi int) {
		sums := make([]doubled, p)
		out := parts[c]
		for i, x := range l.each(lo, hi) {
			var e float64
			if exact {
				e = float64(residual(x, l.y[i], r.b) * l.weight(i))
				for j, v := range x {
					sums[j].addProduct(v-r.means[j], e)
				}
			} else {
				e = float64((l.y[i] - r.b[0] - dot(x, r.b[1:])) * l.weight(i))
				for j, v := range x {
					out[j] += float64((v - r.means[j]) * e)
				}
			}
			out[p] += e
		}
		if exact {
			for j := range sums {
				out[j] = sums[j].value()
			}
		}
	})
	if err != nil {
		return false, err
	}
	step := parts.total()
	axpy(step[:p], -l.alpha, r.b[1:])
	f.solve(step[:p])
	var moved, size float64
	for j := range p {
		moved = max(moved, math.Abs(step[j]/f.scale[j]))
		size = max(size, math.Abs(r.b[1+j]/f.scale[j]))
	}
	axpy(r.b[1:], 1, step[:p])
	r.b[0] += step[p]/r.total - dot(step[:p], r.means[:p])
	return moved <= largestMove*size || moved == 0, nil
}

// residual is y - b[0] - x b[1:] in doubled precision.
func residual(x []float64, y float64, b []float64) float64 {
	d := doubled{high: y}
	d.add(-b[0])
	for j, v := range x {
		d.addProduct(-v, b[1+j])
	}
	return d.value()
}
