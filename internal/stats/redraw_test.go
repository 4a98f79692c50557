package stats

import (
	"math"
	"math/rand/v2"
	"testing"
)

// weightedMean is a statistic whose standard error is known in every kind of data.
func weightedMean(x []float64) func(counts []int32) (float64, float64) {
	return func(counts []int32) (float64, float64) {
		total, n := 0.0, 0.0
		for i, c := range counts {
			total += float64(c) * x[i]
			n += float64(c)
		}
		return total / n, 0
	}
}

// The bootstrap of a mean agrees with the t intervals of the same kind of data, up to the noise of 2,000 resamples.
func TestRedrawnMeansAgreeWithFormulas(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 5))
	const n = 400
	x, cluster, moment := make([]float64, n), make([]int, n), make([]int, n)
	drift := 0.0
	for i := range x {
		if i%10 == 0 {
			drift = 0.6*drift + random.NormFloat64()
		}
		x[i], cluster[i], moment[i] = drift+0.3*random.NormFloat64(), i/20, i/2
	}
	d := Redraw{Statistic: weightedMean(x), Rows: n}
	for name, c := range map[string]struct {
		r    Redraw
		want Result
	}{
		"rows":     {d, PairedMean(x, mean(x), 0.95)},
		"clusters": {Redraw{Statistic: d.Statistic, Rows: n, Cluster: cluster}, PairedClustered(x, cluster, mean(x), 0.95)},
		"moments":  {Redraw{Statistic: d.Statistic, Rows: n, Moment: moment}, PairedMoments(x, moment, mean(x), 0.95)},
	} {
		drawn, err := c.r.Draw(Resampling{Seed: 2})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got := drawn.Judge(Contrast{mean(x), 1, 1}, 0.95)
		near(t, name+": se", got.SE, c.want.SE, 0.1)
		near(t, name+": df", got.DF, c.want.DF, 1e-9)
	}
	// The order of drawing may be given; then a permuted table is drawn from alike.
	order := make([]int32, n)
	shuffled, back := make([]float64, n), random.Perm(n)
	for i, p := range back {
		order[i], shuffled[p] = int32(p), x[i]
	}
	a, _ := d.Draw(Resampling{Seed: 3})
	b, _ := Redraw{Statistic: weightedMean(shuffled), Rows: n, Order: order}.Draw(Resampling{Seed: 3})
	whole := Contrast{mean(x), 1, 1}
	near(t, "se of a permuted table", b.Judge(whole, 0.95).SE, a.Judge(whole, 0.95).SE, 1e-9)
}

func TestRedrawRefuses(t *testing.T) {
	s := weightedMean(make([]float64, 60))
	for name, r := range map[string]Redraw{
		"one row":        {Statistic: s, Rows: 1},
		"one cluster":    {Statistic: s, Rows: 60, Cluster: make([]int, 60)},
		"few moments":    {Statistic: s, Rows: 60, Moment: make([]int, 60)},
		"a wrong moment": {Statistic: s, Rows: 2, Moment: []int{0, 5}},
	} {
		if _, err := r.Draw(Resampling{Resamples: 10}); err == nil {
			t.Errorf("%s is judged", name)
		}
	}
}

// One row per moment is a plain series; rows of one moment are one observation, however many there are.
func TestMoments(t *testing.T) {
	random := rand.New(rand.NewPCG(6, 6))
	x, single := make([]float64, 80), make([]int, 80)
	var doubled []float64
	var twice []int
	for i := range x {
		x[i], single[i] = random.NormFloat64(), i
		doubled, twice = append(doubled, x[i], x[i]), append(twice, i, i)
	}
	want := PairedOrdered(x, mean(x), 0.95)
	for name, got := range map[string]Result{
		"one row each": PairedMoments(x, single, mean(x), 0.95), "two rows each": PairedMoments(doubled, twice, mean(x), 0.95),
	} {
		near(t, name+": se", got.SE, want.SE, 1e-12)
		near(t, name+": low", got.Low, want.Low, 1e-12)
	}
	if r := PairedMoments(x, single[1:], 0, 0.95); r.Defined() {
		t.Errorf("%+v", r)
	}
}

