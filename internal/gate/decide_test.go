package gate

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weighlock/weighlock/internal/evaluation"
	"github.com/weighlock/weighlock/internal/metric"
	"github.com/weighlock/weighlock/internal/stats"
)

func TestExitCodes(t *testing.T) {
	for d, want := range map[Decision]int{
		Passed: 0, Blocked: 1, Misconfigured: 2, Undecided: 3, Invalid: 4, Unavailable: 5, Cancelled: 130, "": 4, "PASSED": 4, "ok": 4,
	} {
		if got := d.ExitCode(); got != want {
			t.Errorf("%q exits with %d, want %d", d, got, want)
		}
	}
}

func TestASentenceThatAReviewerReads(t *testing.T) {
	in := shifted(0.41, 0.05, Rule{Metric: "mae", Margin: relative(0.02)})
	want := "mae got worse by 4.1 % (10 → 10.41), more than the 2 % tolerated; 95 % interval +0.3108 to +0.5092"
	if got := decide(t, in); len(got.Reasons) != 1 || got.Reasons[0] != want {
		t.Errorf("got  %q\nwant %q", got.Reasons, want)
	}
}

func TestTheWorstRuleComesFirst(t *testing.T) {
	in := shifted(1.1, 0.1,
		Rule{Metric: "mae", Max: new(100.0)}, Rule{Metric: "mae", Margin: absolute(1.2)}, Rule{Metric: "mae", Margin: absolute(1)},
		Rule{Metric: "rmse", Margin: absolute(0.01)}, Rule{Metric: "mape", Margin: absolute(1)})
	var verdicts []Verdict
	r := decide(t, in)
	for _, rule := range r.Rules {
		verdicts = append(verdicts, rule.Verdict)
	}
	if diff := cmp.Diff([]Verdict{Unjudgeable, Regressed, Regressed, Inconclusive, Unchanged}, verdicts); diff != "" {
		t.Error(diff)
	}
	// mape of targets that are 0 cannot be had, and that outweighs what blocks.
	if r.Decision != Invalid || len(r.Reasons) != 3 || !strings.Contains(r.Reasons[0], "mape has no value for the candidate: target near zero") {
		t.Errorf("%s %q", r.Decision, r.Reasons)
	}
}

func TestPoliciesThatJudgeNothingAreMisconfigured(t *testing.T) {
	good := Rule{Metric: "mae", Margin: absolute(1)}
	for want, p := range map[string]Policy{
		"nothing would be judged":    {},
		"judges nothing":             {Rules: []Rule{{Metric: "mae"}}},
		"unknown metric \"foo\"":     {Rules: []Rule{{Metric: "foo", Margin: absolute(1)}}},
		"does not judge a regressio": {Rules: []Rule{{Metric: "roc_auc", Margin: absolute(1)}}},
		"give min or max":            {Rules: []Rule{good, {Metric: "max_error", Margin: absolute(1)}}},
		"is not a number of at lea":  {Rules: []Rule{{Metric: "mae", Margin: absolute(-1)}}},
		"margin NaN":                 {Rules: []Rule{{Metric: "mae", Margin: absolute(math.NaN())}}},
		"would tolerate anything":    {Rules: []Rule{{Metric: "mae", Margin: relative(1)}}},
		"is above its max":           {Rules: []Rule{{Metric: "mae", Min: new(2.0), Max: new(1.0)}}},
		"can never be reached":       {Rules: []Rule{{Metric: "r2", Min: new(1.5)}}},
		"can never be kept":          {Rules: []Rule{{Metric: "mae", Max: new(-1.0)}}},
		"is not a finite number":     {Rules: []Rule{{Metric: "mae", Max: new(math.NaN())}}},
		"has no quantile":            {Rules: []Rule{{Metric: "mae", Margin: absolute(1), Params: metric.Params{Quantile: 0.5}}}},
		"outside (0, 1)":             {Rules: []Rule{{Metric: "pinball", Margin: absolute(1), Params: metric.Params{Quantile: 1}}}},
		"has no k":                   {Rules: []Rule{{Metric: "mae", Margin: absolute(1), Params: metric.Params{K: 1}}}},
		"unknown mode \"loose\"":     {Mode: "loose", Rules: []Rule{good}},
		"unknown answer \"maybe\"":   {Inconclusive: "maybe", Rules: []Rule{good}},
		"confidence 95 is outside":   {Confidence: 95, Rules: []Rule{good}},
		"confidence NaN":             {Confidence: math.NaN(), Rules: []Rule{good}},
		"names no column":            {Slices: []SliceRule{{Metrics: []string{"mae"}, Margin: absolute(1)}}},
		"names no metric":            {Slices: []SliceRule{{By: "s", Margin: absolute(1)}}},
		"by \"s\": rule for mae jud": {Slices: []SliceRule{{By: "s", Metrics: []string{"mae"}}}},
		"min_rows is at least 1":     {Slices: []SliceRule{{By: "s", Metrics: []string{"mae"}, Margin: absolute(1), MinRows: -1}}},
	} {
		in := shifted(0, 1)
		in.Policy = p
		r, err := Decide(in)
		if err == nil || !strings.Contains(err.Error(), want) || r.Decision != Misconfigured || r.Decision.ExitCode() != 2 || len(r.Reasons) != 1 {
			t.Errorf("%+v, error %v, want %q", r, err, want)
		}
	}
}

