package metric

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// The example in scikit-learn's manual of roc_curve and precision_recall_curve.
func TestCurvesOfTheManual(t *testing.T) {
	truth, p := judge([]int32{0, 0, 1, 1}, 0.1, 0.4, 0.35, 0.8)
	roc, why := ROC(truth, p)
	want := []Point{{0, 0, math.Nextafter(0.8, 1)}, {0, 0.5, 0.8}, {0.5, 0.5, 0.4}, {0.5, 1, 0.35}, {1, 1, 0.1}}
	if d := cmp.Diff(want, roc); d != "" || why != "" {
		t.Errorf("ROC %s\n%s", why, d)
	}
	pr, why := PrecisionRecall(truth, p)
	want = []Point{{0.5, 1, 0.8}, {0.5, 0.5, 0.4}, {1, 2. / 3, 0.35}, {1, 0.5, 0.1}}
	if d := cmp.Diff(want, pr); d != "" || why != "" {
		t.Errorf("precision and recall %s\n%s", why, d)
	}
}

func TestCurvesKeepTheirShape(t *testing.T) {
	truth, p := sample(Binary, 20000, 2.5, 1)
	truth.Weights = weightsFor(20000)
	m, _ := Lookup("roc_auc")
	roc, _ := ROC(truth, p)
	var under float64
	for i := range roc[1:] {
		a, b := roc[i], roc[i+1]
		under += (b.X - a.X) * (a.Y + b.Y) / 2
		if b.X < a.X || b.Y < a.Y || b.Threshold >= a.Threshold {
			t.Fatalf("%v is followed by %v", a, b)
		}
	}
	if len(roc) > CurvePoints || len(roc) < CurvePoints*9/10 || math.Abs(under-m.Value(truth, p, Params{}).Value) > 1e-3 {
		t.Errorf("area under %d points is %v", len(roc), under)
	}
	if first, last := roc[0], roc[len(roc)-1]; first.X != 0 || first.Y != 0 || last.X != 1 || last.Y != 1 {
		t.Errorf("from %v to %v", first, last)
	}
	pr, _ := PrecisionRecall(truth, p)
	if n := len(pr); n > CurvePoints || pr[n-1].X != 1 {
		t.Errorf("%d points, the last is %v", n, pr[n-1])
	}
}

func TestCurvesSayWhyThereAreNone(t *testing.T) {
	truth, p := judge([]int32{1, 1}, 0.2, 0.3)
	if _, why := ROC(truth, p); why != OneClass {
		t.Errorf("ROC: %q", why)
	}
	p.Probabilities = nil
	if _, why := PrecisionRecall(truth, p); why != NoProbabilities {
		t.Errorf("precision and recall: %q", why)
	}
	if _, why := CalibrationBins(truth, p); why != NoProbabilities {
		t.Errorf("calibration: %q", why)
	}
}

func TestCalibrationBins(t *testing.T) {
	truth, p := judge([]int32{0, 1, 1, 1}, 0.3, 0.35, 1, math.Nextafter(0.3, 0))
	truth.Weights = []float64{1, 3, 1, 1}
	bins, why := CalibrationBins(truth, p)
	want := make([]Bin, 10)
	for b := range want {
		want[b].Low, want[b].High = float64(b)/10, float64(b+1)/10
	}
	want[2].Rows, want[2].Predicted, want[2].Observed = 1, 0.3, 1
	want[3].Rows, want[3].Predicted, want[3].Observed = 2, 0.3375, 0.75
	want[9].Rows, want[9].Predicted, want[9].Observed = 1, 1, 1
	if d := cmp.Diff(want, bins, cmpopts.IgnoreUnexported(Bin{}), cmpopts.EquateApprox(0, 1e-15)); d != "" || why != "" {
		t.Errorf("%s\n%s", why, d)
	}
}

// Every edge, and its neighbours on both sides, are in the bin that decimal numbers say.
func TestBinsAreClosedOnTheLeft(t *testing.T) {
	for b := 1; b <= 10; b++ {
		edge := float64(b) / 10
		if got, want := binOf(edge), min(b, 9); got != want {
			t.Errorf("%v is in bin %d, want %d", edge, got, want)
		}
		if got := binOf(math.Nextafter(edge, 0)); got != b-1 {
			t.Errorf("just below %v is in bin %d", edge, got)
		}
	}
}
