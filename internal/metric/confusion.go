package metric

import "math"

// Confusion counts rows by true class (first index) and predicted class (second index), both in the order of
// t.Classes. Weights are left out: it counts rows. It is nil where predictions and rows do not fit.
func Confusion(t Truth, p Predictions) [][]int {
	k := len(t.Classes)
	if len(p.Labels) != len(t.Labels) || !within(t.Labels, k) || !within(p.Labels, k) {
		return nil
	}
	counts := make([][]int, k)
	for i := range counts {
		counts[i] = make([]int, k)
	}
	for i, truth := range t.Labels {
		counts[truth][p.Labels[i]]++
	}
	return counts
}

// tally holds the weight of rows by class: truly of it, predicted to be of it, and both. Every metric of predicted
// classes is a function of these. Weights have mean 1, so without weights these are exact counts.
type tally struct {
	n                float64
	truth, pick, hit []float64
}

func newTally(in *input) tally {
	y := tally{n: float64(in.n), truth: make([]float64, in.classes), pick: make([]float64, in.classes), hit: make([]float64, in.classes)}
	if in.weights == nil {
		for i, truth := range in.labels {
			pick := in.picks[i]
			y.truth[truth]++
			y.pick[pick]++
			if truth == pick {
				y.hit[truth]++
			}
		}
		return y
	}
	truth, pick, hit := make([]sum, in.classes), make([]sum, in.classes), make([]sum, in.classes)
	for i, w := range in.weights {
		truth[in.labels[i]].add(w)
		pick[in.picks[i]].add(w)
		if in.labels[i] == in.picks[i] {
			hit[in.labels[i]].add(w)
		}
	}
	for k := range in.classes {
		y.truth[k], y.pick[k], y.hit[k] = truth[k].value(), pick[k].value(), hit[k].value()
	}
	return y
}

// effect is an influence function of predicted classes: a row of true class a and predicted class b has influence
// always + truth[a] + pick[b], and hit[a] besides where a = b. It is the gradient of a metric along (row - mean) over
// the tally, so it needs numbers per class only, however many pairs of classes there are.
type effect struct {
	always           float64
	truth, pick, hit []float64
}

func newEffect(classes int) effect {
	return effect{truth: make([]float64, classes), pick: make([]float64, classes), hit: make([]float64, classes)}
}

func (e *effect) rows(in *input) []float64 {
	phi := make([]float64, in.n)
	for i, a := range in.labels {
		b := in.picks[i]
		v := e.always + e.truth[a] + e.pick[b]
		if a == b {
			v += e.hit[a]
		}
		phi[i] = in.weight(i) * v
	}
	return phi
}

// ratio is the value and the effect of one class's ratio c·hit / (share of truth + share of pick), which is recall,
// precision or F1. 0/0 is 0, flagged.
type ratio struct{ truth, pick, hit float64 }

var (
	recallRatio    = ratio{truth: 1, hit: 1}
	precisionRatio = ratio{pick: 1, hit: 1}
	f1Ratio        = ratio{truth: 1, pick: 1, hit: 2}
)

func (r ratio) of(y tally, k int) (value float64, defined bool) {
	below := r.truth*y.truth[k] + r.pick*y.pick[k]
	if below == 0 {
		return 0, false
	}
	return r.hit * y.hit[k] / below, true
}

// addEffect adds the influence of class k's ratio times scale: (c·hit - ratio·(truth + pick)) / mean(truth + pick).
func (r ratio) addEffect(e *effect, y tally, k int, scale float64) {
	value, ok := r.of(y, k)
	if !ok {
		return
	}
	scale *= y.n / (r.truth*y.truth[k] + r.pick*y.pick[k])
	e.hit[k] += scale * r.hit
	e.truth[k] -= scale * value * r.truth
	e.pick[k] -= scale * value * r.pick
}

