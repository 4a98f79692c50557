package gate

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/weighlock/weighlock/internal/evaluation"
	"github.com/weighlock/weighlock/internal/metric"
	"github.com/weighlock/weighlock/internal/stats"
)

// Every metric that may have a margin is judged in every kind of data: plain, weighted, in groups, in time, and by
// relative margins. None falls silent, and swapping the models mirrors what is known.
func TestEveryMetricIsJudgedInEveryKindOfData(t *testing.T) {
	kinds := map[string]func(*evaluation.Rows){
		"plain": func(*evaluation.Rows) {},
		"weighted": func(r *evaluation.Rows) {
			for i := range r.Truth.Rows() {
				r.Truth.Weights = append(r.Truth.Weights, float64(1+i%3))
			}
		},
		"in groups": func(r *evaluation.Rows) { r.Cluster = numbered(r.Truth.Rows(), 4) },
		"in time":   func(r *evaluation.Rows) { r.Moment = numbered(r.Truth.Rows(), 2) },
		"a panel": func(r *evaluation.Rows) {
			r.Moment = numbered(r.Truth.Rows(), 2)
			for i := range r.Truth.Rows() {
				r.Cluster = append(r.Cluster, i%30)
			}
		},
	}
	for _, task := range []metric.Task{metric.Regression, metric.Binary, metric.Multiclass, metric.Forecast} {
		for _, m := range metric.ForTask(task) {
			if !judgeable(m) {
				continue
			}
			for kind, shape := range kinds {
				for _, margin := range []*Margin{absolute(0.05), relative(0.1)} {
					rows, a, b := drawn(task, 160, 3)
					shape(&rows)
					policy := Policy{Rules: []Rule{{Metric: m.Name, Margin: margin}}}
					x := decide(t, Input{Rows: rows, Candidate: a, Baseline: &b, Policy: policy, Seed: 5}).Rules[0]
					y := decide(t, Input{Rows: rows, Candidate: b, Baseline: &a, Policy: policy, Seed: 5}).Rules[0]
					name := string(task) + " " + m.Name + " " + kind
					switch {
					case x.Interval == nil || x.SE == nil || !(*x.SE > 0) || x.PAdjusted == nil || x.Detectable == nil:
						t.Fatalf("%s is not judged: %+v", name, x)
					case x.RowsNeeded == 0 || x.Method == "" || x.Assumption == "":
						t.Errorf("%s lacks something: %+v", name, x)
					}
					near(t, name+" delta", y.Delta, -*x.Delta, 1e-15)
					near(t, name+" low", &y.Interval.Low, -x.Interval.High, 1e-12)
					near(t, name+" high", &y.Interval.High, -x.Interval.Low, 1e-12)
				}
			}
		}
	}
}

// numbered deals n rows to groups of that size, in their order.
func numbered(n, size int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i / size
	}
	return out
}

// Rows in time order whose differences drift together are judged with their dependence; shuffled in time they are not.
func TestDependenceInTimeIsSeen(t *testing.T) {
	const n = 400
	random := rand.New(rand.NewPCG(1, 9))
	before, after, drift := make([]float64, n), make([]float64, n), 0.0
	for i := range before {
		drift = 0.9*drift + random.NormFloat64()
		before[i], after[i] = 50, 50+drift
	}
	rows, baseline := erring(before)
	in := Input{Rows: rows, Candidate: metric.Predictions{Values: after}, Baseline: &baseline, Policy: Policy{Rules: []Rule{{Metric: "mae", Margin: absolute(1)}}}}
	blind := decide(t, in).Rules[0]
	in.Rows.Moment = numbered(n, 1)
	seen := decide(t, in).Rules[0]
	if *seen.SE < 2**blind.SE || !slices.Contains(seen.Flags, stats.FlagAutocorrelated) || !strings.Contains(seen.Assumption, "dependence fades") {
		t.Errorf("se %v beside %v, %q", *seen.SE, *blind.SE, seen.Flags)
	}
	in.Rows.Moment = random.Perm(n)
	shuffled := decide(t, in).Rules[0]
	near(t, "se of shuffled moments", shuffled.SE, *blind.SE, 1e-12)
}

// One step ahead Diebold and Mariano's test is the paired t (statistics.md 1.7); further ahead it sums autocovariances.
func TestForecastsWithAHorizonAreJudgedByDieboldMariano(t *testing.T) {
	rows, a, b := drawn(metric.Forecast, 90, 4)
	rows.Moment = numbered(90, 1)
	d := make([]float64, 90)
	for i := range d {
		d[i] = math.Abs(rows.Truth.Values[i]-b.Values[i]) - math.Abs(rows.Truth.Values[i]-a.Values[i])
	}
	for _, horizon := range []int{1, 3} {
		rows.Horizon = horizon
		r := decide(t, Input{Rows: rows, Candidate: a, Baseline: &b, Policy: Policy{Rules: []Rule{{Metric: "mae", Margin: absolute(1)}}}}).Rules[0]
		want := stats.DieboldMariano(d, horizon, 0.95)
		near(t, "se", r.SE, want.SE, 1e-12)
		near(t, "low", &r.Interval.Low, -want.High, 1e-12)
		if r.Method != "Diebold-Mariano" || r.Rows != 90 {
			t.Errorf("%+v", r)
		}
	}
}

