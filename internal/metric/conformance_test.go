package metric

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// everyMetric runs a test for every metric of the table and every task that it can judge.
func everyMetric(t *testing.T, test func(t *testing.T, m Metric, task Task)) {
	t.Helper()
	for _, m := range All() {
		for _, task := range m.Tasks {
			t.Run(m.Name+"/"+string(task), func(t *testing.T) { test(t, m, task) })
		}
	}
}

// sample draws a truth and the predictions of a model whose errors have the size noise.
func sample(task Task, rows int, noise float64, seed uint64) (Truth, Predictions) {
	truths := rand.New(rand.NewPCG(1, uint64(rows)))
	r := rand.New(rand.NewPCG(2, seed))
	t, p := Truth{Task: task}, Predictions{}
	if !task.Classifies() {
		for range rows {
			y := 20 + 5*truths.NormFloat64()
			t.Values, p.Values = append(t.Values, y), append(p.Values, y+noise*r.NormFloat64())
		}
		return t, p
	}
	k := 2
	if task == Multiclass {
		k = 7
	}
	t.Classes, p.Classes = names(k), names(k)
	for range rows {
		truth := truths.IntN(k)
		weight, total, best := make([]float64, k), 0.0, 0
		for c := range weight {
			z := noise * r.NormFloat64()
			if c == truth {
				z += 3
			}
			weight[c] = math.Exp(z)
			total += weight[c]
			if weight[c] > weight[best] {
				best = c
			}
		}
		for _, w := range weight {
			p.Probabilities = append(p.Probabilities, w/total)
		}
		t.Labels, p.Labels = append(t.Labels, int32(truth)), append(p.Labels, int32(best))
	}
	return t, p
}

// pick returns the rows in the given order.
func pick(t Truth, p Predictions, rows []int) (Truth, Predictions) {
	from, given, k := t, p, len(t.Classes)
	t.Values, t.Labels, t.Weights, p.Values, p.Labels, p.Probabilities = nil, nil, nil, nil, nil, nil
	for _, i := range rows {
		if from.Weights != nil {
			t.Weights = append(t.Weights, from.Weights[i])
		}
		if from.Values != nil {
			t.Values, p.Values = append(t.Values, from.Values[i]), append(p.Values, given.Values[i])
			continue
		}
		t.Labels, p.Labels = append(t.Labels, from.Labels[i]), append(p.Labels, given.Labels[i])
		p.Probabilities = append(p.Probabilities, given.Probabilities[i*k:(i+1)*k]...)
	}
	return t, p
}

func weightsFor(rows int) []float64 {
	r := rand.New(rand.NewPCG(3, 3))
	out := make([]float64, rows)
	for i := range out {
		out[i] = 0.5 + float64(r.IntN(4))
	}
	return out
}

var someParams = Params{Quantile: 0.8, K: 2}

func defined(t *testing.T, m Metric, truth Truth, p Predictions) float64 {
	t.Helper()
	out := m.Value(truth, p, someParams)
	if !out.Defined() {
		t.Fatalf("undefined: %s", out.Undefined)
	}
	return out.Value
}

func TestTableIsWhole(t *testing.T) {
	names := map[string]bool{}
	for _, m := range All() {
		if names[m.Name] {
			t.Errorf("%s is there twice", m.Name)
		}
		names[m.Name] = true
		if m.Title == "" || !strings.HasSuffix(m.Doc, ".") || len(m.Doc) < 20 {
			t.Errorf("%s: title %q, doc %q", m.Name, m.Title, m.Doc)
		}
		if m.Direction != HigherIsBetter && m.Direction != LowerIsBetter || len(m.Tasks) == 0 || !(m.DefaultMargin > 0) || !(m.Low < m.High) {
			t.Errorf("%s: direction %v, tasks %v, margin %v, bounds [%v, %v]", m.Name, m.Direction, m.Tasks, m.DefaultMargin, m.Low, m.High)
		}
		if m.Relative && m.Direction == HigherIsBetter {
			t.Errorf("%s: a score has an absolute default margin", m.Name)
		}
		if (m.Hits != nil) != (m.Family == ZeroOne) || (m.Influence == nil) != (m.Family == Resampled) || m.Value == nil {
			t.Errorf("%s: family %d does not fit its functions", m.Name, m.Family)
		}
		if found, ok := Lookup(m.Name); !ok || found.Title != m.Title {
			t.Errorf("Lookup(%q) = %v, %v", m.Name, found.Title, ok)
		}
	}
	if _, ok := Lookup("rmsle"); ok {
		t.Error("Lookup found a metric that is not there")
	}
	if got := Names(Forecast); !slices.Equal(got, Names(Regression)) || !slices.IsSorted(got) || len(Names(Ranking)) != 0 {
		t.Errorf("forecasts are judged by %v, ranking by %v", got, Names(Ranking))
	}
}

