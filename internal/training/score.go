package training

import (
	"fmt"
	"math"
	"slices"

	"github.com/weighlock/weighlock/internal/metric"
	"github.com/weighlock/weighlock/internal/model"
)

// Score lets a model predict the job's evaluation rows and puts its classes into the job's order.
func Score(m *model.Model, job Job) (metric.Predictions, error) {
	if m.Task() != job.Task {
		return metric.Predictions{}, blamed(fmt.Errorf("score evaluation rows: the model answers a %s task, the policy asks for %s", m.Task(), job.Task))
	}
	p, err := m.Predict(job.Evaluate)
	if err != nil {
		return metric.Predictions{}, blamed(fmt.Errorf("score evaluation rows: %w", err))
	}
	return AlignClasses(p, job.Classes)
}

// AlignClasses rewrites classified predictions so that they use classes in that order. A class that the model does not
// know gets probability 0; a class that only the model knows is an error, for no row could ever be right about it.
func AlignClasses(p metric.Predictions, classes []string) (metric.Predictions, error) {
	if p.Labels == nil || slices.Equal(p.Classes, classes) {
		return p, nil
	}
	to := make([]int32, len(p.Classes))
	for i, class := range p.Classes {
		at := slices.Index(classes, class)
		if at < 0 {
			return metric.Predictions{}, blamed(fmt.Errorf("align classes: the model predicts class %q, which is not in the data", class))
		}
		to[i] = int32(at)
	}
	aligned := metric.Predictions{Classes: classes, Labels: make([]int32, len(p.Labels))}
	for row, label := range p.Labels {
		aligned.Labels[row] = to[label]
	}
	if p.Probabilities == nil {
		return aligned, nil
	}
	from, k := len(p.Classes), len(classes)
	if k > 0 && len(p.Labels) > math.MaxInt/k {
		return metric.Predictions{}, blamed(fmt.Errorf("align classes: %d rows of %d classes", len(p.Labels), k))
	}
	aligned.Probabilities = make([]float64, len(p.Labels)*k)
	for row := range p.Labels {
		for i, at := range to {
			aligned.Probabilities[row*k+int(at)] = p.Probabilities[row*from+i]
		}
	}
	return aligned, nil
}
