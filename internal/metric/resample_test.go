package metric

import (
	"math"
	"math/rand/v2"
	"testing"
)

// A resample is worth what the metric itself makes of the rows written out as often as they count.
func TestResampledRowsAreRepeatedRows(t *testing.T) {
	everyMetric(t, func(t *testing.T, m Metric, task Task) {
		if m.Resample == nil {
			if m.Family == Resampled && m.Name != "max_error" {
				t.Fatal("nothing can judge its difference")
			}
			return
		}
		for _, weighted := range []bool{false, true} {
			truth, p := sample(task, 83, 2, 5)
			random := rand.New(rand.NewPCG(3, 4))
			for i := range truth.Rows() {
				if weighted {
					truth.Weights = append(truth.Weights, float64(random.IntN(4)))
				}
				if i%3 == 0 && p.Values != nil { // ties
					p.Values[i] = truth.Values[i] + 1
				}
				if i%3 == 0 && p.Probabilities != nil {
					p.Probabilities[2*i], p.Probabilities[2*i+1] = 0.25, 0.75
				}
			}
			value := m.Resample(truth, p, Params{})
			for range 50 {
				counts := make([]int32, truth.Rows())
				var rows []int
				for i := range counts {
					counts[i] = int32(random.IntN(3))
					for range counts[i] {
						rows = append(rows, i)
					}
				}
				want := m.Value(pickTruth(truth, rows), pickPredictions(p, rows), Params{})
				if got := value(counts); !want.Defined() || math.Abs(got-want.Value) > 1e-12 {
					t.Fatalf("weighted %v: %v, want %+v", weighted, got, want)
				}
			}
			if got := value(make([]int32, truth.Rows())); !math.IsNaN(got) {
				t.Errorf("no rows are worth %v", got)
			}
		}
		if m.Resample(Truth{Task: task}, Predictions{}, Params{}) != nil {
			t.Error("nothing can be resampled")
		}
	})
}

func pickTruth(t Truth, rows []int) Truth {
	out := t
	out.Values, out.Labels, out.Weights = nil, nil, nil
	for _, i := range rows {
		if t.Values != nil {
			out.Values = append(out.Values, t.Values[i])
		}
		if t.Labels != nil {
			out.Labels = append(out.Labels, t.Labels[i])
		}
		if t.Weights != nil {
			out.Weights = append(out.Weights, t.Weights[i])
		}
	}
	return out
}

func pickPredictions(p Predictions, rows []int) Predictions {
	out, k := Predictions{Classes: p.Classes}, len(p.Classes)
	for _, i := range rows {
		if p.Values != nil {
			out.Values = append(out.Values, p.Values[i])
		}
		if p.Labels != nil {
			out.Labels = append(out.Labels, p.Labels[i])
			out.Probabilities = append(out.Probabilities, p.Probabilities[i*k:(i+1)*k]...)
		}
	}
	return out
}
