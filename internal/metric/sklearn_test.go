package metric

import (
	"encoding/json"
	"math"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// reference is one case of testdata/sklearn.json, whose note says what computed it.
type reference struct {
	Name          string
	Task          Task
	Values        []float64
	Predicted     []float64
	Labels        []int32
	Picked        []int32
	Scores        []float64 // binary: probability of the positive class
	Probabilities []float64
	Classes       int
	Weights       []float64
	Quantile      float64
	K             int
	Expect        map[string]any
	Confusion     [][]int
}

func (r reference) build() (Truth, Predictions, Params) {
	t := Truth{Task: r.Task, Values: r.Values, Labels: r.Labels, Weights: r.Weights}
	p := Predictions{Values: r.Predicted, Labels: r.Picked, Probabilities: r.Probabilities}
	if r.Scores != nil {
		p.Probabilities = twoColumns(r.Scores)
	}
	if r.Task.Classifies() {
		t.Classes = names(max(2, r.Classes))
		p.Classes = t.Classes
	}
	return t, p, Params{Quantile: r.Quantile, K: r.K}
}

func twoColumns(scores []float64) []float64 {
	out := make([]float64, 0, 2*len(scores))
	for _, s := range scores {
		out = append(out, 1-s, s)
	}
	return out
}

func names(k int) []string {
	out := make([]string, k)
	for i := range out {
		out[i] = string(rune('a' + i))
	}
	return out
}

func references(t *testing.T) []reference {
	t.Helper()
	content, err := os.ReadFile("testdata/sklearn.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Cases []reference }
	if err := json.Unmarshal(content, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Cases) < 50 {
		t.Fatalf("%d cases: the file is not whole", len(file.Cases))
	}
	return file.Cases
}

func TestEqualToScikitLearn(t *testing.T) {
	judged := map[string]int{}
	for _, r := range references(t) {
		t.Run(string(r.Task)+"/"+r.Name, func(t *testing.T) {
			truth, p, params := r.build()
			if err := p.Check(truth); err != nil {
				t.Fatal(err)
			}
			if len(r.Expect) != len(ForTask(r.Task)) {
				t.Errorf("%d metrics are expected, the task has %v", len(r.Expect), Names(r.Task))
			}
			for name, want := range r.Expect {
				m, ok := Lookup(name)
				if !ok {
					t.Fatalf("no metric %q", name)
				}
				compare(t, m, m.Value(truth, p, params), want)
				value, _ := m.Measure(truth, p, params)
				compare(t, m, value, want)
				judged[name]++
			}
			if r.Confusion != nil {
				if d := cmp.Diff(r.Confusion, Confusion(truth, p)); d != "" {
					t.Errorf("confusion matrix (-scikit-learn +ours):\n%s", d)
				}
			}
		})
	}
	for _, m := range All() {
		if judged[m.Name] < 10 {
			t.Errorf("%s was compared %d times", m.Name, judged[m.Name])
		}
	}
}

func compare(t *testing.T, m Metric, got Outcome, want any) {
	t.Helper()
	switch want := want.(type) {
	case string:
		if got.Undefined != Reason(want) {
			t.Errorf("%s = %+v, want undefined: %s", m.Name, got, want)
		}
	case float64:
		if !got.Defined() || !near(got.Value, want, 1e-12) {
			t.Errorf("%s = %+v, scikit-learn says %v", m.Name, got, want)
		}
	default:
		t.Errorf("%s: unexpected %T", m.Name, want)
	}
}

// near compares with a relative tolerance, or for numbers that are differences of numbers near 1 with an absolute one.
func near(got, want, tolerance float64) bool {
	return math.Abs(got-want) <= tolerance*math.Abs(want) || math.Abs(got-want) <= 4e-16
}
