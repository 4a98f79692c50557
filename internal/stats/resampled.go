package stats

import "math"

// CorrectedResampled judges the differences of cross-validated models, one per test fold over all repeats: the t test
// with the variance (1/J + test/train)·s² of Nadeau and Bengio (2003) and Bouckaert and Frank (2004) on J-1 degrees of
// freedom. The folds share training rows, so the plain t test calls noise a difference far too often.
//
// testOverTrain is the rows of a test fold over the rows of its training part: 1/9 for ten folds.
func CorrectedResampled(differences []float64, testOverTrain, level float64) Result {
	j := float64(len(differences))
	r := Result{
		Level: level, Rows: len(differences), DF: j - 1, Effective: 1 / (1/j + testOverTrain),
		Method: "corrected resampled t", Assumption: "folds are exchangeable and share training rows",
	}
	if len(differences) < 2 {
		return tooSmall(r, FlagTooSmall)
	}
	m := momentsOf(differences)
	if !m.allFinite || !(testOverTrain > 0) || math.IsInf(testOverTrain, 0) {
		return tooSmall(r, FlagNotFinite)
	}
	r.Delta = m.mean
	r.SE = math.Sqrt((1/j + testOverTrain) * m.m2 / (j - 1))
	return symmetric(r, m.largest)
}
