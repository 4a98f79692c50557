package stats

import (
	"fmt"
	"math"
)

// MinimumPerClass is the number of rows in each class below which no interval for an area under the curve is given.
const MinimumPerClass = 10

// DeLong judges the difference of two areas under the ROC curve on the same rows (DeLong, DeLong and Clarke-Pearson
// 1988), in O(n log n) by midranks (Sun and Xu 2014). Ties count one half. The quantile is normal, or t with the
// smaller class less one degrees of freedom where that class has under 50 rows.
//
// positive, baseline and candidate hold one entry per row. The error says which class has under MinimumPerClass rows,
// or that a score is not a number.
func DeLong(positive []bool, baseline, candidate []float64, level float64) (Result, error) {
	b, err := PlacementsOf(positive, baseline)
	if err != nil {
		return Result{}, fmt.Errorf("compare areas: baseline: %w", err)
	}
	c, err := PlacementsOf(positive, candidate)
	if err != nil {
		return Result{}, fmt.Errorf("compare areas: candidate: %w", err)
	}
	return CompareAreas(b, c, level)
}

// CompareAreas is DeLong for placements that are at hand already.
func CompareAreas(baseline, candidate Placements, level float64) (Result, error) {
	m, k := len(baseline.Positive), len(baseline.Negative)
	if len(candidate.Positive) != m || len(candidate.Negative) != k {
		return Result{}, fmt.Errorf("compare areas: the two models were scored on different rows")
	}
	if min(m, k) < MinimumPerClass {
		return Result{}, fmt.Errorf("compare areas: %d positive and %d negative rows, at least %d of each are needed",
			m, k, MinimumPerClass)
	}
	r := Result{
		Delta: candidate.Area - baseline.Area, Level: level, Rows: m + k, DF: math.Inf(1), Effective: float64(m + k),
		Method: "DeLong", Assumption: "rows are independent",
	}
	if min(m, k) < 50 {
		r.DF = float64(min(m, k) - 1)
		r.Flags = append(r.Flags, FlagFewPositives)
	}
	variance := differenceVariance(candidate.Positive, baseline.Positive) +
		differenceVariance(candidate.Negative, baseline.Negative)
	r.SE = math.Sqrt(variance)
	return symmetric(r, 1), nil
}

// differenceVariance is the variance of the mean of a-b.
func differenceVariance(a, b []float64) float64 {
	var total, squares sum
	for i := range a {
		total.add(a[i] - b[i])
	}
	n := float64(len(a))
	mean := total.value() / n
	for i := range a {
		d := a[i] - b[i] - mean
		squares.add(d * d)
	}
	return squares.value() / n / (n - 1)
}

// Placements are DeLong's structural components of one model.
type Placements struct {
	// Positive holds, for each positive row in row order, the share of negative rows that score lower (ties one half).
	Positive []float64
	// Negative holds, for each negative row in row order, the share of positive rows that score higher.
	Negative []float64
	// Area is the area under the ROC curve: the mean of either.
	Area float64
}

// PlacementsOf computes the placements of one score vector. Both classes must be there and no score NaN.
func PlacementsOf(positive []bool, scores []float64) (Placements, error) {
	if err := checkScores(positive, scores); err != nil {
		return Placements{}, err
	}
	m := 0
	for _, p := range positive {
		if p {
			m++
		}
	}
	k := len(positive) - m
	place := placeInOrder(positive, scores, float64(m), float64(k))
	p := Placements{Positive: make([]float64, 0, m), Negative: make([]float64, 0, k)}
	var area sum
	for i, pos := range positive {
		if pos {
			p.Positive = append(p.Positive, place[i])
			area.add(place[i])
		} else {
			p.Negative = append(p.Negative, place[i])
		}
	}
	p.Area = area.value() / float64(m)
	return p, nil
}

// placeInOrder walks the rows from the lowest score up, tie group by tie group.
func placeInOrder(positive []bool, scores []float64, m, k float64) []float64 {
	order := Order(scores)
	place := make([]float64, len(scores))
	var positivesBelow, negativesBelow float64
	for start := 0; start < len(order); {
		end := start
		var tiedPositives, tiedNegatives float64
		for end < len(order) && scores[order[end]] == scores[order[start]] {
			if positive[order[end]] {
				tiedPositives++
			} else {
				tiedNegatives++
			}
			end++
		}
		forPositive := (negativesBelow + tiedNegatives/2) / k
		forNegative := (m - positivesBelow - tiedPositives/2) / m
		for _, i := range order[start:end] {
			if positive[i] {
				place[i] = forPositive
			} else {
				place[i] = forNegative
			}
		}
		positivesBelow += tiedPositives
		negativesBelow += tiedNegatives
		start = end
	}
	return place
}

// Influence spreads the placements over the rows as influence values of the area: (V10-AUC)·n/m for a positive row,
// (V01-AUC)·n/k for a negative one (statistics.md 1.1). Their mean is zero.
func (p Placements) Influence(positive []bool) []float64 {
	m, k := len(p.Positive), len(p.Negative)
	out := make([]float64, len(positive))
	if m+k != len(positive) {
		return out
	}
	n := float64(m + k)
	var i, j int
	for row, pos := range positive {
		if pos {
			out[row] = (p.Positive[i] - p.Area) * n / float64(m)
			i++
		} else {
			out[row] = (p.Negative[j] - p.Area) * n / float64(k)
			j++
		}
	}
	return out
}
