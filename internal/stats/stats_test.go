package stats

import (
	"math"
	"testing"
)

// near fails unless got is within tolerance of want, relative to want where want is not small.
func near(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if math.IsNaN(got) || math.Abs(got-want) > tolerance*max(1e-3, math.Abs(want)) {
		t.Errorf("%s = %.15g, want %.15g", what, got, want)
	}
}

// darwin are the differences of Darwin's maize pairs (The Effects of Cross and Self Fertilisation, 1876).
var darwin = []float64{49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48}

func TestPairedMeanDarwin(t *testing.T) {
	r := PairedMean(darwin, momentsOf(darwin).mean, 0.95)
	near(t, "t", r.Delta/r.SE, 2.14798746133, 1e-11)
	near(t, "two-sided p", 2*r.PAbove(0), 0.0497029440218, 1e-11)
}

func TestMcNemar(t *testing.T) {
	// 121 against 59: Fagerland, Lydersen and Laake 2013 cite the table; the exact value is R's binom.test.
	near(t, "exact p", McNemarExact(121, 59), 4.43444926375551e-06, 1e-9)
}

func TestTangoPublished(t *testing.T) {
	// Tango 1998, airway hyper-responsiveness: 6 and 16 discordant pairs of 161.
	r := Tango(6, 16, 161, 0.95)
	if math.Abs(r.Low+0.124023) > 1e-6 || math.Abs(r.High+0.005433) > 1e-6 {
		t.Errorf("interval %.7f to %.7f, want -0.124023 to -0.005433", r.Low, r.High)
	}
}
