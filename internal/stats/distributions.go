package stats

import (
	"math"

	"gonum.org/v1/gonum/stat/distuv"
)

func normalCDF(z float64) float64 { return 0.5 * math.Erfc(-z/math.Sqrt2) }

func normalQuantile(p float64) float64 { return distuv.UnitNormal.Quantile(p) }

// manyDF is where the expansions in 1/df are exact to 1e-12 and gonum's incomplete beta function starts to lose digits:
// its quantile of 1e-9 is wrong by a factor at 100,000 degrees of freedom.
const manyDF = 5000

// studentCDF is the lower tail of the t distribution; df = +Inf is the normal distribution.
func studentCDF(t, df float64) float64 {
	switch {
	case math.IsNaN(t) || math.IsNaN(df) || math.IsInf(t, 1):
		return 1
	case math.IsInf(t, -1):
		return 0
	case math.IsInf(df, 1):
		return normalCDF(t)
	case df < manyDF:
		return distuv.StudentsT{Sigma: 1, Nu: df}.CDF(t)
	}
	// Hill, algorithm 395 (Communications of the ACM 13:617, 1970): the normal deviate of the same tail.
	a := df - 0.5
	b := 48 * a * a
	y := a * math.Log1p(t*t/df)
	z := (((((-0.4*y-3.3)*y-24)*y-85.5)/(0.8*y*y+100+b)+y+3)/b + 1) * math.Sqrt(y)
	return normalCDF(math.Copysign(z, t))
}

// studentQuantile inverts studentCDF.
func studentQuantile(p, df float64) float64 {
	if df < manyDF {
		return distuv.StudentsT{Sigma: 1, Nu: df}.Quantile(p)
	}
	z := normalQuantile(p)
	if math.IsInf(df, 1) || math.IsInf(z, 0) {
		return z
	}
	// Abramowitz and Stegun, 26.7.5.
	s := z * z
	g1 := z * (s + 1) / 4
	g2 := z * ((5*s+16)*s + 3) / 96
	g3 := z * (((3*s+19)*s+17)*s - 15) / 384
	g4 := z * ((((79*s+776)*s+1482)*s-1920)*s - 945) / 92160
	return z + (g1+(g2+(g3+g4/df)/df)/df)/df
}
