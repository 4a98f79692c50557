package stats

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// near fails unless got is within tolerance of want, relative to want where want is not small.
func near(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if math.IsNaN(got) || math.Abs(got-want) > tolerance*max(1e-3, math.Abs(want)) {
		t.Errorf("%s = %.15g, want %.15g", what, got, want)
	}
}

func load(t *testing.T, name string, into any) {
	t.Helper()
	raw, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, into); err != nil {
		t.Fatal(err)
	}
}

// reference is testdata/reference.json: what scipy and statsmodels, in the versions it names, make of small vectors.
type reference struct {
	T struct {
		X              []float64
		T, Low, High   float64
		TwoSided       float64 `json:"p_two"`
		Worse          float64 `json:"p_worse"`
		AboveMinusHalf float64 `json:"p_at_minus_half"`
	}
	Student struct {
		DF, P, X      []float64
		Quantile, CDF [][]float64
	}
	Cluster struct {
		X             []float64
		G             []int
		SE, Low, High float64
	}
	HAC struct {
		X         []float64
		Bandwidth int
		Plain     float64 `json:"se_plain"`
		Lag1      float64
	}
	DM []struct {
		H        int
		Stat     float64
		TwoSided float64 `json:"p_two"`
	}
	DMT    float64 `json:"dm_t"`
	Adjust struct{ P, Holm, BH []float64 }
	Tango  []struct {
		B, C, N    int
		Low, High  float64
		AtMinus002 float64 `json:"p_at_minus_002"`
		MidP       float64 `json:"mid_p"`
		ExactTwo   float64 `json:"exact"`
	}
	Welch struct {
		A, B          []float64
		DF, Low, High float64
	}
	Flip struct {
		X             []float64
		Worse, Better float64
	}
}

func references(t *testing.T) reference {
	var r reference
	load(t, "reference.json", &r)
	return r
}

func mean(x []float64) float64 { return momentsOf(x).mean }

// darwin are the differences of Darwin's maize pairs (The Effects of Cross and Self Fertilisation, 1876), in eighths of
// an inch; Fisher (The Design of Experiments, 1935) gives t = 2.148 and 1726 of 32768 sign flips.
var darwin = []float64{49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48}

func TestPairedMeanPublished(t *testing.T) {
	r := PairedMean(darwin, mean(darwin), 0.95)
	near(t, "t", r.Delta/r.SE, 2.14798746133, 1e-11)
	near(t, "two-sided p", 2*r.PAbove(0), 0.0497029440218, 1e-11)
	f := SignFlip(darwin, Resampling{})
	near(t, "exact flips", f.TwoSided, 0.05267333984375, 1e-15)
	near(t, "Fisher's count", f.TwoSided*32768, 1726, 0)
	if !f.Exact {
		t.Error("15 rows are not enumerated")
	}
}

func TestPairedMeanReference(t *testing.T) {
	want := references(t).T
	r := PairedMean(want.X, mean(want.X), 0.95)
	near(t, "t", r.Delta/r.SE, want.T, 1e-9)
	near(t, "low", r.Low, want.Low, 1e-9)
	near(t, "high", r.High, want.High, 1e-9)
	near(t, "p worse", r.PWorse, want.Worse, 1e-9)
	near(t, "p two", 2*min(r.PWorse, r.PAbove(0)), want.TwoSided, 1e-9)
	near(t, "p non-inferior", r.PNonInferior(0.5), want.AboveMinusHalf, 1e-9)
	near(t, "Detectable", r.Detectable(0.8)/r.SE, 2.8015852, 1e-7)
}

func TestStudentDistribution(t *testing.T) {
	want := references(t).Student
	for i, df := range want.DF {
		for j, p := range want.P {
			near(t, fmt.Sprintf("quantile of %v, df %v", p, df), studentQuantile(p, df), want.Quantile[i][j], 1e-9)
		}
		for j, x := range want.X {
			near(t, fmt.Sprintf("tail at %v, df %v", x, df), studentCDF(x, df), want.CDF[i][j], 1e-9)
		}
	}
	near(t, "df 1", studentQuantile(0.975, 1), math.Tan(math.Pi*0.475), 1e-9)
	near(t, "normal", studentQuantile(0.975, math.Inf(1)), 1.959963984540054, 1e-14)
}

