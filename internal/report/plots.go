package report

import (
	"cmp"
	"math"
	"slices"

	"github.com/weighlock/weighlock/internal/metric"
)

const (
	// gridAcross and gridUp are fine enough to look like a scatter plot of a few hundred rows.
	gridAcross, gridUp = 48, 28
	// curvePoints is how many points of a curve are kept.
	curvePoints = 200
	// calibrationBins are of equal width and closed on the left, like those of the metric ece.
	calibrationBins = 10
	// mostClasses is the largest confusion matrix that anybody reads.
	mostClasses = 20
)

// side is one model's predictions under its name.
type side struct {
	of string
	p  metric.Predictions
}

// plotsOf computes what the pictures are drawn from, or nil where there is nothing to draw.
func plotsOf(in Inputs) *Plots {
	if in.Truth == nil || in.Candidate == nil || in.Truth.Rows() == 0 {
		return nil
	}
	var sides []side
	if in.Baseline != nil {
		sides = append(sides, side{"baseline", in.Baseline.Predictions})
	}
	sides = append(sides, side{"candidate", in.Candidate.Predictions})
	t := *in.Truth
	for _, s := range sides {
		if s.p.Rows() != t.Rows() {
			return nil
		}
	}
	p := &Plots{}
	if !t.Task.Classifies() {
		p.Residuals = residuals(t.Values, sides)
		return p
	}
	for _, s := range sides {
		if len(t.Classes) <= mostClasses {
			p.Confusion = append(p.Confusion, confusion(t, s))
		}
		if len(t.Classes) != 2 || len(s.p.Probabilities) != 2*t.Rows() {
			continue
		}
		score := make([]float64, t.Rows())
		sum := 0.0
		for i := range score {
			score[i] = s.p.Probabilities[2*i+1]
			sum += score[i]
		}
		if math.IsNaN(sum) || math.IsInf(sum, 0) {
			continue // whoever judges says so; a picture cannot
		}
		roc, pr := curves(t.Labels, score)
		if roc != nil {
			roc.Of, pr.Of = s.of, s.of
			p.ROC, p.PR = append(p.ROC, *roc), append(p.PR, *pr)
		}
		p.Calibration = append(p.Calibration, calibration(s.of, t.Labels, score))
	}
	return p
}

// residuals counts rows in the cells of one grid that holds every row of every model.
func residuals(truth []float64, sides []side) *Residuals {
	r := &Residuals{Across: gridAcross, Up: gridUp, XLow: math.Inf(1), XHigh: math.Inf(-1)}
	reach := 0.0
	for _, s := range sides {
		if len(s.p.Values) != len(truth) {
			return nil
		}
		for i, v := range s.p.Values {
			if math.IsNaN(v-truth[i]) || math.IsInf(v-truth[i], 0) { //nolint:gosec // as long as each other: checked above
				return nil
			}
			r.XLow, r.XHigh, reach = min(r.XLow, v), max(r.XHigh, v), max(reach, math.Abs(truth[i]-v)) //nolint:gosec // the same
		}
	}
	if r.XHigh <= r.XLow {
		r.XLow, r.XHigh = r.XLow-0.5, r.XHigh+0.5
	}
	if reach == 0 {
		reach = 0.5
	}
	r.YLow, r.YHigh = -reach, reach
	if math.IsInf(r.XHigh-r.XLow, 0) || math.IsInf(2*reach, 0) {
		return nil
	}
	for _, s := range sides {
		count := make([]int, gridAcross*gridUp)
		for i, v := range s.p.Values {
			count[cell(v, r.XLow, r.XHigh, gridAcross)*gridUp+cell(truth[i]-v, r.YLow, r.YHigh, gridUp)]++ //nolint:gosec // the same
		}
		grid := ResidualGrid{Of: s.of, Cells: [][3]int{}}
		for at, n := range count {
			if n > 0 {
				grid.Cells = append(grid.Cells, [3]int{at / gridUp, at % gridUp, n})
			}
		}
		r.Models = append(r.Models, grid)
	}
	return r
}

func cell(v, low, high float64, n int) int {
	return min(n-1, max(0, int(float64(n)*((v-low)/(high-low)))))
}

// curves are the ROC and precision-recall curves with one point per distinct score, thinned evenly; nil where a class
// is missing.
func curves(labels []int32, score []float64) (roc, pr *Curve) {
	order := make([]int, len(score))
	positives := 0
	for i := range order {
		order[i] = i
		positives += int(labels[i])
	}
	negatives := len(labels) - positives
	if positives == 0 || negatives == 0 {
		return nil, nil
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Or(cmp.Compare(score[b], score[a]), a-b) })
	x, y := []float64{0}, []float64{0}
	recall, precision := []float64{}, []float64{}
	hits, alarms := 0, 0
	for i, row := range order {
		hits += int(labels[row])
		alarms += 1 - int(labels[row])
		if i+1 < len(order) && score[order[i+1]] == score[row] {
			continue
		}
		x, y = append(x, float64(alarms)/float64(negatives)), append(y, float64(hits)/float64(positives))
		recall, precision = append(recall, float64(hits)/float64(positives)), append(precision, float64(hits)/float64(i+1))
	}
	return &Curve{X: thin(x), Y: thin(y)}, &Curve{X: thin(recall), Y: thin(precision)}
}

// thin keeps about curvePoints values, both ends included.
func thin(v []float64) []float64 {
	if len(v) <= curvePoints {
		return v
	}
	out := make([]float64, curvePoints)
	for i := range out {
		out[i] = v[i*(len(v)-1)/(curvePoints-1)]
	}
	return out
}

func calibration(of string, labels []int32, score []float64) Curve {
	var sum, hits [calibrationBins]float64
	var n [calibrationBins]int
	for i, s := range score {
		b := min(calibrationBins-1, max(0, int(s*calibrationBins)))
		sum[b] += s
		hits[b] += float64(labels[i])
		n[b]++
	}
	c := Curve{Of: of, X: []float64{}, Y: []float64{}}
	for b, rows := range n {
		if rows > 0 {
			c.X, c.Y, c.N = append(c.X, sum[b]/float64(rows)), append(c.Y, hits[b]/float64(rows)), append(c.N, rows)
		}
	}
	return c
}

func confusion(t metric.Truth, s side) Confusion {
	c := Confusion{Of: s.of, Classes: t.Classes, Counts: make([][]int, len(t.Classes))}
	for i := range c.Counts {
		c.Counts[i] = make([]int, len(t.Classes))
	}
	for i, truth := range t.Labels {
		if i < len(s.p.Labels) && inside(truth, c.Classes) && inside(s.p.Labels[i], c.Classes) {
			c.Counts[truth][s.p.Labels[i]]++
		}
	}
	return c
}

func inside(label int32, classes []string) bool { return label >= 0 && int(label) < len(classes) }