// What BCa adds does not depend on the order of rows, and mirrors when the models are swapped.
func TestSkewedIsASet(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 7))
	x, moved, mirrored := make([]float64, 60), make([]float64, 60), make([]float64, 60)
	for i := range x {
		x[i] = -math.Exp(1.2 * random.NormFloat64())
	}
	for i, p := range random.Perm(60) {
		moved[p], mirrored[i] = x[i], -x[i]
	}
	o := Resampling{Seed: 4}
	r := PairedMeanSkewed(x, mean(x), 0.95, o)
	m := PairedMeanSkewed(moved, mean(x), 0.95, o)
	s := PairedMeanSkewed(mirrored, -mean(x), 0.95, o)
	if !r.Has(FlagSkewed) {
		t.Fatal("not skewed")
	}
	near(t, "low of moved rows", m.Low, r.Low, 1e-12)
	near(t, "high of moved rows", m.High, r.High, 1e-12)
	near(t, "low of mirrored rows", s.Low, -r.High, 1e-12)
	near(t, "high of mirrored rows", s.High, -r.Low, 1e-12)
	near(t, "p of mirrored rows", s.PWorse, r.PAbove(0), 1e-12)
}

// As many rows as are asked for settle the question if the difference stays what it is.
func TestRowsSettle(t *testing.T) {
	const z = 1.959963984540054 + 0.8416212335729143
	t1 := PairedMean([]float64{1, -2, 3, -1, 0.5, -2.5, 2, 1, -3, 0.6}, -0.04, 0.95)
	n := t1.RowsSettling(0.5, 0.8)
	shrunk := t1.SE * math.Sqrt(10/float64(n))
	if left := -0.04 - z*shrunk; left < -0.5 || left < -0.5-1e-9 || -0.04-z*t1.SE*math.Sqrt(10/float64(n-1)) > -0.5 {
		t.Errorf("%d rows leave the end at %v", n, left)
	}
	for _, c := range []struct{ b, c, n int }{{0, 0, 200}, {3, 9, 200}, {12, 12, 500}, {40, 5, 300}} {
		r := Tango(c.b, c.c, c.n, 0.95)
		const margin = 0.08
		want := r.RowsSettling(margin, 0.8)
		scaled := func(n int) float64 {
			f := float64(n) / float64(c.n)
			b, other := f*float64(c.b), f*float64(c.c)
			if b > other { // a lead counts as none
				b, other = (b+other)/2, (b+other)/2
			}
			return tango{b, other, float64(n)}.score(-margin)
		}
		if want < 1 || scaled(want) < z-1e-9 || want > 1 && scaled(want-1) > z {
			t.Errorf("%+v: %d rows have the score %v, one less %v", c, want, scaled(want), scaled(want-1))
		}
	}
	// Without a discordant row 777 rows prove a margin of 1 %: z²(1/δ - 1).
	if n := Tango(0, 0, 100, 0.95).RowsNeeded(0.01, 0.8); n != int(math.Ceil(z*z*99)) {
		t.Errorf("%d rows", n)
	}
	// Seeds' variance stays, so rows make up for the rest alone, or cannot.
	s := WithSeeds(t1, Seeds{Variance: 0.01, DF: 4})
	sampling := s.SE*s.SE - 0.01
	if want := int(math.Ceil(10 * sampling / (0.25/z/z - 0.01))); s.RowsNeeded(0.5, 0.8) != want {
		t.Errorf("%d rows, want %d", s.RowsNeeded(0.5, 0.8), want)
	}
	if n := WithSeeds(t1, Seeds{Variance: 1, DF: 4}).RowsNeeded(0.5, 0.8); n != 0 {
		t.Errorf("%d rows make up for training noise", n)
	}
}

func TestWidened(t *testing.T) {
	r := PairedMean(darwin, mean(darwin), 0.95)
	wide := r.Widened(2 * r.SE)
	near(t, "low", wide.Low, r.Delta-2*(r.Delta-r.Low), 1e-12)
	if same := r.Widened(r.SE / 2); same.Low != r.Low || same.SE != r.SE {
		t.Error("a smaller standard error narrows")
	}
	tango := Tango(3, 9, 200, 0.95)
	if w := tango.Widened(1.2 * tango.SE); w.Low > tango.Low || w.High < tango.High {
		t.Errorf("%+v is narrower than %+v", w, tango)
	}
	near(t, "df", r.WithDF(5).High, r.Delta+2.5705818356363146*r.SE, 1e-9) // qt(.975, 5)
}
