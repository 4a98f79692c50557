package gate

import (
	"math"
	"math/rand/v2"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"github.com/weighlock/weighlock/internal/dataset"
	"github.com/weighlock/weighlock/internal/metric"
)

// hostileNumber draws what a broken or malicious trainer may hand back.
var hostileNumber = rapid.OneOf(
	rapid.Float64(), rapid.Float64Range(0, 1),
	rapid.SampledFrom([]float64{0, math.Copysign(0, -1), 1, 0.5, math.NaN(), math.Inf(1), math.Inf(-1), math.MaxFloat64, -math.MaxFloat64, 1e200, 5e-324}),
)

// fitting draws numbers that Predictions.Check lets through, and that are still awkward.
var fitting = rapid.SampledFrom([]float64{0, math.Copysign(0, -1), 1, 1, 2, 3.5, -1, 1e-300, 1e154, 1e200, math.MaxFloat64, -math.MaxFloat64, 5e-324})

func drawPredictions(t *rapid.T, task metric.Task, rows, k int, names []string, name string) metric.Predictions {
	p := metric.Predictions{}
	if rapid.IntRange(0, 9).Draw(t, name+" hostile") == 0 {
		rows = rapid.IntRange(0, rows+1).Draw(t, name+" rows")
	}
	hostile := rapid.IntRange(0, 4).Draw(t, name+" values") == 0
	number := fitting
	if hostile {
		number = hostileNumber
	}
	if !task.Classifies() {
		p.Values = rapid.SliceOfN(number, rows, rows).Draw(t, name)
		return p
	}
	p.Classes = names
	labels := rapid.SliceOfN(rapid.Int32Range(0, int32(k)-1), rows, rows)
	if hostile {
		labels = rapid.SliceOfN(rapid.Int32Range(-1, int32(k)), rows, rows)
	}
	p.Labels = labels.Draw(t, name)
	if rapid.IntRange(0, 9).Draw(t, name+" bare") == 0 {
		return p
	}
	for range rows {
		if hostile {
			for range k {
				p.Probabilities = append(p.Probabilities, hostileNumber.Draw(t, "probability"))
			}
			continue
		}
		one, rest := rapid.SampledFrom([]float64{0, 0.25, 0.5, 1, 5e-324}).Draw(t, "probability"), 0.0
		p.Probabilities = append(p.Probabilities, one)
		rest = 1 - one
		for c := 1; c < k; c++ {
			p.Probabilities = append(p.Probabilities, rest)
			rest = 0
		}
	}
	return p
}

func drawInput(t *rapid.T) Input {
	task := rapid.SampledFrom([]metric.Task{metric.Regression, metric.Binary, metric.Multiclass}).Draw(t, "task")
	rows := rapid.SampledFrom([]int{0, 1, 2, 29, 30, 45, 70}).Draw(t, "rows")
	truth, k := metric.Truth{Task: task}, 2
	if task == metric.Multiclass {
		k = 3
	}
	truth.Classes = []string{"a", "b", "c"}[:k]
	if task.Classifies() {
		truth.Labels = rapid.SliceOfN(rapid.Int32Range(0, int32(k)-1), rows, rows).Draw(t, "truth")
	} else {
		truth.Classes = nil
		truth.Values = rapid.SliceOfN(fitting, rows, rows).Draw(t, "truth")
	}
	if rapid.IntRange(0, 3).Draw(t, "weighted") == 0 {
		truth.Weights = rapid.SliceOfN(rapid.SampledFrom([]float64{0, 1, 1e-300, 1e300}), rows, rows).Draw(t, "weights")
	}
	in := Input{Rows: rowsOf(truth), Seed: rapid.Uint64().Draw(t, "seed")}
	if rapid.IntRange(0, 3).Draw(t, "grouped") == 0 {
		in.Rows.Cluster = rapid.SliceOfN(rapid.IntRange(0, 8), rows, rows).Draw(t, "groups")
	}
	codes := rapid.SliceOfN(rapid.Int32Range(0, 1), rows, rows).Draw(t, "slices")
	in.Rows.Slices["s"] = &dataset.Column{Name: "s", Kind: dataset.Category, Codes: codes, Levels: []string{"u", "v", "w"}}
	in.Candidate = drawPredictions(t, task, rows, k, truth.Classes, "candidate")
	switch rapid.IntRange(0, 4).Draw(t, "baseline") {
	case 0:
	case 1:
		in.Baseline = &in.Candidate
	default:
		b := drawPredictions(t, task, rows, k, truth.Classes, "baseline")
		in.Baseline = &b
	}
	in.Policy = drawPolicy(t, task)
	return in
}

