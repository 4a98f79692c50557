package stats

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPairedOrderedReference(t *testing.T) {
	want := references(t).HAC
	m := momentsOf(want.X)
	// statsmodels' HAC standard error of a mean, without small-sample correction.
	near(t, "Newey-West", math.Sqrt(bartlett(want.X, m.mean, want.Bandwidth)/float64(len(want.X))), want.Plain, 1e-9)
	lag1, suspicious := Autocorrelation(want.X)
	near(t, "lag 1", lag1, want.Lag1, 1e-9)
	if !suspicious {
		t.Error("an autocorrelation of one half goes unnoticed")
	}
	r := PairedOrdered(want.X, m.mean, 0.95)
	if r.SE <= want.Plain || r.DF >= 30 || r.Has(FlagFewBlocks) {
		t.Errorf("se %v (plain %v), df %v, flags %v", r.SE, want.Plain, r.DF, r.Flags)
	}
	if short := PairedOrdered(want.X[:49], 0, 0.95); short.Defined() || !short.Has(FlagTooSmall) {
		t.Error("49 rows are enough")
	}
	if few := PairedOrdered(want.X[:100], 0, 0.95); !few.Has(FlagFewBlocks) {
		t.Error("100 rows are many blocks")
	}
}

func TestBartlettMoments(t *testing.T) {
	// A bandwidth of one is the paired t.
	expected, df := bartlettMoments(30, 1)
	near(t, "expectation", expected, 29.0/30, 1e-12)
	near(t, "df", df, 29, 1e-12)
	// Kiefer and Vogelsang (2005), table 1: critical values of the fixed-b t with Bartlett's kernel at 97.5 %.
	for _, b := range []float64{0.05, 0.1, 0.2} {
		n := 2000
		expected, df := bartlettMoments(n, int(b*float64(n)))
		fixedB := 1.9600 + 2.9694*b + 0.4160*b*b - 0.5324*b*b*b
		near(t, "critical value", studentQuantile(0.975, df)/math.Sqrt(expected), fixedB, 0.02)
	}
}

func TestDieboldMariano(t *testing.T) {
	want := references(t)
	d := want.HAC.X[:60]
	for _, c := range want.DM {
		r := DieboldMariano(d, c.H, 0.95)
		near(t, "statistic", r.Delta/r.SE, c.Stat, 1e-9)
		near(t, "p", 2*min(r.PBelow(0), r.PAbove(0)), c.TwoSided, 1e-9)
	}
	one := DieboldMariano(d, 1, 0.95)
	near(t, "h = 1 is the paired t", one.Delta/one.SE, want.DMT, 1e-9)
	if DieboldMariano(d, 60, 0.95).Defined() || DieboldMariano(d, 0, 0.95).Defined() {
		t.Error("an impossible horizon is accepted")
	}
}

func TestWithSeedsIsWelch(t *testing.T) {
	// A difference of two means is a sampling part and a seed part: Welch's test in scipy.
	want := references(t).Welch
	a, b := momentsOf(want.A), momentsOf(want.B)
	r := PairedMean(want.A, a.mean-b.mean, 0.95)
	r = WithSeeds(r, AveragedSeeds(math.Sqrt(b.m2/4), 5))
	near(t, "df", r.DF, want.DF, 1e-9)
	near(t, "low", r.Low, want.Low, 1e-9)
	near(t, "high", r.High, want.High, 1e-9)
	if !r.Has(FlagSeeds) {
		t.Error("no flag")
	}
	if s := StoredSeeds(0.5, 5); s.Variance != 0.5 || s.DF != 4 {
		t.Errorf("%+v", s)
	}
	wide := Tango(6, 16, 161, 0.95)
	wider := WithSeeds(wide, StoredSeeds(0.02, 5))
	if wider.Low >= wide.Low || wider.High <= wide.High || wider.PWorse <= wide.PWorse {
		t.Errorf("seeds do not widen Tango: %v to %v", wider.Low, wider.High)
	}
	if WithSeeds(wide, Seeds{Variance: math.NaN(), DF: 3}).Defined() || WithSeeds(wide, StoredSeeds(1, 1)).Defined() {
		t.Error("a broken term leaves something to conclude")
	}
	if same := WithSeeds(Identical(10, 0.95), StoredSeeds(0.1, 5)); same.SE == 0 || same.Low >= 0 {
		t.Error("seeds do not widen a point")
	}
}

