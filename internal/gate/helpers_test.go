package gate

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/weighlock/weighlock/internal/dataset"
	"github.com/weighlock/weighlock/internal/evaluation"
	"github.com/weighlock/weighlock/internal/metric"
)

func absolute(v float64) *Margin { return &Margin{Value: v} }

func relative(v float64) *Margin { return &Margin{Value: v, Relative: true} }

// rowsOf are evaluation rows with that truth.
func rowsOf(t metric.Truth) evaluation.Rows {
	return evaluation.Rows{Truth: t, Slices: map[string]*dataset.Column{}, Digest: "sha256:rows"}
}

// erring are predictions of 0 targets: their absolute errors are the values.
func erring(values []float64) (evaluation.Rows, metric.Predictions) {
	return rowsOf(metric.Truth{Task: metric.Regression, Values: make([]float64, len(values))}), metric.Predictions{Values: values}
}

// shifted is an input for mae: 100 rows, a baseline whose error is always 10, and a candidate whose errors are 10 + worse
// ± spread in turn. So the difference is worse, and its standard error spread/√99, which is what se asks for.
func shifted(worse, se float64, rules ...Rule) Input {
	spread := se * math.Sqrt(99)
	before, after := make([]float64, 100), make([]float64, 100)
	for i := range before {
		before[i], after[i] = 10, 10+worse+spread
		if i%2 == 0 {
			after[i] = 10 + worse - spread
		}
	}
	rows, baseline := erring(before)
	return Input{Policy: Policy{Rules: rules}, Rows: rows, Candidate: metric.Predictions{Values: after}, Baseline: &baseline, Seed: 1}
}

func decide(t *testing.T, in Input) Result {
	t.Helper()
	r, err := Decide(in)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func near(t *testing.T, what string, got *float64, want, tolerance float64) {
	t.Helper()
	if got == nil || math.Abs(*got-want) > tolerance {
		t.Errorf("%s = %v, want %v", what, show(got), want)
	}
}

func show(v *float64) any {
	if v == nil {
		return "nothing"
	}
	return *v
}

// drawn are rows and two models for any task, as good as each other.
func drawn(task metric.Task, n int, seed uint64) (evaluation.Rows, metric.Predictions, metric.Predictions) {
	random := rand.New(rand.NewPCG(seed, 77))
	t := metric.Truth{Task: task}
	var a, b metric.Predictions
	if !task.Classifies() {
		for range n {
			y := 50 + 10*random.NormFloat64()
			common := 3 * random.NormFloat64()
			t.Values = append(t.Values, y)
			a.Values = append(a.Values, y+common+random.NormFloat64())
			b.Values = append(b.Values, y+common+random.NormFloat64())
		}
		return rowsOf(t), a, b
	}
	t.Classes = []string{"a", "b"}
	if task == metric.Multiclass {
		t.Classes = []string{"a", "b", "c", "d", "e", "f"}
	}
	a.Classes, b.Classes = t.Classes, t.Classes
	for range n {
		label := random.IntN(len(t.Classes))
		t.Labels = append(t.Labels, int32(label))
		common := 2 * random.NormFloat64()
		for _, p := range []*metric.Predictions{&a, &b} {
			guess(p, len(t.Classes), label, common, random)
		}
	}
	return rowsOf(t), a, b
}

// guess appends one row to predictions.
func guess(p *metric.Predictions, k, label int, common float64, random *rand.Rand) {
	weights, total, best := make([]float64, k), 0.0, 0
	for c := range weights {
		z := random.NormFloat64()
		if c == label {
			z += 1.5 + common
		}
		weights[c] = math.Exp(z)
		total += weights[c]
		if weights[c] > weights[best] {
			best = c
		}
	}
	for _, w := range weights {
		p.Probabilities = append(p.Probabilities, w/total)
	}
	p.Labels = append(p.Labels, int32(best))
}

// sliced adds a slice column that deals the rows to levels in turn.
func sliced(r evaluation.Rows, by string, levels ...string) evaluation.Rows {
	codes := make([]int32, r.Truth.Rows())
	for i := range codes {
		codes[i] = int32(i % len(levels))
	}
	r.Slices = map[string]*dataset.Column{by: {Name: by, Kind: dataset.Category, Codes: codes, Levels: levels}}
	return r
}
