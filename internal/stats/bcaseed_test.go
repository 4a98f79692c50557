package stats

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestSkewedEndsHardlyDependOnTheSeed: the end that BCa pushes out must not decide a verdict by the luck of the draw.
func TestSkewedEndsHardlyDependOnTheSeed(t *testing.T) {
	draw := rand.New(rand.NewPCG(3, 4))
	phi := make([]float64, 67)
	mean := 0.0
	for i := range phi {
		phi[i] = math.Exp(1.2 * draw.NormFloat64())
		mean += phi[i] / float64(len(phi))
	}
	var ends []float64
	var width float64
	for seed := range uint64(20) {
		r := PairedMeanSkewed(phi, mean, 0.95, Resampling{Seed: seed})
		if r.Method != "paired t and BCa" {
			t.Fatalf("method %q: the rows are not skewed enough to show anything", r.Method)
		}
		ends = append(ends, r.High)
		width = r.High - r.Low
	}
	if sd := math.Sqrt(momentsOf(ends).m2/float64(len(ends))) / width; sd > 0.02 {
		t.Errorf("from seed to seed the upper end moves by %.3f of the interval, want at most 0.02", sd)
	} else {
		t.Logf("from seed to seed the upper end moves by %.4f of the interval", sd)
	}
}