func TestWhatCannotBeJudgedIsInvalid(t *testing.T) {
	rules := []Rule{{Metric: "mae", Margin: absolute(1)}, {Metric: "r2", Min: new(0.0)}}
	for want, change := range map[string]func(*Input){
		"the candidate cannot be judged: check predictions: predicted value of row 3": func(in *Input) { in.Candidate.Values[2] = math.NaN() },
		"row 100 is +Inf":                       func(in *Input) { in.Candidate.Values[99] = math.Inf(1) },
		"for 99 rows":                           func(in *Input) { in.Candidate.Values = in.Candidate.Values[:99] },
		"the baseline cannot be judged":         func(in *Input) { in.Baseline.Values[0] = math.NaN() },
		"no row to judge by":                    func(in *Input) { in.Rows.Truth.Values, in.Candidate.Values, in.Baseline = nil, nil, nil },
		"groups for 1 rows":                     func(in *Input) { in.Rows.Cluster = []int{1} },
		"negative group":                        func(in *Input) { in.Rows.Cluster = slices.Repeat([]int{-1}, 100) },
		`slice column "s" does not fit`:         func(in *Input) { in.Rows.Slices["s"] = nil },
		"r2 has no value for the candidate: co": func(*Input) {},
		"weights that cannot be used":           func(in *Input) { in.Rows.Truth.Weights = make([]float64, 100) },
	} {
		in := shifted(0.1, 0.1, rules...)
		change(&in)
		r := decide(t, in)
		if r.Decision != Invalid || r.Decision.ExitCode() != 4 || len(r.Rules) != 2 || !strings.Contains(strings.Join(r.Reasons, "\n"), want) {
			t.Errorf("%s %q, want %q", r.Decision, r.Reasons, want)
		}
	}
}

// One class only: no area under a curve. It is inconclusive and never silent (statistics.md 9.8).
func TestAnUndefinedMetricIsNeverASilentPass(t *testing.T) {
	rows, a, b := drawn(metric.Binary, 60, 1)
	clear(rows.Truth.Labels)
	for _, baseline := range []*metric.Predictions{&b, nil} {
		in := Input{Rows: rows, Candidate: a, Baseline: baseline, Policy: Policy{
			Inconclusive: InconclusivePass,
			Rules:        []Rule{{Metric: "roc_auc", Margin: absolute(0.01), Min: new(0.5)}},
		}}
		r := decide(t, in)
		if r.Rules[0].Verdict != Inconclusive || len(r.Warnings) != 1 || !strings.Contains(r.Warnings[0], "one class only") {
			t.Errorf("%+v", r)
		}
		in.Policy.Inconclusive = InconclusiveBlock
		if r = decide(t, in); r.Decision != Undecided {
			t.Errorf("%s", r.Decision)
		}
	}
}

