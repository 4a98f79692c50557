package model

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
)

// ulps is the distance of got from want in units of want's last place.
func ulps(got float64, want *big.Float) float64 {
	w, _ := want.Float64()
	d := new(big.Float).SetPrec(200).Sub(big.NewFloat(got).SetPrec(200), want)
	e, _ := d.Quo(d, big.NewFloat(math.Nextafter(math.Abs(w), math.Inf(1))-math.Abs(w))).Float64()
	return math.Abs(e)
}

// exactExp is the Taylor series of exp at x/2^20, squared 20 times.
func exactExp(x float64) *big.Float {
	b := func(v float64) *big.Float { return big.NewFloat(v).SetPrec(300) }
	r := new(big.Float).SetPrec(300).SetMantExp(b(x), -20)
	sum, term := b(1), b(1)
	for k := 1; k < 40; k++ {
		term.Mul(term, r).Quo(term, b(float64(k)))
		sum.Add(sum, term)
	}
	for range 20 {
		sum.Mul(sum, sum)
	}
	return sum
}

func TestExp(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	worst := 0.0
	for range 3000 {
		x := (r.Float64() - 0.5) * math.Pow(10, float64(r.IntN(4)-1))
		worst = max(worst, ulps(Exp(x), exactExp(x)))
	}
	if worst > 1 {
		t.Errorf("off by %v units in the last place", worst)
	}
	for _, c := range [][2]float64{
		{0, 1}, {math.Inf(-1), 0}, {math.Inf(1), math.Inf(1)}, {709.79, math.Inf(1)}, {-746, 0}, {709.7, math.Exp(709.7)}, {-740, math.Exp(-740)}, {-708.5, math.Exp(-708.5)},
	} {
		if got := Exp(c[0]); got != c[1] && math.Abs(got-c[1]) > 1e-15*c[1] {
			t.Errorf("exp(%v) is %v, want %v", c[0], got, c[1])
		}
	}
	if !math.IsNaN(Exp(math.NaN())) {
		t.Error("exp(NaN) is a number")
	}
}

// TestLog holds Log against Exp: |log(x) - l| for e^l = x.
func TestLog(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		x := math.Exp((r.Float64() - 0.5) * math.Pow(10, float64(r.IntN(4)-1)))
		got := Log(x)
		// One Newton step in high precision: l + x/e^l - 1, whose error is (x/e^l - 1)^2/2.
		e := exactExp(got)
		q := new(big.Float).SetPrec(300).Quo(big.NewFloat(x).SetPrec(300), e)
		want := q.Sub(q, big.NewFloat(1)).Add(q, big.NewFloat(got).SetPrec(300))
		if got != 0 && ulps(got, want) > 2 {
			t.Fatalf("log(%v) is %v: off by %v units in the last place", x, got, ulps(got, want))
		}
	}
	for _, c := range [][2]float64{{0, math.Inf(-1)}, {1, 0}, {math.Inf(1), math.Inf(1)}, {5e-324, -744.4400719213812}, {math.MaxFloat64, 709.782712893384}} {
		if got := Log(c[0]); got != c[1] && math.Abs(got-c[1]) > 1e-15*math.Abs(c[1]) {
			t.Errorf("log(%v) is %v, want %v", c[0], got, c[1])
		}
	}
	if !math.IsNaN(Log(-1)) || !math.IsNaN(Log(math.NaN())) {
		t.Error("the log of a negative number is a number")
	}
}

func TestSignedLog(t *testing.T) {
	for _, x := range []float64{0, 1e-300, 1e-17, 1e-9, 0.1, 1, 1000, 1e300, math.MaxFloat64} {
		want := math.Log1p(x)
		if got := SignedLog(x); math.Abs(got-want) > 4e-16*want {
			t.Errorf("of %v is %v, want %v", x, got, want)
		}
		if SignedLog(-x) != -SignedLog(x) {
			t.Errorf("of %v is not odd", x)
		}
	}
	if !math.IsNaN(SignedLog(math.NaN())) {
		t.Error("NaN is lost")
	}
}

func TestSigmoidAndSoftmax(t *testing.T) {
	for _, x := range []float64{-800, -40, -1, 0, 1, 40, 800} {
		if got, want := Sigmoid(x), 1/(1+math.Exp(-x)); math.Abs(got-want) > 1e-15 {
			t.Errorf("sigmoid(%v) is %v, want %v", x, got, want)
		}
	}
	scores := []float64{1000, 1000, 999, -1000}
	Softmax(scores)
	e := 1 / (2 + math.Exp(-1))
	for i, want := range []float64{e, e, e * math.Exp(-1), 0} {
		if math.Abs(scores[i]-want) > 1e-15 {
			t.Errorf("softmax %d is %v, want %v", i, scores[i], want)
		}
	}
}

// TestSameBits pins the last bits: they are the same on every platform because no product is fused with a sum.
func TestSameBits(t *testing.T) {
	h := uint64(14695981039346656037)
	mix := func(v float64) { h = (h ^ math.Float64bits(v)) * 1099511628211 }
	for i := range 2000 {
		x := float64(i-1000) / 7
		mix(Exp(x))
		mix(Log(float64(i+1) / 7))
		mix(Sigmoid(x))
		mix(SignedLog(x))
	}
	if want := uint64(0x4de5ac401f4e871f); h != want {
		t.Errorf("got %#x, want %#x", h, want)
	}
}
