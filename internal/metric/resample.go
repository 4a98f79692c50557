package metric

import (
	"cmp"
	"math"
	"slices"
)

// Resampler is the value of a metric when row i counts counts[i] times; NaN where that is undefined. It may be called
// from several goroutines at once and keeps nothing.
type Resampler func(counts []int32) float64

// drawing prepares a Resampler: what can be sorted is sorted once, so that each resample is one walk over the rows.
type drawing func(in *input) Resampler

// drawPrecision resamples averagePrecision.
func drawPrecision(in *input) Resampler {
	ranks := rank(in)
	return func(counts []int32) float64 {
		var hits, alarms, total float64
		for to := len(ranks); to > 0; {
			from, fresh := to, 0.0
			for from > 0 && ranks[from-1].key == ranks[to-1].key {
				from--
				row := ranks[from].row()
				w := float64(in.weight(row) * float64(counts[row]))
				if ranks[from].label() == 1 {
					fresh += w
				} else {
					alarms += w
				}
			}
			if fresh > 0 {
				hits += fresh
				total += float64(fresh * (hits / (hits + alarms)))
			}
			to = from
		}
		return total / hits
	}
}

// drawMedian resamples medianError.
func drawMedian(in *input) Resampler {
	errors, order := make([]float64, in.n), make([]int, in.n)
	for i, y := range in.truth {
		errors[i], order[i] = math.Abs(y-in.guess[i]), i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(errors[a], errors[b]) })
	return func(counts []int32) float64 {
		total := 0.0
		for _, i := range order {
			total += float64(in.weight(i) * float64(counts[i]))
		}
		below, half := 0.0, math.NaN()
		for _, i := range order {
			w := float64(in.weight(i) * float64(counts[i]))
			if w == 0 {
				continue
			}
			if !math.IsNaN(half) { // exactly half of the weight lies below this row
				return half + (errors[i]-half)/2
			}
			below += w
			switch over := below - total/2; {
			case math.Abs(over) <= 1e-12*total:
				half = errors[i]
			case over > 0:
				return errors[i]
			}
		}
		return half
	}
}

// drawCalibration resamples calibrationError.
func drawCalibration(in *input) Resampler {
	bin, gap := make([]int, in.n), make([]float64, in.n)
	for i := range in.n {
		p := in.score(i)
		bin[i], gap[i] = binOf(p), float64(in.weight(i)*(p-float64(in.labels[i])))
	}
	return func(counts []int32) float64 {
		var gaps [calibrationBins]float64
		total := 0.0
		for i, c := range counts {
			if c > 0 {
				gaps[bin[i]] += float64(float64(c) * gap[i])
				total += float64(float64(c) * in.weight(i))
			}
		}
		value := 0.0
		for _, g := range gaps {
			value += math.Abs(g)
		}
		return value / total
	}
}