func TestAModelWithoutProbabilitiesCannotBeJudgedByThem(t *testing.T) {
	rows, a, b := drawn(metric.Binary, 60, 1)
	a.Probabilities = nil
	in := Input{Rows: rows, Candidate: a, Baseline: &b, Policy: Policy{Rules: []Rule{{Metric: "log_loss", Margin: absolute(1)}}}}
	if r := decide(t, in); r.Decision != Invalid || !strings.Contains(r.Reasons[0], "for the candidate: no probabilities") {
		t.Errorf("%+v", r)
	}
	in.Candidate, in.Baseline = b, &a
	if r := decide(t, in); r.Decision != Invalid || !strings.Contains(r.Reasons[0], "for the baseline: no probabilities") {
		t.Errorf("%+v", r)
	}
	// A floor alone asks nothing of the baseline.
	in.Policy.Rules = []Rule{{Metric: "log_loss", Max: new(100.0)}}
	if r := decide(t, in); r.Decision != Passed || !slices.Contains(r.Rules[0].Flags, FlagBaselineUnknown) {
		t.Errorf("%+v", r)
	}
}

func TestTooFewRowsAreInconclusive(t *testing.T) {
	in := shifted(2, 0.1, Rule{Metric: "mae", Margin: absolute(1)})
	in.Rows.Truth.Values, in.Candidate.Values, in.Baseline.Values = in.Rows.Truth.Values[:29], in.Candidate.Values[:29], in.Baseline.Values[:29]
	r := decide(t, in).Rules[0]
	if r.Verdict != Inconclusive || r.RowsNeeded < 30 || !strings.Contains(r.Why, "there are 29 rows, at least 30 are needed") {
		t.Errorf("%+v", r)
	}
	rows, a, b := drawn(metric.Binary, 200, 3)
	for i := range rows.Truth.Labels {
		rows.Truth.Labels[i] = 0
		if i < 9 {
			rows.Truth.Labels[i] = 1
		}
	}
	for _, name := range []string{"roc_auc", "precision", "recall", "f1", "mcc", "balanced_accuracy"} {
		r := decide(t, Input{Rows: rows, Candidate: a, Baseline: &b, Policy: Policy{Rules: []Rule{{Metric: name, Margin: absolute(0.5)}}}}).Rules[0]
		// 200·10/9 = 222.2
		if r.Verdict != Inconclusive || r.RowsNeeded < 223 || !strings.Contains(r.Why, `9 rows of class "b", at least 10 are needed`) {
			t.Errorf("%s: %+v", name, r)
		}
	}
	if r := decide(t, Input{Rows: rows, Candidate: a, Baseline: &b, Policy: Policy{Rules: []Rule{{Metric: "specificity", Margin: absolute(0.5)}}}}).Rules[0]; r.Verdict == Inconclusive {
		t.Errorf("specificity: %+v", r)
	}
}

// hits are binary predictions with b rows on which only the candidate is right, c on which only the baseline is.
func hits(b, c, n int) Input {
	t := metric.Truth{Task: metric.Binary, Classes: []string{"n", "y"}}
	cand, base := metric.Predictions{Classes: t.Classes}, metric.Predictions{Classes: t.Classes}
	for i := range n {
		t.Labels = append(t.Labels, 1)
		right, wrong := int32(1), int32(0)
		cand.Labels, base.Labels = append(cand.Labels, right), append(base.Labels, right)
		if i < b {
			base.Labels[i] = wrong
		} else if i < b+c {
			cand.Labels[i] = wrong
		}
	}
	return Input{Rows: rowsOf(t), Candidate: cand, Baseline: &base}
}

func TestZeroOneMetricsAreJudgedByTango(t *testing.T) {
	// Tango 1998: 6 and 16 discordant pairs of 161 (statistics.md 7).
	in := hits(6, 16, 161)
	for _, name := range []string{"accuracy", "recall"} {
		in.Policy = Policy{Rules: []Rule{{Metric: name, Margin: absolute(0.01)}}}
		r := decide(t, in).Rules[0]
		near(t, name+" low", &r.Interval.Low, -0.124023, 1e-6)
		near(t, name+" high", &r.Interval.High, -0.005433, 1e-6)
		if r.Method != "Tango" || r.Verdict != Regressed {
			t.Errorf("%s: %s by %s", name, r.Verdict, r.Method)
		}
		// mid-p of 6 among 22: (C(22,0) + … + C(22,5) + C(22,6)/2)/2^22, with C(22,6) = 74613
		near(t, name+" p", r.PAdjusted, (35443+74613.0/2)/(1<<22), 1e-12)
	}
	in.Policy = Policy{Rules: []Rule{{Metric: "accuracy", Margin: relative(0.2)}}}
	p := overallPair(t, in, "accuracy")
	if all, _ := p.bounds(*relative(0.2), zeroOne(p, 1)); len(all) != 2 || all[1].result.Method != "Tango" {
		t.Errorf("a relative margin has the bounds %+v", all)
	}
}

