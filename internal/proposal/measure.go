package proposal

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/weighlock/weighlock/internal/dataset"
	"github.com/weighlock/weighlock/internal/estimator"
	"github.com/weighlock/weighlock/internal/evaluation"
	"github.com/weighlock/weighlock/internal/gate"
	"github.com/weighlock/weighlock/internal/metric"
	"github.com/weighlock/weighlock/internal/model"
)

// mostTrainRows bounds what the models of a proposal are trained on; the evaluation rows are all used.
const mostTrainRows = 50_000

// measure fits three models and lets the gate say how small a difference the evaluation rows can show. What cannot be
// measured becomes a remark: the proposal stands without it.
func (p *Proposal) measure(ctx context.Context, s sides, workers int) error {
	err := p.compare(ctx, s, workers)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		p.Remarks = append(p.Remarks, fmt.Sprintf("how small a difference can be seen was not measured: %v", err))
	}
	for i := range p.Slices {
		p.Slices[i].Metric = p.Rules[0].Metric.Name
		p.Slices[i].Margin = p.Rules[0].Margin
		p.Slices[i].Margin.Value *= 2
	}
	return nil
}

func (p *Proposal) compare(ctx context.Context, s sides, workers int) error {
	rows, features, err := evaluation.NewRows(s.evaluate, s.evaluateKeys, evaluation.RowsOptions{
		Task: p.task(), Target: p.Target.Value, Positive: p.Positive.Value, Group: p.Group.Value,
	})
	if err != nil {
		return err
	}
	m := measurement{p: p, rows: rows, features: features, workers: workers}
	train := every(s.train, max(1, (s.train.Rows()+mostTrainRows-1)/mostTrainRows))
	if train.Rows() < s.train.Rows() {
		p.Remarks = append(p.Remarks, fmt.Sprintf("differences were measured with models of %d training rows", train.Rows()))
	}
	dummy, err := m.predict(ctx, "dummy", train)
	if err != nil {
		return err
	}
	simple, err := m.predict(ctx, p.Estimator, train)
	if err != nil {
		return err
	}
	half, err := m.predict(ctx, p.Estimator, every(train, 2))
	if err != nil {
		return err
	}
	large, err := m.judge(simple, dummy)
	if err != nil {
		return err
	}
	small, err := m.judge(half, simple)
	if err != nil {
		return err
	}
	proposed := p.Rules
	p.Rules = nil
	for i, r := range proposed {
		usual := r.Margin.Value
		r.settle(large[r.Metric.Name], small[r.Metric.Name])
		if i > 0 && r.Margin.Value > widest*usual {
			p.Remarks = append(p.Remarks, fmt.Sprintf("%s is left out: %d rows show no difference in it below %s", r.Metric.Name, p.Evaluate, r.amount(*r.Small)))
			continue
		}
		p.Rules = append(p.Rules, r)
	}
	return nil
}

// widest is how many times its usual margin a rule may have, the leading one aside: beyond that it would judge nothing.
const widest = 5

// measurement holds what its models are trained and judged on.
type measurement struct {
	p        *Proposal
	rows     evaluation.Rows
	features *dataset.Table
	workers  int
}

func (m measurement) predict(ctx context.Context, name string, train *dataset.Table) (metric.Predictions, error) {
	fitted, err := estimator.Fit(ctx, estimator.Spec{
		Name: name, Task: m.p.task(), Target: m.p.Target.Value, Exclude: m.p.excluded(), Workers: m.workers,
	}, train)
	if err != nil {
		return metric.Predictions{}, err
	}
	return m.score(fitted)
}

// score brings the model's classes into the order of the rows that judge.
func (m measurement) score(fitted *model.Model) (metric.Predictions, error) {
	p, err := fitted.Predict(m.features)
	if err != nil || p.Labels == nil || slices.Equal(p.Classes, m.rows.Truth.Classes) {
		return p, err
	}
	to, k := make([]int, len(p.Classes)), len(m.rows.Truth.Classes)
	for i, class := range p.Classes {
		if to[i] = slices.Index(m.rows.Truth.Classes, class); to[i] < 0 {
			return p, fmt.Errorf("class %.40q trains and never judges: too few rows have it", class)
		}
	}
	out := metric.Predictions{Classes: m.rows.Truth.Classes, Labels: make([]int32, len(p.Labels))}
	if p.Probabilities != nil {
		out.Probabilities = make([]float64, len(p.Labels)*k)
	}
	for row, label := range p.Labels {
		out.Labels[row] = int32(to[label])
		for i, at := range to {
			if p.Probabilities != nil {
				out.Probabilities[row*k+at] = p.Probabilities[row*len(to)+i]
			}
		}
	}
	return out, nil
}

// judge lets the gate hold two models against each other, and returns its results by metric.
func (m measurement) judge(candidate, baseline metric.Predictions) (map[string]gate.RuleResult, error) {
	policy := gate.Policy{}
	for _, r := range m.p.Rules {
		margin := r.Margin
		policy.Rules = append(policy.Rules, gate.Rule{Metric: r.Metric.Name, Margin: &margin})
	}
	result, err := gate.Decide(gate.Input{Policy: policy, Rows: m.rows, Candidate: candidate, Baseline: &baseline})
	if err != nil {
		return nil, err
	}
	out := map[string]gate.RuleResult{}
	for _, r := range result.Rules {
		out[r.Metric] = r
	}
	return out, nil
}

// settle takes over what was measured: a margin that the rows can carry, and a floor between the dummy and the simple
// model.
func (r *Rule) settle(large, small gate.RuleResult) {
	r.Dummy, r.Simple = large.Baseline, large.Candidate
	r.Small, r.Large = small.Detectable, large.Detectable
	if r.Small != nil {
		needed := *r.Small
		if r.Margin.Relative && r.Simple != nil && *r.Simple != 0 {
			needed /= math.Abs(*r.Simple)
		}
		if needed > r.Margin.Value {
			r.Margin.Value = min(roundUp(needed), 0.5)
		}
	}
	if slices.Contains(floored, r.Metric.Name) && r.Dummy != nil && r.Simple != nil && *r.Simple > *r.Dummy {
		halfway := math.Floor(50*(*r.Dummy+*r.Simple)) / 100
		r.Min = &halfway
	}
}

// roundUp keeps one significant digit.
func roundUp(x float64) float64 {
	if !(x > 0) || math.IsInf(x, 0) {
		return x
	}
	unit := math.Pow(10, math.Floor(math.Log10(x)))
	return math.Ceil(x/unit-1e-9) * unit
}

// every takes each n-th row.
func every(t *dataset.Table, n int) *dataset.Table {
	if n <= 1 {
		return t
	}
	var rows []int
	for row := 0; row < t.Rows(); row += n {
		rows = append(rows, row)
	}
	return t.Select(rows)
}
