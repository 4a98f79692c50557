package stats

import (
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

// Every method's answer must mirror when the models are swapped, and an interval's ends must be the margins at which
// the p-value is half the error.
func TestSwapMirrors(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(50, 90).Draw(t, "n")
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		phi, negative := make([]float64, n), make([]float64, n)
		cluster, weights := make([]int, n), make([]float64, n)
		for i := range phi {
			phi[i] = random.NormFloat64() + 0.2
			negative[i] = -phi[i]
			cluster[i], weights[i] = random.IntN(12), random.Float64()
		}
		delta := momentsOf(phi).mean
		for name, f := range map[string]func(phi []float64, delta float64) Result{
			"mean":      func(p []float64, d float64) Result { return PairedMean(p, d, 0.95) },
			"weighted":  func(p []float64, d float64) Result { return PairedWeighted(p, weights, d, 0.95) },
			"clustered": func(p []float64, d float64) Result { return PairedClustered(p, cluster, d, 0.95) },
			"ordered":   func(p []float64, d float64) Result { return PairedOrdered(p, d, 0.95) },
			"DM":        func(p []float64, _ float64) Result { return DieboldMariano(p, 3, 0.95) },
			"folds":     func(p []float64, _ float64) Result { return CorrectedResampled(p, 0.1, 0.95) },
		} {
			a, b := f(phi, delta), f(negative, -delta)
			if !alike(a.Low, -b.High) || !alike(a.High, -b.Low) || !alike(a.PBelow(0.1), b.PAbove(-0.1)) {
				t.Fatalf("%s: %v to %v, swapped %v to %v", name, a.Low, a.High, b.Low, b.High)
			}
			if !alike(a.PAbove(a.Low), 0.025) || !alike(a.PBelow(a.High), 0.025) {
				t.Fatalf("%s: p at the ends %v and %v", name, a.PAbove(a.Low), a.PBelow(a.High))
			}
			if !alike(a.PWorse, a.PBelow(0)) || !alike(a.PBelow(0.1)+a.PAbove(0.1), 1) {
				t.Fatalf("%s: p-values do not add up", name)
			}
		}
	})
}

func alike(a, b float64) bool { return math.Abs(a-b) <= 1e-9*max(1, math.Abs(b)) }

func TestOrderOfRowsAndConstants(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 5))
	const n = 300
	phi, cluster, weights := make([]float64, n), make([]int, n), make([]float64, n)
	positive, b, c := make([]bool, n), make([]float64, n), make([]float64, n)
	for i := range phi {
		phi[i], cluster[i], weights[i] = random.NormFloat64(), random.IntN(20), random.Float64()
		positive[i], b[i], c[i] = random.IntN(4) == 0, math.Round(4*random.NormFloat64()), random.NormFloat64()
	}
	order := random.Perm(n)
	phi2, cluster2, weights2 := make([]float64, n), make([]int, n), make([]float64, n)
	positive2, b2, c2 := make([]bool, n), make([]float64, n), make([]float64, n)
	for to, from := range order {
		phi2[to], cluster2[to], weights2[to] = phi[from]+1e6, cluster[from], weights[from]
		positive2[to], b2[to], c2[to] = positive[from], 3*b[from]+1, c[from]
	}
	same := func(name string, x, y Result) {
		t.Helper()
		near(t, name+" se", y.SE, x.SE, 1e-9)
		near(t, name+" low", y.Low, x.Low, 1e-9)
	}
	same("mean", PairedMean(phi, 0.1, 0.9), PairedMean(phi2, 0.1, 0.9))
	same("clustered", PairedClustered(phi, cluster, 0.1, 0.9), PairedClustered(phi2, cluster2, 0.1, 0.9))
	same("weighted", PairedWeighted(phi, weights, 0.1, 0.9), PairedWeighted(phi2, weights2, 0.1, 0.9))
	x, err := DeLong(positive, b, c, 0.9)
	if err != nil {
		t.Fatal(err)
	}
	y, err := DeLong(positive2, b2, c2, 0.9)
	if err != nil {
		t.Fatal(err)
	}
	same("DeLong", x, y)
}

