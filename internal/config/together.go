package config

import (
	"maps"
	"slices"
	"strings"

	"github.com/weighlock/weighlock/internal/estimator"
	"github.com/weighlock/weighlock/internal/gate"
	"github.com/weighlock/weighlock/internal/metric"
)

// together checks what single values cannot show: whether they fit each other.
func (r *reader) together(f *File) {
	mistake := func(key, format string, args ...any) {
		r.problems = append(r.problems, f.Mistake(key, format, args...)...)
	}
	trainer(f, mistake)
	rowsThatJudge(f, mistake)
	columns(f, mistake)
	if len(f.Policy.Rules)+len(f.Policy.Slices) == 0 && !f.Policy.JudgesFairness() {
		mistake("policy", "policy has no rule, so nothing would be judged: add rules: [{metric: %s, ...}]", firstMetric(f.Task))
	}
	for i, rule := range f.Policy.Rules {
		if err := gate.CheckRule(f.Task, rule); err != nil {
			mistake(item("policy.rules", i, "metric"), "%v", err)
		}
	}
	for i, rule := range f.Policy.Slices {
		if err := gate.CheckSliceRule(f.Task, rule); err != nil {
			mistake(item("policy.slices", i, "metrics"), "%v", err)
		}
	}
	for i, rule := range f.Policy.Fairness {
		if err := gate.CheckFairnessRule(f.Task, rule); err != nil {
			mistake(item("policy.fairness", i, "by"), "%v", err)
		}
	}
	repeated(f, mistake)
	if len(f.Policy.Waivers.Allow) == 0 && f.Policy.Waivers.Author {
		mistake("policy.waivers", "waivers.author allows the author to waive, but waivers.allow names nobody")
	}
}

// mistaken reports a mistake at a key.
type mistaken func(key, format string, args ...any)

// trainer checks that there is one way to train, and that it is complete.
func trainer(f *File, mistake mistaken) {
	t := f.Train
	var ways []string
	for _, way := range []struct {
		name string
		set  bool
	}{{"estimator", t.Estimator != ""}, {"command", t.Command != nil}, {"predictions", t.Predictions != ""}} {
		if way.set {
			ways = append(ways, way.name)
		}
	}
	switch len(ways) {
	case 0:
		mistake("train", "train says nothing of how: give estimator, command or predictions")
		return
	case 1:
	default:
		mistake("train", "train has %s, want one of them", strings.Join(ways, " and "))
		return
	}
	for _, only := range []struct {
		name string
		set  bool
	}{{"setup", t.Setup != nil}, {"predict", t.Predict != nil}, {"image", t.Image != ""}} {
		if only.set && t.Command == nil {
			mistake("train."+only.name, "train.%s goes with train.command only", only.name)
		}
	}
	if t.Estimator == "" {
		if t.Params != nil {
			mistake("train.params", "train.params goes with train.estimator only")
		}
		return
	}
	builtIn(f, mistake)
}

func builtIn(f *File, mistake mistaken) {
	e, ok := estimator.Lookup(f.Train.Estimator)
	if !ok {
		mistake("train.estimator", "%v", estimator.CheckParams(f.Train.Estimator, nil))
		return
	}
	if !e.For(f.Task) {
		var fit []string
		for _, other := range estimator.All() {
			if other.For(f.Task) {
				fit = append(fit, other.Name)
			}
		}
		choices := "none is built in, use train.command"
		if len(fit) > 0 {
			choices = "choices are " + strings.Join(fit, ", ")
		}
		mistake("train.estimator", "estimator %s does not answer a %s task: %s", e.Name, f.Task, choices)
	}
	for _, name := range slices.Sorted(maps.Keys(f.Train.Params)) {
		if err := estimator.CheckParams(e.Name, map[string]any{name: f.Train.Params[name]}); err != nil {
			mistake("train.params."+name, "%v", err)
		}
	}
}

