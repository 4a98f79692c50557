package metric

import (
	"fmt"
	"math"
)

// logLoss is mean(-log p) of the true class's probability p, clipped to [2.2e-16, 1-2.2e-16] as scikit-learn does. The
// flag counts the rows whose true class was given less than that: their loss is a convention, not a measurement.
func logLoss(in *input, want bool) (Outcome, []float64) {
	clipped := 0
	out, phi := mean(in, want, func(i int) float64 {
		p := in.probabilities[i*in.classes+int(in.labels[i])]
		if p < tiny {
			if in.weight(i) > 0 {
				clipped++
			}
			p = tiny
		}
		return -math.Log(min(p, 1-tiny))
	})
	switch {
	case clipped == 1:
		out.Flags = append(out.Flags, "clipped 1 row")
	case clipped > 1:
		out.Flags = append(out.Flags, fmt.Sprintf("clipped %d rows", clipped))
	}
	return out, phi
}

// brier is mean((p-y)²) with p the probability of the positive class (Brier 1950).
func brier(in *input, want bool) (Outcome, []float64) {
	return mean(in, want, func(i int) float64 {
		d := in.score(i) - float64(in.labels[i])
		return d * d
	})
}

// calibrationBins is the number of bins of ece and CalibrationBins.
const calibrationBins = 10

// Bin is one bar of a calibration plot: rows whose predicted probability of the positive class is in [Low, High), or
// [Low, High] in the last bin.
type Bin struct {
	Low, High float64
	// Rows is the number of rows in the bin, whatever their weight.
	Rows int
	// Predicted is the mean predicted probability, Observed the share of positive rows; both weighted, 0 where the bin
	// holds no weight.
	Predicted, Observed float64
	gap                 float64
}

// binOf is the bin of a probability. The product alone is not enough: just below an edge it rounds up to it, and the
// edges are the decimal numbers that a reader sees.
func binOf(p float64) int {
	b := min(calibrationBins-1, int(p*calibrationBins))
	if b > 0 && p < float64(b)/calibrationBins {
		b--
	}
	return b
}

func calibrate(in *input) []Bin {
	var weight, predicted, observed, gap [calibrationBins]sum
	bins := make([]Bin, calibrationBins)
	for i := range in.n {
		p, y, w := in.score(i), float64(in.labels[i]), in.weight(i)
		b := binOf(p)
		bins[b].Rows++
		weight[b].add(w)
		predicted[b].add(w * p)
		observed[b].add(w * y)
		gap[b].add(w * (p - y))
	}
	for b := range bins {
		bin := &bins[b]
		bin.Low, bin.High = float64(b)/calibrationBins, float64(b+1)/calibrationBins
		if w := weight[b].value(); w > 0 {
			bin.Predicted, bin.Observed = predicted[b].value()/w, observed[b].value()/w
			bin.gap = gap[b].value() / float64(in.n)
		}
	}
	return bins
}

// CalibrationBins are the ten bins of equal width behind ece, for a plot; the reason says why there are none.
func CalibrationBins(t Truth, p Predictions) ([]Bin, Reason) {
	in, why := newInput(t, p, Params{}, needScore)
	if why != "" {
		return nil, why
	}
	return calibrate(in), ""
}

// calibrationError is the expected calibration error: the mean over the rows of |mean p - share of positives| of their
// bin, with ten bins of equal width that are closed on the left (Naeini, Cooper and Hauskrecht 2015).
func calibrationError(in *input, _ bool) (Outcome, []float64) {
	var s sum
	for _, bin := range calibrate(in) {
		s.add(math.Abs(bin.gap))
	}
	return Outcome{Value: s.value()}, nil
}
