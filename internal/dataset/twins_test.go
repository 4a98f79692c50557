package dataset

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// exampleTables are the tables of the examples, with their targets and ids.
func exampleTables(t *testing.T) map[string]CheckInput {
	t.Helper()
	out := make(map[string]CheckInput)
	for path, columns := range map[string][2]string{
		"healthcare/data/diabetes.csv": {"progression", "patient"}, "finance/data/german_credit.csv": {"default", "application"},
		"manufacturing/data/wine.csv": {"grade", "batch"}, "retail/data/diamonds.csv.gz": {"price", "stone"},
	} {
		table, err := Read(os.DirFS("../../examples"), path, Options{})
		if err != nil {
			t.Fatal(err)
		}
		out[path] = CheckInput{Train: table, Target: columns[0], ID: columns[1]}
	}
	return out
}

// divided puts a share of the rows on the evaluation side, by chance.
func divided(in CheckInput, share float64, rng *rand.Rand) CheckInput {
	var train, evaluate []int
	for i := range in.Train.Rows() {
		if rng.Float64() < share {
			evaluate = append(evaluate, i)
		} else {
			train = append(train, i)
		}
	}
	in.Train, in.Evaluate = in.Train.Select(train), in.Train.Select(evaluate)
	return in
}

// plant adds copies of every tenth evaluation row to the training rows, under new ids and changed by change.
func plant(t *testing.T, in CheckInput, change func(column int, v, spread float64) float64) (CheckInput, map[int]bool) {
	t.Helper()
	copied := make(map[int]bool)
	var rows []int
	for i := 0; i < in.Evaluate.Rows(); i += 10 {
		rows, copied[i] = append(rows, i), true
	}
	more := in.Evaluate.Select(rows)
	out := &Table{Name: in.Train.Name, Lines: append(slices.Clone(in.Train.Lines), more.Lines...)}
	numbers := 0
	for _, c := range in.Train.Columns {
		add, ok := more.Column(c.Name)
		if !ok {
			t.Fatal(c.Name)
		}
		joined := &Column{Name: c.Name, Kind: c.Kind, Levels: c.Levels, Codes: slices.Concat(c.Codes, add.Codes), Floats: slices.Clone(c.Floats)}
		spread := spreadOf(c.Floats)
		for _, v := range add.Floats {
			if c.Kind == Number && c.Name != in.ID && c.Name != in.Target {
				v = change(numbers, v, spread)
			}
			joined.Floats = append(joined.Floats, v)
		}
		if c.Kind == Number && c.Name != in.ID && c.Name != in.Target {
			numbers++
		}
		out.Columns = append(out.Columns, joined)
	}
	in.Train = out
	return in, copied
}

func nearCopies(in CheckInput) (Check, bool) {
	in.EvaluateKeys = make([]string, in.Evaluate.Rows())
	for i := range in.EvaluateKeys {
		in.EvaluateKeys[i] = fmt.Sprint(i)
	}
	c := &checker{CheckInput: in}
	c.nearCopies()
	if len(c.out) == 0 {
		return Check{}, false
	}
	return c.out[0], true
}

func TestNearCopiesInTheExamples(t *testing.T) {
	for name, in := range exampleTables(t) {
		splits := uint64(20)
		if in.Train.Rows() > 10_000 {
			splits = 5 // and each of them has a hundred times the rows
		}
		for seed := range splits {
			rng := rand.New(rand.NewPCG(seed, 1))
			clean := divided(in, 0.3, rng)
			if c, ok := nearCopies(clean); ok {
				t.Errorf("%s, split %d, nothing was copied: %s", name, seed, c.Message)
			}
			if seed > 1 {
				continue
			}
			for kind, change := range map[string]func(int, float64, float64) float64{
				"one number in its fourth digit": func(column int, v, _ float64) float64 {
					if column == 0 {
						v *= 1.0003
					}
					return v
				},
				"all numbers by a hundredth of their spread": func(_ int, v, spread float64) float64 {
					return v + spread*(rng.Float64()-0.5)/50
				},
			} {
				planted, copied := plant(t, clean, change)
				c, ok := nearCopies(planted)
				if !ok || c.Count < len(copied)*8/10 || c.Severity != Warn {
					t.Errorf("%s, split %d: %d rows were copied with %s, found %q", name, seed, len(copied), kind, c.Message)
				}
			}
		}
	}
}

// Rows that are near each other by nature, measurements of the same thing, are no reason to warn.
func TestNearCopiesByNature(t *testing.T) {
	for seed := range uint64(30) {
		rng := rand.New(rand.NewPCG(seed, 2))
		in := CheckInput{Train: &Table{Lines: make([]int, 900)}, Target: "y"}
		for _, name := range []string{"a", "b", "c", "y"} {
			v := make([]float64, 900)
			for i := range v {
				if i%3 == 0 {
					v[i] = rng.NormFloat64()
				} else {
					v[i] = v[i-1] + 0.01*rng.Float64()
				}
			}
			in.Train.Columns = append(in.Train.Columns, &Column{Name: name, Kind: Number, Floats: v})
		}
		in = divided(in, 0.3, rng)
		if c, ok := nearCopies(in); ok {
			t.Errorf("seed %d: %s", seed, c.Message)
		}
		planted, _ := plant(t, in, func(_ int, v, _ float64) float64 { return v * (1 + 1e-4*rng.Float64()) })
		s, ok := (&checker{CheckInput: planted}).newTwinSearch()
		if !ok || !s.run() || len(s.copied) < planted.Evaluate.Rows()/10 {
			t.Fatalf("seed %d: only %d near copies", seed, len(s.copied))
		}
	}
}

