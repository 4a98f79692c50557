package estimator

import "math"

// doubled is the unevaluated sum of two float64, about 32 decimal digits (Dekker 1971; Ogita, Rump and Oishi 2005,
// algorithm Dot2). math.FMA gives the exact error of a product on every platform.
type doubled struct{ high, low float64 }

// add adds x.
func (d *doubled) add(x float64) {
	s := d.high + x
	t := s - d.high
	d.low += (d.high - (s - t)) + (x - t)
	d.high = s
}

// addProduct adds x*y.
func (d *doubled) addProduct(x, y float64) {
	p := float64(x * y)
	e := math.FMA(x, y, -p)
	s := d.high + p
	t := s - d.high
	d.low += ((d.high - (s - t)) + (p - t)) + e
	d.high = s
}

func (d *doubled) value() float64 { return d.high + d.low }
