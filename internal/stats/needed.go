package stats

import "math"

// MaxRowsNeeded caps RowsNeeded, whose answer would otherwise not fit an integer for a very small margin.
const MaxRowsNeeded = 1e15

// RowsNeeded is the number of rows that would prove a difference of zero to lie within the margin with the given
// power, at today's spread per row: n·(Detectable/margin)², with only the part of the variance that rows make smaller.
// It is 0 where no number of rows is enough or the spread is unknown, and never more than MaxRowsNeeded.
func (r Result) RowsNeeded(margin, power float64) int { return r.settling(0, margin, power) }

// RowsSettling is the number of rows that would show the difference that was seen to lie above -margin, or below zero
// where it already lies below -margin, with the given power. A difference in the candidate's favour counts as zero, so
// that luck does not shorten the answer. Like RowsNeeded it may be 0.
func (r Result) RowsSettling(margin, power float64) int {
	if r.Delta < -margin {
		return r.settling(0, -r.Delta, power)
	}
	return r.settling(min(r.Delta, 0), margin, power)
}

// settling is the number of rows that show the difference at to lie more than -margin, or by mirroring any distance
// at+margin from zero.
func (r Result) settling(at, margin, power float64) int {
	z := normalQuantile(0.5+r.Level/2) + normalQuantile(power)
	gap := at + margin
	if !r.Defined() || !(gap > 0) || math.IsNaN(z) || r.Rows == 0 {
		return 0
	}
	n := float64(r.Rows)
	if t, ok := r.pivot.(tango); ok && r.lasting == 0 {
		return whole(t.needed(at, margin, z))
	}
	allowed := gap*gap/z/z - r.lasting
	if !(allowed > 0) {
		return 0
	}
	sampling := r.SE*r.SE - r.lasting
	// Where the interval's lower end lies further out than SE says, as under skew, so does what has to be narrowed.
	if _, isT := r.pivot.(student); !isT && r.lasting == 0 {
		wide := (r.Delta - r.Low) / normalQuantile(0.5+r.Level/2)
		if !math.IsInf(wide, 0) {
			sampling = max(sampling, wide*wide)
		}
	}
	return whole(n * sampling / allowed)
}

func whole(n float64) int {
	if math.IsNaN(n) {
		return 0
	}
	return int(min(max(math.Ceil(n), 1), MaxRowsNeeded))
}

// needed is how many rows put the difference at above -margin by Tango's score z, when as large a share of them is
// discordant as of these. Without any discordant row the share is taken as zero, which is what was seen.
func (t tango) needed(at, margin, z float64) float64 {
	if margin >= 1 {
		return 1
	}
	discordant := (t.b + t.c) / t.n
	proved := func(n float64) bool {
		scaled := tango{b: n * (discordant + at) / 2, c: n * (discordant - at) / 2, n: n}
		return scaled.score(-margin) >= z
	}
	low, high := 0.0, 1.0
	for !proved(high) {
		low, high = high, 2*high
		if high > MaxRowsNeeded {
			return MaxRowsNeeded
		}
	}
	for range 60 {
		if middle := low + (high-low)/2; proved(middle) {
			high = middle
		} else {
			low = middle
		}
	}
	return high
}
