package gate

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/weighlock/weighlock/internal/dataset"
	"github.com/weighlock/weighlock/internal/metric"
)

// planted are rows on which the candidate got worse where age is high and sex is F, and nowhere else.
func planted(n int) (Input, *dataset.Table) {
	random := rand.New(rand.NewPCG(4, 4))
	before, after := make([]float64, n), make([]float64, n)
	ages, other, sexes := make([]float64, n), make([]float64, n), make([]string, n)
	for i := range before {
		ages[i], other[i], sexes[i] = float64(20+random.IntN(60)), random.NormFloat64(), []string{"F", "M"}[random.IntN(2)]
		before[i], after[i] = 10+random.NormFloat64(), 10+random.NormFloat64()
		if ages[i] > 72 && sexes[i] == "F" {
			after[i] += 3
		}
	}
	rows, baseline := erring(before)
	rows.Slices["sex"] = dataset.NewTexts("sex", sexes)
	in := Input{
		Rows: rows, Candidate: metric.Predictions{Values: after}, Baseline: &baseline, Seed: 9,
		Policy: Policy{Rules: []Rule{{Metric: "mae", Margin: absolute(1)}}},
	}
	return in, &dataset.Table{Columns: []*dataset.Column{
		{Name: "id", Kind: dataset.Number, Floats: other},
		{Name: "age", Kind: dataset.Number, Floats: ages},
		dataset.NewTexts("sex", sexes),
		{Name: "other", Kind: dataset.Number, Floats: other},
	}}
}

func TestTheWorstSliceIsFound(t *testing.T) {
	in, features := planted(2000)
	e := Explain(in, decide(t, in), features, []string{"id"})
	if e == nil || e.Metric != "mae" || len(e.Worst) == 0 || e.Searched < 80 || e.SearchedRows != 30 {
		t.Fatalf("%+v", e)
	}
	worst := e.Worst[0]
	if worst.String() != "age > 72 and sex = F" || worst.P > 0.002 || worst.Mean < 2 || worst.Rows < 60 {
		t.Errorf("%s: %+v", worst, worst)
	}
	for i, w := range e.Worst {
		for _, other := range e.Worst[:i] {
			if nested(w.Where, other.Where) {
				t.Errorf("%s lies within %s", w, other)
			}
		}
		if i > 0 && w.P < worst.P {
			t.Errorf("%s comes after a weaker one", w)
		}
	}
}

// Equal models give no slice that is worse than chance more often than p says.
func TestTheSearchOfEqualModelsFindsChance(t *testing.T) {
	found := 0
	for run := range 40 {
		rows, a, b := drawn(metric.Regression, 300, uint64(run))
		random := rand.New(rand.NewPCG(uint64(run), 5))
		x, y := make([]float64, 300), make([]float64, 300)
		for i := range x {
			x[i], y[i] = random.NormFloat64(), random.NormFloat64()
		}
		in := Input{Rows: rows, Candidate: a, Baseline: &b, Policy: Policy{Rules: []Rule{{Metric: "rmse", Margin: absolute(1)}}}, Seed: uint64(run)}
		e := Explain(in, decide(t, in), &dataset.Table{Columns: []*dataset.Column{
			{Name: "x", Kind: dataset.Number, Floats: x}, {Name: "y", Kind: dataset.Number, Floats: y},
		}}, nil)
		if len(e.Worst) > 0 && e.Worst[0].P <= 0.05 {
			found++
		}
	}
	if found > 7 { // 5 % of 40, and three and a half standard errors
		t.Errorf("%d of 40 searches of equal models found something at 5 %%", found)
	}
}

// The contributions of a column's levels add up to the whole difference.
func TestADecompositionAddsUp(t *testing.T) {
	for _, weighted := range []bool{false, true} {
		in, features := planted(500)
		if weighted {
			for i := range 500 {
				in.Rows.Truth.Weights = append(in.Rows.Truth.Weights, float64(1+i%4))
			}
		}
		r := decide(t, in)
		e := Explain(in, r, features, nil)
		if len(e.Parts) != 1 || len(e.Parts[0].Levels) != 2 {
			t.Fatalf("%+v", e.Parts)
		}
		total, share := 0.0, 0.0
		for _, l := range e.Parts[0].Levels {
			total += l.Contribution
			share += l.Share
			if math.Abs(l.Share*l.Mean-l.Contribution) > 1e-12 {
				t.Errorf("%+v", l)
			}
		}
		near(t, "sum of contributions", r.Rules[0].Delta, total, 1e-9)
		near(t, "sum of shares", &share, 1, 1e-12)
		if e.Parts[0].Levels[0].Level != "F" {
			t.Errorf("the worst level is %+v", e.Parts[0].Levels[0])
		}
	}
}

func TestRowsThatFlipped(t *testing.T) {
	in := hits(30, 40, 500)
	in.Policy = Policy{Rules: []Rule{{Metric: "accuracy", Margin: absolute(0.01)}}}
	e := Explain(in, decide(t, in), nil, nil)
	if e.Flips.Broken != 40 || e.Flips.Mended != 30 || len(e.Flips.Rows) != MostFlips {
		t.Fatalf("%+v", e.Flips)
	}
	for _, row := range e.Flips.Rows {
		truth, c, b := in.Rows.Truth.Labels[row.Row], in.Candidate.Labels[row.Row], in.Baseline.Labels[row.Row]
		if b != truth || c == truth || row.Loss <= 0 {
			t.Errorf("%+v was not broken", row)
		}
	}
	planted, features := planted(300)
	e = Explain(planted, decide(t, planted), features, nil)
	if e.Flips.Broken != 0 || len(e.Flips.Rows) != MostFlips || len(e.Flips.Rows[0].Slices) != 1 ||
		!slices.IsSortedFunc(e.Flips.Rows, func(a, b FlippedRow) int { return -cmpFloat(a.Loss, b.Loss) }) {
		t.Errorf("%+v", e.Flips)
	}
}

func cmpFloat(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func TestNothingToExplain(t *testing.T) {
	in, features := planted(100)
	r := decide(t, in)
	in.Baseline = &in.Candidate
	if e := Explain(in, r, features, nil); e != nil {
		t.Errorf("%+v", e)
	}
	in.Baseline = nil
	if e := Explain(in, r, features, nil); e != nil {
		t.Errorf("%+v", e)
	}
}
