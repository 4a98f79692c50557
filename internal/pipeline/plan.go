package pipeline

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"

	"github.com/weighlock/weighlock/internal/config"
	"github.com/weighlock/weighlock/internal/gate"
	"github.com/weighlock/weighlock/internal/report"
	"github.com/weighlock/weighlock/internal/stats"
)

// PlanOptions are what a plan is told from outside.
type PlanOptions struct {
	Options
	// Report is a saved report; that of the last run where empty.
	Report string
	// Margins replace those of the rules, by the rule's name in the report.
	Margins map[string]gate.Margin
	// Power is how surely a model that did not change shall be told to be safe.
	Power float64
}

// Plan is how many evaluation rows the margins of a report need.
type Plan struct {
	Model string
	// Rows is how many evaluation rows there are, Share which part of the table they are, 0 where that is unknown.
	Rows  int
	Share float64
	Power float64
	Rules []PlannedRule
}

// PlannedRule is one rule's need.
type PlannedRule struct {
	Rule   string
	Margin gate.Margin
	// Size is the margin in the metric's units, Detectable the smallest difference that the rows of today would show.
	Size, Detectable float64
	Rows             int
	// Needed is how many rows would show an unchanged model to lie within the margin, 0 where no number is enough; Why
	// says why nothing is known.
	Needed int
	Why    string
}

// MakePlan says how many rows every margin of a saved report needs, from the spread that its run saw.
func MakePlan(o PlanOptions) (Plan, error) {
	saved, err := reportToPlan(o)
	if err != nil {
		return Plan{}, err
	}
	p := Plan{Model: saved.Model, Rows: saved.Data.Evaluation.Rows, Power: o.Power}
	if saved.Data.Rows > 0 && saved.Data.Evaluation.Rows < saved.Data.Rows {
		p.Share = float64(saved.Data.Evaluation.Rows) / float64(saved.Data.Rows)
	}
	used := map[string]bool{}
	for _, rule := range saved.Rules {
		name := gate.RuleResult{Metric: rule.Metric, Params: rule.Params, Slice: rule.Slice}.Name()
		margin, given := o.Margins[name]
		used[name] = used[name] || given
		switch {
		case rule.Against != "":
			continue
		case !given && rule.Margin == nil:
			continue
		case !given:
			margin = gate.Margin{Value: rule.Margin.Value, Relative: rule.Margin.Relative}
		}
		p.Rules = append(p.Rules, plannedRule(name, rule, margin, o.Power))
	}
	for name := range o.Margins {
		if !used[name] {
			return Plan{}, fail(gate.Misconfigured, fmt.Errorf("plan margin of %q: the report has no such rule", name), "")
		}
	}
	if len(p.Rules) == 0 {
		return Plan{}, fail(gate.Misconfigured, errors.New("plan rows: no rule of the report has a margin"), "--margin rmse=2% plans one")
	}
	return p, nil
}

func plannedRule(name string, rule report.Rule, margin gate.Margin, power float64) PlannedRule {
	out := PlannedRule{Rule: name, Margin: margin, Size: margin.Value, Rows: rule.Rows}
	if margin.Relative {
		if rule.Baseline == nil {
			out.Why = "there is no baseline to take a share of"
			return out
		}
		out.Size = margin.Value * math.Abs(*rule.Baseline)
	}
	if rule.SE == nil || rule.Interval == nil {
		out.Why = "the run saw no difference to go by"
		return out
	}
	level := rule.Interval.Level
	out.Needed = stats.MeanRows(*rule.SE*math.Sqrt(float64(rule.Rows)), out.Size, stats.Precision{Level: level, Power: power})
	out.Detectable = stats.Precision{Level: level, Power: power}.Errors() * *rule.SE
	if *rule.SE == 0 {
		out.Why, out.Needed = "both models said the same on every row", 0
	}
	return out
}

// reportToPlan reads the named report, or the last run's.
func reportToPlan(o PlanOptions) (*report.Report, error) {
	name := o.Report
	if name == "" {
		file := o.Config
		if file == "" {
			file = DefaultConfig
		}
		if !filepath.IsAbs(file) {
			file = filepath.Join(o.Dir, file)
		}
		content, err := os.ReadFile(file)
		if err != nil {
			return nil, fail(gate.Misconfigured, err, "name a saved report, or run in the folder of weighlock.yaml")
		}
		f, err := config.Parse(filepath.Base(file), content)
		if err != nil {
			return nil, fail(gate.Misconfigured, err, "")
		}
		name = filepath.Join(filepath.Dir(file), filepath.FromSlash(OutputFolder(f)), ReportFile)
	}
	in, err := os.Open(name)
	if err != nil {
		hint := ""
		if errors.Is(err, fs.ErrNotExist) {
			hint = "weighlock run comes first: a plan needs the spread that a run saw"
		}
		return nil, fail(gate.Misconfigured, fmt.Errorf("read report: %w", err), hint)
	}
	defer func() { _ = in.Close() }()
	r, err := report.Decode(in)
	if err != nil {
		return nil, fail(gate.Invalid, err, "")
	}
	return r, nil
}
