package stats

import (
	"math"

	"gonum.org/v1/gonum/stat/distuv"
)

func normalCDF(z float64) float64 { return 0.5 * math.Erfc(-z/math.Sqrt2) }

func normalQuantile(p float64) float64 { return distuv.UnitNormal.Quantile(p) }

// studentCDF is the lower tail of the t distribution; df = +Inf is the normal distribution.
func studentCDF(t, df float64) float64 {
	switch {
	case math.IsNaN(t) || math.IsNaN(df):
		return 1
	case math.IsInf(t, 1):
		return 1
	case math.IsInf(t, -1):
		return 0
	case df > 1e10: // the incomplete beta function loses digits there, and the two agree to 1e-10
		return normalCDF(t)
	}
	return distuv.StudentsT{Sigma: 1, Nu: df}.CDF(t)
}

// studentQuantile inverts studentCDF.
func studentQuantile(p, df float64) float64 {
	if df > 1e10 {
		return normalQuantile(p)
	}
	return distuv.StudentsT{Sigma: 1, Nu: df}.Quantile(p)
}