func TestCorrectedResampled(t *testing.T) {
	// Statistics.md 2.5: ten folds, naive t 3.24 (p .010), corrected 2.23 (p .053). Any vector with that t will do.
	x := []float64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}
	m := momentsOf(x)
	for i := range x {
		x[i] += 3.24*math.Sqrt(m.varianceOfMean) - m.mean
	}
	r := CorrectedResampled(x, 1.0/9, 0.95)
	near(t, "t", r.Delta/r.SE, 3.24/math.Sqrt((0.1+1.0/9)/0.1), 1e-12)
	if got := math.Round(100*r.Delta/r.SE) / 100; got != 2.23 {
		t.Errorf("corrected t %v", got)
	}
	if got := math.Round(2000*r.PAbove(0)) / 1000; got != 0.053 {
		t.Errorf("p %v", got)
	}
	if CorrectedResampled(x, 0, 0.95).Defined() {
		t.Error("no training rows per test row")
	}
}

func TestOptimismAndRows(t *testing.T) {
	// Statistics.md 2.4: 2,000 rows, ψ = .086, 20 tries: .0086 (its digits are cut, not rounded).
	if got := Optimism(math.Sqrt(0.086/2000), 20); math.Abs(got-0.0086) > 1e-4 {
		t.Errorf("optimism %v", got)
	}
	if Optimism(1, 1) != 0 || Optimism(1, 0) != 0 {
		t.Error("one try is not optimistic")
	}
	// Statistics.md 2.2, for a margin of one point.
	p := Precision{Level: 0.95, Power: 0.8}
	for psi, want := range map[float64]int{0.02: 1570, 0.05: 3925, 0.10: 7849, 0.20: 15698} {
		if got := ProportionRows(psi, 0.01, p); got != want {
			t.Errorf("ψ %v: %d rows, want %d", psi, got, want)
		}
	}
	if MeanRows(1, 0, p) != 0 || MeanRows(1, 1e-300, p) != MaxRowsNeeded {
		t.Error("impossible margins")
	}
	r := PairedMean(darwin, mean(darwin), 0.95)
	sd := r.SE * math.Sqrt(15)
	if got, want := r.RowsNeeded(5, 0.8), MeanRows(sd, 5, p); got != want {
		t.Errorf("RowsNeeded %d, MeanRows %d", got, want)
	}
}

func TestBCaPublished(t *testing.T) {
	// BCa of a mean: 32.31 to 91.43 by a million resamples of another program (statistics.md 7).
	x := []float64{10, 12, 12.5, 12.5, 13.9, 15, 21, 22, 23, 34, 50, 81, 89, 121, 134, 213}
	r := BCa(x, mean(x), 0.95, Resampling{Seed: 1, Resamples: 200000})
	near(t, "low", r.Low, 32.31, 0.005)
	near(t, "high", r.High, 91.43, 0.005)
	near(t, "p at low", r.PAbove(r.Low), 0.025, 0.01)
	near(t, "p at high", r.PBelow(r.High), 0.025, 0.01)
}

func TestPairedMeanSkewed(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 3))
	even := make([]float64, 200)
	for i := range even {
		even[i] = random.NormFloat64()
	}
	o := Resampling{Seed: 5, Resamples: 500}
	if r := PairedMeanSkewed(even, mean(even), 0.95, o); r.Has(FlagSkewed) || r.Method != "paired t" {
		t.Errorf("even rows: %s %v", r.Method, r.Flags)
	}
	skewed := slices.Clone(even)
	skewed[7], skewed[19] = -40, -60
	r, plain := PairedMeanSkewed(skewed, mean(skewed), 0.95, o), PairedMean(skewed, mean(skewed), 0.95)
	if !r.Has(FlagSkewed) || r.Low > plain.Low || r.High < plain.High || r.Low >= plain.Low {
		t.Errorf("skewed rows: %v to %v, t says %v to %v", r.Low, r.High, plain.Low, plain.High)
	}
	if r.PWorse < plain.PWorse || r.PNonInferior(1) < plain.PNonInferior(1) {
		t.Error("a p-value is less cautious than t's")
	}
	negative := make([]float64, len(skewed))
	for i, v := range skewed {
		negative[i] = -v
	}
	mirror := PairedMeanSkewed(negative, -mean(skewed), 0.95, o)
	near(t, "mirrored low", mirror.Low, -r.High, 1e-9)
	near(t, "mirrored high", mirror.High, -r.Low, 1e-9)
	near(t, "mirrored p", mirror.PBelow(0.2), r.PAbove(-0.2), 1e-9)
}

