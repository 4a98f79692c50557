package report

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/weighlock/weighlock/internal/dataset"
	"github.com/weighlock/weighlock/internal/evaluation"
	"github.com/weighlock/weighlock/internal/gate"
	"github.com/weighlock/weighlock/internal/metric"
)

// Contender is one of the two models as it scored on the evaluation rows.
type Contender struct {
	Predictions metric.Predictions
	Evaluation  evaluation.Evaluation
}

// Inputs is everything that a run learned. What an earlier step did not reach stays nil or zero.
type Inputs struct {
	Tool, Model string
	Task        metric.Task
	// Created is when the run ended, RFC 3339 in UTC, or empty.
	Created   string
	Head      Head
	Base      Base
	Data      Data
	Policy    Policy
	ModelFile ModelFile
	Training  Training
	Measured  Measured
	Checks    []dataset.Check
	Warnings  []string
	FirstRun  bool

	// Result is what the gate decided; nil when it was not reached, and then FailedAs and Failure say why.
	Result   *gate.Result
	FailedAs gate.Decision
	Failure  *Failure

	// Truth and the contenders feed plots and slices; all may be nil.
	Truth               *metric.Truth
	Candidate, Baseline *Contender
	// Explanation and Observations are a closer look; both may be nil.
	Explanation  *gate.Explanation
	Observations []gate.Observation
	// Keys are the ids of the evaluation rows in their order; Reveal says what of them may be shown, ids where empty.
	Keys   []string
	Reveal gate.Reveal
	// Judged is how many models the evaluation rows are known to have judged before.
	Judged int
}

// New is the only way to a Report of a run. It never makes a decision milder than its inputs: a blocking data check, a
// blocking rule that nobody waived for this head, or an unapproved change of the law blocks what the gate would have let
// through, a run that judged nothing is invalid, and a number that is not finite is left out.
func New(in Inputs) *Report {
	r := &Report{
		Version: Version, Tool: in.Tool, Model: in.Model, Task: in.Task, Created: in.Created, Head: in.Head, Base: in.Base,
		Data: in.Data, Policy: in.Policy, ModelFile: in.ModelFile, Training: in.Training, Measured: in.Measured, Failure: in.Failure,
		FirstRun: in.FirstRun, Reasons: []string{}, Rules: []Rule{}, Warnings: list(in.Warnings),
		Checks: list(in.Checks), Waivers: []Waiver{},
	}
	r.Policy.Changed = list(in.Policy.Changed)
	weight := map[dataset.Severity]int{dataset.Warn: 1, dataset.Info: 2}
	slices.SortStableFunc(r.Checks, func(a, b dataset.Check) int { return weight[a.Severity] - weight[b.Severity] })
	r.decide(in)
	r.ExitCode = r.Decision.ExitCode()
	r.Slices = slicesOf(in.Candidate, in.Baseline)
	r.Plots = plotsOf(in)
	r.closer(in)
	return r
}

// decide copies the gate's decision, or the failure's, and makes it stricter where the inputs ask for it.
func (r *Report) decide(in Inputs) {
	switch {
	case in.Failure != nil || in.FailedAs != "":
		r.Decision = in.FailedAs
		if r.Decision == "" || r.Decision == gate.Passed {
			r.Decision = gate.Invalid
		}
		if in.Failure != nil {
			r.Reasons = append(r.Reasons, in.Failure.Message)
		}
	case in.Result == nil:
		r.Decision, r.Reasons = gate.Invalid, append(r.Reasons, "nothing was compared")
	default:
		r.Decision = in.Result.Decision
		r.Reasons = append(r.Reasons, in.Result.Reasons...)
	}
	if in.Result != nil {
		r.Warnings = append(r.Warnings, in.Result.Warnings...)
		for _, rule := range in.Result.Rules {
			r.Rules = append(r.Rules, r.ruleOf(rule))
		}
	}
	if r.Decision != gate.Passed && r.Decision != gate.Undecided {
		return
	}
	if len(r.Policy.Changed) > 0 && len(r.Policy.ApprovedBy) == 0 {
		r.Decision = gate.Blocked
		r.Reasons = append(r.Reasons, r.unapprovedReason())
	}
	if broken := r.broken(); len(broken) > 0 && r.Decision == gate.Passed {
		r.Decision = gate.Blocked
		r.Reasons = append(r.Reasons, broken[0].name()+" blocks and is not waived for this commit")
	}
	for _, c := range r.Checks {
		if c.Severity == dataset.Block {
			r.Decision = gate.Blocked
			r.Reasons = append(r.Reasons, fmt.Sprintf("data check %s: %s", c.Name, c.Message))
		}
	}
}