func TestBetterModelScoresBetter(t *testing.T) {
	everyMetric(t, func(t *testing.T, m Metric, task Task) {
		truth, good := sample(task, 300, 0.4, 1)
		_, bad := sample(task, 300, 6, 2)
		if g, b := defined(t, m, truth, good), defined(t, m, truth, bad); float64(m.Direction)*(g-b) <= 0 {
			t.Errorf("good model %v, bad model %v, %s is better", g, b, m.Direction)
		}
	})
}

// An influence value is the derivative of the metric by the weight of its row, times rows and weight: a check of every
// formula that knows nothing of them.
func TestInfluenceIsTheDerivativeByWeight(t *testing.T) {
	everyMetric(t, func(t *testing.T, m Metric, task Task) {
		if m.Influence == nil {
			t.Skip("judged by resampling, it has no influence values")
		}
		const rows, step = 60, 1e-4
		truth, p := sample(task, rows, 2.5, 3)
		for _, weights := range [][]float64{slices.Repeat([]float64{1}, rows), weightsFor(rows)} {
			truth.Weights = weights
			phi := m.Influence(truth, p, someParams)
			largest, total := 0.0, 0.0
			for _, v := range phi {
				largest, total = max(largest, math.Abs(v)), total+v
			}
			if len(phi) != rows || math.Abs(total) > 1e-11*largest*rows || largest == 0 {
				t.Fatalf("%d influence values sum to %v", len(phi), total)
			}
			for i := range rows {
				truth.Weights = slices.Clone(weights)
				truth.Weights[i] += step
				above := defined(t, m, truth, p)
				truth.Weights[i] -= 2 * step
				slope := (above - defined(t, m, truth, p)) / (2 * step)
				if want := slope * rows * weights[i]; math.Abs(phi[i]-want) > 1e-6*largest {
					t.Fatalf("row %d has influence %v, the derivative says %v", i, phi[i], want)
				}
			}
		}
	})
}

func TestInfluencePredictsDroppedRows(t *testing.T) {
	everyMetric(t, func(t *testing.T, m Metric, task Task) {
		if m.Influence == nil {
			t.Skip("judged by resampling, it has no influence values")
		}
		const rows = 500
		truth, p := sample(task, rows, 2.5, 4)
		whole, phi := m.Measure(truth, p, someParams)
		var error2, size2 float64
		order := sequence(rows)
		for i := range rows {
			less, lessP := pick(truth, p, slices.Concat(order[:i], order[i+1:]))
			jackknife := (rows - 1) * (whole.Value - defined(t, m, less, lessP))
			error2 += (jackknife - phi[i]) * (jackknife - phi[i])
			size2 += phi[i] * phi[i]
		}
		if ratio := math.Sqrt(error2 / size2); !(ratio < 0.02) {
			t.Errorf("jackknife and influence differ by %.3g of their size", ratio)
		}
	})
}

