package dataset

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/mathext"
)

const (
	minDrift     = 0.1  // of the Kolmogorov-Smirnov statistic, or of the Jensen-Shannon distance in bits
	maxDriftQ    = 0.05 // after Benjamini and Hochberg
	maxDriftRows = 100_000
	maxLeak      = 0.99
	minLeakRows  = 30
)

// A shift is how far a column's distribution differs between two tables, and how surprising that is.
type shift struct {
	column  string
	measure string
	size, p float64
}

// drift compares training and evaluation rows column by column. With many rows every difference is significant and with
// few every one is large, so it warns only of what is both.
func (c *checker) drift() {
	var shifts []shift
	for _, a := range c.Train.Columns {
		b, ok := c.Evaluate.Column(a.Name)
		if !ok || a.Kind != b.Kind || a.Name == c.ID || a.Name == c.Group || a.Name == c.Time {
			continue
		}
		if a.Kind == Number || a.Kind == Date {
			shifts = append(shifts, numberShift(a, b))
		} else if s, ok := categoryShift(a, b); ok {
			shifts = append(shifts, s)
		}
	}
	q := benjaminiHochberg(shifts)
	for i, s := range shifts {
		if s.size >= minDrift && q[i] < maxDriftQ {
			name := "drift"
			if s.column == c.Target {
				name = "target-drift"
			}
			c.add(Check{
				Name: name, Severity: Warn, Column: s.column,
				Message: fmt.Sprintf("column %s is distributed otherwise in the evaluation rows than in the training rows: %s %.3f, q %.2g", clip(s.column), s.measure, s.size, q[i]),
			})
		}
	}
}

// present values, sorted; of very many, every n-th
func presentValues(c *Column) []float64 {
	step := max(1, c.Len()/maxDriftRows)
	var out []float64
	for i := 0; i < c.Len(); i += step {
		if !c.Missing(i) {
			out = append(out, c.Floats[i])
		}
	}
	slices.Sort(out)
	return out
}

// numberShift is the two-sample Kolmogorov-Smirnov test with its asymptotic p-value (Stephens 1970: the effective size
// n enters as sqrt(n) + 0.12 + 0.11/sqrt(n)).
func numberShift(a, b *Column) shift {
	x, y := presentValues(a), presentValues(b)
	s := shift{column: a.Name, measure: "Kolmogorov-Smirnov D", p: 1}
	if len(x) == 0 || len(y) == 0 {
		return s
	}
	for i, j := 0, 0; i < len(x) && j < len(y); {
		v := min(x[i], y[j])
		for i < len(x) && x[i] == v {
			i++
		}
		for j < len(y) && y[j] == v {
			j++
		}
		s.size = max(s.size, math.Abs(float64(i)/float64(len(x))-float64(j)/float64(len(y))))
	}
	n := math.Sqrt(float64(len(x)) * float64(len(y)) / float64(len(x)+len(y)))
	s.p = kolmogorov((n + 0.12 + 0.11/n) * s.size)
	return s
}

// kolmogorov is the upper tail of the limiting distribution: 2 * sum of (-1)^(k-1) exp(-2 k^2 x^2).
func kolmogorov(x float64) float64 {
	if x < 0.2 {
		return 1
	}
	sum, sign := 0.0, 1.0
	for k := 1.0; k <= 100; k++ {
		term := math.Exp(-2 * k * k * x * x)
		sum += sign * term
		if term < 1e-17 {
			break
		}
		sign = -sign
	}
	return min(1, max(0, 2*sum))
}

// categoryShift is the Jensen-Shannon distance (the root of the divergence in bits) and Pearson's chi-squared test of
// homogeneity. Missing is a category too; a column with more texts than a tenth of its rows is not judged.
func categoryShift(a, b *Column) (shift, bool) {
	counts := make(map[string][2]float64)
	for side, c := range []*Column{a, b} {
		for i := range c.Len() {
			n := counts[c.Text(i)]
			n[side]++
			counts[c.Text(i)] = n
		}
	}
	na, nb := float64(a.Len()), float64(b.Len())
	if len(counts) < 2 || float64(len(counts)) > (na+nb)/10 || na == 0 || nb == 0 {
		return shift{}, false
	}
	divergence, chi2 := 0.0, 0.0
	for _, k := range sortedKeys(counts) {
		n := counts[k]
		p, q := n[0]/na, n[1]/nb
		mean := (p + q) / 2
		for _, v := range []float64{p, q} {
			if v > 0 {
				divergence += v / 2 * math.Log2(v/mean)
			}
		}
		pooled := (n[0] + n[1]) / (na + nb)
		chi2 += (n[0]-na*pooled)*(n[0]-na*pooled)/(na*pooled) + (n[1]-nb*pooled)*(n[1]-nb*pooled)/(nb*pooled)
	}
	p := mathext.GammaIncRegComp(float64(len(counts)-1)/2, chi2/2) // the chi-squared distribution beyond chi2
	return shift{column: a.Name, measure: "Jensen-Shannon distance", size: math.Sqrt(max(0, divergence)), p: p}, true
}

