package estimator

import (
	"context"
	"math"
	"slices"
)

// factors is Householder's QR factorisation of the accepted columns of a design.
type factors struct {
	rows     int
	accepted []int
	columns  int
	// reflectors[k] is v of the k-th reflection I - tau v v', from row k on; tau[k] belongs to it.
	reflectors [][]float64
	tau        []float64
	// upper[k] is column k of R, its first k+1 numbers.
	upper [][]float64
}

// dependent is the share of a column's length that must be left after the columns before it were taken out of it.
// Of a sum of other columns, rounding leaves 1e-16 (50 rows) to 2e-15 (20,000 rows); the tenth power in NIST's Filip, as
// badly conditioned as data come, has 5e-8 left.
const dependent = 1e-12

// reflect factorises the columns from left to right and leaves out those that depend on earlier ones.
func reflect(ctx context.Context, design [][]float64) (*factors, error) {
	f := &factors{rows: len(design[0]), columns: len(design)}
	for j, column := range design {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		a := append([]float64(nil), column...)
		whole := norm(a)
		f.transpose(a)
		k := len(f.accepted)
		if k == f.rows {
			continue
		}
		rest := norm(a[k:])
		if !(rest > dependent*whole) {
			continue
		}
		v := a[k:]
		upper := append([]float64(nil), a[:k+1]...)
		// The sign avoids cancellation.
		if v[0] > 0 {
			rest = -rest
		}
		upper[k] = rest
		v[0] -= rest
		f.reflectors = append(f.reflectors, v)
		f.tau = append(f.tau, 2/dot(v, v))
		f.upper = append(f.upper, upper)
		f.accepted = append(f.accepted, j)
	}
	return f, nil
}

// transpose replaces a by Q'a, and straight by Qa.
func (f *factors) transpose(a []float64) {
	for k := range f.reflectors {
		f.apply(k, a)
	}
}

func (f *factors) straight(a []float64) {
	for k := range slices.Backward(f.reflectors) {
		f.apply(k, a)
	}
}

func (f *factors) apply(k int, a []float64) {
	v, a := f.reflectors[k], a[k:]
	axpy(a, -float64(f.tau[k]*dot(v, a)), v)
}

// back solves R x = b in place; forward solves R'x = b.
func (f *factors) back(b []float64) {
	for k := len(f.upper) - 1; k >= 0; k-- {
		b[k] /= f.upper[k][k]
		axpy(b[:k], -b[k], f.upper[k][:k])
	}
}

func (f *factors) forward(b []float64) {
	for k, u := range f.upper {
		b[k] = (b[k] - dot(u[:k], b[:k])) / u[k]
	}
}

func (f *factors) droppedColumns() []int {
	var out []int
	k := 0
	for j := range f.columns {
		if k < len(f.accepted) && f.accepted[k] == j {
			k++
			continue
		}
		out = append(out, j)
	}
	return out
}

// solve gives the least squares solution of the accepted columns, refined: residuals of the augmented system
// r + A x = y, A'r = 0 are computed in doubled precision and solved for with the factors at hand (Björck 1967; Björck,
// Numerical Methods for Least Squares Problems, 1996, section 2.9).
func (f *factors) solve(design [][]float64, y []float64) []float64 {
	p := len(f.accepted)
	x := make([]float64, p)
	r := make([]float64, f.rows)
	before := math.Inf(1)
	for range 4 { // the first round is the plain solution: its residuals are y and 0
		top, resid := f.residuals(design, y, x, r)
		h := resid[:p]
		f.forward(h)
		f.transpose(top)
		dx := make([]float64, p)
		for k := range dx {
			dx[k] = top[k] - h[k]
		}
		copy(top, h)
		f.back(dx)
		f.straight(top)
		step := norm(dx)
		if !(step < before) {
			break // refinement has reached its limit
		}
		before = step
		axpy(x, 1, dx)
		axpy(r, 1, top)
	}
	return x
}

// residuals gives y - r - A x and -A'r.
func (f *factors) residuals(design [][]float64, y, x, r []float64) (top, bottom []float64) {
	sums := make([]doubled, f.rows)
	bottom = make([]float64, len(x))
	for i := range sums {
		sums[i].high = y[i]
		sums[i].add(-r[i])
	}
	for k, j := range f.accepted {
		var g doubled
		for i, a := range design[j] {
			sums[i].addProduct(-a, x[k])
			g.addProduct(-a, r[i])
		}
		bottom[k] = g.value()
	}
	top = make([]float64, f.rows)
	for i := range sums {
		top[i] = sums[i].value()
	}
	return top, bottom
}

// dot adds in four lanes: a fixed order, whatever the platform.
func dot(a, b []float64) float64 {
	var s0, s1, s2, s3 float64
	b = b[:len(a)]
	i := 0
	for ; i+4 <= len(a); i += 4 {
		s0 += float64(a[i] * b[i])
		s1 += float64(a[i+1] * b[i+1])
		s2 += float64(a[i+2] * b[i+2])
		s3 += float64(a[i+3] * b[i+3])
	}
	for ; i < len(a); i++ {
		s0 += float64(a[i] * b[i])
	}
	return (s0 + s1) + (s2 + s3)
}

// axpy adds m*b to a.
func axpy(a []float64, m float64, b []float64) {
	b = b[:len(a)]
	for i := range a {
		a[i] += float64(m * b[i])
	}
}

// norm is the Euclidean length; the callers' numbers were brought near 1, so squares do not overflow.
func norm(a []float64) float64 { return math.Sqrt(dot(a, a)) }
