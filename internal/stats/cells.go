package stats

import (
	"gonum.org/v1/gonum/stat/distuv"
)

// Cells resamples a metric that depends on labels only: the joint counts of (truth, baseline's label, candidate's
// label) say all, whatever the number of rows. Each resample is one multinomial draw, by sequential binomials.
// 10,000 resamples are drawn where o asks for no number.
//
// statistic returns the difference for the drawn counts, NaN where it is undefined; it is called from several
// goroutines at once and must not keep the counts.
func Cells(counts []int, statistic func(counts []int) float64, o Resampling) Replicates {
	if o.Resamples == 0 {
		o.Resamples = 10000
	}
	total := 0
	for _, c := range counts {
		total += c
	}
	values := make([]float64, o.Resamples)
	o.each(len(values), func() func(int) {
		drawn := make([]int, len(counts))
		return func(b int) {
			source := o.source(b)
			left, weight := total, total
			for i, c := range counts {
				switch {
				case c == 0 || left == 0:
					drawn[i] = 0
				case c == weight:
					drawn[i] = left
				default:
					p := float64(c) / float64(weight)
					drawn[i] = int(distuv.Binomial{N: float64(left), P: p, Src: source}.Rand())
				}
				left -= drawn[i]
				weight -= c
			}
			values[b] = statistic(drawn)
		}
	})
	return newReplicates(values)
}

// Percentile is the Result of a percentile interval around delta. The p-values count resamples.
func Percentile(r Replicates, delta, level float64, rows int) Result {
	out := Result{
		Delta: delta, SE: r.SE(), DF: float64(rows - 1), Level: level, Rows: rows, Effective: float64(rows),
		Method: "percentile bootstrap", Assumption: "rows are independent",
	}
	if len(r.Values) < 100 || r.Undefined*100 > len(r.Values) {
		return tooSmall(out, FlagTooSmall)
	}
	out.pivot = percentile{r}
	return finish(out)
}

type percentile struct{ r Replicates }

func (p percentile) below(x float64) float64 { return normalCDF(-p.r.z(x)) }
func (p percentile) above(x float64) float64 { return normalCDF(p.r.z(x)) }

func (p percentile) interval(level float64) (low, high float64) { return p.r.Interval(level) }