// Few categories make many rows equal, and few numbers in many rows make all of them near: neither tells anything.
func TestNearCopiesInTablesThatTellNothing(t *testing.T) {
	categories := CheckInput{Train: noise(1, 3000, 0).Without("x"), Evaluate: noise(2, 1000, 0).Without("x"), Target: "y", ID: "id"}
	if c, ok := nearCopies(categories); ok {
		t.Error(c.Message)
	}
	dense := CheckInput{Train: noise(1, 40_000, 0), Evaluate: noise(2, 15_000, 0), Target: "y", ID: "id"}
	s, ok := (&checker{CheckInput: dense}).newTwinSearch()
	if !ok || s.run() {
		t.Errorf("a dense table was searched to its end in %d steps", s.work)
	}
}

// Two copies of each row, which are near each other as well, do not hide behind that.
func TestNearCopiesOfOneRow(t *testing.T) {
	in := exampleTables(t)["healthcare/data/diabetes.csv"]
	rng := rand.New(rand.NewPCG(3, 3))
	in = divided(in, 0.3, rng)
	for range 2 {
		in, _ = plant(t, in, func(_ int, v, spread float64) float64 { return v + spread*(rng.Float64()-0.5)/50 })
	}
	if c, ok := nearCopies(in); !ok {
		t.Error("not found")
	} else if c.Count != (in.Evaluate.Rows()+9)/10 {
		t.Errorf("found %d: %s", c.Count, c.Message)
	}
}

// A table that was copied whole, with small changes, has as many near rows among the training rows; the evaluation rows
// are not near each other, and that tells.
func TestNearCopiesOfAWholeTable(t *testing.T) {
	in := exampleTables(t)["healthcare/data/diabetes.csv"]
	rng := rand.New(rand.NewPCG(4, 4))
	change := func(_ int, v, spread float64) float64 { return v + spread*(rng.Float64()-0.5)/50 }
	in = divided(in, 0.3, rng)
	judging := in.Evaluate
	in.Evaluate = in.Train // plant copies every tenth of these; ten times is all of them
	for range 10 {
		copied, _ := plant(t, in, change)
		in.Train = copied.Train
		in.Evaluate = rotated(in.Evaluate)
	}
	in.Evaluate = judging
	if c, ok := nearCopies(in); ok {
		t.Errorf("only training rows were copied: %s", c.Message)
	}
	for range 10 {
		copied, _ := plant(t, in, change)
		in.Train = copied.Train
		in.Evaluate = rotated(in.Evaluate)
	}
	if _, ok := nearCopies(in); !ok {
		t.Error("not found")
	}
}

// rotated moves the first row behind the last.
func rotated(t *Table) *Table {
	rows := make([]int, t.Rows())
	for i := range rows {
		rows[i] = (i + 1) % len(rows)
	}
	return t.Select(rows)
}

// The cells only make the search quick: it finds what comparing all rows finds.
func TestNearCopiesAreAllFound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rows := rapid.IntRange(2, 60).Draw(t, "rows")
		in := CheckInput{Train: &Table{Lines: make([]int, rows)}, Evaluate: &Table{Lines: make([]int, rows)}, Target: "y"}
		value := rapid.OneOf(rapid.Float64Range(-2, 2), rapid.SampledFrom([]float64{0, math.Copysign(0, -1), 1, 1.01, 1.02, math.NaN(), math.Inf(1), 1e300}))
		for _, name := range []string{"a", "b", "y"} {
			for _, side := range []*Table{in.Train, in.Evaluate} {
				side.Columns = append(side.Columns, &Column{Name: name, Kind: Number, Floats: rapid.SliceOfN(value, rows, rows).Draw(t, name)})
			}
		}
		s, ok := (&checker{CheckInput: in}).newTwinSearch()
		if !ok {
			return
		}
		if !s.run() {
			t.Fatal("gave up")
		}
		for a := range 2 * rows {
			for b := a + 1; b < 2*rows; b++ {
				if s.near(a, b) && s.root(int32(a)) != s.root(int32(b)) {
					t.Fatalf("rows %d and %d are near each other and were not found", a, b)
				}
			}
		}
	})
}

func TestAtLeast(t *testing.T) {
	repeated := func(n int, p float64) []float64 { return slices.Repeat([]float64{p}, n) }
	for _, c := range []struct {
		k    int
		p    []float64
		want float64
	}{
		{0, nil, 1},
		{1, nil, 0},
		{8, repeated(8, 0.42), math.Pow(0.42, 8)},
		{1, []float64{0.5, 0.2}, 1 - 0.5*0.8},
		{6, repeated(10, 0.5), 386.0 / 1024},  // binomial coefficients
		{2500, repeated(5000, 0.5), 0.505641}, // scipy.stats.binom(5000, 0.5).sf(2499)
	} {
		if got := atLeast(c.k, c.p); math.Abs(got-c.want) > 1e-4*c.want {
			t.Errorf("at least %d of %d: got %v, want %v", c.k, len(c.p), got, c.want)
		}
	}
}

// BenchmarkNearCopies looks at 100,000 rows of normal numbers.
func BenchmarkNearCopies(b *testing.B) {
	for _, columns := range []int{5, 20} {
		b.Run(fmt.Sprint(columns), func(b *testing.B) {
			rng := rand.New(rand.NewPCG(1, 1))
			in := CheckInput{Train: &Table{Lines: make([]int, 100_000)}, Target: "0"}
			for j := range columns {
				v := make([]float64, 100_000)
				for i := range v {
					v[i] = rng.NormFloat64()
				}
				in.Train.Columns = append(in.Train.Columns, &Column{Name: fmt.Sprint(j), Kind: Number, Floats: v})
			}
			in = divided(in, 0.3, rng)
			for b.Loop() {
				nearCopies(in)
			}
		})
	}
}
