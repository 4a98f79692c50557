package estimator

import (
	"context"
	"math"
)

// leastSquares is the problem of finding the intercept and the coefficients b for which
// sum over rows of w (y - intercept - x b)^2 + alpha |b|^2 is least.
type leastSquares struct {
	design
	y       []float64
	w       []float64 // nil for all 1
	alpha   float64
	workers int
}

// solution holds the intercept, then the coefficients. Dropped are the columns that are, within rounding, a combination
// of the intercept and the columns before them: their coefficients are 0.
type solution struct {
	weights []float64
	dropped []int
}

// directWork is the number of multiplications up to which the exact way costs nothing that anybody would notice.
const directWork = 2e7

// solve streams the centred Gram matrix where that is much cheaper, and takes the orthogonal way for small problems and
// wherever the Gram matrix turns out to lose digits.
func (l *leastSquares) solve(ctx context.Context) (solution, error) {
	q := float64(l.columns + 1)
	if float64(l.rows+l.columns)*q*q > directWork {
		s, ok, err := l.byGram(ctx)
		if ok || err != nil {
			return s, err
		}
	}
	return l.byReflections(ctx)
}

// byReflections solves by Householder's QR and Björck's refinement.
func (l *leastSquares) byReflections(ctx context.Context) (solution, error) {
	if err := l.gather(ctx, l.workers); err != nil {
		return solution{}, err
	}
	rows := l.rows
	if l.alpha > 0 {
		rows += l.columns // the penalty is a row sqrt(alpha) b = 0 for each column
	}
	columns := make([][]float64, l.columns+1)
	for j := range columns {
		if err := ctx.Err(); err != nil {
			return solution{}, err
		}
		columns[j] = l.column(j, rows)
	}
	y := make([]float64, rows)
	for i, v := range l.y {
		y[i] = v
		if l.w != nil {
			y[i] = float64(v * math.Sqrt(l.w[i]))
		}
	}
	// Powers of two scale without rounding.
	scale := make([]int, len(columns))
	for j, c := range columns {
		scale[j] = normalise(c)
	}
	scaleY := normalise(y)
	f, err := reflect(ctx, columns)
	if err != nil {
		return solution{}, err
	}
	b := f.solve(columns, y)
	s := solution{weights: make([]float64, len(columns)), dropped: f.droppedColumns()}
	for k, j := range f.accepted {
		s.weights[j] = math.Ldexp(b[k], scaleY-scale[j])
	}
	return s, nil
}

// column copies column j of the design, in which column 0 is the intercept's.
func (l *leastSquares) column(j, rows int) []float64 {
	out := make([]float64, rows)
	for i := range l.rows {
		v := 1.0
		if j > 0 {
			v = l.x[i*l.columns+j-1]
		}
		if l.w != nil {
			v = float64(v * math.Sqrt(l.w[i]))
		}
		out[i] = v
	}
	if l.alpha > 0 && j > 0 {
		out[l.rows+j-1] = math.Sqrt(l.alpha)
	}
	return out
}

// normalise divides v by the power of two that brings its largest number into [1/2, 1), and returns the exponent.
func normalise(v []float64) int {
	top := 0.0
	for _, x := range v {
		top = max(top, math.Abs(x))
	}
	if top == 0 {
		return 0
	}
	_, e := math.Frexp(top)
	for i, x := range v {
		v[i] = math.Ldexp(x, -e)
	}
	return e
}