// benjaminiHochberg adjusts the p-values of all columns together (1995, step-up).
func benjaminiHochberg(s []shift) []float64 {
	order, q := make([]int, len(s)), make([]float64, len(s))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(s[b].p, s[a].p) })
	least := 1.0
	for rank, i := range order {
		least = min(least, s[i].p*float64(len(s))/float64(len(s)-rank))
		q[i] = least
	}
	return q
}

// leaks warns of a feature that alone tells the target.
func (c *checker) leaks() {
	y, ok := c.Train.Column(c.Target)
	if !ok || y.Len() < minLeakRows || constant(y) {
		return
	}
	for _, f := range c.features() {
		var measure string
		var size float64
		switch {
		case y.Kind == Number && f.Kind == Category:
			measure, size = "explains a share of the target of", explained(f, y)
		case y.Kind == Number:
			measure, size = "has with the target an R2 of", correlation2(f, y)
		case f.Kind == Category:
			measure, size = "tells the class in a share of rows of", purity(f, y)
		default:
			measure, size = "separates the classes with an AUC of", separation(f, y)
		}
		if size > maxLeak {
			c.add(Check{
				Name: CheckTargetLeak, Severity: Warn, Column: f.Name,
				Message: fmt.Sprintf("column %s %s %.4f: does it know the answer?", clip(f.Name), measure, size),
			})
		}
	}
}

func correlation2(f, y *Column) float64 {
	var n, mx, my, sxx, syy, sxy float64
	for i := range f.Len() {
		if f.Missing(i) || y.Missing(i) {
			continue
		}
		n++
		dx, dy := f.Floats[i]-mx, y.Floats[i]-my
		mx, my = mx+dx/n, my+dy/n
		sxx, syy, sxy = sxx+dx*(f.Floats[i]-mx), syy+dy*(y.Floats[i]-my), sxy+dx*(y.Floats[i]-my)
	}
	if n < minLeakRows || sxx <= 0 || syy <= 0 {
		return 0
	}
	return sxy / sxx * sxy / syy
}

// fewLevels keeps texts that are nearly unique, which tell everything by chance, out of the search for leaks.
func fewLevels(f *Column) bool { return len(f.Levels) > 1 && len(f.Levels)*10 <= f.Len() }

// explained is eta squared: the share of the target's variance between the texts of f.
func explained(f, y *Column) float64 {
	if !fewLevels(f) {
		return 0
	}
	n, sum := make([]float64, len(f.Levels)+1), make([]float64, len(f.Levels)+1)
	var all, mean, total float64
	for i := range f.Len() {
		if y.Missing(i) {
			continue
		}
		all++
		d := y.Floats[i] - mean
		mean += d / all
		total += d * (y.Floats[i] - mean)
		n[f.Codes[i]+1]++
	}
	for i := range f.Len() {
		if !y.Missing(i) {
			sum[f.Codes[i]+1] += y.Floats[i] - mean
		}
	}
	between := 0.0
	for i := range n {
		if n[i] > 0 {
			between += sum[i] * sum[i] / n[i]
		}
	}
	if total <= 0 {
		return 0
	}
	return between / total
}

// purity is the accuracy of guessing each text's most frequent class, 0 when one class alone is nearly as frequent.
func purity(f, y *Column) float64 {
	if !fewLevels(f) {
		return 0
	}
	counts, classes := make(map[[2]string]int), make(map[string]int)
	rows := 0
	for i := range f.Len() {
		if !y.Missing(i) {
			counts[[2]string{f.Text(i), y.Text(i)}]++
			classes[y.Text(i)]++
			rows++
		}
	}
	best := make(map[string]int)
	for k, n := range counts {
		best[k[0]] = max(best[k[0]], n)
	}
	right, common := 0, 0
	for _, n := range best {
		right += n
	}
	for _, n := range classes {
		common = max(common, n)
	}
	if rows == 0 || float64(common) > 0.95*float64(rows) {
		return 0
	}
	return float64(right) / float64(rows)
}

// separation is the smallest over the classes of the area under the ROC curve of f for one class against the rest, in
// whichever direction is larger; ties count half.
func separation(f, y *Column) float64 {
	var rows []int
	times := make(map[string]int)
	for i := range f.Len() {
		if !f.Missing(i) && !y.Missing(i) {
			rows = append(rows, i)
			times[y.Text(i)]++
		}
	}
	if len(rows) < minLeakRows || len(times) < 2 {
		return 0
	}
	slices.SortFunc(rows, func(a, b int) int { return cmp.Compare(f.Floats[a], f.Floats[b]) })
	ranks := make(map[string]float64)
	for i := 0; i < len(rows); {
		j := i
		for j < len(rows) && f.Floats[rows[j]] == f.Floats[rows[i]] {
			j++
		}
		for _, r := range rows[i:j] {
			ranks[y.Text(r)] += float64(i+j+1) / 2
		}
		i = j
	}
	least := 1.0
	for class, n := range times {
		in, out := float64(n), float64(len(rows)-n)
		auc := (ranks[class] - in*(in+1)/2) / (in * out)
		least = min(least, max(auc, 1-auc))
	}
	return least
}
