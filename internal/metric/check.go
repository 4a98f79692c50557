package metric

import (
	"fmt"
	"maps"
	"math"
	"slices"
)

// sumTolerance is how far the probabilities of one row may be from 1 in sum.
const sumTolerance = 1e-6

// Check says in one sentence what is wrong with the shape of p, or returns nil: wrong number of rows, a value that is
// not finite, classes that differ, probabilities outside [0, 1] or not summing to 1 within 1e-6. Rows are counted from 1.
func (p Predictions) Check(t Truth) error {
	check := p.checkValues
	if t.Task.Classifies() {
		check = p.checkClasses
	}
	if err := check(t); err != nil {
		return fmt.Errorf("check predictions: %w", err)
	}
	for _, level := range slices.Sorted(maps.Keys(p.Quantiles)) {
		if !(level > 0 && level < 1) {
			return fmt.Errorf("check predictions: quantile level %v is outside (0, 1)", level)
		}
		if err := checkColumn(fmt.Sprintf("quantile %v", level), p.Quantiles[level], t.Rows()); err != nil {
			return fmt.Errorf("check predictions: %w", err)
		}
	}
	return nil
}

func (p Predictions) checkValues(t Truth) error {
	if p.Labels != nil || p.Probabilities != nil {
		return fmt.Errorf("classes or probabilities where a %s task wants numbers", t.Task)
	}
	return checkColumn("predicted value", p.Values, t.Rows())
}

func checkColumn(what string, values []float64, rows int) error {
	if len(values) != rows {
		return fmt.Errorf("%ss for %d rows, the evaluation set has %d", what, len(values), rows)
	}
	for i, v := range values {
		if !finite(v) {
			return fmt.Errorf("%s of row %d is %v, not a finite number", what, i+1, v)
		}
	}
	return nil
}

func (p Predictions) checkClasses(t Truth) error {
	if p.Values != nil {
		return fmt.Errorf("numbers where a %s task wants classes", t.Task)
	}
	if !slices.Equal(p.Classes, t.Classes) {
		return fmt.Errorf("classes are %q, the data has %q", p.Classes, t.Classes)
	}
	if len(p.Labels) != t.Rows() {
		return fmt.Errorf("predicted classes for %d rows, the evaluation set has %d", len(p.Labels), t.Rows())
	}
	k := len(p.Classes)
	for i, label := range p.Labels {
		if label < 0 || int(label) >= k {
			return fmt.Errorf("predicted class of row %d is number %d of %d classes", i+1, label, k)
		}
	}
	if p.Probabilities == nil {
		return nil
	}
	if len(p.Probabilities) != k*t.Rows() {
		return fmt.Errorf("%d probabilities for %d rows of %d classes", len(p.Probabilities), t.Rows(), k)
	}
	for i := range t.Rows() {
		var total float64
		for c, v := range p.Probabilities[i*k : (i+1)*k] {
			if !(v >= 0 && v <= 1) {
				return fmt.Errorf("probability of row %d and class %q is %v, outside [0, 1]", i+1, p.Classes[c], v)
			}
			total += v
		}
		if math.Abs(total-1) > sumTolerance {
			return fmt.Errorf("probabilities of row %d sum to %v, not to 1", i+1, total)
		}
	}
	return nil
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }
