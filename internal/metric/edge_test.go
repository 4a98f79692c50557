package metric

import (
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func quantity(y, p []float64) (Truth, Predictions) {
	return Truth{Task: Regression, Values: y}, Predictions{Values: p}
}

// judge is a binary task with scores and the threshold one half.
func judge(y []int32, scores ...float64) (Truth, Predictions) {
	p := Predictions{Probabilities: twoColumns(scores), Classes: names(2)}
	for _, s := range scores {
		label := int32(0)
		if s >= 0.5 {
			label = 1
		}
		p.Labels = append(p.Labels, label)
	}
	return Truth{Task: Binary, Labels: y, Classes: names(2)}, p
}

// setting is what a metric is asked about.
type setting struct {
	t      Truth
	p      Predictions
	params Params
}

func numbers(y, p []float64) setting {
	truth, guess := quantity(y, p)
	return setting{t: truth, p: guess}
}

func scores(y []int32, scores ...float64) setting {
	truth, guess := judge(y, scores...)
	return setting{t: truth, p: guess}
}

// but is the setting with one thing changed.
func (s setting) but(change func(*setting)) setting {
	change(&s)
	return s
}

type edge struct {
	what, metric string
	in           setting
	want         Outcome
}

func edgesOfQuantities() []edge {
	plain := numbers([]float64{1, 2, 3}, []float64{1, 2, 4})
	return []edge{
		{"no rows", "rmse", numbers(nil, nil), Outcome{Undefined: NoRows}},
		{"no rows", "f1", scores(nil), Outcome{Undefined: NoRows}},
		{"NaN", "mae", numbers([]float64{1, 2}, []float64{1, math.NaN()}), Outcome{Undefined: NotFinite}},
		{"overflow", "mse", numbers([]float64{1e200, 2}, []float64{0, 2}), Outcome{Undefined: NotFinite}},
		{"other length", "mae", numbers([]float64{1, 2}, []float64{1}), Outcome{Undefined: Malformed}},
		{"constant target", "r2", numbers([]float64{.1, .1, .1}, []float64{1, 2, 3}), Outcome{Undefined: ConstantTarget}},
		{"constant where it weighs", "r2", plain.but(func(s *setting) { s.t.Weights = []float64{0, 0, 2} }), Outcome{Undefined: ConstantTarget}},
		{"zero target", "mape", numbers([]float64{1, 1e-17}, []float64{1, 2}), Outcome{Undefined: ZeroTarget}},
		{"zero target weighs nothing", "mape", numbers([]float64{2, 0}, []float64{1, 2}).but(func(s *setting) { s.t.Weights = []float64{1, 0} }), Outcome{Value: 0.5}},
		{"zero targets", "wmape", numbers([]float64{0, 0}, []float64{1, 2}), Outcome{Undefined: ZeroTarget}},
		{"perfect", "rmse", numbers([]float64{1, 2}, []float64{1, 2}), Outcome{}},
		{"negative weight", "mae", plain.but(func(s *setting) { s.t.Weights = []float64{1, -1, 1} }), Outcome{Undefined: BadWeights}},
		{"no weight at all", "mae", plain.but(func(s *setting) { s.t.Weights = []float64{0, 0, 0} }), Outcome{Undefined: BadWeights}},
		{"weights of other rows", "mae", plain.but(func(s *setting) { s.t.Weights = []float64{1} }), Outcome{Undefined: BadWeights}},
		{"quantile from values", "pinball", plain.but(func(s *setting) { s.params.Quantile = 0.75 }), Outcome{Value: 0.25 / 3}},
		{"quantile predicted", "pinball", plain.but(func(s *setting) {
			s.params.Quantile, s.p.Quantiles = 0.75, map[float64][]float64{0.75: {1, 2, 3}}
		}), Outcome{}},
		{"quantile not predicted", "pinball", plain.but(func(s *setting) {
			s.params.Quantile, s.p.Quantiles = 0.9, map[float64][]float64{0.75: {1, 2, 3}}
		}), Outcome{Undefined: NoQuantile}},
		{"median beside quantiles", "pinball", plain.but(func(s *setting) { s.p.Quantiles = map[float64][]float64{0.75: {1, 2, 3}} }), Outcome{Value: 0.5 / 3}},
		{"quantile of 2", "pinball", plain.but(func(s *setting) { s.params.Quantile = 2 }), Outcome{Undefined: BadParameter}},
	}
}

func edgesOfTwoClasses() []edge {
	mixed := scores([]int32{0, 1, 1}, 0.2, 0.8, 0.6)
	return []edge{
		{"one class", "roc_auc", scores([]int32{1, 1}, .2, .8), Outcome{Undefined: OneClass}},
		{"one class", "average_precision", scores([]int32{1, 1}, .2, .8), Outcome{Undefined: OneClass}},
		{"one class", "mcc", scores([]int32{0, 0}, .2, .8), Outcome{Undefined: OneClass}},
		{"one class that weighs", "roc_auc", mixed.but(func(s *setting) { s.t.Weights = []float64{0, 1, 1} }), Outcome{Undefined: OneClass}},
		{"one class predicted", "mcc", scores([]int32{0, 1}, .7, .8), Outcome{Flags: []string{FlagZeroDivision}}},
		{"nothing predicted", "precision", scores([]int32{0, 1}, .2, .3), Outcome{Flags: []string{FlagZeroDivision}}},
		{"no positives", "recall", scores([]int32{0, 0}, .2, .7), Outcome{Flags: []string{FlagZeroDivision}}},
		{"no negatives", "specificity", scores([]int32{1, 1}, .2, .7), Outcome{Flags: []string{FlagZeroDivision}}},
		{"nothing positive", "f1", scores([]int32{0, 0}, .2, .3), Outcome{Flags: []string{FlagZeroDivision}}},
		{"never right", "f1", scores([]int32{0, 1}, .7, .3), Outcome{}},
		{"no negatives", "balanced_accuracy", scores([]int32{1, 1}, .2, .7), Outcome{Value: 0.5, Flags: []string{FlagAbsentClass}}},
		{"every score equal", "roc_auc", scores([]int32{0, 1, 1}, .5, .5, .5), Outcome{Value: 0.5}},
		{"labels only", "log_loss", mixed.but(func(s *setting) { s.p.Probabilities = nil }), Outcome{Undefined: NoProbabilities}},
		{"labels only", "f1", mixed.but(func(s *setting) { s.p.Probabilities = nil }), Outcome{Value: 1}},
		{"clipped", "log_loss", scores([]int32{1, 1, 0}, 0, 0, 0), Outcome{Value: 2 * 52 * math.Ln2 / 3, Flags: []string{"clipped 2 rows"}}},
		{"clipped", "log_loss", scores([]int32{1}, 0), Outcome{Value: 52 * math.Ln2, Flags: []string{"clipped 1 row"}}},
		{"probability of 2", "brier", mixed.but(func(s *setting) { s.p.Probabilities = []float64{-1, 2, 0, 1, 0, 1} }), Outcome{Undefined: Malformed}},
		{"label out of range", "accuracy", mixed.but(func(s *setting) { s.p.Labels = []int32{0, 1, 2} }), Outcome{Undefined: Malformed}},
		{"right and sure", "ece", scores([]int32{0, 1, 1}, 0, 1, 1), Outcome{}},
		{"edge belongs to the right bin", "ece", scores([]int32{1, 0}, 0.3, 0.25), Outcome{Value: 0.475}},
		{"right and sure", "log_loss", scores([]int32{0, 1}, 0, 1), Outcome{Value: tiny}},
	}
}

func edgesOfManyClasses() []edge {
	three := setting{
		t: Truth{Task: Multiclass, Labels: []int32{0, 1}, Classes: names(3)},
		p: Predictions{Labels: []int32{0, 2}, Classes: names(3), Probabilities: []float64{1, 0, 0, .5, 0, .5}},
	}
	return []edge{
		{"absent and unpredicted class", "f1_macro", three, Outcome{Value: 1. / 3}},
		{"absent class", "balanced_accuracy", three, Outcome{Value: 0.5, Flags: []string{FlagAbsentClass}}},
		{"k of all classes", "top_k", three, Outcome{Value: 1, Flags: []string{FlagEveryClass}}},
		{"negative k", "top_k", three.but(func(s *setting) { s.params.K = -1 }), Outcome{Undefined: BadParameter}},
		{"ties go to the later class", "top_k", three.but(func(s *setting) { s.params.K = 1 }), Outcome{Value: 0.5}},
	}
}

func TestEdgesAreNamed(t *testing.T) {
	for _, c := range slices.Concat(edgesOfQuantities(), edgesOfTwoClasses(), edgesOfManyClasses()) {
		t.Run(c.metric+"/"+c.what, func(t *testing.T) {
			m, _ := Lookup(c.metric)
			got := m.Value(c.in.t, c.in.p, c.in.params)
			if math.Abs(got.Value-c.want.Value) > 1e-14*math.Abs(c.want.Value) {
				t.Errorf("value %v, want %v", got.Value, c.want.Value)
			}
			got.Value = c.want.Value
			if d := cmp.Diff(c.want, got); d != "" {
				t.Errorf("(-want +got)\n%s", d)
			}
		})
	}
}

func TestConfusionNeedsRowsThatFit(t *testing.T) {
	truth, p := judge([]int32{0, 1, 1}, .2, .4, .8)
	if d := cmp.Diff([][]int{{1, 0}, {1, 1}}, Confusion(truth, p)); d != "" {
		t.Error(d)
	}
	p.Labels = p.Labels[:2]
	if got := Confusion(truth, p); got != nil {
		t.Errorf("counted %v", got)
	}
}

var (
	hostileNumbers = []float64{0, math.Copysign(0, -1), 1, -1, 0.5, 5e-324, 1e-300, 1e308, -1e308, math.MaxFloat64, math.Inf(1), math.Inf(-1), math.NaN(), tiny, 1 - tiny/2}
	knownReasons   = []Reason{OneClass, ConstantTarget, ZeroTarget, NoRows, NoProbabilities, NoQuantile, NotFinite, BadWeights, BadParameter, Malformed}
)

func drawNumbers(r *rapid.T, name string, rows int) []float64 {
	number := rapid.OneOf(rapid.SampledFrom(hostileNumbers), rapid.Float64(), rapid.Float64Range(0, 1), rapid.Just(0.25))
	tame := rapid.OneOf(rapid.Float64Range(0, 1), rapid.SampledFrom([]float64{0, 0.5, 1}))
	if rapid.Bool().Draw(r, name+" tame") {
		number = tame
	}
	length := rapid.SampledFrom([]int{rows, rows, rows, rows, rows, rows + 1, 0}).Draw(r, name+" rows")
	return rapid.SliceOfN(number, length, length).Draw(r, name)
}

func drawLabels(r *rapid.T, name string, rows, classes int) []int32 {
	low, high := int32(0), int32(max(0, classes-1))
	if rapid.IntRange(0, 9).Draw(r, name+" wild") == 0 {
		low, high = -1, high+1
	}
	return rapid.SliceOfN(rapid.Int32Range(low, high), rows, rows).Draw(r, name)
}

// hostile draws what no caller should ever hand over.
func hostile(r *rapid.T) (Truth, Predictions, Params) {
	rows, k := rapid.IntRange(0, 12).Draw(r, "rows"), rapid.IntRange(0, 4).Draw(r, "classes")
	t := Truth{Task: rapid.SampledFrom(append(Tasks(), "")).Draw(r, "task"), Classes: names(k)}
	p := Predictions{Classes: t.Classes}
	t.Values, p.Values = drawNumbers(r, "truth", rows), drawNumbers(r, "predicted", rows)
	t.Labels, p.Labels = drawLabels(r, "classes", rows, k), drawLabels(r, "picked", rows, k)
	if rapid.Bool().Draw(r, "weighted") {
		t.Weights = drawNumbers(r, "weights", rows)
	}
	if rapid.IntRange(0, 5).Draw(r, "probable") > 0 {
		p.Probabilities = drawNumbers(r, "probabilities", rows*k)
	}
	if rapid.Bool().Draw(r, "quantiles") {
		p.Quantiles = map[float64][]float64{0.5: drawNumbers(r, "quantile", rows)}
	}
	return t, p, Params{
		Quantile: rapid.SampledFrom([]float64{0, 0.5, 0.9, -1, math.NaN()}).Draw(r, "level"),
		K:        rapid.SampledFrom([]int{0, 1, 2, -3, math.MaxInt}).Draw(r, "k"),
	}
}

func TestNeverNaN(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		truth, p, params := hostile(r)
		fits := p.Check(truth) == nil
		for _, m := range All() {
			judgeHostile(r, m, truth, p, params)
			if fits && m.For(truth.Task) && m.Value(truth, p, params).Undefined == Malformed && within(truth.Labels, len(truth.Classes)) &&
				len(truth.Classes) > 1 && (truth.Task != Binary || len(truth.Classes) == 2) {
				r.Fatalf("%s: malformed, and Check found nothing", m.Name)
			}
		}
		if reason := curveReason(r, truth, p); reason != "" && !slices.Contains(knownReasons, reason) {
			r.Fatalf("curve: unknown reason %q", reason)
		}
	})
}

