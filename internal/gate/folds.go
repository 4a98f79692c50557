package gate

import (
	"errors"
	"fmt"

	"github.com/weighlock/weighlock/internal/metric"
	"github.com/weighlock/weighlock/internal/stats"
)

// Fold is one test part of a cross-validation: what both models, trained on the other parts, said of it.
type Fold struct {
	Truth     metric.Truth
	Candidate metric.Predictions
	// Baseline is nil on a first run.
	Baseline *metric.Predictions
}

// Folds stand in for evaluation rows that only judge. Their models share training rows, so their differences are judged
// by the corrected resampled t test and never by the plain one (statistics.md 2.5; Nadeau and Bengio 2003).
type Folds struct {
	Parts []Fold
	// TestOverTrain is the rows of a test part over those that its models were trained on.
	TestOverTrain float64
}

// check says why folds cannot be judged.
func (f *Folds) check(firstRun bool) error {
	if f == nil {
		return nil
	}
	if len(f.Parts) < 2 || !(f.TestOverTrain > 0) {
		return errors.New("a cross-validation needs at least two folds, and rows to train on")
	}
	for i, part := range f.Parts {
		if err := part.Candidate.Check(part.Truth); err != nil {
			return fmt.Errorf("fold %d of the candidate cannot be judged: %w", i+1, err)
		}
		if (part.Baseline == nil) != firstRun {
			return fmt.Errorf("fold %d has no baseline, or one that the others lack", i+1)
		}
		if part.Baseline == nil {
			continue
		}
		if err := part.Baseline.Check(part.Truth); err != nil {
			return fmt.Errorf("fold %d of the baseline cannot be judged: %w", i+1, err)
		}
	}
	return nil
}

// foldValues are a metric's values on every fold.
type foldValues struct {
	candidate, baseline []float64
	testOverTrain       float64
	same                bool // both models said the same on every fold
}

// newFolded measures both sides of a pair fold by fold; a side's value is the mean over the folds, undefined where that of
// one fold is.
func (p *pair) newFolded(f *Folds) {
	p.folds = &foldValues{testOverTrain: f.TestOverTrain, same: true}
	c := newMean(len(f.Parts))
	b := newMean(len(f.Parts))
	for _, part := range f.Parts {
		one := &pair{metric: p.metric, params: p.params, truth: part.Truth}
		one.candidate = newSide(one, part.Candidate)
		c.add(one.candidate.outcome)
		if part.Baseline != nil {
			one.baseline = newSide(one, *part.Baseline)
			b.add(one.baseline.outcome)
			p.folds.same = p.folds.same && one.identical()
		}
	}
	p.candidate.outcome, p.folds.candidate = c.outcome(), c.values
	p.baseline.outcome, p.folds.baseline = b.outcome(), b.values
}

// foldMean collects the values of folds.
type foldMean struct {
	parts     int
	values    []float64
	total     float64
	undefined metric.Reason
	flags     []string
}

func newMean(parts int) *foldMean { return &foldMean{parts: parts} }

func (m *foldMean) add(o metric.Outcome) {
	if !o.Defined() && m.undefined == "" {
		m.undefined = o.Undefined
	}
	m.values = append(m.values, o.Value)
	m.total += o.Value / float64(m.parts)
	m.flags = append(m.flags, o.Flags...)
}

func (m *foldMean) outcome() metric.Outcome {
	if m.undefined != "" {
		return metric.Outcome{Undefined: m.undefined}
	}
	return metric.Outcome{Value: m.total, Flags: m.flags}
}

// resampled is the corrected resampled t test of candidate - scale·baseline.
func (f *foldValues) resampled(p *pair, scale float64) stats.Result {
	if len(f.candidate) != len(f.baseline) {
		return p.unknown()
	}
	d := make([]float64, len(f.candidate))
	for i := range d {
		d[i] = p.sign() * (f.candidate[i] - float64(scale*f.baseline[i]))
	}
	return stats.CorrectedResampled(d, f.testOverTrain, p.level)
}
