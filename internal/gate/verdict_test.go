package gate

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/weighlock/weighlock/internal/metric"
	"github.com/weighlock/weighlock/internal/stats"
)

// quantile is t(99, 0.975) from R 4.2: qt(.975, 99).
const quantile = 1.98421695150864

// The margin is 1 everywhere. By hand: the interval of the difference is worse ± 1.984·se.
func TestVerdictsInTheirOrder(t *testing.T) {
	for _, c := range []struct {
		name      string
		worse, se float64
		verdict   Verdict
		flag      string
		exit      [3]int // lenient, balanced, strict
	}{
		{"better, and by more than the margin", -2, 0.1, Improved, FlagMaterial, [3]int{0, 0, 0}},
		{"better by less than the margin", -0.5, 0.1, Improved, "", [3]int{0, 0, 0}},
		{"no difference, surely", 0.001, 0.1, Unchanged, "", [3]int{0, 0, 0}},
		{"worse, surely within", 0.5, 0.1, Unchanged, FlagWithinMargin, [3]int{0, 0, 0}},
		{"worse, perhaps within", 0.9, 0.1, Inconclusive, FlagSizeUncertain, [3]int{0, 0, 1}},
		{"worse, perhaps beyond", 1.1, 0.1, Regressed, "", [3]int{0, 1, 1}},
		{"worse, surely beyond", 1.3, 0.1, Regressed, FlagBeyondMargin, [3]int{1, 1, 1}},
		{"leaning worse", 0.9, 1, Inconclusive, FlagLeaningWorse, [3]int{0, 0, 1}},
		{"leaning far worse", 1.5, 1, Inconclusive, FlagLeaningWorse, [3]int{0, 0, 1}},
		{"leaning better", -0.5, 0.8, Inconclusive, FlagLeaningBetter, [3]int{0, 0, 1}},
		{"constant shift within", 0.9, 0, Unchanged, stats.FlagConstantShift, [3]int{0, 0, 0}},
		{"constant shift beyond", 1.1, 0, Regressed, FlagBeyondMargin, [3]int{1, 1, 1}},
	} {
		for i, mode := range Modes() {
			in := shifted(c.worse, c.se, Rule{Metric: "mae", Margin: absolute(1)})
			in.Policy.Mode = mode
			r := decide(t, in)
			rule := r.Rules[0]
			if rule.Verdict != c.verdict || r.Decision.ExitCode() != c.exit[i] {
				t.Errorf("%s, %s: %s, exit %d, want %s, exit %d", c.name, mode, rule.Verdict, r.Decision.ExitCode(), c.verdict, c.exit[i])
			}
			if c.flag != "" && !slices.Contains(rule.Flags, c.flag) {
				t.Errorf("%s: flags are %q, want %q", c.name, rule.Flags, c.flag)
			}
			near(t, c.name+": delta", rule.Delta, c.worse, 1e-12)
			near(t, c.name+": baseline", rule.Baseline, 10, 1e-12)
			near(t, c.name+": low", &rule.Interval.Low, c.worse-quantile*c.se, 1e-9)
			near(t, c.name+": high", &rule.Interval.High, c.worse+quantile*c.se, 1e-9)
			// z(.975) + z(.8) = 1.95996398454005 + 0.841621233572914
			near(t, c.name+": detectable", rule.Detectable, 2.80158521811297*c.se, 1e-9)
			if rule.Blocks != (c.exit[i] != 0) || rule.Why == "" || rule.Rows != 100 || rule.Method == "" {
				t.Errorf("%s, %s: %+v", c.name, mode, rule)
			}
		}
	}
}