func judgeHostile(r *rapid.T, m Metric, truth Truth, p Predictions, params Params) {
	out, phi := m.Measure(truth, p, params)
	if again := m.Value(truth, p, params); !cmp.Equal(out, again) {
		r.Fatalf("%s: measured %+v, value %+v", m.Name, out, again)
	}
	if !finite(out.Value) || !out.Defined() && (out.Value != 0 || phi != nil || !slices.Contains(knownReasons, out.Undefined)) {
		r.Fatalf("%s = %+v", m.Name, out)
	}
	if out.Defined() && (out.Value < m.Low || out.Value > m.High) {
		r.Fatalf("%s = %v is outside [%v, %v]", m.Name, out.Value, m.Low, m.High)
	}
	if phi != nil && (len(phi) != len(truth.Values) && len(phi) != len(truth.Labels) || slices.ContainsFunc(phi, func(v float64) bool { return !finite(v) })) {
		r.Fatalf("%s: influence %v", m.Name, phi)
	}
	if m.Influence != nil && !slices.Equal(m.Influence(truth, p, params), phi) {
		r.Fatalf("%s: two answers for influence", m.Name)
	}
	if m.Hits != nil {
		if counted, hit := m.Hits(truth, p, params); len(counted) != len(hit) || counted == nil && out.Defined() {
			r.Fatalf("%s: %d rows count, %d hits", m.Name, len(counted), len(hit))
		}
	}
}

func curveReason(r *rapid.T, truth Truth, p Predictions) Reason {
	points, reason := ROC(truth, p)
	precise, same := PrecisionRecall(truth, p)
	bins, _ := CalibrationBins(truth, p)
	for _, point := range slices.Concat(points, precise) {
		if !(point.X >= 0 && point.X <= 1 && point.Y >= 0 && point.Y <= 1) || !finite(point.Threshold) {
			r.Fatalf("point %+v", point)
		}
	}
	for _, bin := range bins {
		if !finite(bin.Predicted) || !finite(bin.Observed) {
			r.Fatalf("bin %+v", bin)
		}
	}
	if reason != same {
		r.Fatalf("ROC: %q, precision and recall: %q", reason, same)
	}
	return reason
}
