package gate

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/weighlock/weighlock/internal/metric"
	"github.com/weighlock/weighlock/internal/stats"
)

// folded are ten folds of 20 rows whose mean absolute errors differ by worse, and by a fold's own part.
func folded(worse float64, seed uint64) Input {
	random := rand.New(rand.NewPCG(seed, 31))
	f := &Folds{TestOverTrain: 1.0 / 9}
	all, allC := metric.Truth{Task: metric.Regression}, metric.Predictions{}
	allB := metric.Predictions{}
	for range 10 {
		part := Fold{Truth: metric.Truth{Task: metric.Regression, Values: make([]float64, 20)}, Baseline: &metric.Predictions{}}
		own := 0.2 * random.NormFloat64()
		for range 20 {
			part.Candidate.Values = append(part.Candidate.Values, 10+worse+own+0.1*random.NormFloat64())
			part.Baseline.Values = append(part.Baseline.Values, 10+0.1*random.NormFloat64())
		}
		f.Parts = append(f.Parts, part)
		all.Values, allC.Values = append(all.Values, part.Truth.Values...), append(allC.Values, part.Candidate.Values...)
		allB.Values = append(allB.Values, part.Baseline.Values...)
	}
	return Input{
		Rows: rowsOf(all), Candidate: allC, Baseline: &allB, Folds: f,
		Policy: Policy{Rules: []Rule{{Metric: "mae", Margin: absolute(0.5)}, {Metric: "rmse", Margin: relative(0.05)}}},
	}
}

func TestFoldsAreJudgedByTheCorrectedTest(t *testing.T) {
	in := folded(0, 1)
	r := decide(t, in)
	mae := r.Rules[0]
	if mae.Metric != "mae" {
		mae = r.Rules[1]
	}
	var d []float64
	for _, part := range in.Folds.Parts {
		m, _ := metric.Lookup("mae")
		d = append(d, m.Value(part.Truth, *part.Baseline, metric.Params{}).Value-m.Value(part.Truth, part.Candidate, metric.Params{}).Value)
	}
	want := stats.CorrectedResampled(d, 1.0/9, 0.95)
	near(t, "se", mae.SE, want.SE, 1e-12)
	near(t, "low", &mae.Interval.Low, -want.High, 1e-12)
	if mae.Method != "corrected resampled t" || mae.Rows != 200 || !strings.Contains(mae.Assumption, "share training rows") {
		t.Errorf("%+v", mae)
	}
	// √((1/10 + 1/9)/(1/10)) = 1.453 times as wide as the naive test, at least.
	naive := stats.PairedMean(d, -*mae.Delta, 0.95)
	if ratio := *mae.SE / naive.SE; math.Abs(ratio-math.Sqrt(19.0/9)) > 1e-9 {
		t.Errorf("the standard error is %v times the naive one", ratio)
	}
	if worse := decide(t, folded(2, 1)); worse.Decision != Blocked {
		t.Errorf("%s: %+v", worse.Decision, worse.Rules)
	}
	in.Folds.Parts[3].Candidate.Values[0] = math.NaN()
	if broken := decide(t, in); broken.Decision != Invalid || !strings.Contains(broken.Reasons[0], "fold 4 of the candidate") {
		t.Errorf("%+v", broken)
	}
	if got := Observe(folded(2, 1)); got != nil {
		t.Errorf("rows that also trained were observed: %v", got)
	}
}

func TestIdenticalFolds(t *testing.T) {
	in := folded(0, 2)
	for i := range in.Folds.Parts {
		in.Folds.Parts[i].Baseline = &in.Folds.Parts[i].Candidate
	}
	in.Baseline = &in.Candidate
	for _, rule := range decide(t, in).Rules {
		if rule.Verdict != Unchanged || rule.Method != "identical" {
			t.Errorf("%+v", rule)
		}
	}
}