func TestInconclusiveAsThePolicySays(t *testing.T) {
	for _, c := range []struct {
		answer   string
		decision Decision
		warnings int
	}{
		{"", Passed, 1}, {InconclusiveWarn, Passed, 1}, {InconclusivePass, Passed, 0}, {InconclusiveBlock, Undecided, 0},
	} {
		in := shifted(0.9, 1, Rule{Metric: "mae", Margin: absolute(1)})
		in.Policy.Inconclusive = c.answer
		r := decide(t, in)
		if r.Decision != c.decision || len(r.Warnings) != c.warnings || len(r.Reasons) != 1 {
			t.Errorf("%q: %s, reasons %q, warnings %q", c.answer, r.Decision, r.Reasons, r.Warnings)
		}
	}
}

func TestRowsNeeded(t *testing.T) {
	for _, c := range []struct {
		worse, se, margin float64
		want              int
	}{
		// 100·(2.8016·0.1/0.5)² = 31.4: what proves a difference of 0 to lie within 0.5 (statistics.md 2.2).
		{0, 0.1, 0.5, 32},
		// Surely better: still what a difference of 0 would have asked for, 100·(2.8016·0.5/0.5)² = 784.9.
		{-5, 0.5, 0.5, 785},
		// Inconclusive: the errors of a candidate at the margin are larger by 10.5/10, and so is their spread: 784.9·1.05².
		{0, 0.5, 0.5, 866},
		// A lag of 0.5 leaves 0.5 to the margin of 1: 100·(2.8016·1/0.5)²·(11/10.5)².
		{0.5, 1, 1, 3446},
		// 100·(2.8016·0.1)² = 8, but the difference of 0.9 lies 0.1 from the margin: 784.9·(11/10.9)².
		{0.9, 0.1, 1, 800},
	} {
		r := decide(t, shifted(c.worse, c.se, Rule{Metric: "mae", Margin: absolute(c.margin)})).Rules[0]
		if r.RowsNeeded != c.want {
			t.Errorf("worse by %v ± %v: %d rows needed, want %d", c.worse, c.se, r.RowsNeeded, c.want)
		}
		if r.Verdict == Inconclusive && !strings.Contains(r.Why, fmt.Sprintf("about %d rows would", c.want)) {
			t.Errorf("%s", r.Why)
		}
	}
}

func TestConfidenceLevelIsThePolicys(t *testing.T) {
	in := shifted(0.5, 1, Rule{Metric: "mae", Margin: absolute(1)})
	in.Policy.Confidence = 0.9
	r := decide(t, in).Rules[0]
	// qt(.95, 99) = 1.66039115594, R 4.2
	near(t, "high", &r.Interval.High, 0.5+1.66039115594, 1e-8)
	if r.Interval.Level != 0.9 {
		t.Errorf("level %v", r.Interval.Level)
	}
}

func TestARelativeMarginIsAContrast(t *testing.T) {
	// The baseline errs by 10 ± 5 in turn, the candidate always by 10.1. The margin of 2 % holds 1.02·baseline against
	// the candidate: the mean is 0.1, its standard error 1.02·5/√99 = 0.5126. With the baseline held fixed it would be 5/√99.
	before, after := make([]float64, 100), make([]float64, 100)
	for i := range before {
		before[i], after[i] = 10+5*float64(1-2*(i%2)), 10.1
	}
	rows, baseline := erring(before)
	p := &pair{truth: rows.Truth, level: 0.95}
	p.metric, _ = metric.Lookup("mae")
	p.candidate, p.baseline = newSide(p, metric.Predictions{Values: after}), newSide(p, baseline)
	all, size := p.bounds(*relative(0.02), smooth(p, 1))
	if len(all) != 1 || all[0].at != 0 {
		t.Fatalf("bounds are %+v", all)
	}
	near(t, "size", &size, 0.2, 1e-12)
	near(t, "contrast", &all[0].result.Delta, 0.1, 1e-12)
	near(t, "standard error", &all[0].result.SE, 1.02*5/math.Sqrt(99), 1e-12)
}

