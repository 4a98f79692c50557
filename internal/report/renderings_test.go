package report

import (
	"bytes"
	"encoding/xml"
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/weighlock/weighlock/internal/gate"
	"github.com/weighlock/weighlock/internal/metric"
)

func TestNumbers(t *testing.T) {
	for _, c := range []struct {
		got, want string
	}{
		{num(new(0.912345)), "0.9123"},
		{num(new(54.1)), "54.10"},
		{num(new(53794.3)), "53,790"},
		{num(new(0.0)), "0"},
		{num(nil), none},
		{num(new(9.99996)), "10.00"},
		{num(new(-0.00012345)), "−0.0001234"},
		{num(new(1.5e13)), "1.500e+13"},
		{num(new(1e-12)), "1.000e−12"},
		{configured(0.02), "0.02"},
		{configured(-1500), "−1500"},
		{configured(12500), "12,500"},
		{configured(2e-7), "2e−07"},
		{share(0.0778), "+7.78%"},
		{share(-0.1741), "−17.4%"},
		{share(0.00001), "+<0.01%"},
		{share(0), "0%"},
		{share(-3.5), "−350%"},
		{Margin{0.02, true}.String(), "2%"},
		{Margin{0.01, false}.String(), "0.01"},
		{Margin{0.07, true}.String(), "7%"},
		{several(1, "row"), "1 row"},
		{several(53794, "row"), "53,794 rows"},
		{bytesText(2412), "2.4 KiB"},
		{duration(0.214), "214 ms"},
		{duration(192), "3 min 12 s"},
	} {
		if c.got != c.want {
			t.Errorf("%s, want %s", c.got, c.want)
		}
	}
}

// checkJUnit holds the shape that viewers share: totals that fit, and in each case at most one outcome.
func checkJUnit(t interface{ Fatalf(string, ...any) }, raw []byte) junitSuites {
	var got junitSuites
	if err := xml.Unmarshal(raw, &got); err != nil {
		t.Fatalf("junit: %v\n%s", err, raw)
	}
	tests, failures, errors := 0, 0, 0
	for _, s := range got.Suites {
		f, e, skipped := 0, 0, 0
		for _, c := range s.Cases {
			outcomes := 0
			for _, p := range []*junitProblem{c.Failure, c.Error, c.Skipped} {
				if p != nil {
					outcomes++
				}
			}
			if outcomes > 1 || c.Class == "" {
				t.Fatalf("case %q has %d outcomes", c.Name, outcomes)
			}
			if c.Failure != nil {
				f++
			}
			if c.Error != nil {
				e++
			}
			if c.Skipped != nil {
				skipped++
			}
		}
		if s.Tests != len(s.Cases) || s.Failures != f || s.Errors != e || s.Skipped != skipped {
			t.Fatalf("suite %s counts %d %d %d %d, but holds %d %d %d %d", s.Name, s.Tests, s.Failures, s.Errors, s.Skipped, len(s.Cases), f, e, skipped)
		}
		tests, failures, errors = tests+s.Tests, failures+f, errors+e
	}
	if got.Tests != tests || got.Failures != failures || got.Errors != errors {
		t.Fatalf("totals %d %d %d, but %d %d %d", got.Tests, got.Failures, got.Errors, tests, failures, errors)
	}
	return got
}

func TestJUnitIsRedWhenTheRunIs(t *testing.T) {
	for name, r := range fixtures() {
		var out bytes.Buffer
		if err := JUnit(&out, r); err != nil {
			t.Fatal(err)
		}
		got := checkJUnit(t, out.Bytes())
		if red := got.Failures+got.Errors > 0; red != (r.Decision != gate.Passed) {
			t.Errorf("%s: %s, but red is %v", name, r.Decision, red)
		}
	}
}

// A metric that no rule asks about must not stand in the tables of slices; without rules all do.
func TestSlicesShowWhatRulesAskAbout(t *testing.T) {
	r := &Report{
		Rules: []Rule{{Metric: "rmse"}},
		Slices: []Slice{{By: "sex", Level: "A", Rows: 5, Scores: []SliceScore{
			{Metric: "max_error", Direction: "lower", Baseline: new(1.0), Candidate: new(2.0)},
			{Metric: "rmse", Direction: "lower", Baseline: new(4.0), Candidate: new(3.0)},
		}}},
	}
	if rows := r.sliceRows(); len(rows) != 1 || rows[0].rule.Metric != "rmse" || rows[0].worse != -0.25 {
		t.Errorf("rows %+v", rows)
	}
	r.Rules = nil
	if rows := r.sliceRows(); len(rows) != 2 || rows[0].rule.Metric != "max_error" {
		t.Errorf("without rules: %+v", rows)
	}
}

