package report

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/weighlock/weighlock/internal/dataset"
	"github.com/weighlock/weighlock/internal/evaluation"
	"github.com/weighlock/weighlock/internal/gate"
	"github.com/weighlock/weighlock/internal/metric"
)

// inputs are what every fixture shares.
func inputs() Inputs {
	return Inputs{
		Tool: "weighlock 0.1.0", Model: "diabetes", Task: metric.Regression, Created: "2026-11-24T15:04:05Z",
		Head: Head{Commit: "3f2a9c1b04de5566778899aabbccddeeff001122"},
		Base: Base{
			Commit: "9b1c0d2e3f405162738495a6b7c8d9eafb0c1d2e", CommitsBack: 2, How: "image scored again on today's evaluation rows",
			Image: "ghcr.io/acme/diabetes@sha256:" + strings.Repeat("ab", 32),
		},
		Data: Data{
			Digest: "sha256:" + strings.Repeat("1c", 32), Rows: 442,
			Evaluation: Evaluation{Digest: "sha256:" + strings.Repeat("2d", 32), Rows: 133},
		},
		Policy: Policy{
			Digest: "sha256:" + strings.Repeat("3e", 32), Commit: "9b1c0d2e3f405162738495a6b7c8d9eafb0c1d2e",
			Mode: "balanced", Inconclusive: "warn",
		},
		ModelFile: ModelFile{Digest: "sha256:" + strings.Repeat("4f", 32), Kind: "linear", Bytes: 2412},
		Measured:  Measured{Seconds: 0.214, TrainSeconds: 0.01, RowMicroseconds: 0.83, TrainRows: 309},
	}
}

// compared is a rule with an interval of two standard errors on each side.
func compared(name string, d metric.Direction, values [2]float64, se float64) gate.RuleResult {
	delta := values[1] - values[0]
	relative := delta / math.Abs(values[0])
	return gate.RuleResult{
		Metric: name, Direction: d, Baseline: &values[0], Candidate: &values[1], Delta: &delta, DeltaRelative: &relative,
		Interval: &gate.Interval{Low: delta - 1.978*se, High: delta + 1.978*se, Level: 0.95}, PAdjusted: new(0.5),
		Detectable: new(2.8 * se), Rows: 133, Method: "paired t", Assumption: "rows are independent",
	}
}

func rmse(after, se float64) gate.RuleResult {
	r := compared("rmse", metric.LowerIsBetter, [2]float64{54.1043, after}, se)
	r.Margin = &gate.Margin{Value: 0.02, Relative: true}
	return r
}

func with(r gate.RuleResult, verdict string, blocks bool, why string) gate.RuleResult {
	r.Verdict, r.Blocks, r.Why = gate.Verdict(verdict), blocks, why
	return r
}

func blockedInputs() Inputs {
	in := inputs()
	r2 := compared("r2", metric.HigherIsBetter, [2]float64{0.4812, 0.3977}, 0.018)
	r2.Margin, r2.Min = &gate.Margin{Value: 0.01}, new(0.40)
	slice := compared("rmse", metric.LowerIsBetter, [2]float64{53.2, 56.9}, 1.9)
	slice.Slice, slice.Margin, slice.Rows, slice.RowsNeeded = "sex=2", &gate.Margin{Value: 0.04, Relative: true}, 61, 410
	slice.Flags = []string{"skewed"}
	mae := compared("mae", metric.LowerIsBetter, [2]float64{43.21, 43.02}, 0.21)
	mae.Margin = &gate.Margin{Value: 0.02, Relative: true}
	worst := with(rmse(58.3131, 1.15), "regressed", true, "worse, and by more than the margin")
	worst.PAdjusted = new(0.0004)
	in.Result = &gate.Result{
		Decision: "blocked", Reasons: []string{"rmse regressed beyond its margin", "r2 is below its floor"},
		Rules: []gate.RuleResult{
			worst, with(r2, "regressed", true, "worse, and below the floor"),
			with(slice, "inconclusive", false, "leaning worse"), with(mae, "unchanged", false, "within the margin"),
		},
		Warnings: []string{"these rows have judged 12 earlier changes"},
	}
	in.Checks = []dataset.Check{
		{Name: "few-rows", Severity: dataset.Warn, Message: "only 133 rows evaluate: a small difference cannot be seen", Count: 133},
		{Name: "drift", Severity: dataset.Info, Message: "bmi moved by 0.12 standard deviations", Column: "bmi"},
	}
	truth, before, after := regressionRows()
	in.Truth = &truth
	in.Baseline = &Contender{Predictions: before, Evaluation: sexes(53.9, 53.2)}
	in.Candidate = &Contender{Predictions: after, Evaluation: sexes(59.1, 56.9)}
	return in
}

