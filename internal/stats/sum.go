package stats

import "math"

// sum adds in index order with Neumaier's compensation (1974), so that a million rows lose no digits.
type sum struct{ s, c float64 }

func (a *sum) add(x float64) {
	t := a.s + x
	if math.Abs(a.s) >= math.Abs(x) {
		a.c += (a.s - t) + x
	} else {
		a.c += (x - t) + a.s
	}
	a.s = t
}

func (a *sum) value() float64 { return a.s + a.c }

// moments holds the first moments of a vector about its mean.
type moments struct {
	n              int
	mean           float64
	m2, m3         float64 // sums of powers of the deviations
	largest        float64 // the largest |x|
	allFinite      bool
	lag1           float64 // sum of products of neighbouring deviations
	skew           float64 // m3/n / (m2/n)^1.5, 0 where there is no spread
	varianceOfMean float64 // m2/(n(n-1))
}

func momentsOf(x []float64) moments {
	m := moments{n: len(x), allFinite: true}
	var total sum
	for _, v := range x {
		total.add(v)
		m.largest = max(m.largest, math.Abs(v))
	}
	n := float64(len(x))
	m.mean = total.value() / n
	m.allFinite = !math.IsNaN(m.mean) && !math.IsInf(m.largest, 0) && !math.IsNaN(m.largest) && !math.IsInf(m.mean, 0)
	var s2, s3, l1 sum
	previous := 0.0
	for i, v := range x {
		d := v - m.mean
		d2 := d * d
		s2.add(d2)
		s3.add(d2 * d)
		if i > 0 {
			l1.add(d * previous)
		}
		previous = d
	}
	m.m2, m.m3, m.lag1 = s2.value(), s3.value(), l1.value()
	m.varianceOfMean = m.m2 / n / (n - 1)
	if m.m2 > 0 {
		m.skew = m.m3 / n / math.Pow(m.m2/n, 1.5)
	}
	return m
}