func TestPlots(t *testing.T) {
	labels := []int32{1, 0, 1, 0}
	roc, pr := curves(labels, []float64{0.9, 0.8, 0.7, 0.1})
	if diff := cmp.Diff([][]float64{{0, 0, 0.5, 0.5, 1}, {0, 0.5, 0.5, 1, 1}}, [][]float64{roc.X, roc.Y}); diff != "" {
		t.Errorf("roc: %s", diff)
	}
	if diff := cmp.Diff([]float64{1, 0.5, 2.0 / 3, 0.5}, pr.Y); diff != "" {
		t.Errorf("precision: %s", diff)
	}
	if roc, _ := curves(labels, []float64{0.5, 0.5, 0.5, 0.5}); len(roc.X) != 2 {
		t.Errorf("ties are one point, not %v", roc.X)
	}
	if roc, pr := curves([]int32{1, 1}, []float64{0.1, 0.2}); roc != nil || pr != nil {
		t.Error("one class has a curve")
	}
	c := calibration("candidate", []int32{0, 1, 1}, []float64{0.1, 0.15, 1})
	if diff := cmp.Diff([]int{2, 1}, c.N); diff != "" {
		t.Errorf("calibration: %s", diff)
	}
	if r := residuals([]float64{1, 1}, []side{{"candidate", metric.Predictions{Values: []float64{1, 1}}}}); r.check() != nil {
		t.Errorf("constant predictions: %v", r.check())
	}
	if r := residuals([]float64{1}, []side{{"candidate", metric.Predictions{}}}); r != nil {
		t.Error("residuals without predictions")
	}
	if r := residuals([]float64{1}, []side{{"candidate", metric.Predictions{Values: []float64{math.NaN()}}}}); r != nil {
		t.Error("a residual of NaN is drawn")
	}
}

func TestRoundingNeverContradictsAVerdict(t *testing.T) {
	rule := func(candidate float64, floor, ceiling *float64) Rule {
		return Rule{Metric: "m", Direction: "higher", Candidate: &candidate, Min: floor, Max: ceiling}
	}
	for _, c := range []struct {
		rule Rule
		want string
	}{
		{rule(0.39997, new(0.4), nil), "0.39997"},
		{rule(0.40003, new(0.4), nil), "0.40003"},
		{rule(0.4, new(0.4), nil), "0.4000"},
		{rule(0.3977, new(0.4), nil), "0.3977"},
		{rule(53794, new(53792.0), nil), "53,794"},
		{rule(53794, nil, new(53792.0)), "53,794"},
		{rule(53788, new(53790.0), nil), "53,788"},
		{rule(0.09999996, nil, new(0.1)), "0.09999996"},
	} {
		if got := c.rule.value(c.rule.Candidate); got != c.want {
			t.Errorf("%v beside %s is written %s, want %s", *c.rule.Candidate, c.rule.limit(), got, c.want)
		}
	}
	r := Rule{
		Metric: "m", Direction: "higher", Baseline: new(0.9), Candidate: new(0.899), Delta: new(-0.001), Margin: &Margin{Value: 0.01},
		Interval: &Interval{Low: new(-0.01004), High: new(0.008), Level: 0.95},
	}
	if got, want := r.interval(), "−0.01004 to +0.00800"; got != want {
		t.Errorf("an interval beyond the margin of 0.01 is written %s, want %s", got, want)
	}
	r.Direction, r.Interval = "lower", &Interval{Low: new(-0.008), High: new(0.00996), Level: 0.95}
	if got, want := r.interval(), "−0.00800 to +0.00996"; got != want {
		t.Errorf("an interval within the margin of 0.01 is written %s, want %s", got, want)
	}
	rapid.Check(t, func(t *rapid.T) {
		floor := float64(rapid.IntRange(-100000, 100000).Draw(t, "floor")) / 1000
		candidate := floor + float64(rapid.IntRange(-300, 300).Draw(t, "steps"))/float64(rapid.SampledFrom([]int{10, 1e4, 1e6, 1e8}).Draw(t, "per"))
		shown, err := strconv.ParseFloat(strings.NewReplacer(",", "", minus, "-").Replace(rule(candidate, &floor, nil).value(&candidate)), 64)
		if err != nil || (shown < floor) != (candidate < floor) || (shown > floor) != (candidate > floor) {
			t.Errorf("%v is written %v beside a floor of %v: %v", candidate, shown, floor, err)
		}
	})
}
