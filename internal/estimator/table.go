package estimator

import "github.com/weighlock/weighlock/internal/metric"

var (
	quantities = []metric.Task{metric.Regression}
	classes    = []metric.Task{metric.Binary, metric.Multiclass}
)

// estimators lists every estimator. To add one, write a file with its fit function and add a row; the conformance suite
// picks it up from here.
var estimators = []Estimator{
	{
		Name: "dummy", Title: "Dummy", Tasks: append(append([]metric.Task{}, quantities...), classes...), fit: fitDummy,
		Params: []Param{
			{
				Name: "strategy", Kind: Choice, Default: "auto", Choices: []string{"auto", "mean", "median", "prior", "most_frequent"},
				Doc: "What is predicted of every row: the mean or median of the target; the shares of the classes (prior), or the most frequent class for certain. auto is mean for quantities and prior for classes.",
			},
		},
	},
	{Name: "linear", Title: "Linear regression", Tasks: quantities, Params: join(target, preprocessing), fit: fitLinear},
	{
		Name: "ridge", Title: "Ridge regression", Tasks: quantities, fit: fitRidge,
		Params: join([]Param{
			{
				Name: "alpha", Kind: Number, Default: 1.0, Max: 1e12,
				Doc: "Penalty: sum of squared residuals + alpha × sum of squared coefficients is least, the intercept free, as in scikit-learn. 0 is linear regression.",
			},
		}, target, standardise, preprocessing),
	},
	{
		Name: "logistic", Title: "Logistic regression", Tasks: classes, fit: fitLogistic,
		Params: join([]Param{
			{
				Name: "C", Kind: Number, Default: 1.0, Min: 0, Max: 1e12, Open: true,
				Doc: "Inverse penalty: C × sum of log losses + half the sum of squared coefficients is least, the intercepts free, as in scikit-learn.",
			},
			{Name: "penalty", Kind: Choice, Default: "l2", Choices: []string{"l2", "none"}, Doc: "none leaves the penalty out, and C with it."},
			{
				Name: "class_weight", Kind: ClassWeights, Default: "none", Choices: []string{"none", "balanced"},
				Doc: "Weight of a row by its class. balanced is rows / (classes × rows of the class).",
			},
			{
				Name: "threshold", Kind: Number, Default: 0.5, Min: 0, Max: 1, Open: true,
				Doc: "Binary tasks: the probability from which on the second class is predicted.",
			},
			{Name: "max_iterations", Kind: Integer, Default: 200, Min: 1, Max: 100000, Doc: "Steps after which the best fit so far is taken; a note tells."},
		}, standardise, preprocessing),
	},
}

var target = []Param{
	{
		Name: "log_target", Kind: Boolean, Default: false,
		Doc: "Fit the logarithm of the target, which must be positive, and predict its exponential times Duan's smearing factor, so that predictions are right on average.",
	},
}

var standardise = []Param{
	{
		Name: "standardise", Kind: Boolean, Default: true,
		Doc: "Centre numbers and dates and divide them by their standard deviation before the penalty counts; booleans and levels stay 0 or 1.",
	},
}

// preprocessing is what every estimator with an encoder takes.
var preprocessing = []Param{
	{Name: "impute", Kind: Choice, Default: "median", Choices: []string{"median", "mean"}, Doc: "What a missing number becomes."},
	{Name: "missing_indicator", Kind: Boolean, Default: false, Doc: "Add a column that tells where a value was missing."},
	{Name: "min_count", Kind: Integer, Default: 5, Min: 1, Max: 1e9, Doc: "Levels of fewer training rows are folded into one, which unseen levels join."},
	{Name: "max_levels", Kind: Integer, Default: 100, Min: 1, Max: 10000, Doc: "Levels of a column that keep an indicator of their own, the most frequent ones."},
	{Name: "log", Kind: Columns, Default: []string(nil), Doc: "Number columns that enter as sign(x) log(1 + |x|)."},
	{Name: "degree", Kind: Integer, Default: 1, Min: 1, Max: 2, Doc: "2 adds squares of numbers and dates and the products of all pairs of them."},
	{Name: "interactions", Kind: Columns, Default: []string(nil), Doc: "Columns of any kind of which all pairs are multiplied."},
}

func join(lists ...[]Param) []Param {
	var out []Param
	for _, l := range lists {
		out = append(out, l...)
	}
	return out
}
