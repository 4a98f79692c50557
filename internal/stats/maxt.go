package stats

import (
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/mat"
)

// MaxT adjusts one-sided p-values of several metrics for being looked at together: step-down max-T over the joint
// normal distribution whose correlation is that of phi's columns (Westfall and Young 1993; statistics.md 2.3). It is
// as safe as Holm and stronger the more the metrics move together.
//
// phi[k] holds the influence values behind pWorse[k], all over the same rows (cluster sums when clustered); a vector
// without spread counts as independent of the others. The same seed gives the same answer on any machine and any
// number of workers. An adjusted value is never below the raw one and never above Holm's. ok is false when the
// correlation cannot be had; the values are then Holm's.
func MaxT(pWorse []float64, phi [][]float64, seed uint64, draws int) (adjusted []float64, ok bool) {
	holm := Holm(pWorse)
	if len(pWorse) < 2 {
		return holm, true
	}
	correlation, ok := correlations(phi)
	if !ok || len(phi) != len(pWorse) || draws < 1 {
		return holm, false
	}
	factor, ok := squareRoot(correlation)
	if !ok {
		return holm, false
	}
	order, p := ranked(pWorse)
	z := make([]float64, len(p))
	for place, k := range order {
		z[place] = -normalQuantile(p[k])
	}
	exceed := exceedances(factor, order, z, rand.NewPCG(seed, 0x6d617874), draws)
	running := 0.0
	for place, k := range order {
		share := float64(exceed[place]) / float64(draws)
		running = max(running, min(max(share, p[k]), holm[k]))
		p[k] = running
	}
	return p, true
}

// exceedances counts, for each place of the order, the draws in which the largest of the hypotheses from that place on
// reaches z at that place.
func exceedances(factor [][]float64, order []int, z []float64, source rand.Source, draws int) []int {
	random := rand.New(source)
	normal := make([]float64, len(order))
	counts := make([]int, len(order))
	for range draws {
		for k := range normal {
			normal[k] = random.NormFloat64()
		}
		largest := math.Inf(-1)
		for place := len(order) - 1; place >= 0; place-- {
			x := 0.0
			for j, f := range factor[order[place]] {
				x += float64(f * normal[j])
			}
			largest = max(largest, x)
			if largest >= z[place] {
				counts[place]++
			}
		}
	}
	return counts
}

// correlations is the correlation matrix of the columns, with 0 beside a column that has no spread.
func correlations(columns [][]float64) ([][]float64, bool) {
	centred := make([][]float64, len(columns))
	norms := make([]float64, len(columns))
	for k, x := range columns {
		if len(x) != len(columns[0]) || len(x) < 2 {
			return nil, false
		}
		m := momentsOf(x)
		if !m.allFinite {
			return nil, false
		}
		norms[k] = math.Sqrt(m.m2)
		if norms[k] <= 1e-14*m.largest*math.Sqrt(float64(len(x))) {
			norms[k] = 0
		}
		centred[k] = make([]float64, len(x))
		for i, v := range x {
			centred[k][i] = v - m.mean
		}
	}
	r := make([][]float64, len(columns))
	for i := range r {
		r[i] = make([]float64, len(columns))
		r[i][i] = 1
		for j := range i {
			if norms[i] > 0 && norms[j] > 0 {
				c := dot(centred[i], centred[j]) / norms[i] / norms[j]
				r[i][j] = max(-1, min(1, c))
				r[j][i] = r[i][j]
			}
		}
	}
	return r, true
}

// dot sums in four interleaved lanes: as exact as pairwise halves for our lengths, and four times as fast.
func dot(a, b []float64) float64 {
	var s0, s1, s2, s3 float64
	i := 0
	for ; i+4 <= len(a); i += 4 {
		s0 += float64(a[i] * b[i])
		s1 += float64(a[i+1] * b[i+1])
		s2 += float64(a[i+2] * b[i+2])
		s3 += float64(a[i+3] * b[i+3])
	}
	for ; i < len(a); i++ {
		s0 += float64(a[i] * b[i])
	}
	return (s0 + s1) + (s2 + s3)
}

// squareRoot returns rows f with f·fᵀ equal to the correlation matrix: Cholesky's factor, which allows metrics that
// repeat each other, or, where rounding made the matrix indefinite, the factor of its nearest neighbour with the
// negative eigenvalues cut off and the diagonal put back to one.
func squareRoot(r [][]float64) ([][]float64, bool) {
	if f, ok := semiCholesky(r); ok {
		return f, true
	}
	n := len(r)
	symmetric := mat.NewSymDense(n, nil)
	for i := range n {
		for j := i; j < n; j++ {
			symmetric.SetSym(i, j, r[i][j])
		}
	}
	var eigen mat.EigenSym
	if !eigen.Factorize(symmetric, true) {
		return nil, false
	}
	var vectors mat.Dense
	eigen.VectorsTo(&vectors)
	values := eigen.Values(nil)
	f := make([][]float64, n)
	for i := range f {
		f[i] = make([]float64, n)
		norm := 0.0
		for j, v := range values {
			f[i][j] = vectors.At(i, j) * math.Sqrt(max(v, 0))
			norm += f[i][j] * f[i][j]
		}
		if !(norm > 0) {
			return nil, false
		}
		for j := range f[i] {
			f[i][j] /= math.Sqrt(norm)
		}
	}
	return f, true
}

// semiCholesky factors a positive semi-definite matrix; a row that depends on earlier ones gets a zero on its
// diagonal. ok is false where the matrix is not reproduced within 1e-8.
func semiCholesky(r [][]float64) ([][]float64, bool) {
	n := len(r)
	f := make([][]float64, n)
	for i := range n {
		f[i] = make([]float64, n)
		for j := range i + 1 {
			rest := r[i][j]
			for k := range j {
				rest -= float64(f[i][k] * f[j][k])
			}
			switch {
			case i == j && rest < -1e-8:
				return nil, false
			case i == j && rest > 1e-10:
				f[i][i] = math.Sqrt(rest)
			case i != j && f[j][j] > 0:
				f[i][j] = rest / f[j][j]
			case i != j && math.Abs(rest) > 1e-8:
				return nil, false
			}
		}
	}
	return f, true
}
