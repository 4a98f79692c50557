package gate

import (
	"slices"
	"strings"
	"testing"

	"github.com/weighlock/weighlock/internal/metric"
)

// twoSexes are 50 rows of F, on which the models are as good as each other, and 50 of M that are worse.
func twoSexes(worse float64, rules ...SliceRule) Input {
	in := shifted(0, 0)
	in.Rows = sliced(in.Rows, "sex", "F", "M")
	for i := range in.Candidate.Values {
		in.Candidate.Values[i] += 0.1 * float64(1-i/2%2*2)
		if i%2 == 1 {
			in.Candidate.Values[i] += worse
		}
	}
	in.Policy.Slices = rules
	return in
}

func TestADeclaredSliceBlocks(t *testing.T) {
	in := twoSexes(2, SliceRule{By: "sex", Metrics: []string{"mae"}, Margin: absolute(1)})
	in.Policy.Rules = []Rule{{Metric: "mae", Margin: absolute(5)}}
	r := decide(t, in)
	if r.Decision != Blocked || r.Rules[0].Slice != "sex=M" || r.Rules[0].Verdict != Regressed || r.Rules[0].Rows != 50 {
		t.Fatalf("%+v", r)
	}
	if len(r.Reasons) != 1 || !strings.HasPrefix(r.Reasons[0], "mae on sex=M got worse by ") {
		t.Errorf("%q", r.Reasons)
	}
	for _, rule := range r.Rules[1:] {
		if rule.Blocks || rule.Verdict != Unchanged {
			t.Errorf("%+v", rule)
		}
	}
}

// Slices are a family of their own, corrected by Holm: the smaller p-value counts twice, the other once.
func TestSlicesAreCorrectedByHolm(t *testing.T) {
	rows, a, b := drawn(metric.Regression, 120, 9)
	in := Input{
		Rows: sliced(rows, "s", "u", "v"), Candidate: a, Baseline: &b,
		Policy: Policy{Slices: []SliceRule{{By: "s", Metrics: []string{"mae"}, Margin: absolute(0.01)}}},
	}
	r := decide(t, in)
	var raw []float64
	for i := range 2 {
		j := newJudgement(Rule{Metric: "mae", Margin: absolute(0.01)}, sliceScope(in, "", levelRows(t, in, i), 0), 0.95)
		raw = append(raw, j.plain.PWorse)
	}
	slices.Sort(raw)
	var got []float64
	for _, rule := range r.Rules {
		got = append(got, *rule.PAdjusted)
	}
	slices.Sort(got)
	near(t, "smaller p", &got[0], min(1, 2*raw[0]), 1e-12)
	near(t, "larger p", &got[1], max(min(1, 2*raw[0]), raw[1]), 1e-12)
}

func levelRows(t *testing.T, in Input, i int) []int {
	t.Helper()
	levels, err := in.Rows.Levels("s")
	if err != nil {
		t.Fatal(err)
	}
	return levels[i].Rows
}

func TestAVanishedSliceIsNamed(t *testing.T) {
	in := twoSexes(0, SliceRule{By: "sex", Metrics: []string{"mae", "rmse"}, Margin: absolute(1), Max: new(100.0)})
	in.Rows.Slices["sex"].Levels = []string{"F", "M", "X"}
	r := decide(t, in)
	if r.Decision != Passed || len(r.Rules) != 6 || len(r.Warnings) != 1 || r.Warnings[0] != "no evaluation row has sex=X, so that slice was not judged" {
		t.Fatalf("%s %q", r.Decision, r.Warnings)
	}
	for _, rule := range r.Rules[:2] {
		if rule.Slice != "sex=X" || rule.Verdict != Inconclusive || rule.Rows != 0 || !slices.Contains(rule.Flags, FlagMissingSlice) {
			t.Errorf("%+v", rule)
		}
	}
	in.Policy.Inconclusive = InconclusiveBlock
	if r = decide(t, in); r.Decision != Undecided {
		t.Errorf("%s", r.Decision)
	}
	delete(in.Rows.Slices, "sex")
	r = decide(t, in)
	if r.Decision != Invalid || len(r.Rules) != 2 || !strings.Contains(r.Reasons[0], "the evaluation rows have no such column") {
		t.Errorf("%+v", r)
	}
}

func TestASmallSliceIsShownAndNotJudged(t *testing.T) {
	for _, first := range []bool{false, true} {
		in := twoSexes(5, SliceRule{By: "sex", Metrics: []string{"mae"}, Margin: absolute(1), Max: new(1.0), MinRows: 51})
		if first {
			in.Baseline = nil
		}
		r := decide(t, in)
		if r.Decision != Passed || len(r.Warnings) == 0 && !first {
			t.Fatalf("%+v", r)
		}
		for _, rule := range r.Rules {
			if rule.Verdict != Inconclusive || rule.Candidate == nil || !strings.Contains(rule.Why, "there are 50 rows, at least 51 are needed") {
				t.Errorf("%+v", rule)
			}
		}
	}
}

// On a slice a constant target says that the slice cannot be judged; on all rows it is a mistake of the policy.
func TestAConstantTargetOnASlice(t *testing.T) {
	rows, a, b := drawn(metric.Regression, 120, 10)
	for i := range rows.Truth.Values {
		if i%2 == 0 {
			rows.Truth.Values[i] = 3
		}
	}
	in := Input{
		Rows: sliced(rows, "s", "u", "v"), Candidate: a, Baseline: &b,
		Policy: Policy{Slices: []SliceRule{{By: "s", Metrics: []string{"r2"}, Margin: absolute(0.5)}}},
	}
	r := decide(t, in)
	if r.Decision != Passed || r.Rules[0].Verdict != Inconclusive || len(r.Warnings) != 1 || !strings.Contains(r.Warnings[0], "r2 on s=u has no value for the candidate: constant target") {
		t.Errorf("%+v", r)
	}
}

func TestSlicesKeepTheirGroups(t *testing.T) {
	rows, a, b := drawn(metric.Regression, 120, 11)
	for i := range 120 {
		rows.Cluster = append(rows.Cluster, i/6)
	}
	in := Input{Rows: sliced(rows, "s", "u", "v"), Candidate: a, Baseline: &b}
	s := sliceScope(in, "s=u", levelRows(t, in, 0), 0)
	if len(s.cluster) != 60 || s.cluster[3] != 1 || len(s.truth.Values) != 60 || len(s.baseline.Values) != 60 {
		t.Errorf("%+v", s)
	}
}
