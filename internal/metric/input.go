package metric

import "math"

// need is what a formula reads.
type need int8

const (
	needValues        need = iota // a predicted quantity
	needQuantile                  // a predicted quantile, or a quantity
	needLabels                    // a predicted class
	needProbabilities             // class probabilities
	needScore                     // the probability of the positive class
)

// input is a truth and a prediction that fit each other, row by row.
type input struct {
	n             int
	truth, guess  []float64 // quantities
	labels, picks []int32   // true and predicted classes
	classes       int
	probabilities []float64 // row-major, n × classes
	weights       []float64 // of mean 1, or nil
	params        Params
}

func (in *input) weight(i int) float64 {
	if in.weights == nil {
		return 1
	}
	return in.weights[i]
}

// score is the probability of the positive class.
func (in *input) score(i int) float64 { return in.probabilities[2*i+1] }

// newInput takes what the formula needs, or says why there can be no value. A formula behind it meets no NaN, no
// infinity and no index that is out of range.
func newInput(t Truth, p Predictions, params Params, needs need) (*input, Reason) {
	in := &input{n: len(t.Values), params: params}
	if needs >= needLabels {
		in.n = len(t.Labels)
	}
	if in.n == 0 {
		return nil, NoRows
	}
	var why Reason
	if needs >= needLabels {
		why = in.classify(t, p, needs)
	} else {
		why = in.quantify(t, p, needs)
	}
	if why != "" {
		return nil, why
	}
	return in, in.weigh(t.Weights)
}

func (in *input) quantify(t Truth, p Predictions, needs need) Reason {
	in.truth, in.guess = t.Values, p.Values
	if needs == needQuantile {
		q := in.params.Quantile
		if q == 0 {
			q = 0.5
		}
		if !(q > 0 && q < 1) {
			return BadParameter
		}
		in.params.Quantile = q
		if p.Quantiles != nil {
			predicted, ok := p.Quantiles[q]
			switch {
			case ok:
				in.guess = predicted
			case q != 0.5 || p.Values == nil:
				return NoQuantile
			}
		}
	}
	if len(in.guess) != in.n {
		return Malformed
	}
	for i := range in.n {
		// A difference of finite numbers is finite or overflows; either way one test sees both.
		if !finite(in.truth[i] - in.guess[i]) {
			return NotFinite
		}
	}
	return ""
}

func (in *input) classify(t Truth, p Predictions, needs need) Reason {
	in.labels, in.picks, in.probabilities, in.classes = t.Labels, p.Labels, p.Probabilities, len(t.Classes)
	if t.Task == Binary && in.classes > 2 || needs == needScore && in.classes > 2 {
		return Malformed
	}
	if !within(in.labels, in.classes) {
		return Malformed
	}
	if needs == needLabels {
		if len(in.picks) != in.n || !within(in.picks, in.classes) {
			return Malformed
		}
		return ""
	}
	if in.probabilities == nil {
		return NoProbabilities
	}
	if len(in.probabilities) != in.n*in.classes {
		return Malformed
	}
	for _, v := range in.probabilities {
		if !(v >= 0 && v <= 1) {
			if !finite(v) {
				return NotFinite
			}
			return Malformed
		}
	}
	if needs == needScore && in.classes < 2 {
		return OneClass
	}
	return ""
}

func within(labels []int32, classes int) bool {
	for _, label := range labels {
		if label < 0 || int(label) >= classes {
			return false
		}
	}
	return true
}

// weigh normalises weights to mean 1. They are divided by the largest first, so that no sum of them overflows.
func (in *input) weigh(weights []float64) Reason {
	if weights == nil {
		return ""
	}
	if len(weights) != in.n {
		return BadWeights
	}
	largest := 0.0
	for _, w := range weights {
		if !(w >= 0) || math.IsInf(w, 0) {
			return BadWeights
		}
		largest = max(largest, w)
	}
	if largest == 0 {
		return BadWeights
	}
	in.weights = make([]float64, in.n)
	var s sum
	for i, w := range weights {
		in.weights[i] = w / largest
		s.add(in.weights[i])
	}
	scale := float64(in.n) / s.value()
	for i := range in.weights {
		in.weights[i] *= scale
	}
	return ""
}