// A known spread of training seeds widens the interval; too large a spread cannot be made up for by rows.
func TestTrainingSeedsWiden(t *testing.T) {
	in := shifted(0, 0.3, Rule{Metric: "mae", Margin: absolute(1)})
	plain := decide(t, in).Rules[0]
	in.Seeds = map[string]SeedSpread{"mae": {SD: 0.2, Trained: 5}}
	r := decide(t, in).Rules[0]
	near(t, "se", r.SE, math.Sqrt(0.3*0.3+2*0.2*0.2), 1e-9)
	if r.RowsNeeded <= plain.RowsNeeded || !slices.Contains(r.Flags, stats.FlagSeeds) || !strings.Contains(r.Assumption, "training seeds") {
		t.Errorf("%+v", r)
	}
	in.Seeds["mae"] = SeedSpread{SD: 2, Trained: 5}
	r = decide(t, in).Rules[0]
	if r.Verdict != Inconclusive || r.RowsNeeded != 0 || !strings.Contains(r.Why, "no number of rows would, for training with another seed alone") {
		t.Errorf("%+v", r)
	}
	in.Seeds = map[string]SeedSpread{"mae on sex=F": {SD: 2, Trained: 5}}
	near(t, "se without a spread of its own", decide(t, in).Rules[0].SE, *plain.SE, 0)
}

// Many small steps down: the baseline is hardly better, the anchor is.
func TestAnAnchorStopsCreep(t *testing.T) {
	in := shifted(0.5, 0.01, Rule{Metric: "mae", Margin: absolute(1), Max: new(20.0)})
	if r := decide(t, in); r.Decision != Passed {
		t.Fatalf("%+v", r)
	}
	far := make([]float64, 100)
	for i := range far {
		far[i] = 9
	}
	in.Anchor = &Anchor{Name: "v1.0.0", Predictions: metric.Predictions{Values: far}}
	r := decide(t, in)
	if r.Decision != Blocked || len(r.Rules) != 2 || r.Rules[0].Against != "v1.0.0" || r.Rules[0].Max != nil || r.Rules[1].Against != "" {
		t.Fatalf("%+v", r)
	}
	if !strings.HasPrefix(r.Reasons[0], "mae against v1.0.0 got worse by 1.5 (9 → 10.5), more than the 1 tolerated") {
		t.Errorf("%q", r.Reasons)
	}
	in.Anchor.Predictions.Values = far[1:]
	if r := decide(t, in); r.Decision != Invalid || !strings.Contains(r.Reasons[0], `the anchor "v1.0.0" cannot be judged`) {
		t.Errorf("%+v", r)
	}
}

func TestWornRowsAreNamed(t *testing.T) {
	in := shifted(0, 0.4, Rule{Metric: "mae", Margin: absolute(1)}, Rule{Metric: "mse", Max: new(1e6)})
	for judged, warned := range map[int]bool{0: false, 1: false, 3: false, 30: true} {
		in.Judged = judged
		r := decide(t, in)
		rule := r.Rules[slices.IndexFunc(r.Rules, func(r RuleResult) bool { return r.Metric == "mae" })]
		if judged > 1 {
			near(t, "optimism", rule.Optimism, stats.Optimism(0.4, judged), 1e-9)
		} else if rule.Optimism != nil {
			t.Errorf("%d: %v", judged, *rule.Optimism)
		}
		found := slices.ContainsFunc(r.Warnings, func(w string) bool {
			return strings.Contains(w, "these rows have judged at least 30 models before")
		})
		if found != warned || slices.Contains(rule.Flags, FlagWornOut) != warned {
			t.Errorf("judged %d: %q %q", judged, r.Warnings, rule.Flags)
		}
	}
}

func TestLevelsOfTheBaselineAreComparedWithTheseRows(t *testing.T) {
	in := twoSexes(0, SliceRule{By: "sex", Metrics: []string{"mae"}, Margin: absolute(1)})
	in.KnownLevels = map[string][]string{"sex": {"F", "X"}}
	r := decide(t, in)
	want := []string{"sex=M is a new slice: the baseline was made without it", "no evaluation row has sex=X, so that slice was not judged"}
	if !slices.Equal(r.Warnings, want) || len(r.Rules) != 3 {
		t.Errorf("%q, %d rules", r.Warnings, len(r.Rules))
	}
	for _, rule := range r.Rules {
		if slices.Contains(rule.Flags, FlagNewSlice) != (rule.Slice == "sex=M") || slices.Contains(rule.Flags, FlagMissingSlice) != (rule.Slice == "sex=X") {
			t.Errorf("%s: %q", rule.Slice, rule.Flags)
		}
	}
	in.KnownLevels["sex"] = []string{"Q1 (≤ 3)", "Q2 (> 3)"}
	if r := decide(t, in); len(r.Warnings) != 0 || len(r.Rules) != 2 {
		t.Errorf("%+v", r)
	}
}