// rowsThatJudge checks data.evaluate.
func rowsThatJudge(f *File, mistake mistaken) {
	e := f.Data.Evaluate
	var ways []string
	for _, way := range []struct {
		name string
		set  bool
	}{{"path", e.Path != ""}, {"holdout", e.Holdout != 0}, {"folds", e.Folds != 0}} {
		if way.set {
			ways = append(ways, way.name)
		}
	}
	switch {
	case len(ways) > 1:
		mistake("data.evaluate", "data.evaluate has %s, want one of them", strings.Join(ways, " and "))
	case len(ways) == 0:
		mistake("data.evaluate", "data.evaluate names no rows: give holdout, such as 0.3, or path, or folds")
	case e.Path != "" && e.Path == f.Data.Path:
		mistake("data.evaluate.path", "data.evaluate.path is the training table itself")
	case e.Path != "" && e.Stratify != "":
		mistake("data.evaluate", "data.evaluate.stratify goes with holdout only")
	}
	switch {
	case e.Repeats != 0 && e.Folds == 0:
		mistake("data.evaluate.repeats", "data.evaluate.repeats goes with folds only")
	case e.Folds != 0 && e.Time != "":
		mistake("data.evaluate.folds", "data.evaluate.folds would train on what comes after the rows that judge: hold rows out by time instead")
	case e.Horizon != 0 && e.Time == "":
		mistake("data.evaluate.horizon", "data.evaluate.horizon goes with time only")
	case f.Task == metric.Forecast && e.Time == "":
		mistake("data.evaluate", "a forecast is judged by rows in the order of time: name their column in data.evaluate.time")
	}
	if e.Folds != 0 {
		foldsOnly(f, mistake)
	}
	var set []string
	for _, one := range []struct{ name, column string }{{"stratify", e.Stratify}, {"group", e.Group}, {"time", e.Time}} {
		if one.column != "" {
			set = append(set, one.name)
		}
	}
	if len(set) > 1 {
		mistake("data.evaluate", "data.evaluate has %s, want at most one of them", strings.Join(set, " and "))
	}
}

// foldsOnly names what cannot be judged where every row both trains and judges.
func foldsOnly(f *File, mistake mistaken) {
	switch {
	case f.Train.Predictions != "":
		mistake("train.predictions", "train.predictions are of one training, and data.evaluate.folds asks for many")
	case len(f.Policy.Slices) > 0:
		mistake("policy.slices", "policy.slices need rows that only judge: give data.evaluate.holdout or path")
	case len(f.Policy.Fairness) > 0:
		mistake("policy.fairness", "policy.fairness needs rows that only judge: give data.evaluate.holdout or path")
	case f.Policy.Anchor != "":
		mistake("policy.anchor", "policy.anchor needs rows that only judge: give data.evaluate.holdout or path")
	}
}

// columns checks that no column has two meanings that exclude each other.
func columns(f *File, mistake mistaken) {
	d := f.Data
	for _, other := range []struct{ key, column string }{
		{"data.id", d.ID}, {"data.weight", d.Weight}, {"data.evaluate.group", d.Evaluate.Group}, {"data.evaluate.time", d.Evaluate.Time},
	} {
		if other.column != "" && other.column == d.Target {
			mistake(other.key, "%s is the target %s", other.key, clip(d.Target))
		}
	}
	if slices.Contains(d.Exclude, d.Target) {
		mistake("data.exclude", "data.exclude names the target %s, which never is a feature", clip(d.Target))
	}
	if d.Positive != "" && f.Task != metric.Binary {
		mistake("data.positive", "data.positive goes with a binary task only, this one is %s", f.Task)
	}
}

// repeated refuses a second rule of the same metric: it would be unclear which of them holds.
func repeated(f *File, mistake mistaken) {
	seen := map[string]bool{}
	for i, rule := range f.Policy.Rules {
		name := ruleName(rule)
		if seen[name] {
			mistake(item("policy.rules", i, "metric"), "a second rule for %s: put margin, min and max into one", name)
		}
		seen[name] = true
	}
	for i, rule := range f.Policy.Slices {
		for _, m := range rule.Metrics {
			name := sliceName(rule, m)
			if seen[name] {
				mistake(item("policy.slices", i, "metrics"), "a second rule for %s", name)
			}
			seen[name] = true
		}
	}
}

func firstMetric(task metric.Task) string {
	if names := metric.Names(task); len(names) > 0 {
		return names[0]
	}
	return "METRIC"
}
