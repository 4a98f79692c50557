package gate

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/weighlock/weighlock/internal/dataset"
	"github.com/weighlock/weighlock/internal/metric"
)

// unequal are 600 rows of groups u, v and w, on which the candidate says yes more often in v.
func unequal(seed uint64, shift float64) Input {
	random := rand.New(rand.NewPCG(seed, 6))
	rows, a, b := drawn(metric.Binary, 600, seed)
	names := make([]string, 600)
	for i := range names {
		names[i] = []string{"u", "v", "w"}[random.IntN(3)]
		if names[i] == "v" && random.Float64() < shift {
			a.Labels[i] = 1
		}
	}
	rows.Slices["g"] = dataset.NewTexts("g", names)
	return Input{Rows: rows, Candidate: a, Baseline: &b, Seed: seed, Policy: Policy{Rules: []Rule{{Metric: "accuracy", Margin: absolute(0.5)}}}}
}

// Every number of Fairlearn 0.15.0 on rows that testdata/reference.py draws: rates by group, differences and ratios, with
// and without weights.
func TestFairnessEqualsFairlearn(t *testing.T) {
	var cases []struct {
		Name                    string
		Truth, Pick             []int32
		Group                   []string
		Weight                  []float64
		Selection, TPR, FPR     map[string]float64
		DPD, DPR, EOD, EODRatio float64
	}
	raw, err := os.ReadFile("testdata/fairlearn.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &cases); err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		classes := []string{"no", "yes"}
		rows := rowsOf(metric.Truth{Task: metric.Binary, Classes: classes, Labels: c.Truth, Weights: c.Weight})
		rows.Slices["g"] = dataset.NewTexts("g", c.Group)
		r := decide(t, Input{Rows: rows, Candidate: metric.Predictions{Labels: c.Pick, Classes: classes}, Policy: Policy{
			Rules: []Rule{{Metric: "accuracy", Min: new(0.0)}}, Fairness: []FairnessRule{{By: "g", MinRows: 1}},
		}})
		f := r.Fairness[0]
		for _, g := range f.Groups {
			near(t, c.Name+" selection of "+g.Level, g.Candidate.Selection, c.Selection[g.Level], 1e-9)
			near(t, c.Name+" TPR of "+g.Level, g.Candidate.TPR, c.TPR[g.Level], 1e-9)
			near(t, c.Name+" FPR of "+g.Level, g.Candidate.FPR, c.FPR[g.Level], 1e-9)
		}
		for i, want := range []float64{c.DPD, c.DPR, c.EOD, c.EODRatio} {
			near(t, c.Name+" "+f.Gaps[i].Name, f.Gaps[i].Candidate, want, 1e-9)
			if in := f.Gaps[i].Interval; in == nil || !(in.Low < in.High) || in.High < want-0.2 || in.Low > want+0.2 {
				t.Errorf("%s %s: interval %+v of %v", c.Name, f.Gaps[i].Name, in, want)
			}
		}
	}
}

func TestACeilingOnAGapBlocks(t *testing.T) {
	in := unequal(3, 0.6)
	in.Policy.Fairness = []FairnessRule{{By: "g", Ceilings: map[string]float64{"demographic_parity_difference": 0.15, "equalized_odds_ratio": 0.01}}}
	r := decide(t, in)
	if r.Decision != Blocked || r.Rules[0].Metric != "demographic_parity_difference" || !slices.Contains(r.Rules[0].Flags, FlagAboveCeiling) {
		t.Fatalf("%s %+v", r.Decision, r.Rules)
	}
	if !strings.Contains(r.Reasons[0], "demographic_parity_difference by g is 0.") || !strings.Contains(r.Reasons[0], "above its ceiling of 0.15") {
		t.Errorf("%q", r.Reasons)
	}
	gap := r.Fairness[0].Gaps[0]
	if gap.Change == nil || gap.Change.Low <= 0 || gap.Baseline == nil || *gap.Baseline >= *gap.Candidate {
		t.Errorf("%+v", gap)
	}
	in.Policy.Fairness[0].Ceilings["demographic_parity_difference"] = 0.9
	if r := decide(t, in); r.Decision != Passed {
		t.Errorf("%s %q", r.Decision, r.Reasons)
	}
	delete(in.Rows.Slices, "g")
	if r := decide(t, in); r.Decision != Invalid {
		t.Errorf("a vanished column gives %s", r.Decision)
	}
}

