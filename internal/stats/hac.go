package stats

import "math"

// PairedOrdered judges a difference whose rows follow each other in time and may depend on their neighbours. The
// variance is the long-run variance of phi under Bartlett's weights 1-k/S, S = ⌈1.3·√n⌉ (Newey and West 1987; Lazarus,
// Lewis, Stock and Watson 2018 for the bandwidth).
//
// Such an estimate is too small and noisy by a known amount where S is a share of n. Both are corrected as if rows were
// independent: the variance by its expectation, the degrees of freedom by its own variance (Satterthwaite), which gives
// critical values close to the fixed-b ones of Kiefer and Vogelsang (2005), and for S = 1 the paired t exactly.
//
// phi holds the influence values in time order. Under 50 rows nothing is concluded; with under 10 stretches of length S
// the result carries FlagFewBlocks.
func PairedOrdered(phi []float64, delta, level float64) Result {
	n := len(phi)
	r := Result{
		Delta: delta, Level: level, Rows: n, Effective: float64(n),
		Method: "paired t, autocorrelation-robust", Assumption: dependenceFades, Flags: []string{FlagAutocorrelated},
	}
	if n < leastMoments {
		return tooSmall(r, FlagTooSmall)
	}
	m := momentsOf(phi)
	if !m.allFinite {
		return tooSmall(r, FlagNotFinite)
	}
	wide := bandwidth(n)
	if n < 10*wide {
		r.Flags = append(r.Flags, FlagFewBlocks)
	}
	expected, df := bartlettMoments(n, wide)
	r.DF = df
	long := max(bartlett(phi, m.mean, wide), 0)
	r.SE = math.Sqrt(long / expected / float64(n))
	if m.m2 > 0 && long > 0 {
		r.Effective = m.m2 / float64(n) / long * float64(n) // as many independent rows would say as much
	}
	return symmetric(r, m.largest)
}

// leastMoments is how many moments a series needs for its dependence to be estimated.
const leastMoments = 50

const dependenceFades = "dependence fades within 1.3·√n moments"

func bandwidth(n int) int { return int(math.Ceil(1.3 * math.Sqrt(float64(n)))) }

// PairedMoments is PairedOrdered for rows of which several may belong to one moment, such as the series of a panel at
// one date: they are summed first, so that rows of one moment may depend on each other in any way (Driscoll and Kraay
// 1998). moment holds each row's moment as a small number in the order of time.
func PairedMoments(phi []float64, moment []int, delta, level float64) Result {
	sums, ok := MomentSums(phi, moment)
	if !ok {
		return tooSmall(Result{Level: level, Rows: len(phi), Method: "paired t, autocorrelation-robust"}, FlagNotFinite)
	}
	for t := range sums {
		sums[t] *= float64(len(sums)) / float64(len(phi))
	}
	r := PairedOrdered(sums, delta, level)
	r.Rows = len(phi)
	return r
}

// MomentSums centres phi and sums it within each moment, in the order of time. ok is false when the lengths differ, a
// moment is out of range or a value is not finite.
func MomentSums(phi []float64, moment []int) (sums []float64, ok bool) {
	if len(phi) != len(moment) || len(phi) == 0 {
		return nil, false
	}
	m := momentsOf(phi)
	if !m.allFinite {
		return nil, false
	}
	last := 0
	for _, at := range moment {
		if at < 0 || at >= len(phi) {
			return nil, false
		}
		last = max(last, at)
	}
	totals := make([]sum, last+1)
	for i, at := range moment {
		totals[at].add(phi[i] - m.mean)
	}
	sums = make([]float64, len(totals))
	for t := range totals {
		sums[t] = totals[t].value()
	}
	return sums, true
}

// bartlett is γ0 + 2Σ(1-k/S)γk with autocovariances over n.
func bartlett(x []float64, mean float64, wide int) float64 {
	centred := make([]float64, len(x))
	for i, v := range x {
		centred[i] = v - mean
	}
	total := dot(centred, centred)
	for k := 1; k < min(wide, len(x)); k++ {
		total += 2 * (1 - float64(k)/float64(wide)) * dot(centred[k:], centred[:len(x)-k])
	}
	return total / float64(len(x))
}

// bartlettMoments returns, for independent rows of variance 1, the expectation of bartlett, and the degrees of freedom
// of the χ² with the same first two moments. With W the matrix of weights and M the centring: E = tr(MW)/n and
// Var = 2tr(MWMW)/n².
func bartlettMoments(n, wide int) (expected, df float64) {
	weight := func(k int) float64 { return 1 - float64(k)/float64(wide) }
	// reach[j] is the sum of the weights 1..j.
	reach := make([]float64, wide)
	squares := float64(n)
	for k := 1; k < wide; k++ {
		reach[k] = reach[k-1] + weight(k)
		if k < n {
			squares += 2 * float64(n-k) * weight(k) * weight(k)
		}
	}
	var rows, rowSquares float64
	for i := range n {
		w := 1 + reach[min(i, wide-1)] + reach[min(n-1-i, wide-1)]
		rows += w
		rowSquares += w * w
	}
	fn := float64(n)
	first := fn - rows/fn
	second := squares - 2*rowSquares/fn + rows*rows/fn/fn
	return first / fn, first * first / second
}

// DieboldMariano judges forecasts of one series, made horizon steps ahead: the mean of the loss differences d
// (baseline's loss minus the candidate's, in time order), with the autocovariances of the overlapping forecasts under
// Bartlett's weights 1-k/h, so that the variance cannot be negative, and the small-sample correction of Harvey,
// Leybourne and Newbold (1997), on n-1 degrees of freedom. One step ahead it is the paired t.
func DieboldMariano(d []float64, horizon int, level float64) Result {
	n := len(d)
	r := Result{
		Level: level, Rows: n, DF: float64(n - 1), Effective: float64(n),
		Method: "Diebold-Mariano", Assumption: "losses are dependent over the forecast horizon only",
	}
	if horizon < 1 || n < 2 || horizon >= n {
		return tooSmall(r, FlagTooSmall)
	}
	m := momentsOf(d)
	if !m.allFinite {
		return tooSmall(r, FlagNotFinite)
	}
	r.Delta = m.mean
	fn, h := float64(n), float64(horizon)
	variance := max(bartlett(d, m.mean, horizon), 0) / fn
	r.SE = math.Sqrt(variance / ((fn + 1 - 2*h + h*(h-1)/fn) / fn))
	return symmetric(r, m.largest)
}

// Autocorrelation is the lag-1 autocorrelation of rows in time order; suspicious says that it is more than chance
// (beyond 2/√n), so that the rows must not be judged as independent.
func Autocorrelation(phi []float64) (lag1 float64, suspicious bool) {
	if len(phi) < 3 {
		return 0, false
	}
	m := momentsOf(phi)
	if !m.allFinite || m.m2 == 0 {
		return 0, false
	}
	lag1 = m.lag1 / m.m2
	return lag1, math.Abs(lag1) > 2/math.Sqrt(float64(len(phi)))
}