func TestWorkersChangeNothing(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	const n = 301
	x, y, positive := make([]float64, n), make([]float64, n), make([]bool, n)
	codes := [][]uint8{make([]uint8, n), make([]uint8, n)}
	for i := range x {
		x[i], y[i], positive[i] = random.NormFloat64(), random.NormFloat64(), random.IntN(3) == 0
		codes[0][i], codes[1][i] = uint8(random.IntN(4)), uint8(random.IntN(3))
	}
	all := func(workers int) []any {
		o := Resampling{Seed: 11, Resamples: 203, Workers: workers}
		area, err := AreaBootstrap(positive, x, y, o)
		if err != nil {
			t.Fatal(err)
		}
		found, err := SliceSearch{Difference: x, Codes: codes, Bins: []int{4, 3}, Pairs: true, Resampling: o}.Search()
		if err != nil {
			t.Fatal(err)
		}
		cells := Cells([]int{5, 0, 9, 300}, func(c []int) float64 { return float64(c[0] - c[2]) }, o)
		s := Redraw{Rows: len(positive), Positive: positive, Statistic: func(c []int32) (float64, float64) { return float64(c[3]) + 0.1*float64(c[4]), 0 }}
		strata, err := s.Draw(o)
		if err != nil {
			t.Fatal(err)
		}
		return []any{o.means(x, 0.1), area.Values, SignFlip(x, o), found, cells.Values, strata.candidate}
	}
	if d := cmp.Diff(all(1), all(5)); d != "" {
		t.Error(d)
	}
}

func TestBootstrapMeans(t *testing.T) {
	r := PairedMean(darwin, mean(darwin), 0.95)
	want := r.SE * math.Sqrt(14.0/15)
	drawn := newReplicates(Resampling{Seed: 2, Resamples: 40000}.means(darwin, mean(darwin)))
	near(t, "se", drawn.SE(), want, 0.02)
	poissonOnce()
	var many []float64
	for range 20 {
		many = append(many, darwin...)
	}
	values := make([]float64, 4000)
	o := Resampling{Seed: 2}
	for b := range values {
		values[b] = poissonMean(many, mean(many), o.source(b))
	}
	near(t, "Poisson se", newReplicates(values).SE(), want/math.Sqrt(20), 0.05)
	total := 0
	for _, c := range poissonTable {
		total += int(c)
	}
	near(t, "Poisson mean", float64(total)/(1<<16), 1, 1e-4)
}

