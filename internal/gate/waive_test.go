package gate

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var (
	monday = time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	change = Change{
		Head: "3f2a", Author: "eve", Now: monday.Add(24 * time.Hour),
		Policy: WaiverPolicy{Allow: []string{"maintain", "@dr-who"}, Days: 3},
	}
)

// blocked breaks mae and rmse.
func blocked(t *testing.T) Result {
	t.Helper()
	r := decide(t, shifted(2, 0.1, Rule{Metric: "mae", Margin: absolute(1)}, Rule{Metric: "rmse", Margin: absolute(1)}, Rule{Metric: "mse", Max: new(1000.0)}))
	if r.Decision != Blocked {
		t.Fatal(r.Decision)
	}
	return r
}

// waiver of mae that counts.
func waiver(change func(*Waiver)) Waiver {
	w := Waiver{Metric: "mae", By: "dr-who", Permission: "read", Reason: "new assay", Commit: "3f2a", Value: new(12.0), Given: monday}
	if change != nil {
		change(&w)
	}
	return w
}

func TestAllBlockingRulesHaveToBeWaived(t *testing.T) {
	r := blocked(t)
	one := Apply(r, []Waiver{waiver(nil)}, change)
	if one.Decision != Blocked || len(one.Warnings) != 0 {
		t.Errorf("%s, %q", one.Decision, one.Warnings)
	}
	rmse := waiver(func(w *Waiver) { w.Metric, w.Value, w.By, w.Permission = "rmse", new(12.1), "kim", "admin" })
	both := Apply(r, []Waiver{waiver(nil), rmse}, change)
	if both.Decision != Passed || both.Decision.ExitCode() != 0 {
		t.Fatalf("%s, %q", both.Decision, both.Warnings)
	}
	if diff := cmp.Diff([]string{"mae is waived by dr-who: new assay", "rmse is waived by kim: new assay"}, both.Reasons[:2]); diff != "" {
		t.Error(diff)
	}
	for _, rule := range both.Rules {
		if rule.Metric != "mse" && (rule.Verdict != Regressed || !rule.Blocks || rule.Waived == nil) {
			t.Errorf("%+v", rule)
		}
	}
	for _, rule := range r.Rules {
		if rule.Waived != nil {
			t.Error("the given result was changed")
		}
	}
}

func TestWaiversThatDoNotCount(t *testing.T) {
	r := decide(t, shifted(2, 0.1, Rule{Metric: "mae", Margin: absolute(1)}))
	if got := Apply(r, []Waiver{waiver(nil)}, change); got.Decision != Passed {
		t.Fatalf("%s %q", got.Decision, got.Warnings)
	}
	for want, c := range map[string]func(*Waiver, *Change){
		"no blocking rule has that name":    func(w *Waiver, _ *Change) { w.Metric = "rmse" },
		"mae on sex=F by dr-who":            func(w *Waiver, _ *Change) { w.Slice = "sex=F" },
		"it was given for another commit":   func(w *Waiver, _ *Change) { w.Commit = "beef" },
		"for another commit":                func(w *Waiver, c *Change) { w.Commit, c.Head = "", "" },
		"a value of 11, and now it is 12":   func(w *Waiver, _ *Change) { w.Value = new(11.0) },
		"it was given for another value":    func(w *Waiver, _ *Change) { w.Value = nil },
		"it has expired after 3 days":       func(_ *Waiver, c *Change) { c.Now = monday.Add(73 * time.Hour) },
		"it has expired after 7 days":       func(_ *Waiver, c *Change) { c.Now, c.Policy.Days = monday.Add(169*time.Hour), 0 },
		"wants the value and the commit na": func(_ *Waiver, c *Change) { c.Policy.Exact = true },
		"lies in the future":                func(_ *Waiver, c *Change) { c.Now = monday.Add(-time.Hour) },
		"its time is unknown":               func(w *Waiver, _ *Change) { w.Given = time.Time{} },
		"it names nobody":                   func(w *Waiver, _ *Change) { w.By = "" },
		"the author of a change may not":    func(_ *Waiver, c *Change) { c.Author = "Dr-Who" },
		"the policy does not allow them to": func(w *Waiver, _ *Change) { w.By, w.Permission = "kim", "write" },
		"by admin does not count: the poli": func(w *Waiver, _ *Change) { w.By, w.Permission = "admin", "" },
		"by maintain does not count: the p": func(w *Waiver, _ *Change) { w.By, w.Permission = "maintain", "read" },
		"by mallory does not count: the po": func(w *Waiver, c *Change) { w.By, c.Policy.Allow = "mallory", nil },
		"by @ does not count: the policy":   func(w *Waiver, c *Change) { w.By, w.Permission, c.Policy.Allow = "@", "", []string{"@"} },
	} {
		w, to := waiver(nil), change
		c(&w, &to)
		got := Apply(r, []Waiver{w}, to)
		if got.Decision != Blocked || len(got.Warnings) != 1 || !strings.Contains(got.Warnings[0], want) || got.Rules[0].Waived != nil {
			t.Errorf("%s %q, want %q", got.Decision, got.Warnings, want)
		}
	}
}