func TestPairedClusteredReference(t *testing.T) {
	want := references(t).Cluster
	r := PairedClustered(want.X, want.G, mean(want.X), 0.95)
	near(t, "se", r.SE, want.SE, 1e-9)
	near(t, "low", r.Low, want.Low, 1e-9)
	near(t, "high", r.High, want.High, 1e-9)
	if r.Clusters != 8 || !r.Has(FlagClustered) || !r.Has(FlagFewClusters) {
		t.Errorf("clusters %d, flags %v", r.Clusters, r.Flags)
	}
}

func TestDuplicatedRowsUnderOneCluster(t *testing.T) {
	plain := PairedMean(darwin, mean(darwin), 0.95)
	var doubled []float64
	var cluster []int
	for i, v := range darwin {
		doubled = append(doubled, v, v, v)
		cluster = append(cluster, i, i, i)
	}
	r := PairedClustered(doubled, cluster, mean(doubled), 0.95)
	near(t, "se", r.SE, plain.SE, 1e-12)
	near(t, "low", r.Low, plain.Low, 1e-12)
	near(t, "effective", r.Effective, 15, 1e-12)
}

// Leaving out one cluster after the other, by hand; equal clusters give PairedClustered's standard error.
func TestJackknifeClusters(t *testing.T) {
	phi := []float64{1, 2, 4, -3, 0, 5, 2, 2, -1}
	for _, cluster := range [][]int{{0, 0, 0, 1, 1, 1, 2, 2, 2}, {0, 0, 0, 0, 0, 1, 1, 2, 2}} {
		var left []float64
		for g := range 3 {
			total, n := 0.0, 0.0
			for i, c := range cluster {
				if c != g {
					total, n = total+phi[i], n+1
				}
			}
			left = append(left, total/n)
		}
		whole, squares := mean(phi), 0.0
		for _, m := range left {
			squares += (m - whole) * (m - whole)
		}
		near(t, "jackknife", JackknifeClusters(phi, cluster), math.Sqrt(squares*2/3), 1e-12)
	}
	near(t, "equal clusters", JackknifeClusters(phi, []int{0, 0, 0, 1, 1, 1, 2, 2, 2}), PairedClustered(phi, []int{0, 0, 0, 1, 1, 1, 2, 2, 2}, 0, 0.95).SE, 1e-12)
	if !math.IsNaN(JackknifeClusters(phi, make([]int, 9))) {
		t.Error("one cluster has a spread")
	}
}

func TestPairedWeighted(t *testing.T) {
	equal := make([]float64, len(darwin))
	for i := range equal {
		equal[i] = 2.5
	}
	plain, r := PairedMean(darwin, mean(darwin), 0.95), PairedWeighted(darwin, equal, mean(darwin), 0.95)
	near(t, "se", r.SE, plain.SE, 1e-12)
	near(t, "high", r.High, plain.High, 1e-12)
	// A weight of zero removes the row.
	some := PairedWeighted(append([]float64{1e9}, darwin...), append([]float64{0}, equal...), mean(darwin), 0.95)
	near(t, "zero weight", some.SE, plain.SE, 1e-12)
	near(t, "effective", some.Effective, 15, 1e-12)
	if bad := PairedWeighted(darwin, append([]float64{-1}, equal[1:]...), 0, 0.95); bad.Defined() {
		t.Error("a negative weight is accepted")
	}
}