// ruleOf copies a rule's result, and lists its waiver if that holds for this head.
func (r *Report) ruleOf(g gate.RuleResult) Rule {
	rule := Rule{
		Metric: g.Metric, Params: g.Params, Slice: g.Slice, Direction: g.Direction.String(), Verdict: g.Verdict,
		Baseline: finite(g.Baseline), Candidate: finite(g.Candidate), Delta: finite(g.Delta),
		DeltaRelative: finite(g.DeltaRelative), Min: finite(g.Min), Max: finite(g.Max), PAdjusted: finite(g.PAdjusted),
		Detectable: finite(g.Detectable), Rows: g.Rows, RowsNeeded: g.RowsNeeded, Method: g.Method, Flags: list(g.Flags),
		Blocks: g.Blocks, Why: g.Why, Assumption: g.Assumption, Against: g.Against, Clusters: g.Clusters, SE: finite(g.SE), Optimism: finite(g.Optimism),
	}
	if g.Interval != nil {
		rule.Interval = &Interval{Low: finite(&g.Interval.Low), High: finite(&g.Interval.High), Level: g.Interval.Level}
	}
	if g.Margin != nil {
		rule.Margin = &Margin{g.Margin.Value, g.Margin.Relative}
	}
	// A waiver of another head is somebody's word about another model, and nobody can vouch for what was not judged.
	if w := g.Waived; w != nil && w.Commit == r.reviewed() && rule.Verdict != gate.Unjudgeable {
		rule.Waived = true
		waiver := Waiver{
			Metric: g.Metric, Slice: g.Slice, By: w.By, Permission: w.Permission, Reason: w.Reason, Commit: w.Commit,
			Value: finite(w.Value),
		}
		if !w.Given.IsZero() {
			waiver.Given = w.Given.UTC().Format(time.RFC3339)
		}
		r.Waivers = append(r.Waivers, waiver)
	}
	return rule
}

// slicesOf lines up the slices of both models; those of one model alone are kept, with the other's values nil.
func slicesOf(candidate, baseline *Contender) []Slice {
	type key struct{ by, level string }
	at := map[key]int{}
	var out []Slice
	for _, side := range []struct {
		c        *Contender
		baseline bool
	}{{candidate, false}, {baseline, true}} {
		if side.c == nil {
			continue
		}
		for _, s := range side.c.Evaluation.Slices {
			i, ok := at[key{s.By, s.Level}]
			if !ok {
				i = len(out)
				at[key{s.By, s.Level}] = i
				out = append(out, Slice{By: s.By, Level: s.Level, Rows: s.Rows, Scores: []SliceScore{}})
			}
			for _, name := range slices.Sorted(maps.Keys(s.Metrics)) {
				out[i].put(name, s.Metrics[name].Value, side.baseline)
			}
		}
	}
	return out
}

func (s *Slice) put(name string, value *float64, baseline bool) {
	i := slices.IndexFunc(s.Scores, func(c SliceScore) bool { return c.Metric == name })
	if i < 0 {
		m, ok := metric.Lookup(name)
		direction := ""
		if ok {
			direction = m.Direction.String()
		}
		i = len(s.Scores)
		s.Scores = append(s.Scores, SliceScore{Metric: name, Direction: direction})
	}
	if baseline {
		s.Scores[i].Baseline = finite(value)
	} else {
		s.Scores[i].Candidate = finite(value)
	}
}

// finite copies a number that JSON can hold, and drops any other.
func finite(v *float64) *float64 {
	if v == nil || math.IsNaN(*v) || math.IsInf(*v, 0) {
		return nil
	}
	c := *v
	return &c
}

// list is a copy that encodes as [] and not as null when there is nothing in it.
func list[T any](in []T) []T { return append(make([]T, 0, len(in)), in...) }
