package estimator

import (
	"context"
	"fmt"
	"slices"

	"github.com/weighlock/weighlock/internal/model"
)

// fitDummy predicts the same of every row: what any model has to beat.
func fitDummy(_ context.Context, p *problem) (*model.Model, error) {
	strategy := p.params.text("strategy")
	classifies := p.spec.Task.Classifies()
	if strategy == "auto" {
		strategy = "mean"
		if classifies {
			strategy = "prior"
		}
		p.params["strategy"] = strategy
	}
	if forClasses := strategy == "prior" || strategy == "most_frequent"; forClasses != classifies {
		return nil, fmt.Errorf("strategy %s does not answer a %s task: choices are %s", strategy, p.spec.Task,
			map[bool]string{true: "prior, most_frequent", false: "mean, median"}[classifies])
	}
	c := model.Constant{}
	switch strategy {
	case "mean":
		c.Value = p.weightedMean()
	case "median":
		c.Value = p.weightedMedian()
	default:
		c.Probabilities = p.shares()
	}
	if strategy == "most_frequent" {
		most := 0
		for i, s := range c.Probabilities {
			if s > c.Probabilities[most] {
				most = i
			}
		}
		clear(c.Probabilities)
		c.Probabilities[most] = 1
	}
	c.Meta = p.meta()
	return model.NewConstant(c)
}

func (p *problem) weight(i int) float64 {
	if p.weights == nil {
		return 1
	}
	return p.weights[i]
}

// weightedMean sums in doubled precision; where that overflows, a running mean does not.
func (p *problem) weightedMean() float64 {
	var sum, total doubled
	for i, v := range p.y {
		sum.addProduct(v, p.weight(i))
		total.add(p.weight(i))
	}
	if m := sum.value() / total.value(); m-m == 0 {
		return m
	}
	mean, weight := 0.0, 0.0
	for i, v := range p.y {
		weight += p.weight(i)
		if weight > 0 {
			mean += float64((v/weight - mean/weight) * p.weight(i))
		}
	}
	return mean
}

// weightedMedian is the middle of the least and the largest value with half of the weight on each side.
func (p *problem) weightedMedian() float64 {
	order := make([]int, 0, len(p.y))
	total := 0.0
	for i := range p.y {
		if w := p.weight(i); w > 0 {
			order = append(order, i)
			total += w
		}
	}
	slices.SortFunc(order, func(a, b int) int {
		switch {
		case p.y[a] < p.y[b]:
			return -1
		case p.y[a] > p.y[b]:
			return 1
		}
		return a - b
	})
	below := 0.0
	for k, i := range order {
		below += p.weight(i)
		switch half := total / 2; {
		case below == half && k+1 < len(order):
			return p.y[i]/2 + p.y[order[k+1]]/2
		case below > half:
			return p.y[i]
		}
	}
	return p.y[order[len(order)-1]]
}

// shares are the weighted shares of the classes.
func (p *problem) shares() []float64 {
	out := make([]float64, len(p.classes))
	total := 0.0
	for i, c := range p.labels {
		out[c] += p.weight(i)
		total += p.weight(i)
	}
	for c := range out {
		out[c] /= total
	}
	return out
}