func overallPair(t *testing.T, in Input, name string) *pair {
	t.Helper()
	j := newJudgement(Rule{Metric: name, Margin: absolute(0.1)}, overall(in), 0.95)
	return j.pair
}

func TestAreaIsJudgedByDeLong(t *testing.T) {
	rows, a, b := drawn(metric.Binary, 150, 5)
	in := Input{Rows: rows, Candidate: a, Baseline: &b, Policy: Policy{Rules: []Rule{{Metric: "roc_auc", Margin: absolute(0.1)}}}}
	positive := make([]bool, 150)
	for i := range positive {
		positive[i] = rows.Truth.Labels[i] == 1
	}
	want, err := stats.DeLong(positive, scores(side{predictions: b}), scores(side{predictions: a}), 0.95)
	if err != nil {
		t.Fatal(err)
	}
	r := decide(t, in).Rules[0]
	near(t, "low", &r.Interval.Low, want.Low, 1e-15)
	near(t, "high", &r.Interval.High, want.High, 1e-15)
	// The contrast has the variance of DeLong's components, as the influence values say it.
	p := overallPair(t, in, "roc_auc")
	exact, byInfluence := area(p, 0.9), smooth(p, 0.9)
	near(t, "contrast", &exact.Delta, byInfluence.Delta, 1e-12)
	near(t, "its standard error", &exact.SE, byInfluence.SE, 0.02*byInfluence.SE)
}

// Rows that are there twice in a group of their own say no more than once.
func TestGroupsCountOnce(t *testing.T) {
	rows, a, b := drawn(metric.Regression, 60, 4)
	rule := Policy{Rules: []Rule{{Metric: "mse", Margin: absolute(1)}, {Metric: "rmse", Margin: absolute(1)}}}
	once := decide(t, Input{Rows: rows, Candidate: a, Baseline: &b, Policy: rule})
	twice := rows
	twice.Truth.Values = slices.Concat(rows.Truth.Values, rows.Truth.Values)
	a.Values, b.Values = slices.Concat(a.Values, a.Values), slices.Concat(b.Values, b.Values)
	for i := range 120 {
		twice.Cluster = append(twice.Cluster, i%60)
	}
	grouped := decide(t, Input{Rows: twice, Candidate: a, Baseline: &b, Policy: rule})
	for i := range once.Rules {
		o, g := once.Rules[i], grouped.Rules[i]
		near(t, "low", &g.Interval.Low, o.Interval.Low, 1e-9)
		near(t, "high", &g.Interval.High, o.Interval.High, 1e-9)
		if g.Verdict != o.Verdict || !slices.Contains(g.Flags, stats.FlagClustered) || g.Clusters != 60 || o.Clusters != 0 {
			t.Errorf("%+v, want %+v", g, o)
		}
	}
	for i := range twice.Cluster {
		twice.Cluster[i] %= 4
	}
	few := decide(t, Input{Rows: twice, Candidate: a, Baseline: &b, Policy: rule}).Rules[0]
	if few.Verdict != Inconclusive || !strings.Contains(few.Why, "worth 4.0 groups, at least 5 are needed") {
		t.Errorf("%+v", few)
	}
}

func TestWeights(t *testing.T) {
	for _, task := range []metric.Task{metric.Regression, metric.Binary} {
		rows, a, b := drawn(task, 80, 6)
		name := map[metric.Task]string{metric.Regression: "rmse", metric.Binary: "log_loss"}[task]
		in := Input{Rows: rows, Candidate: a, Baseline: &b, Policy: Policy{Rules: []Rule{{Metric: name, Margin: absolute(0.5)}}}}
		plain := decide(t, in).Rules[0]
		in.Rows.Truth.Weights = slices.Repeat([]float64{3}, 80)
		equal := decide(t, in).Rules[0]
		near(t, "low", &equal.Interval.Low, plain.Interval.Low, 1e-12)
		near(t, "high", &equal.Interval.High, plain.Interval.High, 1e-12)
		// Rows of weight zero are as if they were not there.
		for i := 40; i < 80; i++ {
			in.Rows.Truth.Weights[i] = 0
		}
		half := decide(t, in).Rules[0]
		first := make([]int, 40)
		for i := range first {
			first[i] = i
		}
		base := evaluation.PickPredictions(b, first)
		short := decide(t, Input{
			Rows: rowsOf(evaluation.PickTruth(rows.Truth, first)), Candidate: evaluation.PickPredictions(a, first),
			Baseline: &base, Policy: in.Policy,
		}).Rules[0]
		near(t, "low", &half.Interval.Low, short.Interval.Low, 1e-9)
		near(t, "high", &half.Interval.High, short.Interval.High, 1e-9)
	}
}