func TestARelativeMarginOfANegativeBaselineToleratesWorse(t *testing.T) {
	p := &pair{level: 0.95}
	p.metric, _ = metric.Lookup("r2")
	p.baseline.outcome.Value = -1
	// 10 % of -1 tolerates -1.1: the candidate has to stay above 1.1·baseline.
	if scale := p.scale(*relative(0.1)); scale != 1.1 {
		t.Errorf("scale %v, want 1.1", scale)
	}
	p.baseline.outcome.Value = 0.5
	if scale := p.scale(*relative(0.1)); scale != 0.9 {
		t.Errorf("scale %v, want 0.9", scale)
	}
	p.metric, _ = metric.Lookup("rmse")
	if scale := p.scale(*relative(0.1)); scale != 1.1 {
		t.Errorf("scale %v, want 1.1", scale)
	}
}

func TestRelativeVerdicts(t *testing.T) {
	for _, c := range []struct {
		worse, se float64
		want      Verdict
	}{{0.5, 0.1, Unchanged}, {2, 0.1, Regressed}, {-1, 0.1, Improved}, {0.9, 0.1, Inconclusive}} {
		// 10 % of 10 is 1, and the baseline has no spread, so this is the absolute margin of 1.
		r := decide(t, shifted(c.worse, c.se, Rule{Metric: "mae", Margin: relative(0.1)})).Rules[0]
		if r.Verdict != c.want {
			t.Errorf("%v ± %v: %s, want %s", c.worse, c.se, r.Verdict, c.want)
		}
		near(t, "relative delta", r.DeltaRelative, c.worse/10, 1e-12)
	}
}

func TestIdenticalPredictionsPassAsSuch(t *testing.T) {
	for _, m := range []*Margin{absolute(0), absolute(1), relative(0), relative(0.02)} {
		for _, task := range []metric.Task{metric.Regression, metric.Binary, metric.Multiclass} {
			rows, a, _ := drawn(task, 40, 1)
			in := Input{Rows: rows, Candidate: a, Baseline: &a, Policy: Policy{Mode: Strict, Inconclusive: InconclusiveBlock}}
			for _, x := range metric.ForTask(task) {
				if judgeable(x) {
					in.Policy.Rules = append(in.Policy.Rules, Rule{Metric: x.Name, Margin: m})
				}
			}
			r := decide(t, in)
			if r.Decision != Passed {
				t.Fatalf("%s: %s %q", task, r.Decision, r.Reasons)
			}
			for _, rule := range r.Rules {
				if rule.Verdict != Unchanged || rule.Method != "identical" || *rule.Delta != 0 || !strings.Contains(rule.Why, "unchanged (identical)") {
					t.Errorf("%s: %+v", rule.Metric, rule)
				}
			}
		}
	}
}

// A metric looks at labels or at probabilities: equal labels are identical for accuracy and not for log_loss.
func TestIdenticalAsFarAsTheMetricLooks(t *testing.T) {
	rows, a, b := drawn(metric.Binary, 60, 2)
	b.Labels = a.Labels
	r := decide(t, Input{Rows: rows, Candidate: a, Baseline: &b, Policy: Policy{Rules: []Rule{
		{Metric: "accuracy", Margin: absolute(0.01)}, {Metric: "log_loss", Margin: absolute(10)},
	}}})
	for _, rule := range r.Rules {
		if got := slices.Contains(rule.Flags, FlagIdentical); got != (rule.Metric == "accuracy") {
			t.Errorf("%s identical: %v", rule.Metric, got)
		}
	}
}

// A margin of zero lets pass what is better, what is identical, and nothing else (statistics.md 9.4).
func TestAMarginOfZero(t *testing.T) {
	for _, c := range []struct {
		worse, se float64
		want      Verdict
	}{{-1, 0.1, Improved}, {0, 0.1, Inconclusive}, {0.5, 0.1, Regressed}, {0.1, 0.1, Inconclusive}} {
		if r := decide(t, shifted(c.worse, c.se, Rule{Metric: "mae", Margin: absolute(0)})).Rules[0]; r.Verdict != c.want {
			t.Errorf("%v ± %v: %s, want %s", c.worse, c.se, r.Verdict, c.want)
		}
	}
}

