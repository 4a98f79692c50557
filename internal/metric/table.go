package metric

import (
	"cmp"
	"math"
	"slices"
	"sync"
)

// formula computes a value and, with want, one influence value per row.
type formula func(in *input, want bool) (Outcome, []float64)

var (
	quantities  = []Task{Regression, Forecast}
	twoClasses  = []Task{Binary}
	manyClasses = []Task{Multiclass}
	anyClasses  = []Task{Binary, Multiclass}
	unbounded   = math.Inf(1)
)

var (
	making sync.Once
	made   []Metric
)

// table is made when it is asked for: a program that never does, such as the server in an image, carries no formula.
func table() []Metric {
	making.Do(func() { made = allMetrics() })
	return made
}

// allMetrics holds every metric: its row and its formula.
func allMetrics() []Metric {
	return sorted(
		loss("mse", "MSE", "Mean of the squared errors.", squaredError).margin(0.04),
		loss("rmse", "RMSE", "Root of the mean squared error, in the target's own units.", rootSquaredError),
		loss("mae", "MAE", "Mean of the absolute errors, in the target's own units.", absoluteError),
		loss("mape", "MAPE", "Mean of the absolute errors as shares of the target; undefined where a target is zero.", percentageError),
		loss("wmape", "WMAPE", "Sum of the absolute errors as a share of the sum of the absolute targets.", weightedPercentageError),
		loss("median_ae", "Median absolute error", "Half of the rows have an absolute error of at most this.", medianError).resampled(drawMedian),
		loss("max_error", "Maximum error", "The largest absolute error of any row.", maxError).judged(Resampled),
		loss("pinball", "Pinball loss", "Mean loss of a predicted quantile, by default the median.", pinball).needing(needQuantile),
		score("r2", "R²", "Share of the target's variance that the predictions explain; below 0 they are worse than its mean.",
			explained).of(quantities, needValues).upToOne(math.Inf(-1)),

		score("accuracy", "Accuracy", "Share of rows whose class was predicted.", accuracy).of(anyClasses, needLabels).zeroOne(accuracyMarks),
		score("balanced_accuracy", "Balanced accuracy", "Mean over the classes of the share of their rows that was found.",
			balancedAccuracy).of(anyClasses, needLabels),
		score("precision", "Precision", "Share of the rows predicted positive that are positive.", precisionRatio.ofClass(1)).of(twoClasses, needLabels),
		score("recall", "Recall", "Share of the positive rows that was found.", recallRatio.ofClass(1)).of(twoClasses, needLabels).zeroOne(classMarks(1)),
		score("specificity", "Specificity", "Share of the negative rows that was left alone.",
			recallRatio.ofClass(0)).of(twoClasses, needLabels).zeroOne(classMarks(0)),
		score("f1", "F1", "Harmonic mean of precision and recall of the positive class.", f1Ratio.ofClass(1)).of(twoClasses, needLabels),
		score("mcc", "Matthews correlation", "Correlation of the true and the predicted class; 0 is no better than chance.",
			correlation).of(anyClasses, needLabels).upToOne(-1),
		score("f1_macro", "F1 (macro)", "Plain mean of the classes' F1.", f1Macro).of(manyClasses, needLabels),
		score("f1_weighted", "F1 (weighted)", "Mean of the classes' F1 by their share of the rows.", f1Weighted).of(manyClasses, needLabels),
		score("f1_micro", "F1 (micro)", "F1 over all rows and classes at once, which equals accuracy where a row has one class.",
			accuracy).of(manyClasses, needLabels).zeroOne(accuracyMarks),

		score("top_k", "Top-k accuracy", "Share of rows whose class is among the k most probable ones, by default five.",
			topK).of(manyClasses, needProbabilities).zeroOne(topMarks),
		loss("log_loss", "Log loss", "Mean of minus the logarithm of the true class's probability.", logLoss).of(anyClasses, needProbabilities),
		loss("brier", "Brier score", "Mean squared difference of the predicted probability and what happened.",
			brier).of(twoClasses, needScore).upToOne(0),
		score("roc_auc", "ROC AUC", "Chance that a positive row scores above a negative one.", area).of(twoClasses, needScore).judged(Area),
		score("average_precision", "Average precision", "Area under the precision-recall curve, without interpolation.",
			averagePrecision).of(twoClasses, needScore).resampled(drawPrecision),
		loss("ece", "Calibration error", "Mean gap between predicted probability and observed share, in ten bins of equal width.",
			calibrationError).of(twoClasses, needScore).upToOne(0).absolute(0.02).resampled(drawCalibration),
	)
}