// Swapping candidate and baseline mirrors every number.
func TestSwappingTheModelsMirrors(t *testing.T) {
	for _, task := range []metric.Task{metric.Regression, metric.Binary, metric.Multiclass} {
		rows, a, b := drawn(task, 120, 7)
		for _, m := range metric.ForTask(task) {
			if !judgeable(m) {
				continue
			}
			policy := Policy{Rules: []Rule{{Metric: m.Name, Margin: absolute(0.05)}}}
			x := decide(t, Input{Rows: rows, Candidate: a, Baseline: &b, Policy: policy}).Rules[0]
			y := decide(t, Input{Rows: rows, Candidate: b, Baseline: &a, Policy: policy}).Rules[0]
			near(t, m.Name+" delta", y.Delta, -*x.Delta, 0)
			near(t, m.Name+" low", &y.Interval.Low, -x.Interval.High, 1e-15)
			near(t, m.Name+" high", &y.Interval.High, -x.Interval.Low, 1e-15)
			near(t, m.Name+" detectable", y.Detectable, *x.Detectable, 1e-15)
			near(t, m.Name+" p", y.PAdjusted, 1-*x.PAdjusted, 1e-12)
			if *x.Baseline != *y.Candidate || x.Method != y.Method {
				t.Errorf("%s: %+v and %+v", m.Name, x, y)
			}
		}
	}
}

func TestPermutingRowsChangesNothing(t *testing.T) {
	for _, task := range []metric.Task{metric.Regression, metric.Binary, metric.Multiclass} {
		rows, a, b := drawn(task, 120, 8)
		rows = sliced(rows, "s", "u", "v")
		in := Input{Rows: rows, Candidate: a, Baseline: &b}
		for _, m := range metric.ForTask(task) {
			if judgeable(m) {
				in.Policy.Rules = append(in.Policy.Rules, Rule{Metric: m.Name, Margin: absolute(0.05)})
				in.Policy.Slices = append(in.Policy.Slices, SliceRule{By: "s", Metrics: []string{m.Name}, Margin: absolute(0.1)})
			}
		}
		order := rand.New(rand.NewPCG(1, 1)).Perm(120)
		moved := in
		base := evaluation.PickPredictions(b, order)
		moved.Rows = rowsOf(evaluation.PickTruth(rows.Truth, order))
		moved.Rows.Slices["s"] = rows.Slices["s"].Select(order)
		moved.Candidate, moved.Baseline = evaluation.PickPredictions(a, order), &base
		near := cmp.Comparer(func(a, b float64) bool { return a == b || math.Abs(a-b) <= 1e-9*max(1, math.Abs(a)) })
		if diff := cmp.Diff(decide(t, in), decide(t, moved), near); diff != "" {
			t.Errorf("%s: %s", task, diff)
		}
		if diff := cmp.Diff(decide(t, in), decide(t, in)); diff != "" {
			t.Errorf("%s: the same input gave another result: %s", task, diff)
		}
	}
}

// Several metrics that move together are corrected, but by less than Holm would.
func TestSeveralRulesAreOneFamily(t *testing.T) {
	in := shifted(1.3, 0.6, Rule{Metric: "mae", Margin: absolute(1)})
	alone := *decide(t, in).Rules[0].PAdjusted
	in.Policy.Rules = append(in.Policy.Rules, Rule{Metric: "mse", Margin: absolute(20)}, Rule{Metric: "rmse", Margin: absolute(1)})
	r := decide(t, in)
	for _, rule := range r.Rules {
		if rule.Metric == "mae" && (*rule.PAdjusted < alone || *rule.PAdjusted > 2*alone) {
			t.Errorf("p of mae is %v alone and %v among three that move together", alone, *rule.PAdjusted)
		}
	}
}