func drawPolicy(t *rapid.T, task metric.Task) Policy {
	p := Policy{
		Mode:         rapid.SampledFrom(append(Modes(), "")).Draw(t, "mode"),
		Inconclusive: rapid.SampledFrom([]string{"", InconclusivePass, InconclusiveWarn, InconclusiveBlock}).Draw(t, "inconclusive"),
	}
	if task == metric.Binary && rapid.Bool().Draw(t, "fairness") {
		p.Fairness = []FairnessRule{{By: "s", Ceilings: map[string]float64{"demographic_parity_difference": 0.1, "equalized_odds_ratio": 0.5}, MinRows: 5}}
	}
	margins := []*Margin{nil, absolute(0), absolute(0.01), relative(0.02), absolute(math.MaxFloat64)}
	for _, m := range metric.ForTask(task) {
		r := Rule{Metric: m.Name, Margin: rapid.SampledFrom(margins).Draw(t, "margin")}
		if !judgeable(m) || r.Margin == nil {
			r.Margin, r.Max = nil, new(max(m.Low, 0.5))
		}
		if rapid.Bool().Draw(t, "sliced") {
			p.Slices = append(p.Slices, SliceRule{By: "s", Metrics: []string{m.Name}, Margin: r.Margin, Max: r.Max, MinRows: 5})
		} else {
			p.Rules = append(p.Rules, r)
		}
	}
	return p
}

// Whatever comes in: there is a decision, every rule of the policy is in the result, no number is NaN or infinite, what
// blocks is never passed, and what passes was judged.
func TestEveryResultIsWhole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := drawInput(t)
		r, err := Decide(in)
		if err != nil || r.Decision == "" || r.Decision == Misconfigured {
			t.Fatalf("%q, %v", r.Decision, err)
		}
		finiteAll(t, reflect.ValueOf(r))
		seen := map[string]bool{}
		blocks := false
		for _, rule := range r.Rules {
			seen[rule.Metric] = true
			blocks = blocks || rule.Blocks
			switch {
			case rule.Verdict == "" || rule.Why == "" || rule.Direction == 0:
				t.Fatalf("%+v", rule)
			case rule.Verdict == Unjudgeable && (!rule.Blocks || r.Decision != Invalid):
				t.Fatalf("%s although %+v", r.Decision, rule)
			case rule.Candidate == nil && (rule.Verdict == Improved || rule.Verdict == Unchanged || rule.Verdict == Regressed):
				t.Fatalf("%s without a value: %+v", rule.Verdict, rule)
			case rule.Interval != nil && !(rule.Interval.Low <= rule.Interval.High):
				t.Fatalf("%+v", rule.Interval)
			}
		}
		if blocks == (r.Decision == Passed) || len(r.Reasons) == 0 {
			t.Fatalf("%s, %q, blocks: %v", r.Decision, r.Reasons, blocks)
		}
		for _, m := range metric.ForTask(in.Rows.Truth.Task) {
			if !seen[m.Name] {
				t.Fatalf("the rule for %s vanished", m.Name)
			}
		}
	})
}

// finiteAll walks over every number of a value.
func finiteAll(t *rapid.T, v reflect.Value) {
	switch v.Kind() { //nolint:exhaustive // other kinds hold no float64
	case reflect.Float64:
		if math.IsNaN(v.Float()) || math.IsInf(v.Float(), 0) {
			t.Fatalf("a number is %v", v.Float())
		}
	case reflect.Pointer:
		if !v.IsNil() {
			finiteAll(t, v.Elem())
		}
	case reflect.Slice:
		for i := range v.Len() {
			finiteAll(t, v.Index(i))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				finiteAll(t, v.Field(i))
			}
		}
	}
}

