package model

import "math"

// The standard library has assembly for exp and log on some platforms, and the compiler fuses multiply and add on
// others, so their last bit depends on the machine. These do not: every product is rounded by an explicit conversion.

const (
	ln2High = 6.93147180369123816490e-01 // ln 2 to 32 bits: its product with a small integer is exact
	ln2Low  = 1.90821492927058770002e-10 // the rest of ln 2
	maxExp  = 709.782712893384           // exp of more is +Inf
	minExp  = -745.2                     // exp of less is 0
)

// inverseFactorials holds 1/k!, k from 2 to 13, the highest first: the Taylor polynomial of exp, whose remainder on
// |r| <= ln(2)/2 is 4e-18.
var inverseFactorials = [...]float64{
	1.0 / 6227020800, 1.0 / 479001600, 1.0 / 39916800, 1.0 / 3628800, 1.0 / 362880, 1.0 / 40320, 1.0 / 5040, 1.0 / 720,
	1.0 / 120, 1.0 / 24, 1.0 / 6, 1.0 / 2,
}

// Exp is e^x within 1 unit in the last place, the same bits on every platform.
func Exp(x float64) float64 {
	switch {
	case math.IsNaN(x):
		return x
	case x > maxExp:
		return math.Inf(1)
	case x < minExp:
		return 0
	}
	k := math.Round(float64(x * (1 / math.Ln2)))
	high := x - float64(k*ln2High)
	low := float64(k * ln2Low)
	r := high - low
	c := (high - r) - low // what r lost by rounding
	p := 0.0
	for _, f := range inverseFactorials {
		p = float64(p*r) + f
	}
	y := 1 + (r + (c + float64(float64(r*r)*p)))
	if k > -1022 && k < 1023 {
		return y * math.Float64frombits(uint64(int64(k)+1023)<<52)
	}
	return math.Ldexp(y, int(k))
}

// Log is the natural logarithm within 2 units in the last place, the same bits on every platform. It is NaN for x < 0
// and -Inf for 0.
func Log(x float64) float64 {
	switch {
	case math.IsNaN(x) || math.IsInf(x, 1):
		return x
	case x < 0:
		return math.NaN()
	case x == 0:
		return math.Inf(-1)
	}
	m, e := math.Frexp(x)
	if m < math.Sqrt2/2 {
		m, e = m*2, e-1
	}
	f := m - 1 // exact
	s := f / (f + 2)
	s2 := float64(s * s)
	p := 0.0
	for k := 23; k >= 3; k -= 2 { // log(m) = 2 atanh(s) = 2s + 2s^3/3 + ..., s^2 <= 0.0295
		p = float64(p*s2) + 2/float64(k)
	}
	k := float64(e)
	return float64(k*ln2High) + (float64(2*s) + (float64(float64(p*s2)*s) + float64(k*ln2Low)))
}

// SignedLog is sign(x) log(1 + |x|): a logarithm for quantities that may be zero or negative.
func SignedLog(x float64) float64 {
	a := math.Abs(x)
	u := 1 + a
	if math.IsInf(u, 0) {
		return x
	}
	// The quotient restores what the sum lost (Kahan).
	l := a
	if u != 1 {
		l = Log(u) + (a-(u-1))/u
	}
	return math.Copysign(l, x)
}

// Sigmoid is 1 / (1 + e^-x), the same bits on every platform.
func Sigmoid(x float64) float64 {
	if x < 0 {
		e := Exp(x)
		return e / (1 + e)
	}
	return 1 / (1 + Exp(-x))
}

// Softmax replaces scores by probabilities that sum to 1, the same bits on every platform.
func Softmax(scores []float64) {
	top := scores[0]
	for _, s := range scores[1:] {
		top = max(top, s)
	}
	sum := 0.0
	for i, s := range scores {
		scores[i] = Exp(s - top)
		sum += scores[i]
	}
	for i := range scores {
		scores[i] /= sum
	}
}