func sequence(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

func TestOrderOfRowsDoesNotMatter(t *testing.T) {
	everyMetric(t, func(t *testing.T, m Metric, task Task) {
		const rows = 3000 // long enough for sorting by digits
		truth, p := sample(task, rows, 2, 5)
		truth.Weights = weightsFor(rows)
		order := rand.New(rand.NewPCG(4, 4)).Perm(rows)
		shuffled, shuffledP := pick(truth, p, order)
		value, phi := m.Measure(truth, p, someParams)
		other, otherPhi := m.Measure(shuffled, shuffledP, someParams)
		if !near(other.Value, value.Value, 1e-13) {
			t.Errorf("%v in one order, %v in another", value.Value, other.Value)
		}
		for at, i := range order {
			if phi != nil && math.Abs(otherPhi[at]-phi[i]) > 1e-11*(1+math.Abs(phi[i])) {
				t.Fatalf("influence %v in one order, %v in another", phi[i], otherPhi[at])
			}
		}
	})
}

func TestWeightIsNumberOfRows(t *testing.T) {
	everyMetric(t, func(t *testing.T, m Metric, task Task) {
		truth, p := sample(task, 200, 2, 6)
		var repeated []int
		truth.Weights = make([]float64, 200)
		for i := range truth.Weights {
			truth.Weights[i] = float64(i % 4)
			repeated = append(repeated, slices.Repeat([]int{i}, i%4)...)
		}
		weighted := defined(t, m, truth, p)
		long, longP := pick(truth, p, repeated)
		long.Weights = nil
		if want := defined(t, m, long, longP); !near(weighted, want, 1e-12) {
			t.Errorf("%v with weights, %v with repeated rows", weighted, want)
		}
		for i := range truth.Weights {
			truth.Weights[i] *= 5e307
		}
		if scaled := defined(t, m, truth, p); !near(scaled, weighted, 1e-12) {
			t.Errorf("%v with weights, %v with large weights", weighted, scaled)
		}
	})
}

func TestHitsAreTheValue(t *testing.T) {
	everyMetric(t, func(t *testing.T, m Metric, task Task) {
		if m.Hits == nil {
			t.Skip("not a share of hits")
		}
		truth, p := sample(task, 200, 3, 7)
		_, other := sample(task, 200, 5, 8)
		counted, hit := m.Hits(truth, p, someParams)
		var rows, hits float64
		for i, c := range counted {
			if hit[i] && !c {
				t.Fatalf("row %d is a hit and does not count", i)
			}
			if c {
				rows++
			}
			if hit[i] {
				hits++
			}
		}
		if value := defined(t, m, truth, p); !near(hits/rows, value, 1e-13) {
			t.Errorf("%v of %v rows are hits, the value is %v", hits, rows, value)
		}
		if same, _ := m.Hits(truth, other, someParams); !slices.Equal(same, counted) {
			t.Error("which rows count depends on the model")
		}
		truth.Weights = slices.Repeat([]float64{1, 0}, 100)
		if c, _ := m.Hits(truth, p, someParams); c[1] || c[3] {
			t.Error("a row of weight zero counts")
		}
	})
}

func TestPlacementsAgreeWithEveryPair(t *testing.T) {
	truth, p := sample(Binary, 90, 3, 9)
	for i := range p.Probabilities {
		p.Probabilities[i] = math.Round(p.Probabilities[i]*20) / 20 // ties
	}
	truth.Weights = weightsFor(90)
	m, _ := Lookup("roc_auc")
	value, phi := m.Measure(truth, p, Params{})
	var won, pairs float64
	for i, a := range truth.Labels {
		var share, weight float64
		for j, b := range truth.Labels {
			if a == b {
				continue
			}
			up, down := p.Probabilities[2*i+1], p.Probabilities[2*j+1]
			if a == 0 {
				up, down = down, up
			}
			beats := 0.5
			if up != down {
				beats = float64(map[bool]int{true: 1}[up > down])
			}
			share += truth.Weights[j] * beats
			weight += truth.Weights[j]
			won += truth.Weights[i] * truth.Weights[j] * beats
			pairs += truth.Weights[i] * truth.Weights[j]
		}
		var own float64
		for j, b := range truth.Labels {
			if a == b {
				own += truth.Weights[j]
			}
		}
		if want := 90 * truth.Weights[i] / own * (share/weight - value.Value); math.Abs(phi[i]-want) > 1e-12 {
			t.Fatalf("row %d: influence %v, every pair says %v", i, phi[i], want)
		}
	}
	if !near(value.Value, won/pairs, 1e-13) {
		t.Errorf("area %v, every pair says %v", value.Value, won/pairs)
	}
}

// The values of facts/statistics.md section 7, which scikit-learn and R's pROC agree on.
func TestPublishedValues(t *testing.T) {
	y := []int32{0, 1, 1, 0, 1, 0, 0, 1, 1, 0, 1, 1}
	scores := []float64{.2, .7, .7, .4, .35, .35, .1, .9, .55, .6, .7, .05}
	truth := Truth{Task: Binary, Labels: y, Classes: names(2)}
	p := Predictions{Probabilities: twoColumns(scores), Classes: names(2)}
	for _, s := range scores {
		p.Labels = append(p.Labels, int32(map[bool]int{true: 1}[s >= 0.5]))
	}
	for name, want := range map[string]float64{
		"roc_auc": .757142857142857, "average_precision": .869047619047619, "log_loss": .667098340415579,
		"brier": .208333333333333, "f1": .769230769230769, "mcc": .50709255283711,
	} {
		m, _ := Lookup(name)
		if got := defined(t, m, truth, p); math.Abs(got-want) > 1e-13 {
			t.Errorf("%s = %v, published %v", name, got, want)
		}
	}
}

func ExampleNames() {
	fmt.Println(Names(Regression))
	// Output: [mae mape max_error median_ae mse pinball r2 rmse wmape]
}
