package gate

import (
	"math"
	"math/rand/v2"

	"github.com/weighlock/weighlock/internal/evaluation"
	"github.com/weighlock/weighlock/internal/metric"
)

// A world draws evaluation rows and two models. At worse = 0 the models are exchangeable; the larger worse is, the worse
// is the candidate.
type world struct {
	// name says what the rows are like, in the words of the table.
	name   string
	metric string
	rows   int
	draw   func(w world, random *rand.Rand, worse float64) (evaluation.Rows, metric.Predictions, metric.Predictions)
	// share is that of the positive rows; other worlds read their one number from it.
	share float64
	// weak says that so few groups cannot block as often as is promised, tails that no method sees tails as heavy as these
	// in so few rows; such a result is flagged, and its rate is printed and not bounded.
	weak, tails bool
}

// worlds are the rows of the table in docs/statistics.md: every metric that may have a margin, and what is hard.
func worlds() []world {
	var all []world
	for _, name := range []string{"rmse", "mae", "mse", "r2", "mape", "wmape", "pinball", "median_ae"} {
		all = append(all, world{name: "200 rows", metric: name, rows: 200, draw: quantities, share: 0})
	}
	for _, name := range []string{"accuracy", "balanced_accuracy", "precision", "recall", "specificity", "f1", "mcc", "log_loss", "brier", "roc_auc", "average_precision"} {
		all = append(all, world{name: "400 rows, 30 % positive", metric: name, rows: 400, draw: binary, share: 0.3})
	}
	all = append(all, world{name: "1,000 rows, 30 % positive", metric: "ece", rows: 1000, draw: confident, share: 0.3})
	for _, name := range []string{"accuracy", "balanced_accuracy", "f1_macro", "f1_weighted", "f1_micro", "mcc", "log_loss", "top_k"} {
		all = append(all, world{name: "300 rows, 6 classes", metric: name, rows: 300, draw: manyClasses, share: 0})
	}
	for _, name := range []string{"rmse", "mae", "r2"} {
		all = append(all, world{name: "tiny: 40 rows", metric: name, rows: 40, draw: quantities, share: 0})
	}
	all = append(all, world{name: "tiny: 60 rows, half positive", metric: "accuracy", rows: 60, draw: binary, share: 0.5}, world{name: "tiny: 60 rows, half positive", metric: "log_loss", rows: 60, draw: binary, share: 0.5})
	for _, name := range []string{"recall", "precision", "f1", "mcc", "roc_auc", "average_precision"} {
		all = append(all, world{name: "rare: 20 of 500 positive", metric: name, rows: 500, draw: rare, share: 20})
	}
	for _, name := range []string{"rmse", "accuracy", "roc_auc", "average_precision", "f1"} {
		all = append(all, world{name: "20 groups of 20 rows", metric: name, rows: 400, draw: grouped, share: 0.3})
	}
	all = append(all,
		world{name: "5 groups of 40 rows", metric: "rmse", rows: 200, draw: groupedQuantities, share: 40, weak: true},
		world{name: "60 groups, some large", metric: "mae", rows: 400, draw: unevenGroups, share: 0},
		world{name: "weights from 1 to 50", metric: "rmse", rows: 300, draw: weighted, share: 0},
		world{name: "weights from 1 to 50", metric: "accuracy", rows: 300, draw: weightedClasses, share: 0},
		world{name: "forecasts, drifting errors", metric: "mae", rows: 300, draw: forecasts, share: 0.5},
		world{name: "forecasts, drifting errors", metric: "rmse", rows: 300, draw: forecasts, share: 0.5},
		world{name: "forecasts, drifting errors", metric: "median_ae", rows: 300, draw: forecasts, share: 0.5},
		world{name: "heavy tails: t with 5 degrees", metric: "mse", rows: 200, draw: heavy, share: 5},
		world{name: "heavy tails: t with 3 degrees", metric: "rmse", rows: 200, draw: heavy, share: 3, tails: true},
	)
	return all
}

// quantities are regression rows whose errors have a common part.
func quantities(w world, random *rand.Rand, worse float64) (evaluation.Rows, metric.Predictions, metric.Predictions) {
	return errorsOf(w, worse, func() (float64, float64, float64) {
		return 2 * random.NormFloat64(), random.NormFloat64(), random.NormFloat64()
	}, random)
}