// Whatever is wrong with the rows, nothing is concluded from them.
func TestFailsClosed(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for name, r := range map[string]Result{
		"zero value":       {},
		"no rows":          PairedMean(nil, 0, 0.95),
		"one row":          PairedMean([]float64{1}, 1, 0.95),
		"NaN":              PairedMean([]float64{1, nan, 2}, 1, 0.95),
		"infinite":         PairedMean([]float64{1, inf, 2}, 1, 0.95),
		"overflow":         PairedMean([]float64{1e308, 1e308, 2}, 1, 0.95),
		"NaN delta":        PairedMean([]float64{1, 2, 3}, nan, 0.95),
		"infinite delta":   PairedMean([]float64{1, 2, 3}, inf, 0.95),
		"level 1":          PairedMean([]float64{1, 2, 3}, 2, 1),
		"NaN level":        PairedMean([]float64{1, 2, 3}, 2, nan),
		"one cluster":      PairedClustered([]float64{1, 2, 3}, []int{4, 4, 4}, 2, 0.95),
		"negative cluster": PairedClustered([]float64{1, 2, 3}, []int{4, -4, 4}, 2, 0.95),
		"short clusters":   PairedClustered([]float64{1, 2, 3}, []int{4}, 2, 0.95),
		"one weight":       PairedWeighted([]float64{1, 2, 3}, []float64{0, 1, 0}, 2, 0.95),
		"no weight":        PairedWeighted([]float64{1, 2, 3}, []float64{0, 0, 0}, 2, 0.95),
		"no rows, Tango":   Tango(0, 0, 0, 0.95),
		"Tango's level":    Tango(1, 2, 30, 0),
	} {
		if r.Defined() || r.PBelow(0) < 1 || r.PAbove(-5) < 1 || r.PNonInferior(1) < 1 {
			t.Errorf("%s: %+v", name, r)
		}
		if name != "zero value" && (!math.IsInf(r.Low, -1) || !math.IsInf(r.High, 1) || r.PWorse < 1 || len(r.Flags) == 0) {
			t.Errorf("%s: %+v", name, r)
		}
		if r.RowsNeeded(0.1, 0.8) != 0 {
			t.Errorf("%s: %d rows needed", name, r.RowsNeeded(0.1, 0.8))
		}
	}
}

func TestNoSpread(t *testing.T) {
	shift := PairedMean([]float64{0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1}, 0.1, 0.95)
	if !shift.Has(FlagConstantShift) || shift.Low != 0.1 || shift.High != 0.1 || shift.PAbove(0) != 0 || shift.PWorse != 1 {
		t.Errorf("constant shift: %+v", shift)
	}
	if r := PairedMean(make([]float64, 5), 0, 0.95); !r.Has(FlagNoVariation) || r.PWorse != 0.5 {
		t.Errorf("no difference: %+v", r)
	}
	same := Identical(7, 0.95)
	if same.Method != "identical" || same.Low != 0 || same.High != 0 || same.PNonInferior(0.01) != 0 || !same.Defined() {
		t.Errorf("identical: %+v", same)
	}
}

func FuzzTango(f *testing.F) {
	f.Add(6, 16, 161, -0.02)
	f.Add(0, 0, 1, 0.5)
	f.Fuzz(func(t *testing.T, b, c, n int, x float64) {
		r := Tango(b, c, n, 0.95)
		if !(r.Low <= r.Delta && r.Delta <= r.High) && r.Defined() {
			t.Fatalf("%d %d %d: %v not within %v to %v", b, c, n, r.Delta, r.Low, r.High)
		}
		if p := r.PBelow(x); !(p >= 0 && p <= 1) {
			t.Fatalf("p %v", p)
		}
	})
}

func TestOrderSorts(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	x := make([]float64, 5000)
	for i := range x {
		x[i] = math.Round(random.NormFloat64()*200) * math.Pow(10, float64(random.IntN(30)-15))
	}
	x[3], x[4], x[5], x[6] = math.Inf(1), math.Inf(-1), 0, math.Copysign(0, -1)
	order := Order(x)
	for i := 1; i < len(order); i++ {
		a, b := order[i-1], order[i]
		if x[a] > x[b] || x[a] == x[b] && a > b {
			t.Fatalf("row %d (%v) before row %d (%v)", a, x[a], b, x[b])
		}
	}
}

func TestMidPOfManyRows(t *testing.T) {
	// scipy 1.15.3: binom.cdf(b-1, m, .5) + binom.pmf(b, m, .5)/2.
	for _, c := range []struct {
		b, c int
		want float64
	}{
		{499000, 501000, 0.022750158943682822},
		{4900, 5100, 0.022752831687756936},
		{4000, 6000, 7.248913548046288e-90},
		{49999, 50001, 0.49747689901656095},
		{900, 1100, 3.8283141738787525e-06},
		{100, 900, 3.722249799825117e-162},
	} {
		near(t, "mid-p", MidP(c.b, c.c)/c.want, 1, 1e-7)
	}
}