// Groups are judged against the baseline like slices, and in their family.
func TestAGroupThatLostIsBlocked(t *testing.T) {
	in := unequal(5, 0.7)
	in.Policy.Fairness = []FairnessRule{{By: "g", Margin: absolute(0.05)}}
	r := decide(t, in)
	if r.Decision != Blocked || r.Rules[0].Slice != "g=v" || r.Rules[0].Metric != "specificity" {
		t.Fatalf("%s %+v", r.Decision, r.Rules[0])
	}
	judged := 0
	for _, rule := range r.Rules {
		if strings.HasPrefix(rule.Slice, "g=") {
			judged++
		}
	}
	if judged != 6 {
		t.Errorf("%d of 6 groups and rates were judged", judged)
	}
}

func TestSmallGroupsAreNamedAndLeftOut(t *testing.T) {
	in := unequal(7, 0)
	for i := range 12 {
		in.Rows.Slices["g"].Codes[i] = int32(len(in.Rows.Slices["g"].Levels))
	}
	in.Rows.Slices["g"].Levels = append(in.Rows.Slices["g"].Levels, "x")
	in.Policy.Fairness = []FairnessRule{{By: "g"}}
	r := decide(t, in)
	f := r.Fairness[0]
	if len(f.Groups) != 4 || !slices.Equal(f.LeftOut, []string{"x"}) || len(r.Warnings) != 1 || r.Warnings[0] != "fairness by g: too few rows in x" {
		t.Errorf("%+v %q", f.LeftOut, r.Warnings)
	}
}

// Rows that belong together widen the interval of a gap.
func TestGapsOfGroupedRows(t *testing.T) {
	in := unequal(8, 0.3)
	in.Policy.Fairness = []FairnessRule{{By: "g"}}
	plain := decide(t, in).Fairness[0].Gaps[0].Interval
	in.Rows.Cluster = numbered(600, 20)
	grouped := decide(t, in).Fairness[0].Gaps[0].Interval
	in.Rows.Cluster = numbered(600, 1)
	single := decide(t, in).Fairness[0].Gaps[0].Interval
	if grouped == nil || single == nil || !(grouped.Low < grouped.High) {
		t.Fatalf("%+v %+v", grouped, single)
	}
	if width := (single.High - single.Low) / (plain.High - plain.Low); width < 0.85 || width > 1.2 {
		t.Errorf("rows that are a group each have an interval %.2f as wide", width)
	}
}

func TestCheckFairnessRule(t *testing.T) {
	for _, c := range []struct {
		task metric.Task
		rule FairnessRule
		want string
	}{
		{metric.Regression, FairnessRule{By: "g"}, "fairness is judged in binary tasks"},
		{metric.Binary, FairnessRule{}, "names no column"},
		{metric.Binary, FairnessRule{By: "g", Metrics: []string{"recall"}}, "has metrics but no margin"},
		{metric.Binary, FairnessRule{By: "g", Margin: absolute(0.1), Metrics: []string{"rmse"}}, "does not judge a binary task"},
		{metric.Binary, FairnessRule{By: "g", Ceilings: map[string]float64{"parity": 0.1}}, `unknown disparity "parity": choices are demographic_parity_difference`},
		{metric.Binary, FairnessRule{By: "g", Ceilings: map[string]float64{"equalized_odds_ratio": 2}}, "outside [0, 1]"},
		{metric.Binary, FairnessRule{By: "g", MinRows: -1}, "at least 1"},
		{metric.Binary, FairnessRule{By: "g"}, ""},
	} {
		err := CheckFairnessRule(c.task, c.rule)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %q", c.rule, err, c.want)
		}
	}
}
