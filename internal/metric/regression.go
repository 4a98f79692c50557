package metric

import (
	"cmp"
	"math"
	"slices"
)

// tiny is the distance of 1 from the next number, the smallest |target| and probability that scikit-learn tells from 0.
const tiny = 0x1p-52

// squaredError is mean((y-p)²).
func squaredError(in *input, want bool) (Outcome, []float64) {
	return mean(in, want, func(i int) float64 {
		e := in.truth[i] - in.guess[i]
		return e * e
	})
}

// rootSquaredError is the root of squaredError; influence (e²-mse)/(2 rmse) by the chain rule.
func rootSquaredError(in *input, want bool) (Outcome, []float64) {
	out, phi := squaredError(in, want)
	out.Value = math.Sqrt(out.Value)
	if out.Value > 0 {
		for i := range phi {
			phi[i] = phi[i] / out.Value / 2
		}
	}
	return out, phi
}

// absoluteError is mean|y-p|.
func absoluteError(in *input, want bool) (Outcome, []float64) {
	return mean(in, want, func(i int) float64 { return math.Abs(in.truth[i] - in.guess[i]) })
}

// percentageError is mean(|y-p|/|y|). A target within 2.2e-16 of zero, where scikit-learn divides by that number
// instead, leaves it undefined: one such row would be the whole value.
func percentageError(in *input, want bool) (Outcome, []float64) {
	for i, y := range in.truth {
		if math.Abs(y) < tiny && in.weight(i) > 0 {
			return Outcome{Undefined: ZeroTarget}, nil
		}
	}
	return mean(in, want, func(i int) float64 {
		// A row of weight zero may hold a target of zero: 0·Inf must not come of it.
		return math.Abs(in.truth[i]-in.guess[i]) / max(tiny, math.Abs(in.truth[i]))
	})
}

// weightedPercentageError is sum|y-p| / sum|y|, a ratio of means; influence (|e|-W|y|)/mean|y|.
func weightedPercentageError(in *input, want bool) (Outcome, []float64) {
	out, phi := absoluteError(in, want)
	var s sum
	for i, y := range in.truth {
		s.add(in.weight(i) * math.Abs(y))
	}
	size := s.value() / float64(in.n)
	if size < tiny {
		return Outcome{Undefined: ZeroTarget}, nil
	}
	out.Value /= size
	for i := range phi {
		off := out.Value * (math.Abs(in.truth[i]) - size)
		phi[i] = (phi[i] - in.weight(i)*off) / size
	}
	return out, phi
}

// explained is R² = 1 - mse/V with V the population variance of the target;
// influence -(e²-mse)/V + mse/V·((y-ȳ)²/V - 1).
func explained(in *input, want bool) (Outcome, []float64) {
	low, high := math.Inf(1), math.Inf(-1)
	var s sum
	for i, y := range in.truth {
		w := in.weight(i)
		if w > 0 {
			low, high = min(low, y), max(high, y)
		}
		s.add(w * y)
	}
	if low == high {
		return Outcome{Undefined: ConstantTarget}, nil
	}
	center, squares := s.value()/float64(in.n), sum{}
	for i, y := range in.truth {
		d := y - center
		squares.add(in.weight(i) * (d * d))
	}
	variance := squares.value() / float64(in.n)
	if variance == 0 {
		return Outcome{Undefined: ConstantTarget}, nil
	}
	out, phi := squaredError(in, want)
	share := out.Value / variance
	out.Value = 1 - share
	for i := range phi {
		d := in.truth[i] - center
		spread := share * (d*(d/variance) - 1)
		phi[i] = in.weight(i)*spread - phi[i]/variance
	}
	return out, phi
}

// medianError is the median of |y-p|; with weights the weighted median, which is the mean of two neighbours where
// exactly half of the weight lies below (Hyndman and Fan 1996, as in scikit-learn 1.9).
func medianError(in *input, _ bool) (Outcome, []float64) {
	errors := make([]float64, 0, in.n)
	if in.weights == nil {
		for i, y := range in.truth {
			errors = append(errors, math.Abs(y-in.guess[i]))
		}
		slices.Sort(errors)
		low, high := errors[(in.n-1)/2], errors[in.n/2]
		return Outcome{Value: low + (high-low)/2}, nil
	}
	order := make([]int, 0, in.n)
	for i, y := range in.truth {
		errors = append(errors, math.Abs(y-in.guess[i]))
		if in.weights[i] > 0 {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(errors[a], errors[b]) })
	half, below := float64(in.n)/2, sum{}
	for at, i := range order {
		below.add(in.weights[i])
		over := below.value() - half
		if math.Abs(over) <= 1e-12*half && at+1 < len(order) {
			return Outcome{Value: errors[i] + (errors[order[at+1]]-errors[i])/2}, nil
		}
		if over > 0 {
			return Outcome{Value: errors[i]}, nil
		}
	}
	return Outcome{Value: errors[order[len(order)-1]]}, nil
}

// maxError is the largest |y-p| of the rows that weigh anything.
func maxError(in *input, _ bool) (Outcome, []float64) {
	worst := 0.0
	for i, y := range in.truth {
		if in.weight(i) > 0 {
			worst = max(worst, math.Abs(y-in.guess[i]))
		}
	}
	return Outcome{Value: worst}, nil
}

// pinball is mean(q·(y-p)) where y ≥ p and mean((1-q)·(p-y)) elsewhere (Koenker and Bassett 1978). A model without
// Quantiles is judged by its values, whatever the level: that is how a quantile regression hands them over.
func pinball(in *input, want bool) (Outcome, []float64) {
	q := in.params.Quantile
	return mean(in, want, func(i int) float64 {
		e := in.truth[i] - in.guess[i]
		if e >= 0 {
			return q * e
		}
		return (q - 1) * e
	})
}
