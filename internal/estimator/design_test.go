package estimator

import (
	"context"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weighlock/weighlock/internal/dataset"
	"github.com/weighlock/weighlock/internal/metric"
)

// streamed is the same problem with a design that is written when it is asked for.
func streamed(l *leastSquares) *leastSquares {
	x, p := l.x, l.columns
	other := *l
	other.design = design{rows: l.rows, columns: p, fill: func(lo, hi int, out []float64) { copy(out, x[lo*p:hi*p]) }}
	return &other
}

func TestAStreamedDesignChangesNoBit(t *testing.T) {
	for _, rows := range []int{1, 63, 64, 65, 3000, 70_001} {
		l := hard(rows, 5, 1)
		s := streamed(l)
		for i, row := range s.each(0, rows) {
			if diff := cmp.Diff(l.x[i*5:(i+1)*5], row); diff != "" {
				t.Fatalf("%d rows, row %d: %s", rows, i, diff)
			}
		}
		want, trusted, err := l.byGram(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		for _, workers := range []int{1, 3} {
			s.workers = workers
			got, ok, err := s.byGram(context.Background())
			if err != nil || ok != trusted {
				t.Fatalf("%d rows: trusted %v, want %v (%v)", rows, ok, trusted, err)
			}
			if diff := cmp.Diff(want.weights, got.weights); diff != "" && trusted {
				t.Errorf("%d rows, %d workers: %s", rows, workers, diff)
			}
		}
	}
}

// The guess of the means is far off where one row in a thousand has nearly all the weight, and a column that is constant
// is nothing to trust.
func TestTheGuessOfTheMeansMayBeWrong(t *testing.T) {
	l := hard(20_000, 4, 1)
	for i := range l.rows {
		l.w[i] = 1e-9
		if i%1000 == 7 {
			l.w[i] = 1
			for j := range l.columns {
				l.x[i*l.columns+j] += 1e6 * float64(j+1) * (1 + 1e-4*math.Sin(float64(i*(j+3))))
			}
		}
	}
	got, ok, err := l.byGram(context.Background())
	if err != nil || !ok {
		t.Fatalf("trusted %v, %v", ok, err)
	}
	want, err := l.byReflections(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for j, w := range want.weights {
		if math.Abs(got.weights[j]-w) > 1e-9*math.Abs(w) {
			t.Errorf("weight %d is %v, want %v", j, got.weights[j], w)
		}
	}
	for i := range l.rows {
		l.x[i*l.columns] = 1.1
	}
	if _, ok, err := l.byGram(context.Background()); ok || err != nil {
		t.Errorf("a constant column was trusted (%v)", err)
	}
}

func TestAValueThatIsTooLargeIsFoundInALongTable(t *testing.T) {
	const rows = 60_000
	r := rand.New(rand.NewPCG(1, 2))
	var columns []*dataset.Column
	for _, name := range []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p", "q", "r", "s", "y"} {
		v := make([]float64, rows)
		for i := range v {
			v[i] = r.NormFloat64()
		}
		columns = append(columns, &dataset.Column{Name: name, Kind: dataset.Number, Floats: v})
	}
	columns[1].Floats[rows-2] = math.Inf(1)
	_, err := Fit(context.Background(), Spec{Name: "linear", Task: metric.Regression, Target: "y"}, &dataset.Table{Name: "long", Columns: columns, Lines: make([]int, rows)})
	if err == nil || !strings.Contains(err.Error(), "row 59999, b: its value is too large") {
		t.Errorf("got %v", err)
	}
}