func TestRedrawn(t *testing.T) {
	random := rand.New(rand.NewPCG(8, 8))
	const n = 400
	positive, x := make([]bool, n), make([]float64, n)
	for i := range x {
		positive[i], x[i] = i < 60, random.NormFloat64()
	}
	// The mean over positives less the mean over negatives has a textbook standard error.
	statistic := func(counts []int32) (float64, float64) {
		var a, b float64
		for i, c := range counts {
			if positive[i] {
				a += float64(c) * x[i] / 60
			} else {
				b += float64(c) * x[i] / (n - 60)
			}
		}
		return a, b
	}
	drawn, err := Redraw{Rows: n, Positive: positive, Statistic: statistic}.Draw(Resampling{Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	r := drawn.Judge(Contrast{0.1, 1, 1}, 0.95)
	a, b := momentsOf(x[:60]), momentsOf(x[60:])
	near(t, "se", r.SE, math.Sqrt(a.m2/60/60+b.m2/340/340), 0.06)
	near(t, "df", r.DF, 59, 0)
	undefined := func([]int32) (float64, float64) { return math.NaN(), 0 }
	if d, err := (Redraw{Rows: n, Positive: positive, Statistic: undefined}).Draw(Resampling{Resamples: 50}); err != nil || d.Judge(Contrast{0, 1, 1}, 0.95).Defined() {
		t.Error("an undefined statistic is accepted")
	}
	if _, err := (Redraw{Rows: n - 55, Positive: positive[55:]}).Draw(Resampling{}); err == nil {
		t.Error("five positives are accepted")
	}
}

func TestCellsMatchBinomial(t *testing.T) {
	r := Cells([]int{30, 70, 0, 900}, func(c []int) float64 {
		if c[2] != 0 || c[0]+c[1]+c[3] != 1000 {
			return math.NaN()
		}
		return float64(c[0]-c[1]) / 1000
	}, Resampling{Seed: 4})
	if r.Undefined != 0 || len(r.Values) != 10000 {
		t.Fatalf("%d undefined of %d", r.Undefined, len(r.Values))
	}
	near(t, "se", r.SE(), math.Sqrt((0.1-0.04*0.04)/1000), 0.03)
	res := Percentile(r, -0.04, 0.95, 1000)
	near(t, "low", res.Low, Tango(30, 70, 1000, 0.95).Low, 0.06)
	if res.PWorse > 1e-3 || res.PBelow(res.High) < 0.02 || res.PBelow(res.High) > 0.03 {
		t.Errorf("p %v, at the end %v", res.PWorse, res.PBelow(res.High))
	}
}

func TestSignFlip(t *testing.T) {
	want := references(t).Flip
	f := SignFlip(want.X, Resampling{})
	near(t, "worse", f.Worse, want.Worse, 1e-12)
	near(t, "better", f.Better, want.Better, 1e-12)
	// Zeros move nothing; sixty random rows agree with the t test.
	padded := SignFlip(append(make([]float64, 30), want.X...), Resampling{})
	if d := cmp.Diff(f, padded); d != "" {
		t.Error(d)
	}
	random := rand.New(rand.NewPCG(6, 6))
	x := make([]float64, 131)
	for i := range x {
		x[i] = random.NormFloat64() - 0.15
	}
	many := SignFlip(x, Resampling{Seed: 3, Resamples: 20000})
	if r := PairedMean(x, mean(x), 0.95); math.Abs(many.Worse-r.PWorse) > 0.01 || many.Exact {
		t.Errorf("flips %v, t %v", many.Worse, r.PWorse)
	}
	if f := SignFlip([]float64{0, 0}, Resampling{}); f.TwoSided != 1 {
		t.Errorf("equal models: %+v", f)
	}
	if f := SignFlip([]float64{math.Inf(1)}, Resampling{}); f.Worse != 1 {
		t.Errorf("not finite: %+v", f)
	}
}

func TestAreaWalkIsTheArea(t *testing.T) {
	positive, b, c := scoredRows(500, 0.2)
	for i := range b {
		b[i] = math.Round(3 * b[i]) // ties
	}
	a := newAreaResampler(positive, b, c)
	counts := make([]uint8, len(b))
	for i := range counts {
		counts[i] = 1
	}
	want, err := PlacementsOf(positive, b)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "area", float64(walk(a.baseline, counts))/2/float64(a.positives*a.negatives), want.Area, 1e-12)
	if _, err := AreaBootstrap(make([]bool, 3), b[:3], c[:3], Resampling{}); err == nil {
		t.Error("one class is accepted")
	}
}

// scoredRows are rows with a class and two correlated scores.
func scoredRows(n int, share float64) (positive []bool, b, c []float64) {
	random := rand.New(rand.NewPCG(1, 2))
	positive, b, c = make([]bool, n), make([]float64, n), make([]float64, n)
	for i := range b {
		positive[i] = random.Float64() < share
		shared := random.NormFloat64()
		if positive[i] {
			shared++
		}
		b[i], c[i] = shared+random.NormFloat64()/2, shared+random.NormFloat64()/2
	}
	return positive, b, c
}
