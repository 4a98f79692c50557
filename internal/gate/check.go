package gate

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/weighlock/weighlock/internal/metric"
)

// CheckRule says in one sentence what is wrong with a rule for this task, or returns nil.
func CheckRule(task metric.Task, r Rule) error {
	m, err := lookup(task, r.Metric)
	if err != nil {
		return err
	}
	if err := checkParams(r); err != nil {
		return err
	}
	if r.Margin == nil && r.Min == nil && r.Max == nil {
		return fmt.Errorf("rule for %s judges nothing: give margin, min or max", m.Name)
	}
	if err := checkBounds(m, r.Min, r.Max); err != nil {
		return err
	}
	return checkMargin(m, r.Margin)
}

// CheckSliceRule says in one sentence what is wrong with a slice rule for this task, or returns nil.
func CheckSliceRule(task metric.Task, r SliceRule) error {
	switch {
	case r.By == "":
		return errors.New("slice rule names no column in by")
	case len(r.Metrics) == 0:
		return fmt.Errorf("slice rule by %q names no metric: choices are %s", r.By, strings.Join(metric.Names(task), ", "))
	case r.MinRows < 0:
		return fmt.Errorf("slice rule by %q wants %d rows: min_rows is at least 1", r.By, r.MinRows)
	}
	for _, rule := range r.rules() {
		if err := CheckRule(task, rule); err != nil {
			return fmt.Errorf("slice rule by %q: %w", r.By, err)
		}
	}
	return nil
}

// CheckPolicy says in one sentence the first thing that is wrong with a policy for this task, or returns nil. A policy
// without rules is wrong: it would let everything through.
func CheckPolicy(task metric.Task, p Policy) error {
	p = p.withDefaults()
	switch {
	case len(p.Rules) == 0 && len(p.Slices) == 0 && !p.JudgesFairness():
		return errors.New("the policy has no rule, so nothing would be judged")
	case !slices.Contains(Modes(), p.Mode):
		return fmt.Errorf("unknown mode %.40q: choices are lenient, balanced, strict", p.Mode)
	case !slices.Contains([]string{InconclusivePass, InconclusiveWarn, InconclusiveBlock}, p.Inconclusive):
		return fmt.Errorf("unknown answer %.40q to inconclusive: choices are pass, warn, block", p.Inconclusive)
	case !(p.Confidence >= 0.5 && p.Confidence < 1):
		return fmt.Errorf("confidence %v is outside [0.5, 1)", p.Confidence)
	}
	for _, r := range p.Rules {
		if err := CheckRule(task, r); err != nil {
			return err
		}
	}
	for _, r := range p.Slices {
		if err := CheckSliceRule(task, r); err != nil {
			return err
		}
	}
	for _, r := range p.Fairness {
		if err := CheckFairnessRule(task, r); err != nil {
			return err
		}
	}
	return nil
}

// JudgesFairness reports whether a fairness rule has a margin or a ceiling; the others only show.
func (p Policy) JudgesFairness() bool {
	return slices.ContainsFunc(p.Fairness, func(r FairnessRule) bool { return r.Margin != nil || len(r.Ceilings) > 0 })
}

func (p Policy) withDefaults() Policy {
	if p.Mode == "" {
		p.Mode = Balanced
	}
	if p.Confidence == 0 {
		p.Confidence = 0.95
	}
	if p.Inconclusive == "" {
		p.Inconclusive = InconclusiveWarn
	}
	return p
}

// rules are those that a slice rule stands for, on each level.
func (r SliceRule) rules() []Rule {
	out := make([]Rule, len(r.Metrics))
	for i, name := range r.Metrics {
		out[i] = Rule{Metric: name, Margin: r.Margin, Min: r.Min, Max: r.Max}
	}
	return out
}

func lookup(task metric.Task, name string) (metric.Metric, error) {
	m, ok := metric.Lookup(name)
	switch {
	case !ok:
		return m, fmt.Errorf("unknown metric %.40q: choices are %s", name, strings.Join(metric.Names(task), ", "))
	case !m.For(task):
		return m, fmt.Errorf("metric %s does not judge a %s task: choices are %s", name, task, strings.Join(metric.Names(task), ", "))
	}
	return m, nil
}

func checkParams(r Rule) error {
	q, k := r.Params.Quantile, r.Params.K
	switch {
	case q != 0 && r.Metric != "pinball":
		return fmt.Errorf("metric %s has no quantile", r.Metric)
	case q != 0 && !(q > 0 && q < 1):
		return fmt.Errorf("quantile %v is outside (0, 1)", q)
	case k != 0 && r.Metric != "top_k":
		return fmt.Errorf("metric %s has no k", r.Metric)
	case k < 0:
		return fmt.Errorf("k is %d, want at least 1", k)
	}
	return nil
}

func checkBounds(m metric.Metric, low, high *float64) error {
	for _, b := range []struct {
		name  string
		value *float64
	}{{"min", low}, {"max", high}} {
		if b.value != nil && (math.IsNaN(*b.value) || math.IsInf(*b.value, 0)) {
			return fmt.Errorf("%s of %s is not a finite number", b.name, m.Name)
		}
	}
	switch {
	case low != nil && high != nil && *low > *high:
		return fmt.Errorf("min %v of %s is above its max %v", *low, m.Name, *high)
	case low != nil && *low > m.High:
		return fmt.Errorf("min %v of %s can never be reached: its largest value is %v", *low, m.Name, m.High)
	case high != nil && *high < m.Low:
		return fmt.Errorf("max %v of %s can never be kept: its smallest value is %v", *high, m.Name, m.Low)
	}
	return nil
}

func checkMargin(m metric.Metric, margin *Margin) error {
	if margin == nil {
		return nil
	}
	if !judgeable(m) {
		return fmt.Errorf("metric %s has no interval here, so a margin on it cannot be judged: give min or max", m.Name)
	}
	if !(margin.Value >= 0) || math.IsInf(margin.Value, 0) {
		return fmt.Errorf("margin %v of %s is not a number of at least 0", margin.Value, m.Name)
	}
	if margin.Relative && margin.Value >= 1 {
		return fmt.Errorf("margin %v %% of %s would tolerate anything: want less than 100 %%", 100*margin.Value, m.Name)
	}
	return nil
}
