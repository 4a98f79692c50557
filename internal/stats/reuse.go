package stats

import "math"

// Optimism is how much too good a baseline looks that was picked as the best of k equally good candidates on the same
// rows, given the standard error of one paired difference: SE/√2·Φ⁻¹((k-3/8)/(k+1/4)), Blom's expected largest of k
// normal values (statistics.md 2.4). It is 0 for k ≤ 1.
func Optimism(se float64, k int) float64 {
	if k <= 1 || !(se > 0) {
		return 0
	}
	return se / math.Sqrt2 * normalQuantile((float64(k)-0.375)/(float64(k)+0.25))
}

// Precision is a demand on an experiment: a two-sided level such as 0.95, and the power to reach.
type Precision struct{ Level, Power float64 }

// Errors is how many standard errors a difference must measure to be seen with this power: z(1-α/2) + z(power).
func (p Precision) Errors() float64 { return normalQuantile(0.5+p.Level/2) + normalQuantile(p.Power) }

func (p Precision) factor() float64 { return p.Errors() * p.Errors() }

// ProportionRows is the number of rows that prove two equally good classifiers to lie within the margin, when they
// disagree in being right on the share `discordant` of the rows: (z+z)²·ψ/δ² (after Connor 1987). It is 0 where no
// number is enough, at most MaxRowsNeeded.
func ProportionRows(discordant, margin float64, p Precision) int {
	return rowsFor(p.factor()*discordant, margin)
}

// MeanRows is the same for a mean whose paired differences have the standard deviation sd.
func MeanRows(sd, margin float64, p Precision) int {
	return rowsFor(p.factor()*sd*sd, margin)
}

func rowsFor(spread, margin float64) int {
	if !(margin > 0) || !(spread >= 0) || math.IsInf(spread, 0) {
		return 0
	}
	return int(min(max(math.Ceil(spread/margin/margin), 1), MaxRowsNeeded))
}
