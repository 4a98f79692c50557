package metric

import "math"

// Rates are what a binary classifier does to one group of rows. The tallies are weights, or counts where rows have none.
type Rates struct {
	TruePositive, FalsePositive, TrueNegative, FalseNegative float64
}

// GroupRates tallies each group's rows by true and predicted class; group holds a small number per row. It is nil where
// the task is not binary or predictions do not fit.
func GroupRates(t Truth, p Predictions, group []int32, groups int) []Rates {
	if len(t.Classes) != 2 || len(p.Labels) != len(t.Labels) || len(group) != len(t.Labels) ||
		!within(t.Labels, 2) || !within(p.Labels, 2) || !within(group, groups) {
		return nil
	}
	out := make([]Rates, groups)
	for i, g := range group {
		w := 1.0
		if t.Weights != nil {
			w = t.Weights[i]
		}
		out[g].Add(t.Labels[i] == 1, p.Labels[i] == 1, w)
	}
	return out
}

// Add counts one row.
func (r *Rates) Add(positive, picked bool, weight float64) {
	switch {
	case positive && picked:
		r.TruePositive += weight
	case picked:
		r.FalsePositive += weight
	case positive:
		r.FalseNegative += weight
	default:
		r.TrueNegative += weight
	}
}

// Selection is the share of rows predicted positive, NaN without rows.
func (r Rates) Selection() float64 {
	return (r.TruePositive + r.FalsePositive) / (r.TruePositive + r.FalsePositive + r.TrueNegative + r.FalseNegative)
}

// TPR is the share of positive rows predicted positive, NaN without positive rows.
func (r Rates) TPR() float64 { return r.TruePositive / (r.TruePositive + r.FalseNegative) }

// FPR is the share of negative rows predicted positive, NaN without negative rows.
func (r Rates) FPR() float64 { return r.FalsePositive / (r.FalsePositive + r.TrueNegative) }

// Disparity is how far groups lie apart by one or two of their rates.
type Disparity struct {
	Name, Title string
	// Ratio says that the value is the smallest rate over the largest, 1 when equal; else it is their difference, 0 when
	// equal.
	Ratio bool
	rates []func(Rates) float64
}

// Disparities are those of Fairlearn, between groups and by the worse of the rates: demographic parity looks at the
// selection rate, equalised odds at TPR and FPR.
func Disparities() []Disparity {
	parity, odds := []func(Rates) float64{Rates.Selection}, []func(Rates) float64{Rates.TPR, Rates.FPR}
	return []Disparity{
		{"demographic_parity_difference", "Demographic parity difference", false, parity},
		{"demographic_parity_ratio", "Demographic parity ratio", true, parity},
		{"equalized_odds_difference", "Equalised odds difference", false, odds},
		{"equalized_odds_ratio", "Equalised odds ratio", true, odds},
	}
}

// Of is the disparity of these groups: the largest difference or the smallest ratio of its rates. A group in which a rate
// has no value is passed over for it. NaN where fewer than two groups have one, or where no row of any group is picked
// and a ratio has no value.
func (d Disparity) Of(groups []Rates) float64 {
	worst := math.NaN()
	for _, rate := range d.rates {
		low, high, seen := math.Inf(1), math.Inf(-1), 0
		for _, g := range groups {
			if v := rate(g); !math.IsNaN(v) {
				low, high = min(low, v), max(high, v)
				seen++
			}
		}
		if seen < 2 {
			continue
		}
		switch {
		case !d.Ratio && !(worst > high-low):
			worst = high - low
		case d.Ratio && high > 0 && !(worst < low/high):
			worst = low / high
		}
	}
	return worst
}
