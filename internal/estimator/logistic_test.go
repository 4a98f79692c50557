package estimator

import (
	"math"
	"strings"
	"testing"

	"github.com/weighlock/weighlock/internal/dataset"
	"github.com/weighlock/weighlock/internal/metric"
)

// separable has classes that x tells apart without error.
func separable(t *testing.T, classes ...string) *dataset.Table {
	t.Helper()
	var x []float64
	var y []string
	for i := range 30 {
		x = append(x, float64(i))
		y = append(y, classes[i*len(classes)/30])
	}
	table, err := numbers(t, []string{"x"}, column(x)).With(dataset.NewTexts("y", y))
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func TestSeparableClassesDoNotBlowUp(t *testing.T) {
	for _, c := range []struct {
		task    metric.Task
		classes []string
	}{{metric.Binary, []string{"a", "b"}}, {metric.Multiclass, []string{"a", "b", "c"}}} {
		table := separable(t, c.classes...)
		for _, params := range []map[string]any{{"penalty": "none"}, {"C": 1e11}, {"C": 1e-9}, nil} {
			m := mustFit(t, Spec{Name: "logistic", Params: params, Task: c.task, Target: "y"}, table)
			p := mustPredict(t, m, table)
			d := m.Describe()
			for _, b := range d.Coefficients {
				if math.Abs(b.Value) > 1e4 {
					t.Errorf("%s %v: coefficient %v", c.task, params, b.Value)
				}
			}
			if params == nil || params["C"] == 1e-9 {
				continue // the penalty may well move the border
			}
			y, _ := table.Column("y")
			for i, label := range p.Labels {
				if p.Classes[label] != y.Text(i) {
					t.Errorf("%s %v: row %d is %s", c.task, params, i, p.Classes[label])
				}
			}
		}
	}
}

func TestStopsAtTheLimit(t *testing.T) {
	m := mustFit(t, Spec{Name: "logistic", Params: map[string]any{"max_iterations": 1}, Task: metric.Binary, Target: "y"}, separable(t, "a", "b"))
	if notes := strings.Join(m.Origin().Notes, "\n"); !strings.HasPrefix(notes, "stopped after 1 steps with a gradient of ") {
		t.Errorf("notes %q", notes)
	}
}

func TestThresholdMovesLabelsOnly(t *testing.T) {
	table := mixed(t, 200)
	s := Spec{Name: "logistic", Task: metric.Binary, Target: "binary", Exclude: []string{"id", "regression", "multiclass"}}
	half := mustPredict(t, mustFit(t, s, table), table)
	s.Params = map[string]any{"threshold": 0.1}
	low := mustPredict(t, mustFit(t, s, table), table)
	moved := 0
	for i, label := range low.Labels {
		if low.Probabilities[2*i+1] != half.Probabilities[2*i+1] {
			t.Fatal("the threshold moves probabilities")
		}
		if want := low.Probabilities[2*i+1] >= 0.1; (label == 1) != want {
			t.Errorf("row %d is %d at %v", i, label, low.Probabilities[2*i+1])
		}
		if label != half.Labels[i] {
			moved++
		}
	}
	if moved == 0 {
		t.Error("the threshold moves nothing")
	}
}

// TestLogTarget recovers a law of growth from data without noise, and is right on average with noise.
func TestLogTarget(t *testing.T) {
	var rows [][]float64
	for i := range 40 {
		x := float64(i) / 10
		rows = append(rows, []float64{x, math.Exp(1 + 0.5*x)})
	}
	s := Spec{Name: "linear", Params: map[string]any{"log_target": true}, Task: metric.Regression, Target: "y"}
	d := mustFit(t, s, numbers(t, []string{"x", "y"}, rows)).Describe()
	if math.Abs(d.Intercepts[0].Value-1) > 1e-14 || math.Abs(d.Coefficients[0].Value-0.5) > 1e-14 {
		t.Errorf("got %v and %v", d.Intercepts, d.Coefficients)
	}
	actual, predicted := 0.0, 0.0
	for i := range rows {
		rows[i][1] *= math.Exp(float64(i%2*2-1) * 0.8)
		actual += rows[i][1]
	}
	table := numbers(t, []string{"x", "y"}, rows)
	for _, v := range mustPredict(t, mustFit(t, s, table), table).Values {
		predicted += v
	}
	if math.Abs(predicted/actual-1) > 0.05 {
		t.Errorf("predictions add up to %v, the target to %v", predicted, actual)
	}
}