func TestFloorsAndCeilingsJudgePointValues(t *testing.T) {
	for _, c := range []struct {
		name     string
		rule     Rule
		worse    float64
		first    bool
		verdict  Verdict
		decision Decision
		why      string
	}{
		{"ceiling kept", Rule{Max: new(11.0)}, 0.5, false, Unchanged, Passed, "mae is 10.5, not above its ceiling of 11"},
		{"ceiling met", Rule{Max: new(10.5)}, 0.5, false, Unchanged, Passed, "not above"},
		{"ceiling missed", Rule{Max: new(10.0)}, 0.5, false, Regressed, Blocked, "mae is 10.5, above its ceiling of 10; compared with the baseline it got worse by 0.5 (10 → 10.5)"},
		{"floor missed", Rule{Min: new(11.0)}, 0.5, false, Regressed, Blocked, "below its floor of 11"},
		{"ceiling missed though better", Rule{Max: new(9.0), Margin: absolute(1)}, -0.5, false, Regressed, Blocked, "it got better by 0.5"},
		{"ceiling kept, margin not", Rule{Max: new(20.0), Margin: absolute(1)}, 2, false, Regressed, Blocked, "more than the 1 tolerated"},
		{"first run, floor only", Rule{Max: new(11.0)}, 0.5, true, Unchanged, Passed, "not above its ceiling of 11"},
		{"first run, both", Rule{Max: new(11.0), Margin: absolute(1)}, 5, true, Regressed, Blocked, "above its ceiling"},
		{"first run, both hold", Rule{Max: new(20.0), Margin: absolute(1)}, 5, true, Unchanged, Passed, "no baseline: first run"},
		{"first run, margin only", Rule{Margin: absolute(1)}, 5, true, Inconclusive, Passed, "no baseline: first run"},
	} {
		c.rule.Metric = "mae"
		for _, mode := range Modes() {
			in := shifted(c.worse, 0.1, c.rule)
			in.Policy.Mode, in.Policy.Inconclusive = mode, InconclusiveBlock
			if c.first {
				in.Baseline = nil
			}
			r := decide(t, in)
			if got := r.Rules[0]; got.Verdict != c.verdict || r.Decision != c.decision || !strings.Contains(got.Why, c.why) {
				t.Errorf("%s, %s: %s, %s, %q", c.name, mode, got.Verdict, r.Decision, got.Why)
			}
			if c.first && r.Decision == Passed && !strings.Contains(r.Reasons[0], "first run") {
				t.Errorf("%s: reasons are %q", c.name, r.Reasons)
			}
		}
	}
}

// A metric without an interval can have a floor, and a policy with a margin on it is refused.
func TestFloorOnAMetricWithoutAnInterval(t *testing.T) {
	r := decide(t, shifted(0.5, 0.1, Rule{Metric: "max_error", Max: new(12.0)}, Rule{Metric: "median_ae", Max: new(10.0)}))
	if r.Decision != Blocked || r.Rules[0].Metric != "median_ae" || r.Rules[1].Verdict != Unchanged || r.Rules[1].Interval != nil {
		t.Errorf("%+v", r)
	}
}

func TestAValueIsWrittenOnItsSideOfTheBound(t *testing.T) {
	for _, c := range []struct {
		v, bound float64
		want     string
	}{
		{0.3977, 0.4, "0.3977 0.4"},
		{0.39997, 0.4, "0.39997 0.4"},
		{0.41232, 0.412345, "0.4123 0.412345"},
		{53789.6, 53790, "53789.6 53790"},
		{math.Nextafter(0.3, 1), 0.3, "0.30000000000000004 0.3"},
		{0.4, 0.4, "0.4 0.4"},
	} {
		if got := beside(c.v, c.bound) + " " + exact(c.bound); got != c.want {
			t.Errorf("%v and its bound %v are written %s, want %s", c.v, c.bound, got, c.want)
		}
	}
}