// row is a metric on its way into the table.
type row struct {
	Metric
	needs   need
	formula formula
	marks   marks
	drawing drawing
}

// loss is a metric of quantities that is better when lower and has no upper bound.
func loss(name, title, doc string, f formula) row {
	return row{formula: f, Metric: Metric{
		Name: name, Title: title, Doc: doc, Direction: LowerIsBetter, Tasks: quantities,
		Relative: true, DefaultMargin: 0.02, Low: 0, High: unbounded,
	}}
}

// score is a metric that is better when higher and lies in [0, 1].
func score(name, title, doc string, f formula) row {
	return row{formula: f, Metric: Metric{
		Name: name, Title: title, Doc: doc, Direction: HigherIsBetter, DefaultMargin: 0.01, Low: 0, High: 1,
	}}
}

func (r row) of(tasks []Task, needs need) row {
	r.Tasks = tasks
	return r.needing(needs)
}

func (r row) needing(needs need) row {
	r.needs, r.Probabilities = needs, needs >= needProbabilities
	return r
}

func (r row) upToOne(low float64) row {
	r.Low, r.High = low, 1
	return r
}

func (r row) margin(share float64) row {
	r.DefaultMargin = share
	return r
}

func (r row) absolute(margin float64) row {
	r.Relative, r.DefaultMargin = false, margin
	return r
}

func (r row) judged(f Family) row {
	r.Family = f
	return r
}

func (r row) resampled(d drawing) row {
	r.drawing = d
	return r.judged(Resampled)
}

func (r row) zeroOne(m marks) row {
	r.marks = m
	return r.judged(ZeroOne)
}

// compute runs the formula behind its guard.
func (r row) compute(t Truth, p Predictions, params Params, want bool) (Outcome, []float64) {
	in, why := newInput(t, p, params, r.needs)
	if why != "" {
		return Outcome{Undefined: why}, nil
	}
	out, phi := r.formula(in, want)
	if !out.Defined() {
		return Outcome{Undefined: out.Undefined}, nil
	}
	if !finite(out.Value) {
		return Outcome{Undefined: NotFinite}, nil
	}
	// Rounding may carry a weighted mean past its bound by a last digit.
	out.Value = max(r.Low, min(r.High, out.Value))
	for _, v := range phi {
		if !finite(v) {
			return out, nil
		}
	}
	return out, phi
}

// metric fills in the functions that callers see.
func (r row) metric() Metric {
	m := r.Metric
	m.Value = func(t Truth, p Predictions, params Params) Outcome {
		out, _ := r.compute(t, p, params, false)
		return out
	}
	smooth := m.Family != Resampled
	m.measure = func(t Truth, p Predictions, params Params) (Outcome, []float64) {
		return r.compute(t, p, params, smooth)
	}
	if smooth {
		m.Influence = func(t Truth, p Predictions, params Params) []float64 {
			_, phi := r.compute(t, p, params, true)
			return phi
		}
	}
	if r.marks != nil {
		m.Hits = func(t Truth, p Predictions, params Params) (counted, hit []bool) {
			in, why := newInput(t, p, params, r.needs)
			if why != "" {
				return nil, nil
			}
			return r.marks.collect(in)
		}
	}
	if r.drawing != nil {
		m.Resample = func(t Truth, p Predictions, params Params) Resampler {
			in, why := newInput(t, p, params, r.needs)
			if why != "" {
				return nil
			}
			return r.drawing(in)
		}
	}
	return m
}

func sorted(rows ...row) []Metric {
	metrics := make([]Metric, len(rows))
	for i, r := range rows {
		metrics[i] = r.metric()
	}
	slices.SortFunc(metrics, func(a, b Metric) int { return cmp.Compare(a.Name, b.Name) })
	return metrics
}

// Lookup returns the metric of that name.
func Lookup(name string) (Metric, bool) {
	i, ok := slices.BinarySearchFunc(table(), name, func(m Metric, name string) int { return cmp.Compare(m.Name, name) })
	if !ok {
		return Metric{}, false
	}
	return table()[i], true
}

// All lists every metric, sorted by name.
func All() []Metric { return slices.Clone(table()) }

// ForTask lists the metrics that can judge the task, sorted by name; none yet for Ranking.
func ForTask(task Task) []Metric {
	return slices.DeleteFunc(All(), func(m Metric) bool { return !m.For(task) })
}

// Names lists the names of the metrics that can judge the task, sorted.
func Names(task Task) []string {
	var names []string
	for _, m := range ForTask(task) {
		names = append(names, m.Name)
	}
	return names
}
