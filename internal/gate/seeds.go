package gate

import (
	"math"

	"github.com/weighlock/weighlock/internal/metric"
)

// Spreads is what training with other seeds did to every rule of the policy: the standard deviation of its metric over
// trainings that differ in nothing else, by RuleResult.Name. Rules whose metric is undefined for one of them are left
// out. At least two trainings are needed; with fewer it is empty.
func Spreads(in Input, trainings []metric.Predictions) map[string]SeedSpread {
	spreads := map[string]SeedSpread{}
	if len(trainings) < 2 {
		return spreads
	}
	values := map[string][]float64{}
	for _, p := range trainings {
		for name, v := range valuesOf(in, p) {
			values[name] = append(values[name], v)
		}
	}
	for name, v := range values {
		if len(v) < len(trainings) {
			continue
		}
		// Around the first value, so that equal ones have no spread at all.
		mean, squares := 0.0, 0.0
		for _, x := range v {
			mean += (x - v[0]) / float64(len(v))
		}
		for _, x := range v {
			squares += float64((x - v[0] - mean) * (x - v[0] - mean))
		}
		spreads[name] = SeedSpread{SD: math.Sqrt(squares / float64(len(v)-1)), Trained: len(v)}
	}
	return spreads
}

// valuesOf computes the metric of every rule for one model, by the rule's name.
func valuesOf(in Input, p metric.Predictions) map[string]float64 {
	one := in
	one.Candidate, one.Baseline, one.Anchor = p, nil, nil
	values := map[string]float64{}
	policy := in.Policy.withDefaults().withFairness()
	parts, _ := judgeSlices(one, policy)
	for _, j := range append(judgeRules(overall(one), policy), parts...) {
		if v := j.result.Candidate; v != nil {
			values[j.result.Name()] = *v
		}
	}
	return values
}

// MeanValue is the mean of a rule's metric over several models, by the rule's name; NaN where one has none.
func MeanValue(in Input, name string, models []metric.Predictions) float64 {
	total := 0.0
	for _, p := range models {
		v, ok := valuesOf(in, p)[name]
		if !ok {
			return math.NaN()
		}
		total += v
	}
	return total / float64(len(models))
}

// SelfTest is what the gate makes of a model that did not change, trained again.
type SelfTest struct {
	// Pairs is how many comparisons of two trainings were judged, Blocked and Undecided what became of them.
	Pairs, Blocked, Undecided int
}

// TestItself judges every training against every other one, with the seeds' spread of in or without it.
func TestItself(in Input, trainings []metric.Predictions) (SelfTest, error) {
	var t SelfTest
	in.Anchor, in.Judged, in.KnownLevels = nil, 0, nil
	for i, candidate := range trainings {
		for k := range trainings {
			if i == k {
				continue
			}
			in.Candidate, in.Baseline = candidate, &trainings[k]
			r, err := Decide(in)
			if err != nil {
				return t, err
			}
			t.Pairs++
			if r.Decision == Blocked {
				t.Blocked++
			}
			if r.Decision == Undecided {
				t.Undecided++
			}
		}
	}
	return t, nil
}
