package stats

import "math"

// PairedMean judges a difference whose rows contribute independently: Delta ± t(n-1)·sd(phi)/√n.
//
// phi holds one influence value per row, candidate minus baseline, signed so that positive is better; it need not be
// centred. delta is the difference itself: the mean of phi for a mean-type metric, and computed by the metric for the
// others (statistics.md 1.1; Hampel 1974 for influence values).
func PairedMean(phi []float64, delta, level float64) Result {
	r := Result{
		Delta: delta, Level: level, Rows: len(phi), DF: float64(len(phi) - 1), Effective: float64(len(phi)),
		Method: "paired t", Assumption: "rows are independent",
	}
	if len(phi) < 2 {
		return tooSmall(r, FlagTooSmall)
	}
	m := momentsOf(phi)
	if !m.allFinite {
		return tooSmall(r, FlagNotFinite)
	}
	r.SE = math.Sqrt(m.varianceOfMean)
	return symmetric(r, m.largest)
}

// PairedWeighted is PairedMean for rows that count by weight. phi holds plain, unweighted contributions: the
// difference is Σwφ/Σw, its variance Σw²(φ-φ̄)²/(Σw)² · m/(m-1), with m = (Σw)²/Σw² effective rows and m-1 degrees of
// freedom. Equal weights give PairedMean.
func PairedWeighted(phi, weights []float64, delta, level float64) Result {
	r := Result{
		Delta: delta, Level: level, Rows: len(phi), Flags: []string{FlagWeighted},
		Method: "paired t, weighted", Assumption: "rows are independent; weights are fixed",
	}
	if len(weights) != len(phi) {
		return tooSmall(r, FlagNotFinite)
	}
	var total, squares, weighted sum
	largest := 0.0
	for i, w := range weights {
		if w < 0 || math.IsNaN(w) || math.IsInf(w, 0) {
			return tooSmall(r, FlagNotFinite)
		}
		total.add(w)
		squares.add(w * w)
		if w > 0 {
			weighted.add(w * phi[i])
			largest = max(largest, math.Abs(phi[i]))
		}
	}
	if total.value() == 0 {
		return tooSmall(r, FlagTooSmall)
	}
	r.Effective = total.value() * total.value() / squares.value()
	r.DF = r.Effective - 1
	if r.Effective < 2 {
		return tooSmall(r, FlagTooSmall)
	}
	mean := weighted.value() / total.value()
	var spread sum
	for i, w := range weights {
		if w > 0 {
			d := w * (phi[i] - mean)
			spread.add(d * d)
		}
	}
	r.SE = math.Sqrt(spread.value()*r.Effective/(r.Effective-1)) / total.value()
	return symmetric(r, largest)
}

// PairedClustered judges a difference whose rows belong together: users, patients, queries, series. It sums the
// centred influence values within each cluster, SE² = G/(G-1)·ΣS²/n², with G-1 degrees of freedom (statistics.md 1.1;
// Cameron, Gelbach and Miller 2008). cluster holds a small non-negative number per row.
//
// Weighted rows come in as phi·n·w/Σw.
func PairedClustered(phi []float64, cluster []int, delta, level float64) Result {
	r := Result{
		Delta: delta, Level: level, Rows: len(phi), Flags: []string{FlagClustered},
		Method: "paired t, clustered", Assumption: "clusters are independent",
	}
	sums, sizes, ok := ClusterSums(phi, cluster)
	if !ok {
		return tooSmall(r, FlagNotFinite)
	}
	r.Clusters = len(sums)
	r.DF = float64(len(sums) - 1)
	r.Effective = EffectiveSize(sizes)
	if len(sums) < 2 {
		return tooSmall(r, FlagTooSmall)
	}
	if r.Effective < 10 {
		r.Flags = append(r.Flags, FlagFewClusters)
	}
	var squares sum
	largest := 0.0
	for g, s := range sums {
		squares.add(s * s)
		largest = max(largest, math.Abs(s)/sizes[g])
	}
	for _, v := range phi {
		largest = max(largest, math.Abs(v))
	}
	n, g := float64(len(phi)), float64(len(sums))
	r.SE = math.Sqrt(g/(g-1)*squares.value()) / n
	return symmetric(r, largest)
}

// JackknifeClusters is the standard error that leaving out one cluster after the other gives: every sum S counts as
// S/(1-n_g/n), SE² = (G-1)/G·Σ/n² (MacKinnon, Nielsen and Webb 2023). For clusters of equal size it is that of
// PairedClustered; where some hold much of the rows it is larger, and nearer to the truth. NaN where there are under two.
func JackknifeClusters(phi []float64, cluster []int) float64 {
	sums, sizes, ok := ClusterSums(phi, cluster)
	if !ok || len(sums) < 2 {
		return math.NaN()
	}
	n, g := float64(len(phi)), float64(len(sums))
	var squares sum
	for k, s := range sums {
		s /= 1 - sizes[k]/n
		squares.add(s * s)
	}
	return math.Sqrt((g-1)/g*squares.value()) / n
}

// ClusterSums centres phi and sums it within each cluster, in order of first appearance; sizes are the clusters' rows.
// ok is false when the lengths differ, a cluster number is negative or a value is not finite.
func ClusterSums(phi []float64, cluster []int) (sums, sizes []float64, ok bool) {
	if len(phi) != len(cluster) || len(phi) == 0 {
		return nil, nil, false
	}
	m := momentsOf(phi)
	if !m.allFinite {
		return nil, nil, false
	}
	place := make(map[int]int)
	var totals []sum
	for i, c := range cluster {
		if c < 0 {
			return nil, nil, false
		}
		g, seen := place[c]
		if !seen {
			g = len(totals)
			place[c] = g
			totals = append(totals, sum{})
			sizes = append(sizes, 0)
		}
		totals[g].add(phi[i] - m.mean)
		sizes[g]++
	}
	sums = make([]float64, len(totals))
	for g := range totals {
		sums[g] = totals[g].value()
	}
	return sums, sizes, true
}

// EffectiveSize is Kish's (Σw)²/Σw²: how many parts of equal weight carry as much information as these.
func EffectiveSize(weights []float64) float64 {
	var total, squares sum
	for _, w := range weights {
		total.add(w)
		squares.add(w * w)
	}
	if squares.value() == 0 {
		return 0
	}
	return total.value() * total.value() / squares.value()
}
