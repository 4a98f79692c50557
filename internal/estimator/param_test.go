package estimator

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weighlock/weighlock/internal/metric"
)

func TestCheckParams(t *testing.T) {
	type params = map[string]any
	for _, c := range []struct {
		estimator string
		params    params
		want      string
	}{
		{"ridge", nil, ""},
		{"ridge", params{"alpha": 1, "impute": "mean", "log": []any{"a", "b"}, "standardise": false, "degree": uint64(2)}, ""},
		{"ridge", params{"alpha": int64(0), "min_count": 3.0, "interactions": []string{"a", "b"}}, ""},
		{"logistic", params{"class_weight": "balanced", "C": 0.5, "threshold": 0.2}, ""},
		{"logistic", params{"class_weight": params{"yes": 5, "no": 1.5}}, ""},
		{"logistic", params{"class_weight": map[any]any{true: 5, 3: 1}}, ""},
		{"forest", nil, `unknown estimator "forest": choices are dummy, linear, ridge, logistic`},
		{"dummy", params{"alpha": 1}, `unknown parameter "alpha" of dummy: choices are strategy`},
		{"dummy", params{"strategy": "best"}, `parameter strategy of dummy: "best" is no choice: auto, mean, median, prior, most_frequent`},
		{"ridge", params{"alpha": -1}, `parameter alpha of ridge: -1 is no number in [0, 1e+12]`},
		{"ridge", params{"alpha": "much"}, `parameter alpha of ridge: "much" is no number in [0, 1e+12]`},
		{"ridge", params{"degree": 1.5}, `parameter degree of ridge: 1.5 is no integer in [1, 2]`},
		{"ridge", params{"standardise": 1}, `parameter standardise of ridge: 1 is no boolean: true or false`},
		{"ridge", params{"log": []any{"a", "a"}}, `parameter log of ridge: [a a] is no list of distinct column names`},
		{"ridge", params{"log": "a"}, `parameter log of ridge: "a" is no list of distinct column names`},
		{"logistic", params{"threshold": 1}, `parameter threshold of logistic: 1 is no number in (0, 1)`},
		{"logistic", params{"C": 0}, `parameter C of logistic: 0 is no number in (0, 1e+12)`},
		{"logistic", params{"class_weight": params{"yes": 0}}, `parameter class_weight of logistic: map[yes:0] is no choice: none, balanced, or a map from class to a positive number`},
	} {
		got := ""
		if err := CheckParams(c.estimator, c.params); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s %v:\ngot  %s\nwant %s", c.estimator, c.params, got, c.want)
		}
	}
}

// TestTable holds what every row of the table promises: defaults that its own check accepts, and words for people.
func TestTable(t *testing.T) {
	for _, e := range All() {
		if e.Name == "" || e.Title == "" || len(e.Tasks) == 0 || e.fit == nil {
			t.Errorf("row %+v is incomplete", e)
		}
		seen := map[string]bool{}
		for _, p := range e.Params {
			if seen[p.Name] || p.Doc == "" {
				t.Errorf("%s of %s: twice, or without words", p.Name, e.Name)
			}
			seen[p.Name] = true
			got, err := p.value(p.Default)
			if names, ok := p.Default.([]string); ok && names == nil && err == nil {
				continue
			}
			if diff := cmp.Diff(p.Default, got); diff != "" || err != nil {
				t.Errorf("default of %s of %s: %v %s", p.Name, e.Name, err, diff)
			}
		}
	}
	if e, ok := Lookup("logistic"); !ok || e.For(metric.Regression) || !e.For(metric.Binary) {
		t.Error("logistic regression answers the wrong tasks")
	}
}

func TestDummyValues(t *testing.T) {
	table := numbers(t, []string{"y", "w"}, [][]float64{{4, 1}, {1, 1}, {2, 4}, {100, 0}, {3, 1}, {9, 1}})
	for _, c := range []struct {
		strategy, weight string
		want             float64
	}{
		{"mean", "", 119.0 / 6}, {"median", "", 3.5}, {"mean", "w", 25.0 / 8}, {"median", "w", 2}, {"auto", "", 119.0 / 6},
	} {
		m := mustFit(t, Spec{Name: "dummy", Params: map[string]any{"strategy": c.strategy}, Task: metric.Regression, Target: "y", Weight: c.weight}, table)
		if got := m.Describe().Intercepts[0].Value; got != c.want {
			t.Errorf("%s of weight %q is %v, want %v", c.strategy, c.weight, got, c.want)
		}
	}
}

// TestWeightsRepeatRows fits rows of weight 3 like rows that stand three times.
func TestWeightsRepeatRows(t *testing.T) {
	table := mixed(t, 120)
	var again []int
	weights := make([]float64, table.Rows())
	for i := range weights {
		weights[i] = float64(i % 4)
		for range i % 4 {
			again = append(again, i)
		}
	}
	weighted, err := table.With(numbers(t, []string{"weight"}, column(weights)).Columns[0])
	if err != nil {
		t.Fatal(err)
	}
	repeated := table.Select(again)
	everyFit(t, func(t *testing.T, s Spec) {
		if s.Name == "dummy" || s.Params["class_weight"] != nil {
			return // balanced class weights count rows, as scikit-learn's do
		}
		// Preprocessing does not know of weights, so it must not depend on the rows here.
		s.Exclude = append(s.Exclude, "number", "city", "rarely", "empty", "constant", "sum", "day")
		s.Params = map[string]any{}
		if s.Name != "linear" {
			s.Params["standardise"] = false
		}
		want := mustFit(t, s, repeated).Describe()
		s.Weight = "weight"
		got := mustFit(t, s, weighted).Describe()
		for i, c := range got.Coefficients {
			if !near(c.Value, want.Coefficients[i].Value) {
				t.Errorf("%s is %v, want %v", c.Term, c.Value, want.Coefficients[i].Value)
			}
		}
	})
}

func column(v []float64) [][]float64 {
	out := make([][]float64, len(v))
	for i, x := range v {
		out[i] = []float64{x}
	}
	return out
}
