package metric

import "math"

// CurvePoints is the largest number of points that ROC and PrecisionRecall return.
const CurvePoints = 200

// Point is one point of a curve: what happens when rows that score at least Threshold are called positive.
type Point struct{ X, Y, Threshold float64 }

// ROC is the receiver operating characteristic for a plot: X is the false positive rate, Y the true positive rate, from
// (0, 0) to (1, 1). Long curves are reduced to points at even distances along the curve. The reason says why there is
// no curve.
func ROC(t Truth, p Predictions) ([]Point, Reason) {
	in, total, why := curveInput(t, p)
	if why != "" {
		return nil, why
	}
	points := []Point{{}}
	walk(in, func(score, hits, alarms, _ float64) {
		points = append(points, Point{X: min(1, alarms/total.negative), Y: min(1, hits/total.positive), Threshold: score})
	})
	points[0].Threshold = math.Nextafter(points[1].Threshold, math.Inf(1))
	return thin(points), ""
}

// PrecisionRecall is the precision-recall curve for a plot: X is the recall, Y the precision, from the highest score to
// recall 1. Long curves are reduced like those of ROC.
func PrecisionRecall(t Truth, p Predictions) ([]Point, Reason) {
	in, total, why := curveInput(t, p)
	if why != "" {
		return nil, why
	}
	var points []Point
	walk(in, func(score, hits, alarms, _ float64) {
		if hits+alarms > 0 {
			points = append(points, Point{X: min(1, hits/total.positive), Y: hits / (hits + alarms), Threshold: score})
		}
	})
	return thin(points), ""
}

func curveInput(t Truth, p Predictions) (*input, sides, Reason) {
	in, why := newInput(t, p, Params{}, needScore)
	if why != "" {
		return nil, sides{}, why
	}
	total, both := classWeights(in)
	if !both {
		return nil, sides{}, OneClass
	}
	return in, total, ""
}

// thin keeps both ends and points at least one CurvePoints-th of the curve's length apart, so that a steep part keeps
// as many as a flat one.
func thin(points []Point) []Point {
	if len(points) <= CurvePoints {
		return points
	}
	length := 0.0
	for i := range points[1:] {
		length += distance(points[i], points[i+1])
	}
	step := length / (CurvePoints - 2)
	kept, walked := []Point{points[0]}, 0.0
	for i := 1; i < len(points)-1; i++ {
		walked += distance(points[i-1], points[i])
		if walked >= step*float64(len(kept)) {
			kept = append(kept, points[i])
		}
	}
	return append(kept, points[len(points)-1])
}

func distance(a, b Point) float64 { return math.Abs(a.X-b.X) + math.Abs(a.Y-b.Y) }