func sexes(one, two float64) evaluation.Evaluation {
	score := func(v float64) map[string]evaluation.Score { return map[string]evaluation.Score{"rmse": {Value: &v}} }
	return evaluation.Evaluation{Slices: []evaluation.SliceScore{
		{By: "sex", Level: "1", Rows: 72, Metrics: score(one)}, {By: "sex", Level: "2", Rows: 61, Metrics: score(two)},
	}}
}

func regressionRows() (metric.Truth, metric.Predictions, metric.Predictions) {
	random := rand.New(rand.NewPCG(7, 7))
	truth := metric.Truth{Task: metric.Regression}
	var before, after metric.Predictions
	for range 133 {
		v := 150 + 55*random.NormFloat64()
		truth.Values = append(truth.Values, v+54*random.NormFloat64())
		before.Values = append(before.Values, v)
		after.Values = append(after.Values, 150+0.4*(v-150)+12*random.NormFloat64())
	}
	return truth, before, after
}

// binaryInputs passes: better scores on 2,000 rows.
func binaryInputs() Inputs {
	in := inputs()
	in.Model, in.Task = "credit-default", metric.Binary
	in.Data.Rows, in.Data.Evaluation.Rows = 6000, 2000
	random := rand.New(rand.NewPCG(3, 9))
	truth := metric.Truth{Task: metric.Binary, Classes: []string{"paid", "default"}}
	var before, after metric.Predictions
	before.Classes, after.Classes = truth.Classes, truth.Classes
	for range 2000 {
		z := random.NormFloat64()
		label := int32(0)
		if random.Float64() < 1/(1+math.Exp(1.2-1.6*z)) {
			label = 1
		}
		truth.Labels = append(truth.Labels, label)
		before = score(before, 1/(1+math.Exp(1.0-1.1*(z+1.1*random.NormFloat64()))))
		after = score(after, 1/(1+math.Exp(1.2-1.5*(z+0.4*random.NormFloat64()))))
	}
	in.Truth, in.Baseline, in.Candidate = &truth, &Contender{Predictions: before}, &Contender{Predictions: after}
	auc := compared("roc_auc", metric.HigherIsBetter, [2]float64{0.7319, 0.8127}, 0.0081)
	auc.Margin, auc.Method, auc.Rows, auc.Min = &gate.Margin{Value: 0.01}, "DeLong", 2000, new(0.70)
	loss := compared("log_loss", metric.LowerIsBetter, [2]float64{0.5612, 0.4829}, 0.0094)
	loss.Margin, loss.Rows = &gate.Margin{Value: 0.02, Relative: true}, 2000
	accuracy := compared("accuracy", metric.HigherIsBetter, [2]float64{0.7425, 0.7465}, 0.0047)
	accuracy.Margin, accuracy.Rows, accuracy.Method = &gate.Margin{Value: 0.01}, 2000, "Tango"
	in.Result = &gate.Result{Decision: "passed", Rules: []gate.RuleResult{
		with(accuracy, "unchanged", false, "within the margin"), with(auc, "improved", false, "better"), with(loss, "improved", false, "better"),
	}}
	return in
}

func score(p metric.Predictions, positive float64) metric.Predictions {
	label := int32(0)
	if positive >= 0.5 {
		label = 1
	}
	p.Labels = append(p.Labels, label)
	p.Probabilities = append(p.Probabilities, 1-positive, positive)
	return p
}

func undecidedInputs() Inputs {
	in := inputs()
	r := with(rmse(55.02, 0.9), "inconclusive", true, "leaning worse")
	r.RowsNeeded = 720
	in.Result = &gate.Result{Decision: "undecided", Reasons: []string{"rmse is inconclusive"}, Rules: []gate.RuleResult{r}}
	return in
}

func invalidInputs() Inputs {
	in := inputs()
	in.FailedAs = gate.Invalid
	in.Failure = &Failure{Message: `read predictions.csv: line 14, column "prediction": "nan" is not a finite number`, Hint: "hand back one finite number per evaluation row"}
	return in
}

func firstRunInputs() Inputs {
	in := inputs()
	in.FirstRun, in.Base = true, Base{How: "no parent"}
	floor := gate.RuleResult{
		Metric: "r2", Direction: metric.HigherIsBetter, Candidate: new(0.4812), Min: new(0.40), Margin: &gate.Margin{Value: 0.01},
		Verdict: "unchanged", Rows: 133, Why: "above the floor; there is no baseline for the margin",
	}
	in.Result = &gate.Result{Decision: "passed", Rules: []gate.RuleResult{floor}}
	return in
}

