package estimator

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// hard is a least squares problem with large means, units far apart and weights; spread is how far the last two columns
// are apart, as a share of their own size.
func hard(rows, columns int, spread float64) *leastSquares {
	r := rand.New(rand.NewPCG(1, 2))
	l := &leastSquares{design: design{rows: rows, columns: columns, x: make([]float64, 0, rows*columns)}, workers: 2}
	for range rows {
		y := 7.0
		row := make([]float64, columns)
		for j := range row {
			row[j] = math.Pow(10, float64(j%5)) * (3 + r.NormFloat64())
			y += row[j] / math.Pow(10, float64(j%5))
		}
		row[columns-1] = row[columns-2] * (1 + spread*r.NormFloat64())
		l.x = append(l.x, row...)
		l.y = append(l.y, y+r.NormFloat64())
		l.w = append(l.w, r.Float64())
	}
	return l
}

// TestTwoWaysAgree solves the same problem by the Gram matrix and by reflections.
func TestTwoWaysAgree(t *testing.T) {
	for _, c := range []struct {
		spread, alpha float64
		gram          bool // whether the Gram matrix is to be trusted
	}{{1, 0, true}, {1e-2, 0, true}, {1e-2, 100, true}, {1e-6, 0, false}, {0, 0, false}} {
		l := hard(3000, 8, c.spread)
		l.alpha = c.alpha
		got, ok, err := l.byGram(context.Background())
		if err != nil || ok != c.gram {
			t.Fatalf("spread %v: trusted %v, want %v (%v)", c.spread, ok, c.gram, err)
		}
		want, err := l.byReflections(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if c.spread == 0 {
			if diff := cmp.Diff([]int{8}, want.dropped); diff != "" {
				t.Error(diff)
			}
		}
		for j := range got.weights {
			if ok && math.Abs(got.weights[j]-want.weights[j]) > 1e-12*math.Abs(want.weights[j]) {
				t.Errorf("spread %v, alpha %v: weight %d is %v, want %v", c.spread, c.alpha, j, got.weights[j], want.weights[j])
			}
		}
	}
}

// TestResidualsAreOrthogonal checks the definition of the solution: the gradient vanishes.
func TestResidualsAreOrthogonal(t *testing.T) {
	l := hard(500, 6, 1e-3)
	l.alpha = 3
	s, err := l.solve(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for j := -1; j < l.columns; j++ {
		sum, size := 0.0, 0.0
		for i := range l.rows {
			x := l.x[i*l.columns : (i+1)*l.columns]
			v := l.w[i] * residual(x, l.y[i], s.weights)
			if j >= 0 {
				v *= x[j]
			}
			sum, size = sum+v, size+math.Abs(v)
		}
		if j >= 0 {
			sum -= l.alpha * s.weights[1+j]
		}
		if math.Abs(sum) > 1e-11*size {
			t.Errorf("column %d: gradient %v, terms %v", j, sum, size)
		}
	}
}

// TestScaleOfUnits solves with columns of 1e-150 and 1e150, whose squares are no float64.
func TestScaleOfUnits(t *testing.T) {
	l := hard(50, 4, 1)
	want, err := l.solve(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for i := range l.rows {
		l.x[i*4] = math.Ldexp(l.x[i*4], -500)
		l.x[i*4+1] = math.Ldexp(l.x[i*4+1], 500)
	}
	got, err := l.solve(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	want.weights[1] = math.Ldexp(want.weights[1], 500)
	want.weights[2] = math.Ldexp(want.weights[2], -500)
	if diff := cmp.Diff(want.weights, got.weights); diff != "" {
		t.Error(diff)
	}
}

func TestDoubled(t *testing.T) {
	var d doubled
	for _, v := range []float64{1e16, 1, -1e16, 1e-8} {
		d.add(v)
	}
	if got := d.value(); got != 1+1e-8 {
		t.Errorf("got %v", got)
	}
	d = doubled{}
	d.addProduct(1+0x1p-30, 1-0x1p-30)
	d.add(-1)
	if got := d.value(); got != -0x1p-60 {
		t.Errorf("got %v", got)
	}
}
