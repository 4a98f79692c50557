package report

import (
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/weighlock/weighlock/internal/dataset"
	"github.com/weighlock/weighlock/internal/gate"
	"github.com/weighlock/weighlock/internal/metric"
)

// decisions and verdicts are the closed sets of the design's section 3.
var (
	decisions = []gate.Decision{"passed", "blocked", "misconfigured", "undecided", "invalid", "unavailable", "cancelled"}
	verdicts  = []gate.Verdict{"improved", "unchanged", "regressed", "inconclusive", "invalid"}
)

func validText(raw []byte) bool { return utf8.Valid(raw) }

// check refuses a report that contradicts itself, so that no rendering of it can be greener than its numbers.
func (r *Report) check() error {
	switch {
	case r.Version != Version:
		return fmt.Errorf("version %d is not %d, the one this program knows", r.Version, Version)
	case r.Model == "":
		return errors.New("it names no model")
	case r.Task != "" && !slices.Contains(metric.Tasks(), r.Task):
		return fmt.Errorf("task %.40q is none", r.Task)
	case !slices.Contains(decisions, r.Decision):
		return fmt.Errorf("decision %.40q is none", r.Decision)
	case r.ExitCode != r.Decision.ExitCode():
		return fmt.Errorf("decision %s means exit code %d, not %d", r.Decision, r.Decision.ExitCode(), r.ExitCode)
	}
	for _, c := range r.Checks {
		if !slices.Contains([]dataset.Severity{dataset.Block, dataset.Warn, dataset.Info}, c.Severity) {
			return fmt.Errorf("severity %.40q of check %.40q is none", c.Severity, c.Name)
		}
		if c.Severity == dataset.Block && r.Decision == gate.Passed {
			return fmt.Errorf("it passed although check %.40q blocks", c.Name)
		}
	}
	for _, rule := range r.Rules {
		if err := rule.check(); err != nil {
			return fmt.Errorf("rule %.40q: %w", rule.Metric, err)
		}
		if rule.Blocks && !rule.Waived && r.Decision == gate.Passed {
			return fmt.Errorf("it passed although rule %.40q blocks", rule.Metric)
		}
	}
	return r.Plots.check()
}

func (r Rule) check() error {
	switch {
	case !slices.Contains(verdicts, r.Verdict):
		return fmt.Errorf("verdict %.40q is none", r.Verdict)
	case r.Direction != "higher" && r.Direction != "lower":
		return fmt.Errorf("direction %.40q is none", r.Direction)
	case r.Waived && r.Verdict == "invalid":
		return errors.New("an invalid result cannot be waived")
	case r.Interval != nil && r.Interval.Low != nil && r.Interval.High != nil && *r.Interval.Low > *r.Interval.High:
		return errors.New("the interval ends before it begins")
	}
	return nil
}

// check keeps the drawing code from running over the end of a list, or for ever.
func (p *Plots) check() error {
	if p == nil {
		return nil
	}
	for _, c := range slices.Concat(p.ROC, p.PR, p.Calibration) {
		if len(c.X) != len(c.Y) || len(c.N) > 0 && len(c.N) != len(c.X) || len(c.X) > 10*curvePoints {
			return errors.New("a curve has lists of different lengths, or too many points")
		}
	}
	for _, c := range p.Confusion {
		if len(c.Counts) != len(c.Classes) || len(c.Classes) > mostClasses {
			return errors.New("a confusion matrix has another size than its list of classes, or is too large")
		}
		for _, row := range c.Counts {
			if len(row) != len(c.Classes) {
				return errors.New("a confusion matrix is not square")
			}
		}
	}
	return p.Residuals.check()
}

func (r *Residuals) check() error {
	if r == nil {
		return nil
	}
	if r.Across < 1 || r.Up < 1 || r.Across > 500 || r.Up > 500 || !(r.XLow < r.XHigh) || !(r.YLow < r.YHigh) {
		return errors.New("the grid of residuals is empty or too large")
	}
	for _, m := range r.Models {
		for _, c := range m.Cells {
			if c[0] < 0 || c[0] >= r.Across || c[1] < 0 || c[1] >= r.Up || c[2] < 0 {
				return errors.New("a cell of residuals lies outside its grid")
			}
		}
	}
	return nil
}