// The rates of statistics.md 2.1 at se = margin/2, of 400 simulated changes each. `make calibration` has more.
func TestOperatingCharacteristics(t *testing.T) {
	const runs, n, margin = 400, 100, 0.5
	for _, c := range []struct {
		mode      Mode
		worse     float64
		low, high float64
	}{
		{Balanced, 0, 0, 0.035},
		{Lenient, 0, 0, 0.035},
		{Balanced, 2 * margin, 0.95, 1},
		{Strict, 2 * margin, 0.95, 1},
		{Strict, margin, 0.965, 1},
		{Lenient, margin, 0, 0.035 + 0.01},
	} {
		blocks := 0
		for run := range runs {
			random := rand.New(rand.NewPCG(uint64(run), 42))
			before, after := make([]float64, n), make([]float64, n)
			for i := range before {
				// The difference of two errors has a spread of 2.5, so that its mean has one of margin/2.
				before[i] = 50 + 2.5/math.Sqrt2*random.NormFloat64()
				after[i] = 50 + c.worse + 2.5/math.Sqrt2*random.NormFloat64()
			}
			rows, baseline := erring(before)
			r, err := Decide(Input{
				Rows: rows, Candidate: metric.Predictions{Values: after}, Baseline: &baseline, Seed: uint64(run),
				Policy: Policy{Mode: c.mode, Rules: []Rule{{Metric: "mae", Margin: absolute(margin)}}},
			})
			if err != nil {
				t.Fatal(err)
			}
			if r.Decision == Blocked {
				blocks++
			}
		}
		if rate := float64(blocks) / runs; rate < c.low || rate > c.high {
			t.Errorf("%s blocks %.3f of changes that are worse by %v, want %v to %v", c.mode, rate, c.worse, c.low, c.high)
		}
	}
}

// The same for accuracy, where each of 1,000 rows is discordant with a chance of 5 %.
func TestEqualClassifiersAreNotBlocked(t *testing.T) {
	const runs, n = 600, 1000
	blocks := 0
	for run := range runs {
		random := rand.New(rand.NewPCG(uint64(run), 43))
		b, c := 0, 0
		for range n {
			switch random.IntN(40) {
			case 0:
				b++
			case 1:
				c++
			}
		}
		in := hits(b, c, n)
		in.Policy = Policy{Rules: []Rule{{Metric: "accuracy", Margin: absolute(0.005)}}}
		r, err := Decide(in)
		if err != nil {
			t.Fatal(err)
		}
		if r.Decision != Passed {
			blocks++
		}
	}
	if rate := float64(blocks) / runs; rate > 0.035 {
		t.Errorf("%.3f of equal classifiers were blocked", rate)
	}
}

// Five metrics of one model are one family: together they block an equal model no more often than one would.
func TestSeveralMetricsBlockNoMoreOftenThanOne(t *testing.T) {
	const runs, n = 300, 300
	blocks, alone := 0, 0
	for run := range runs {
		rows, a, b := drawn(metric.Binary, n, uint64(1000+run))
		in := Input{Rows: rows, Candidate: a, Baseline: &b, Seed: uint64(run)}
		for _, name := range []string{"accuracy", "roc_auc", "log_loss", "f1", "mcc"} {
			in.Policy.Rules = append(in.Policy.Rules, Rule{Metric: name, Margin: absolute(0)})
		}
		// An adjusted p-value is never below the raw one, so most runs need no joint distribution.
		worst := 1.0
		for _, rule := range in.Policy.Rules {
			worst = min(worst, newJudgement(rule, overall(in), 0.95).plain.PWorse)
		}
		if worst > 0.025 {
			continue
		}
		alone++
		r, err := Decide(in)
		if err != nil {
			t.Fatal(err)
		}
		if r.Decision == Blocked {
			blocks++
		}
	}
	// The margin of 0 leaves only the significance to stop a block.
	if rate := float64(blocks) / runs; rate > 0.035 || alone <= blocks {
		t.Errorf("%d of %d equal models were blocked, %d without correction", blocks, runs, alone)
	}
}
