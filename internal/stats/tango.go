package stats

import (
	"math"

	"gonum.org/v1/gonum/mathext"
)

// Tango judges the difference of two paired proportions, such as accuracies: candidateOnly rows on which only the
// candidate is right, baselineOnly on which only the baseline is, of rows in all.
//
// The interval is Tango's score interval (Statistics in Medicine 17:891, 1998), which holds with few or no discordant
// rows, where Wald and bootstrap intervals do not. PWorse is the mid-p McNemar test (Fagerland, Lydersen and Laake
// 2013), and so are PBelow(0) and PAbove(0); at any other margin the p-value is that of Tango's score. SE is the plain
// standard error of the difference, for Detectable and RowsNeeded only.
func Tango(candidateOnly, baselineOnly, rows int, level float64) Result {
	b, c, n := candidateOnly, baselineOnly, rows
	r := Result{
		Level: level, Rows: rows, DF: math.Inf(1), Effective: float64(rows),
		Method: "Tango", Assumption: "rows are independent",
	}
	if n < 1 || b < 0 || c < 0 || b > n-c {
		return tooSmall(r, FlagTooSmall)
	}
	r.Delta = float64(b-c) / float64(n)
	// Half a row of each kind keeps the spread positive where no row differs: "how small a difference could hide".
	fb, fc, fn := float64(b), float64(c), float64(n)
	if b+c == 0 {
		fb, fc = 0.5, 0.5
	}
	diff := (fb - fc) / fn
	r.SE = math.Sqrt(max((fb+fc)/fn-diff*diff, 0) / fn)
	if r.SE == 0 { // every row is discordant in the same direction
		r.SE = math.Sqrt(1/fn) / (fn + 1)
	}
	if b+c < 20 {
		r.Flags = append(r.Flags, FlagFewDiscordant)
	}
	r.pivot = tango{float64(b), float64(c), float64(n)}
	return finish(r)
}

// tango is the score pivot. b counts for the candidate, c for the baseline.
type tango struct{ b, c, n float64 }

// score is T(Δ), decreasing in Δ (statistics.md 9.3): the observed difference less Δ, over its standard error under
// the restriction that the true difference is Δ.
func (t tango) score(d float64) float64 {
	top := t.b - t.c - t.n*d
	if top == 0 {
		return 0
	}
	a := 2 * t.n
	b := -t.b - t.c + (2*t.n-t.b+t.c)*d
	c := -t.c * d * (1 - d)
	root := math.Sqrt(max(b*b-4*a*c, 0))
	// The two forms of the larger root of a quadratic; each is used where it does not cancel.
	q := (root - b) / (2 * a)
	if b > 0 && root+b > 0 {
		q = -2 * c / (root + b)
	}
	variance := t.n * (2*q + d*(1-d))
	if variance <= 0 {
		return math.Copysign(math.Inf(1), top)
	}
	return top / math.Sqrt(variance)
}

func (t tango) below(x float64) float64 {
	switch {
	case x == 0:
		return MidP(int(t.b), int(t.c))
	case x >= 1:
		return boundary(t.n-t.b, x > 1)
	case x <= -1:
		return 1
	}
	return normalCDF(t.score(x))
}

func (t tango) above(x float64) float64 {
	return tango{t.c, t.b, t.n}.below(-x)
}

// boundary is the p-value at the end of the range: a true difference of 1 allows no row that is not the candidate's.
func boundary(contradicting float64, outside bool) float64 {
	if outside || contradicting > 0 {
		return 0
	}
	return 1
}

func (t tango) interval(level float64) (low, high float64) {
	z := normalQuantile(0.5 + level/2)
	return t.root(z), -tango{t.c, t.b, t.n}.root(z)
}

// root solves T(Δ) = z on [-1, 1] by bisection; T is decreasing.
func (t tango) root(z float64) float64 {
	low, high := -1.0, 1.0
	for range 80 {
		middle := low + (high-low)/2
		if t.score(middle) > z {
			low = middle
		} else {
			high = middle
		}
	}
	return low + (high-low)/2
}

// MidP is the one-sided mid-p value of McNemar's test: P(X < b) + P(X = b)/2 with X binomial(b+c, 1/2). Small means
// that b, the rows on which only the candidate is right, are too few to be chance. Without discordant rows it is 1/2.
func MidP(b, c int) float64 {
	m := b + c
	if m == 0 {
		return 0.5
	}
	// Computed from the smaller side, so that the tail that matters keeps its digits.
	if b > c {
		return 1 - MidP(c, b)
	}
	return binomialHalfBelow(b, m) + binomialHalfAt(b, m)/2
}

// McNemarExact is the two-sided exact conditional p-value, for display; the gate uses MidP.
func McNemarExact(b, c int) float64 {
	m := b + c
	k := min(b, c)
	return min(1, 2*(binomialHalfBelow(k, m)+binomialHalfAt(k, m)))
}

// binomialHalfBelow is P(X < k) for X binomial(m, 1/2).
func binomialHalfBelow(k, m int) float64 {
	if k <= 0 {
		return 0
	}
	return mathext.RegIncBeta(float64(m-k+1), float64(k), 0.5)
}

func binomialHalfAt(k, m int) float64 {
	a, _ := math.Lgamma(float64(m) + 1)
	b, _ := math.Lgamma(float64(k) + 1)
	c, _ := math.Lgamma(float64(m-k) + 1)
	return math.Exp(a - b - c - float64(m)*math.Ln2)
}