// errorsOf draws rows from a common and two own parts of an error; worse blows up all of the candidate's error.
func errorsOf(w world, worse float64, part func() (common, a, b float64), random *rand.Rand) (evaluation.Rows, metric.Predictions, metric.Predictions) {
	t := metric.Truth{Task: metric.Regression}
	var c, b metric.Predictions
	for range w.rows {
		y := 50 + 10*random.NormFloat64()
		common, own, other := part()
		t.Values = append(t.Values, y)
		c.Values = append(c.Values, y+(common+own)*(1+worse))
		b.Values = append(b.Values, y+common+other)
	}
	return rowsOf(t), c, b
}

// heavy has errors with a t distribution of w.share degrees of freedom.
func heavy(w world, random *rand.Rand, worse float64) (evaluation.Rows, metric.Predictions, metric.Predictions) {
	t := func() float64 {
		z, squares := random.NormFloat64(), 0.0
		for range int(w.share) {
			x := random.NormFloat64()
			squares += x * x
		}
		return z / math.Sqrt(squares/w.share)
	}
	return errorsOf(w, worse, func() (float64, float64, float64) { return t(), t(), t() }, random)
}

// classes draws one binary row: log odds that are right about the class, with noise of which a part is common.
type classes struct {
	random        *rand.Rand
	truth         metric.Truth
	c, b          metric.Predictions
	prior, signal float64
}

func newClasses(random *rand.Rand, share, signal float64) *classes {
	names := []string{"no", "yes"}
	return &classes{
		random: random, prior: math.Log(share / (1 - share)), signal: signal,
		truth: metric.Truth{Task: metric.Binary, Classes: names}, c: metric.Predictions{Classes: names}, b: metric.Predictions{Classes: names},
	}
}

// add appends a row. The evidence of a model is normal around ±signal with variance signal, so that its log odds are
// signal·2·evidence/signal + prior: calibrated. worse takes evidence away from the candidate, bold exaggerates its odds.
func (k *classes) add(label int32, common, worse, bold float64) {
	k.addBoth(label, common, [2]float64{worse, 0}, bold)
}

// addBoth takes evidence away from candidate and baseline.
func (k *classes) addBoth(label int32, common float64, worse [2]float64, bold float64) {
	side := float64(2*label - 1)
	k.truth.Labels = append(k.truth.Labels, label)
	for _, m := range []struct {
		p    *metric.Predictions
		loss float64
		bold float64
	}{{&k.c, worse[0], bold}, {&k.b, worse[1], 0}} {
		noise := math.Sqrt(k.signal) * (math.Sqrt(0.8)*common + math.Sqrt(0.2)*k.random.NormFloat64())
		z := (1+m.bold)*2*(k.signal*side*(1-m.loss)+noise) + k.prior
		p := 1 / (1 + math.Exp(-z))
		m.p.Probabilities = append(m.p.Probabilities, 1-p, p)
		m.p.Labels = append(m.p.Labels, map[bool]int32{true: 1}[p > 0.5])
	}
}

func binary(w world, random *rand.Rand, worse float64) (evaluation.Rows, metric.Predictions, metric.Predictions) {
	k := newClasses(random, w.share, 1)
	for range w.rows {
		k.add(map[bool]int32{true: 1}[random.Float64() < w.share], random.NormFloat64(), worse, 0)
	}
	return rowsOf(k.truth), k.c, k.b
}

// confident makes the candidate too sure of itself instead of less informed.
func confident(w world, random *rand.Rand, worse float64) (evaluation.Rows, metric.Predictions, metric.Predictions) {
	k := newClasses(random, w.share, 1)
	for range w.rows {
		k.add(map[bool]int32{true: 1}[random.Float64() < w.share], random.NormFloat64(), 0, 3*worse)
	}
	return rowsOf(k.truth), k.c, k.b
}

// rare has exactly w.share positive rows.
func rare(w world, random *rand.Rand, worse float64) (evaluation.Rows, metric.Predictions, metric.Predictions) {
	k := newClasses(random, w.share/float64(w.rows), 2)
	for i := range w.rows {
		k.add(map[bool]int32{true: 1}[float64(i) < w.share], random.NormFloat64(), worse, 0)
	}
	return rowsOf(k.truth), k.c, k.b
}