func TestTangoAndMcNemar(t *testing.T) {
	// Tango (Statistics in Medicine 17:891, 1998) for 6 and 16 of 161 rows; Fagerland, Lydersen and Laake (2014) for
	// 1 and 7 of 21: -0.517 to -0.026. More digits, and other tables, by maximising the likelihood numerically.
	for _, want := range references(t).Tango {
		r := Tango(want.B, want.C, want.N, 0.95)
		near(t, "low", r.Low, want.Low, 1e-9)
		near(t, "high", r.High, want.High, 1e-9)
		near(t, "at -0.02", r.PNonInferior(0.02), want.AtMinus002, 1e-9)
		near(t, "mid-p", r.PWorse, want.MidP, 1e-9)
		near(t, "exact", McNemarExact(want.B, want.C), want.ExactTwo, 1e-9)
		swapped := Tango(want.C, want.B, want.N, 0.95)
		if swapped.Low != -r.High || swapped.High != -r.Low || swapped.PBelow(0.03) != r.PAbove(-0.03) {
			t.Errorf("%+v: the swap is not the mirror image", want)
		}
		// The p-value at the end of the interval is half the error.
		near(t, "p at low", r.PAbove(r.Low), 0.025, 1e-9)
		near(t, "p at high", r.PBelow(r.High), 0.025, 1e-9)
	}
	near(t, "McNemar 121/59", McNemarExact(121, 59), 4.43444926375551e-06, 1e-9)
	near(t, "MidP without rows", MidP(0, 0), 0.5, 0)
	if r := Tango(0, 0, 100, 0.95); r.Low >= 0 || r.High <= 0 || r.SE <= 0 {
		t.Errorf("no discordant rows: %+v", r)
	}
	if r := Tango(0, 50, 50, 0.95); !(r.Low >= -1) || r.High >= 0 || r.SE <= 0 {
		t.Errorf("all rows lost: %v to %v, se %v", r.Low, r.High, r.SE)
	}
	if r := Tango(3, 2, 4, 0.95); r.Defined() {
		t.Error("more discordant rows than rows")
	}
}

func TestDeLongASAH(t *testing.T) {
	// roc.test(outcome ~ wfns, s100b) of pROC 1.18.0 on its aSAH data (113 rows, 41 poor outcomes).
	var d struct {
		Poor  []int
		WFNS  []float64
		S100B []float64
	}
	load(t, "asah.json", &d)
	positive := make([]bool, len(d.Poor))
	for i, p := range d.Poor {
		positive[i] = p == 1
	}
	w, err := PlacementsOf(positive, d.WFNS)
	if err != nil {
		t.Fatal(err)
	}
	s, err := PlacementsOf(positive, d.S100B)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "AUC of wfns", w.Area, 0.823678861788618, 1e-12)
	near(t, "AUC of s100b", s.Area, 0.731368563685637, 1e-12)
	r, err := DeLong(positive, d.S100B, d.WFNS, 0.95)
	if err != nil {
		t.Fatal(err)
	}
	z := r.Delta / r.SE
	near(t, "Z", z, 2.20898359144091, 1e-9)
	near(t, "p", 2*normalCDF(-z), 0.0271757822291882, 1e-9)
	q := normalQuantile(0.975) * r.SE
	near(t, "low", r.Delta-q, 0.0104061769564846, 1e-9)
	near(t, "high", r.Delta+q, 0.174214419249478, 1e-9)
	if r.DF != 40 || !r.Has(FlagFewPositives) { // ours is wider: t with 41-1 degrees of freedom under 50 positives
		t.Errorf("df %v, flags %v", r.DF, r.Flags)
	}
	// The influence values give the same standard error, up to the class sizes less one.
	bi, ci := s.Influence(positive), w.Influence(positive)
	phi := make([]float64, len(bi))
	for i := range phi {
		phi[i] = ci[i] - bi[i]
	}
	near(t, "mean influence", 1+mean(phi), 1, 1e-12)
	near(t, "influence se", PairedMean(phi, r.Delta, 0.95).SE, r.SE, 0.02)

	reps, err := AreaBootstrap(positive, d.S100B, d.WFNS, Resampling{Seed: 7})
	if err != nil {
		t.Fatal(err)
	}
	near(t, "bootstrap se", reps.SE(), r.SE, 0.06)
}

func TestDeLongRefuses(t *testing.T) {
	scores := []float64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}
	few := make([]bool, 12)
	if _, err := DeLong(few, scores, scores, 0.95); err == nil {
		t.Error("one class is accepted")
	}
	few[0], few[1] = true, true
	if _, err := DeLong(few, scores, scores, 0.95); err == nil {
		t.Error("two positives are accepted")
	}
	if _, err := DeLong(few, scores[1:], scores, 0.95); err == nil {
		t.Error("vectors of different lengths are accepted")
	}
	bad := append([]float64{math.NaN()}, scores[1:]...)
	if _, err := DeLong(few, bad, scores, 0.95); err == nil {
		t.Error("a NaN is accepted")
	}
}