// ofClass is the formula of one class's ratio.
func (r ratio) ofClass(k int) formula {
	return func(in *input, want bool) (Outcome, []float64) {
		if k >= in.classes {
			return Outcome{Flags: []string{FlagZeroDivision}}, zeros(in, want)
		}
		y := newTally(in)
		value, ok := r.of(y, k)
		if !ok {
			return Outcome{Flags: []string{FlagZeroDivision}}, zeros(in, want)
		}
		if !want {
			return Outcome{Value: value}, nil
		}
		e := newEffect(in.classes)
		r.addEffect(&e, y, k, 1)
		return Outcome{Value: value}, e.rows(in)
	}
}

func zeros(in *input, want bool) []float64 {
	if !want {
		return nil
	}
	return make([]float64, in.n)
}

// accuracy is the share of rows whose class was predicted.
func accuracy(in *input, want bool) (Outcome, []float64) {
	return mean(in, want, func(i int) float64 {
		if in.labels[i] == in.picks[i] {
			return 1
		}
		return 0
	})
}

// balancedAccuracy is the mean recall of the classes that have rows.
func balancedAccuracy(in *input, want bool) (Outcome, []float64) {
	y := newTally(in)
	return meanOverClasses(in, want, y, recallRatio, y.truth)
}

// meanOverClasses is the plain mean of a ratio over the classes whose presence is above zero.
func meanOverClasses(in *input, want bool, y tally, r ratio, presence []float64) (Outcome, []float64) {
	var out Outcome
	present := 0
	for _, weight := range presence {
		if weight > 0 {
			present++
		}
	}
	if present < in.classes {
		out.Flags = append(out.Flags, FlagAbsentClass)
	}
	e, total := newEffect(in.classes), sum{}
	for k, weight := range presence {
		if weight > 0 {
			value, _ := r.of(y, k)
			total.add(value)
			r.addEffect(&e, y, k, 1/float64(present))
		}
	}
	out.Value = total.value() / float64(present)
	if !want {
		return out, nil
	}
	return out, e.rows(in)
}

// correlation is Matthews' coefficient, for any number of classes (Gorodkin 2004): the correlation of the true and the
// predicted class, each written as one column per class.
func correlation(in *input, want bool) (Outcome, []float64) {
	y := newTally(in)
	spreadTruth, spreadPick := spread(y.truth), spread(y.pick)
	if spreadTruth == 0 {
		return Outcome{Undefined: OneClass}, nil
	}
	if spreadPick == 0 {
		return Outcome{Flags: []string{FlagZeroDivision}}, zeros(in, want)
	}
	var hits, chance sum
	for k := range y.hit {
		hits.add(y.hit[k])
		chance.add(y.truth[k] * y.pick[k])
	}
	above := hits.value()*y.n - chance.value()
	value := above / (math.Sqrt(spreadTruth) * math.Sqrt(spreadPick))
	out := Outcome{Value: value}
	if !want {
		return out, nil
	}
	return out, correlationRows(in, y, value)
}

// correlationRows differentiates the coefficient in shares: numerator s - Σ t·p, denominator √(1-Σt²) √(1-Σp²).
func correlationRows(in *input, y tally, value float64) []float64 {
	n, square := y.n, y.n*y.n
	dt, dp := spread(y.truth)/square, spread(y.pick)/square
	root := math.Sqrt(dt) * math.Sqrt(dp)
	e := newEffect(in.classes)
	var s, chance, tt, pp float64
	for k := range y.truth {
		t, p := y.truth[k]/n, y.pick[k]/n
		s += y.hit[k] / n
		chance += t * p
		tt += t * t
		pp += p * p
		e.truth[k] = value*t/dt - p/root
		e.pick[k] = value*p/dp - t/root
		e.hit[k] = 1 / root
	}
	e.always = (2*chance-s)/root - value*(tt/dt+pp/dp)
	return e.rows(in)
}

// spread is (Σx)² - Σx² as twice the sum of products of different entries, which does not cancel.
func spread(x []float64) float64 {
	var before, products sum
	for _, v := range x {
		products.add(v * before.value())
		before.add(v)
	}
	return 2 * products.value()
}
