package pipeline

import (
	"fmt"
	"math"
	"strings"

	"github.com/weighlock/weighlock/internal/config"
	"github.com/weighlock/weighlock/internal/evaluation"
	"github.com/weighlock/weighlock/internal/gate"
	"github.com/weighlock/weighlock/internal/metric"
	"github.com/weighlock/weighlock/internal/report"
)

// repeats are the rules whose metric a second training with the same seed changed, in the order of the policy. A metric
// that is undefined for one of the two is none of them; the gate says so anyway.
func (c *contender) repeats(p gate.Policy, rows evaluation.Rows) []report.Repeat {
	if c.again == nil || c.digest == digestOf(*c.again) {
		return nil
	}
	var out []report.Repeat
	compare := func(r gate.RuleResult, pick []int) {
		m, ok := metric.Lookup(r.Metric)
		if !ok {
			return
		}
		truth, first, second := rows.Truth, c.predictions, *c.again
		if pick != nil {
			truth = evaluation.PickTruth(truth, pick)
			first, second = evaluation.PickPredictions(first, pick), evaluation.PickPredictions(second, pick)
		}
		a, b := m.Value(truth, first, r.Params), m.Value(truth, second, r.Params)
		if a.Defined() && b.Defined() && a.Value != b.Value {
			out = append(out, report.Repeat{Rule: r.Name(), First: a.Value, Second: b.Value})
		}
	}
	for _, rule := range p.Rules {
		compare(gate.RuleResult{Metric: rule.Metric, Params: rule.Params}, nil)
	}
	for _, rule := range p.Slices {
		levels, err := rows.Levels(rule.By)
		if err != nil {
			continue // the gate refuses the policy
		}
		for _, level := range levels {
			for _, name := range rule.Metrics {
				compare(gate.RuleResult{Metric: name, Slice: rule.By + "=" + level.Name}, level.Rows)
			}
		}
	}
	return out
}

// spread is what the gate makes of them: the standard deviation of two values is their distance by the root of two.
func (c *contender) spread(p gate.Policy, rows evaluation.Rows) map[string]gate.SeedSpread {
	var spread map[string]gate.SeedSpread
	for _, r := range c.repeats(p, rows) {
		if spread == nil {
			spread = map[string]gate.SeedSpread{}
		}
		spread[r.Rule] = gate.SeedSpread{SD: math.Abs(r.First-r.Second) / math.Sqrt2, Trained: 2}
	}
	return spread
}

// describeTraining says how the candidate was made, whether the same seed makes the same, and what is opaque about it.
func describeTraining(in *report.Inputs, law *law, weighed outcome) {
	c, t := weighed.candidate, law.effective.Train
	if c == nil {
		return
	}
	switch {
	case t.Estimator != "":
		in.Training.How = "estimator " + t.Estimator
	case t.Command != nil:
		in.Training.How = strings.Join(t.Command, " ")
	default:
		in.Training.How = "predictions of " + t.Predictions
	}
	if t.Command != nil && t.Sandbox == config.SandboxOff {
		in.Warnings = append(in.Warnings, "training ran without a sandbox, as the base policy says: it could have read labels and tokens")
	}
	if t.Command != nil && t.Network {
		in.Warnings = append(in.Warnings, "training had the network, as the base policy says: it could have sent what it read anywhere")
	}
	if in.Training.Repeats = c.repeats(law.effective.Policy, weighed.rows.evaluation); len(in.Training.Repeats) > 0 {
		r := in.Training.Repeats[0]
		in.Warnings = append(in.Warnings, fmt.Sprintf("training a second time with the same seed changed %d rules, such as %s from %s to %s: the intervals include that",
			len(in.Training.Repeats), r.Rule, plain(r.First), plain(r.Second)))
	}
	if c.opaque != nil {
		in.Warnings = append(in.Warnings, "the model is "+c.opaque.Kind()+": Weighlock does not open its files, which may hold code; only its own commands read them, in a sandbox")
	}
	trainedHere := law.repo != nil
	if trainedHere && t.Command != nil && c.model == nil && (c.opaque == nil || t.Predict == nil) {
		in.Warnings = append(in.Warnings, "the model cannot be scored again, so it gets no image: name a train.predict command")
	}
}

func plain(x float64) string { return fmt.Sprintf("%.6g", x) }