func TestAdjustedP(t *testing.T) {
	want := references(t).Adjust
	close := cmpopts.EquateApprox(1e-12, 0)
	if d := cmp.Diff(want.Holm, Holm(want.P), close); d != "" {
		t.Errorf("Holm:\n%s", d)
	}
	if d := cmp.Diff(want.BH, BenjaminiHochberg(want.P), close); d != "" {
		t.Errorf("Benjamini-Hochberg:\n%s", d)
	}
	// R: p.adjust(c(.01,.04,.03,.005), "holm") and "BH".
	p := []float64{0.01, 0.04, 0.03, 0.005}
	if d := cmp.Diff([]float64{0.03, 0.06, 0.06, 0.02}, Holm(p), close); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]float64{0.02, 0.04, 0.04, 0.02}, BenjaminiHochberg(p), close); d != "" {
		t.Error(d)
	}
	if got := Holm([]float64{math.NaN(), 0.01}); got[0] != 1 {
		t.Errorf("NaN becomes %v", got[0])
	}
}

func TestMaxT(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	const n = 500
	a, b, c := make([]float64, n), make([]float64, n), make([]float64, n)
	for i := range a {
		a[i], b[i] = random.NormFloat64(), random.NormFloat64()
		c[i] = 3 * a[i]
	}
	p := []float64{0.01, 0.2, 0.01}
	got, ok := MaxT(p, [][]float64{a, b, c}, 9, 200000)
	if !ok {
		t.Fatal("max-T fell back")
	}
	// Two copies of one metric count once: 1-(1-.01)(1-.01) for the first, then b alone.
	want := 1 - (1-0.01)*(1-0.01)
	for _, k := range []int{0, 2} {
		if math.Abs(got[k]-want) > 0.0015 {
			t.Errorf("metric %d: %v, want %v", k, got[k], want)
		}
	}
	near(t, "the last keeps its own p", got[1], 0.2, 0.02)
	// Independent metrics: Šidák.
	got, _ = MaxT([]float64{0.02, 0.5}, [][]float64{a, b}, 9, 200000)
	if math.Abs(got[0]-(1-0.98*0.5-0)) < 0.4 {
		t.Errorf("step-down looks at %v", got[0])
	}
	if math.Abs(got[0]-(1-0.98*0.98)) > 0.002 {
		t.Errorf("independent: %v, want %v", got[0], 1-0.98*0.98)
	}
	if again, _ := MaxT([]float64{0.02, 0.5}, [][]float64{a, b}, 9, 200000); cmp.Diff(got, again) != "" {
		t.Error("the same seed gives another answer")
	}
	if one, ok := MaxT([]float64{0.03}, [][]float64{a}, 1, 10); !ok || one[0] != 0.03 {
		t.Errorf("one metric: %v", one)
	}
	bad := append([]float64{math.NaN()}, a[1:]...)
	if got, ok := MaxT(p, [][]float64{a, bad, c}, 1, 10); ok || cmp.Diff(got, Holm(p)) != "" {
		t.Errorf("not finite: %v %v", got, ok)
	}
	if _, ok := MaxT(p, [][]float64{a, b[1:], c}, 1, 10); ok {
		t.Error("different lengths")
	}
	if got, ok := MaxT(p, [][]float64{a, make([]float64, n), c}, 9, 20000); !ok || got[1] < 0.2 {
		t.Errorf("a vector without spread: %v %v", got, ok)
	}
}

func TestSquareRootOfIndefinite(t *testing.T) {
	// Higham (2002): not a correlation matrix.
	f, ok := squareRoot([][]float64{{1, 1, 0}, {1, 1, 1}, {0, 1, 1}})
	if !ok {
		t.Fatal("no root")
	}
	for i := range f {
		near(t, "diagonal", dot(f[i], f[i]), 1, 1e-12)
	}
	if dot(f[0], f[1]) < 0.5 || dot(f[0], f[1]) > 1 {
		t.Errorf("correlation %v", dot(f[0], f[1]))
	}
}