// What no rule asks about is reported under Benjamini and Hochberg, and never judges.
func TestWhatNoRuleAsksAboutIsObserved(t *testing.T) {
	in := twoSexes(3, SliceRule{By: "sex", Metrics: []string{"mae"}, Margin: absolute(9)})
	in.Policy.Rules = []Rule{{Metric: "rmse", Margin: absolute(9)}}
	got := Observe(in)
	var names []string
	noticed := map[string]string{}
	for _, o := range got {
		name := o.Metric + " " + o.Slice
		names, noticed[name] = append(names, name), o.Noticed
		if o.PAdjusted < 0 || o.PAdjusted > 1 || o.Method == "" || o.Interval == nil {
			t.Errorf("%+v", o)
		}
	}
	slices.Sort(names)
	// mape, wmape and r2 are undefined here; rmse and mae by sex have rules.
	want := []string{"mae ", "median_ae ", "mse ", "pinball ", "rmse sex=F", "rmse sex=M"}
	if !slices.Equal(names, want) {
		t.Errorf("observed %q, want %q", names, want)
	}
	if noticed["rmse sex=M"] != "worse" || noticed["mae "] != "worse" || noticed["rmse sex=F"] != "" {
		t.Errorf("%v", noticed)
	}
	in.Baseline = nil
	if got := Observe(in); got != nil {
		t.Errorf("a first run observed %v", got)
	}
}

// Among observations of equal models hardly any is noticed: a tenth of those that are, and those are few.
func TestObservationsOfEqualModels(t *testing.T) {
	noticed := 0
	for run := range 30 {
		rows, a, b := drawn(metric.Binary, 150, uint64(500+run))
		for _, o := range Observe(Input{Rows: sliced(rows, "s", "u", "v"), Candidate: a, Baseline: &b, Seed: uint64(run), Policy: Policy{Rules: []Rule{{Metric: "accuracy", Margin: absolute(1)}}}}) {
			if o.Noticed != "" {
				noticed++
				break
			}
		}
	}
	if noticed > 8 { // 10 % of 30 runs, and three standard errors
		t.Errorf("something was noticed in %d of 30 runs of equal models", noticed)
	}
}

// A probability of zero for what happened has a loss by convention; where that decides, the rule says so.
func TestOneClippedRowIsNamed(t *testing.T) {
	rows, a, b := drawn(metric.Binary, 200, 12)
	in := Input{Rows: rows, Candidate: a, Baseline: &b, Policy: Policy{Rules: []Rule{{Metric: "log_loss", Margin: absolute(1)}}}}
	if r := decide(t, in).Rules[0]; slices.Contains(r.Flags, FlagOneRow) {
		t.Errorf("%q", r.Flags)
	}
	label := int(rows.Truth.Labels[5])
	in.Candidate.Probabilities[10+label], in.Candidate.Probabilities[11-label] = 0, 1
	if r := decide(t, in).Rules[0]; !slices.Contains(r.Flags, FlagOneRow) || !slices.Contains(r.Flags, "clipped 1 row") {
		t.Errorf("%q", r.Flags)
	}
}

// Two models that rank every positive row above every negative one, on few rows: no error was seen, and none proves
// little. 1/40 of the rows could still be wrong as often as not.
func TestPerfectOnFewRowsIsNotProof(t *testing.T) {
	classes := []string{"no", "yes"}
	rows := rowsOf(metric.Truth{Task: metric.Binary, Classes: classes})
	a, b := metric.Predictions{Classes: classes}, metric.Predictions{Classes: classes}
	for i := range 200 {
		label, step := int32(0), float64(i)/1000
		if i < 40 {
			label = 1
		}
		rows.Truth.Labels = append(rows.Truth.Labels, label)
		for k, p := range []*metric.Predictions{&a, &b} {
			z := 0.1 + 0.6*float64(label) + step*float64(k+1)/3
			p.Probabilities, p.Labels = append(p.Probabilities, 1-z, z), append(p.Labels, label)
		}
	}
	in := Input{Rows: rows, Candidate: a, Baseline: &b, Policy: Policy{Rules: []Rule{{Metric: "roc_auc", Margin: absolute(0.02)}}}}
	r := decide(t, in).Rules[0]
	// ln(0.025)/ln(0.98) = 182.6 positive rows, of which one in five rows is one.
	if r.Verdict != Inconclusive || r.RowsNeeded != 913 || !slices.Contains(r.Flags, FlagSpreadAtMargin) {
		t.Errorf("%+v", r)
	}
	in.Policy.Rules[0].Margin = absolute(0.2)
	if r := decide(t, in).Rules[0]; r.Verdict != Unchanged {
		t.Errorf("%+v", r)
	}
}