func TestAnExactWaiverCountsWhereThePolicyWantsOne(t *testing.T) {
	r := decide(t, shifted(2, 0.1, Rule{Metric: "mae", Margin: absolute(1)}))
	w, c := waiver(nil), change
	w.Exact, c.Policy.Exact = true, true
	if got := Apply(r, []Waiver{w}, c); got.Decision != Passed {
		t.Errorf("%s %q", got.Decision, got.Warnings)
	}
}

func TestAnAuthorMayWaiveWhereThePolicySaysSo(t *testing.T) {
	r := decide(t, shifted(2, 0.1, Rule{Metric: "mae", Margin: absolute(1)}))
	c := change
	c.Author, c.Policy.Author = "dr-who", true
	if got := Apply(r, []Waiver{waiver(nil)}, c); got.Decision != Passed {
		t.Errorf("%s %q", got.Decision, got.Warnings)
	}
}

// A better value than the accepted one is accepted too, in either direction of better.
func TestAWaiverCoversABetterValue(t *testing.T) {
	r := decide(t, shifted(2, 0.1, Rule{Metric: "mae", Margin: absolute(1)}))
	if got := Apply(r, []Waiver{waiver(func(w *Waiver) { w.Value = new(12.5) })}, change); got.Decision != Passed {
		t.Errorf("%s %q", got.Decision, got.Warnings)
	}
}

func TestNothingButARuleCanBeWaived(t *testing.T) {
	broken := shifted(2, 0.1, Rule{Metric: "mae", Margin: absolute(1)})
	broken.Candidate.Values = broken.Candidate.Values[:1]
	in := decide(t, broken)
	got := Apply(in, []Waiver{waiver(func(w *Waiver) { w.Value = nil })}, change)
	if got.Decision != Invalid || !strings.Contains(got.Warnings[0], "what cannot be judged cannot be waived") {
		t.Errorf("%s %q", got.Decision, got.Warnings)
	}
	for _, d := range []Decision{Misconfigured, Unavailable, Cancelled, Invalid} {
		r := decide(t, shifted(2, 0.1, Rule{Metric: "mae", Margin: absolute(1)}))
		r.Decision = d
		if got := Apply(r, []Waiver{waiver(nil)}, change); got.Decision != d {
			t.Errorf("%s became %s", d, got.Decision)
		}
	}
	// A block that no rule explains stays.
	if got := Apply(Result{Decision: Blocked}, nil, change); got.Decision != Blocked {
		t.Errorf("%s", got.Decision)
	}
}

func TestUndecidedCanBeWaived(t *testing.T) {
	in := shifted(0.9, 1, Rule{Metric: "mae", Margin: absolute(1)})
	in.Policy.Inconclusive = InconclusiveBlock
	r := decide(t, in)
	got := Apply(r, []Waiver{waiver(func(w *Waiver) { w.Value = r.Rules[0].Candidate })}, change)
	if r.Decision != Undecided || got.Decision != Passed || got.Rules[0].Verdict != Inconclusive {
		t.Errorf("%s, then %s %q", r.Decision, got.Decision, got.Warnings)
	}
}
