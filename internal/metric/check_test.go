package metric

import (
	"encoding/binary"
	"math"
	"strings"
	"testing"
)

func TestCheckNamesWhatIsWrong(t *testing.T) {
	numbers := Truth{Task: Regression, Values: []float64{1, 2}}
	classes := Truth{Task: Binary, Labels: []int32{0, 1}, Classes: names(2)}
	good := func(change func(*Predictions)) Predictions {
		p := Predictions{Labels: []int32{0, 1}, Probabilities: []float64{.75, .25, .5, .5}, Classes: names(2)}
		change(&p)
		return p
	}
	for _, c := range []struct {
		want string
		t    Truth
		p    Predictions
	}{
		{"", numbers, Predictions{Values: []float64{1, 2}}},
		{"predicted values for 1 rows, the evaluation set has 2", numbers, Predictions{Values: []float64{1}}},
		{"predicted values for 0 rows", numbers, Predictions{}},
		{"predicted value of row 2 is NaN", numbers, Predictions{Values: []float64{1, math.NaN()}}},
		{"predicted value of row 1 is -Inf", numbers, Predictions{Values: []float64{math.Inf(-1), 2}}},
		{"classes or probabilities where a regression task wants numbers", numbers, good(func(*Predictions) {})},
		{"quantile level 1 is outside", numbers, Predictions{Values: []float64{1, 2}, Quantiles: map[float64][]float64{1: {1, 2}}}},
		{"quantile level NaN is outside", numbers, Predictions{Values: []float64{1, 2}, Quantiles: map[float64][]float64{math.NaN(): {1, 2}}}},
		{"quantile 0.9 of row 2 is +Inf", numbers, Predictions{Values: []float64{1, 2}, Quantiles: map[float64][]float64{0.9: {1, math.Inf(1)}}}},
		{"quantile 0.9s for 1 rows", numbers, Predictions{Values: []float64{1, 2}, Quantiles: map[float64][]float64{0.9: {1}}}},
		{"", classes, good(func(*Predictions) {})},
		{"", classes, good(func(p *Predictions) { p.Probabilities = nil })},
		{"", classes, good(func(p *Predictions) { p.Probabilities[0] += 9e-7 })},
		{"probabilities of row 2 sum to 1.00000", classes, good(func(p *Predictions) { p.Probabilities[2] += 2e-6 })},
		{"sum to 0.99999", classes, good(func(p *Predictions) { p.Probabilities[2] -= 2e-6 })},
		{`probability of row 2 and class "b" is NaN`, classes, good(func(p *Predictions) { p.Probabilities[3] = math.NaN() })},
		{"outside [0, 1]", classes, good(func(p *Predictions) { p.Probabilities[0], p.Probabilities[1] = 1.25, -.25 })},
		{"3 probabilities for 2 rows of 2 classes", classes, good(func(p *Predictions) { p.Probabilities = p.Probabilities[:3] })},
		{"predicted classes for 0 rows", classes, good(func(p *Predictions) { p.Labels = nil })},
		{"predicted class of row 1 is number -1 of 2", classes, good(func(p *Predictions) { p.Labels[0] = -1 })},
		{"predicted class of row 2 is number 2 of 2", classes, good(func(p *Predictions) { p.Labels[1] = 2 })},
		{`classes are ["b" "a"], the data has ["a" "b"]`, classes, good(func(p *Predictions) { p.Classes = []string{"b", "a"} })},
		{"numbers where a binary task wants classes", classes, Predictions{Values: []float64{1, 2}}},
	} {
		err := c.p.Check(c.t)
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%v, want no error", err)
		case c.want != "" && (err == nil || !strings.HasPrefix(err.Error(), "check predictions: ") || !strings.Contains(err.Error(), c.want)):
			t.Errorf("error %v, want %q", err, c.want)
		}
	}
}

// FuzzPredictionsCheck reads predictions out of bytes. What Check lets through, every metric of the task can judge.
func FuzzPredictionsCheck(f *testing.F) {
	f.Add(uint8(0), uint8(1), []byte{0, 0, 0, 0, 0, 0, 0xf0, 0x3f})
	f.Add(uint8(1), uint8(1), []byte{0, 0, 0, 0, 0, 0, 0xe0, 0x3f, 0, 0, 0, 0, 0, 0, 0xe0, 0x3f, 1})
	f.Add(uint8(2), uint8(2), []byte{1, 2, 3})
	f.Fuzz(func(t *testing.T, kind, rows uint8, content []byte) {
		task := Tasks()[int(kind)%3]
		truth, p := read(task, int(rows%16), content)
		err := p.Check(truth)
		if err != nil && !strings.HasPrefix(err.Error(), "check predictions: ") {
			t.Fatal(err)
		}
		for _, m := range ForTask(task) {
			out := m.Value(truth, p, Params{})
			if !finite(out.Value) {
				t.Fatalf("%s = %+v", m.Name, out)
			}
			if err == nil && out.Undefined == Malformed {
				t.Fatalf("%s cannot judge what Check let through", m.Name)
			}
		}
	})
}

// read takes a truth of that many rows, and as many predictions as the bytes hold.
func read(task Task, rows int, content []byte) (Truth, Predictions) {
	t, p := Truth{Task: task}, Predictions{}
	numbers := func(most int) (out []float64) {
		for len(content) >= 8 && len(out) < most {
			out = append(out, math.Float64frombits(binary.LittleEndian.Uint64(content)))
			content = content[8:]
		}
		return out
	}
	if !task.Classifies() {
		for i := range rows {
			t.Values = append(t.Values, float64(i))
		}
		p.Values = numbers(1 << 10)
		return t, p
	}
	k := 2
	if task == Multiclass {
		k = 3
	}
	t.Classes, p.Classes = names(k), names(k)
	for i := range rows {
		t.Labels = append(t.Labels, int32(i%k))
	}
	p.Probabilities = numbers(rows * k)
	for _, b := range content {
		p.Labels = append(p.Labels, int32(int8(b)))
	}
	return t, p
}