func manyClasses(w world, random *rand.Rand, worse float64) (evaluation.Rows, metric.Predictions, metric.Predictions) {
	names := []string{"a", "b", "c", "d", "e", "f"}
	t := metric.Truth{Task: metric.Multiclass, Classes: names}
	c, b := metric.Predictions{Classes: names}, metric.Predictions{Classes: names}
	for range w.rows {
		label := random.IntN(6)
		t.Labels = append(t.Labels, int32(label))
		common := make([]float64, 6)
		for i := range common {
			common[i] = random.NormFloat64()
		}
		for _, m := range []struct {
			p      *metric.Predictions
			signal float64
		}{{&c, 2.5 * (1 - worse)}, {&b, 2.5}} {
			weights, total, best := make([]float64, 6), 0.0, 0
			for i := range weights {
				z := common[i] + 0.5*random.NormFloat64()
				if i == label {
					z += m.signal
				}
				weights[i] = math.Exp(z)
				total += weights[i]
				if weights[i] > weights[best] {
					best = i
				}
			}
			for _, v := range weights {
				m.p.Probabilities = append(m.p.Probabilities, v/total)
			}
			m.p.Labels = append(m.p.Labels, int32(best))
		}
	}
	return rowsOf(t), c, b
}

// grouped rows share with their group how well each of the models does on it.
func grouped(w world, random *rand.Rand, worse float64) (evaluation.Rows, metric.Predictions, metric.Predictions) {
	if w.metric == "rmse" {
		w.share = 20
		return groupedQuantities(w, random, worse)
	}
	k := newClasses(random, w.share, 1)
	var cluster []int
	ours, theirs := 0.0, 0.0
	for i := range w.rows {
		if i%20 == 0 {
			ours, theirs = 0.4*random.NormFloat64(), 0.4*random.NormFloat64()
		}
		k.addBoth(map[bool]int32{true: 1}[random.Float64() < w.share], random.NormFloat64(), [2]float64{worse + ours, theirs}, 0)
		cluster = append(cluster, i/20)
	}
	rows := rowsOf(k.truth)
	rows.Cluster = cluster
	return rows, k.c, k.b
}

func groupedQuantities(w world, random *rand.Rand, worse float64) (evaluation.Rows, metric.Predictions, metric.Predictions) {
	size, i, ours, theirs := int(w.share), 0, 0.0, 0.0
	rows, c, b := errorsOf(w, worse, func() (float64, float64, float64) {
		if i%size == 0 {
			ours, theirs = math.Exp(0.3*random.NormFloat64()), math.Exp(0.3*random.NormFloat64())
		}
		i++
		return 0, 2 * ours * random.NormFloat64(), 2 * theirs * random.NormFloat64()
	}, random)
	rows.Cluster = numbered(w.rows, size)
	return rows, c, b
}

// unevenGroups are 60 groups, of which the first ten hold half of the rows.
func unevenGroups(w world, random *rand.Rand, worse float64) (evaluation.Rows, metric.Predictions, metric.Predictions) {
	cluster := make([]int, w.rows)
	ours, theirs := make([]float64, 60), make([]float64, 60)
	for g := range ours {
		ours[g], theirs[g] = math.Exp(0.3*random.NormFloat64()), math.Exp(0.3*random.NormFloat64())
	}
	i := 0
	rows, c, b := errorsOf(w, worse, func() (float64, float64, float64) {
		g := i % 10
		if i >= w.rows/2 {
			g = 10 + i%50
		}
		cluster[i] = g
		i++
		return 0, 2 * ours[g] * random.NormFloat64(), 2 * theirs[g] * random.NormFloat64()
	}, random)
	rows.Cluster = cluster
	return rows, c, b
}

func weighted(w world, random *rand.Rand, worse float64) (evaluation.Rows, metric.Predictions, metric.Predictions) {
	rows, c, b := quantities(w, random, worse)
	rows.Truth.Weights = weightsFor(w.rows, random)
	return rows, c, b
}

func weightedClasses(w world, random *rand.Rand, worse float64) (evaluation.Rows, metric.Predictions, metric.Predictions) {
	w.share = 0.3
	rows, c, b := binary(w, random, worse)
	rows.Truth.Weights = weightsFor(w.rows, random)
	return rows, c, b
}

func weightsFor(n int, random *rand.Rand) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = math.Exp(random.Float64() * math.Log(50))
	}
	return out
}

// forecasts have errors whose size drifts: an autoregression of w.share in the logarithm of each model's spread.
func forecasts(w world, random *rand.Rand, worse float64) (evaluation.Rows, metric.Predictions, metric.Predictions) {
	step := func(x float64) float64 { return w.share*x + 0.4*random.NormFloat64() }
	ours, theirs := 0.0, 0.0
	rows, c, b := errorsOf(w, worse, func() (float64, float64, float64) {
		ours, theirs = step(ours), step(theirs)
		return 0, 2 * math.Exp(ours) * random.NormFloat64(), 2 * math.Exp(theirs) * random.NormFloat64()
	}, random)
	rows.Truth.Task = metric.Forecast
	rows.Moment = numbered(w.rows, 1)
	return rows, c, b
}