func manyInputs(n int) Inputs {
	in := inputs()
	in.Result = &gate.Result{Decision: "blocked", Reasons: []string{"rules are broken"}}
	for i := range n {
		r := with(rmse(58.3131, 1.15), "regressed", true, "worse")
		if i >= 3 {
			r = with(rmse(54.2, 0.2), "unchanged", false, "within the margin")
		}
		r.Slice = fmt.Sprintf("region=R%04d", i)
		in.Result.Rules = append(in.Result.Rules, r)
	}
	return in
}

// closerInputs have everything that lies behind the rules.
func closerInputs() Inputs {
	in := binaryInputs()
	in.Judged, in.Keys = 12, []string{"r-17", "r-4"}
	in.Result.Rules[2].Clusters, in.Result.Rules[2].Method = 230, "paired t, clustered"
	in.Explanation = &gate.Explanation{
		Metric: "log_loss", Direction: metric.LowerIsBetter, Searched: 812, SearchedRows: 30,
		Flips: gate.Flips{Broken: 31, Mended: 44, Rows: []gate.FlippedRow{{Row: 1, Loss: 2.31, Slices: []string{"sex=F"}}, {Row: 0, Loss: 1.9}}},
		Parts: []gate.Decomposition{{By: "sex", Levels: []gate.LevelShare{
			{Level: "F", Rows: 900, Share: 0.45, Mean: 0.012, Contribution: 0.0054}, {Level: "M", Rows: 1100, Share: 0.55, Mean: -0.1522, Contribution: -0.0837},
		}}},
		Worst: []gate.WorstSlice{{Where: []string{"age = 61 – 70", "sex = F"}, Rows: 118, Mean: 0.21, P: 0.004}},
	}
	rates := func(s, t, f float64) *gate.GroupRates {
		return &gate.GroupRates{Selection: &s, TPR: &t, FPR: &f, Observed: new(0.31), Predicted: new(0.3)}
	}
	span := &gate.Interval{Low: 0.02, High: 0.11, Level: 0.95}
	in.Result.Fairness = []gate.Fairness{{
		By: "sex", LeftOut: []string{"X"},
		Groups: []gate.GroupFairness{{Level: "F", Rows: 900, Candidate: rates(0.28, 0.7, 0.1), Baseline: rates(0.3, 0.72, 0.12)}, {Level: "X", Rows: 4, Candidate: &gate.GroupRates{}}},
		Gaps:   []gate.Gap{{Name: "demographic_parity_difference", Candidate: new(0.064), Baseline: new(0.05), Interval: span, Change: span}, {Name: "equalized_odds_ratio", Ratio: true}},
	}}
	in.Observations = []gate.Observation{{
		Metric: "brier", Direction: metric.LowerIsBetter, Baseline: 0.19, Candidate: 0.16, Delta: -0.03, PAdjusted: 0.0002, Noticed: "better",
		Interval: &gate.Interval{Low: -0.035, High: -0.025, Level: 0.95}, Rows: 2000, Method: "paired t",
	}, {Metric: "recall", Slice: "sex=F", Direction: metric.HigherIsBetter, Baseline: 0.7, Candidate: 0.7, PAdjusted: 1, Rows: 900, Method: "Tango"}}
	return in
}

// fixtures are the reports that golden files show.
func fixtures() map[string]*Report {
	law := blockedInputs()
	law.Checks = append(law.Checks, dataset.Check{Name: "id-overlap", Severity: dataset.Block, Message: "4 (3.01 %) of the evaluation rows have an id that trains as well", Rows: []string{"17", "93"}, Count: 4})
	law.Policy.Changed = []string{"rules: rmse margin 2% became 40%", "evaluation set: 3 labels, such as 17"}
	waived := blockedInputs()
	waived.Result.Decision = "passed"
	for i := range 2 {
		waived.Result.Rules[i].Waived = &gate.Waiver{
			By: "dr-who", Permission: "maintain", Reason: "the new assay is not comparable", Commit: waived.Head.Commit,
			Value: waived.Result.Rules[i].Candidate, Given: time.Date(2026, 11, 24, 14, 2, 0, 0, time.UTC),
		}
	}
	return map[string]*Report{
		"closer": New(closerInputs()),
		"passed": New(binaryInputs()), "blocked": New(blockedInputs()), "undecided": New(undecidedInputs()), "invalid": New(invalidInputs()),
		"first-run": New(firstRunInputs()), "many-rules": New(manyInputs(40)), "law": New(law), "waived": New(waived),
	}
}

func encode(t *testing.T, r *Report) []byte {
	t.Helper()
	raw, err := r.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return raw
}
