// Package metric says what a score means: its formula, its direction and what each row contributes to it.
package metric

import "slices"

// Task is the kind of question a model answers.
type Task string

// The tasks of weighlock.yaml.
const (
	Regression Task = "regression"
	Binary     Task = "binary"
	Multiclass Task = "multiclass"
	Forecast   Task = "forecast"
	Ranking    Task = "ranking"
)

// Tasks lists every task that a policy may name, in the order in which help shows them.
func Tasks() []Task { return []Task{Regression, Binary, Multiclass, Forecast, Ranking} }

// Classifies reports whether the target of the task is a class and not a quantity.
func (t Task) Classifies() bool { return t == Binary || t == Multiclass }

// Direction says which way is better.
type Direction int8

// A metric has exactly one of these; it is never guessed from a name.
const (
	HigherIsBetter Direction = 1
	LowerIsBetter  Direction = -1
)

// String is the word used in reports: "higher" or "lower".
func (d Direction) String() string {
	if d == HigherIsBetter {
		return "higher"
	}
	return "lower"
}

// Truth is what really happened on the evaluation rows.
type Truth struct {
	Task Task
	// Values holds one target per row for regression, forecasts and ranking grades.
	Values []float64
	// Labels holds one class per row as an index into Classes, for classification.
	Labels []int32
	// Classes are the names of the classes in the order that Labels and probabilities use; in a binary task the second
	// one is the positive class.
	Classes []string
	// Weights holds one non-negative weight per row, or is nil.
	Weights []float64
}

// Rows is the number of rows.
func (t Truth) Rows() int {
	if t.Task.Classifies() {
		return len(t.Labels)
	}
	return len(t.Values)
}

// Predictions is what one model said about the same rows, in the same order.
type Predictions struct {
	// Values holds one predicted quantity per row; nil for classification.
	Values []float64
	// Probabilities is row-major, rows × len(Classes); nil when a model returns classes only.
	Probabilities []float64
	// Labels holds the predicted class per row as an index into Classes. The decision threshold belongs to the model,
	// so the labels come from it.
	Labels []int32
	// Classes are the names of the classes in the order of Probabilities, equal to Truth.Classes.
	Classes []string
	// Quantiles maps a quantile level in (0, 1) to one value per row, for models that return them; usually nil.
	Quantiles map[float64][]float64
}

// Rows is the number of rows.
func (p Predictions) Rows() int {
	if p.Labels != nil {
		return len(p.Labels)
	}
	return len(p.Values)
}

// Params are the few numbers that some metrics need; the zero value means each metric's default.
type Params struct {
	// Quantile is the level of pinball, 0.5 where zero.
	Quantile float64 `json:"quantile,omitempty"`
	// K is the number of classes that count as a hit for top_k, 5 where zero.
	K int `json:"k,omitempty"`
}

// Outcome is a value, or the named reason why there is none. Value is never NaN or infinite.
type Outcome struct {
	Value float64
	// Undefined is empty when Value holds, else one of the reasons below.
	Undefined Reason
	// Flags name what a reader should know about a value that does exist, such as "zero_division" or "clipped 3 rows".
	Flags []string
}

// Defined reports whether there is a value.
func (o Outcome) Defined() bool { return o.Undefined == "" }

// Reason is why a metric has no value on these rows.
type Reason string

// The reasons why a metric may have no value.
const (
	OneClass        Reason = "one class only"
	ConstantTarget  Reason = "constant target"
	ZeroTarget      Reason = "target near zero"
	NoRows          Reason = "no rows"
	NoProbabilities Reason = "no probabilities"
	NoQuantile      Reason = "no such quantile"
	NotFinite       Reason = "not a finite number"
	BadWeights      Reason = "weights that cannot be used"
	BadParameter    Reason = "parameter out of range"
	Malformed       Reason = "predictions that do not fit the rows"
)

// The flags that a value may carry, besides those that hold a count such as "clipped 3 rows".
const (
	// FlagZeroDivision marks a ratio 0/0 that counts as 0, as scikit-learn's zero_division=0 has it.
	FlagZeroDivision = "zero_division"
	// FlagAbsentClass marks a mean over classes from which classes without rows were left out.
	FlagAbsentClass = "absent_class"
	// FlagEveryClass marks a top_k whose k is at least the number of classes, so that every row is a hit.
	FlagEveryClass = "every_class_is_a_hit"
)

// Family tells the gate how the paired difference of a metric is judged.
type Family int8

// The families, one interval method each (docs/statistics.md).
const (
	// Smooth metrics have influence values and are judged by a t interval on their paired difference.
	Smooth Family = iota
	// ZeroOne metrics are means of per-row hits over a fixed set of rows: Tango's interval, mid-p McNemar.
	ZeroOne
	// Area is the area under the ROC curve: DeLong.
	Area
	// Resampled metrics have no influence values here; their paired difference needs a bootstrap, where Resample is set.
	Resampled
	// Exact numbers carry no sampling noise, such as a model's size.
	Exact
)

// Metric is one row of the table in table.go.
type Metric struct {
	Name      string
	Title     string // what a heading calls it, such as "ROC AUC"
	Doc       string // one sentence for the reader of a report: what the number means
	Direction Direction
	Tasks     []Task
	Family    Family
	// Probabilities says that the metric needs class probabilities and not only classes.
	Probabilities bool
	// Relative says that a default margin is a share of the baseline (losses) and not an absolute number (scores).
	Relative bool
	// DefaultMargin is proposed by init: an absolute number, or a share of the baseline when Relative.
	DefaultMargin float64
	// Bounds of the value, for plots and to check floors; infinite where there are none.
	Low, High float64
	// Value computes the metric of one model.
	Value func(t Truth, p Predictions, params Params) Outcome
	// Influence returns one influence value per row, such that their mean is zero and the value's sampling variance is
	// the variance of their mean (Hampel 1974); weights are in them. It is a nil func for families without them, and it
	// returns nil where the value is undefined.
	Influence func(t Truth, p Predictions, params Params) []float64
	// Hits returns the rows that count and which of them are hits, for ZeroOne metrics. Counted is the same for every
	// model of the same truth; rows of weight zero do not count. It is a nil func for the other families, and it returns
	// nil, nil where the predictions cannot be judged.
	Hits func(t Truth, p Predictions, params Params) (counted, hit []bool)

	// Resample prepares the metric of resampled rows, for Resampled metrics whose difference a bootstrap can judge. It is a
	// nil func for the others, and it returns nil where the predictions cannot be judged.
	Resample func(t Truth, p Predictions, params Params) Resampler

	measure func(t Truth, p Predictions, params Params) (Outcome, []float64)
}

// Measure is Value and Influence in one pass, for long tables; influence is nil where there is none.
func (m Metric) Measure(t Truth, p Predictions, params Params) (value Outcome, influence []float64) {
	return m.measure(t, p, params)
}

// For reports whether the metric can judge the task.
func (m Metric) For(task Task) bool {
	return slices.Contains(m.Tasks, task)
}
