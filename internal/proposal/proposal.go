// Package proposal suggests a first weighlock.yaml for a table that nobody has described.
package proposal

import (
	"context"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/weighlock/weighlock/internal/dataset"
	"github.com/weighlock/weighlock/internal/gate"
	"github.com/weighlock/weighlock/internal/metric"
)

// Request says which table to look at, and what its owner knows already.
type Request struct {
	// Files holds the table at Path; DataPath is what the configuration calls it.
	Files          fs.FS
	Path, DataPath string
	// Target, Task and Model are guessed where empty.
	Target string
	Task   metric.Task
	Model  string
	// Workers bounds parallelism, 0 for one per processor. It never changes the proposal.
	Workers int
}

// Choice is a value with the reason why it was proposed.
type Choice struct{ Value, Why string }

// Proposal is a configuration that fits the table, with what was seen while it was made.
type Proposal struct {
	Model, Path   string
	Rows, Columns int
	// Train and Evaluate count the rows on each side of the split.
	Train, Evaluate int

	Task, Target, ID, Positive, Group, Time Choice
	// Stratify says that each class keeps its share on both sides.
	Stratify bool
	// Exclude are columns that are no features.
	Exclude []Choice
	Holdout float64

	Estimator string
	Rules     []Rule
	Slices    []Slice
	// Remarks are what the owner should know besides, in sentences.
	Remarks []string
}

// Rule is one metric with the margin that these rows can carry.
type Rule struct {
	Metric metric.Metric
	Margin gate.Margin
	// Min is a proposed floor, or nil.
	Min *float64
	// Dummy is the metric's value of a model that always says the same, Simple that of the proposed estimator.
	Dummy, Simple *float64
	// Small and Large are the smallest differences that the evaluation rows show with a power of 80 %: between models
	// that differ as little as by half of their training rows, and as much as from the dummy. Both are in the metric's
	// units; nil where the rows do not say.
	Small, Large *float64
}

// Slice is a column whose levels are judged by themselves.
type Slice struct {
	Column, Metric string
	Margin         gate.Margin
	Why            string
}

// seed is the seed of proposed splits; any number would do, as long as it stays.
const seed = 7

// Make looks at a table and proposes a configuration. A table that cannot be read, a target that is not in it, or one
// that no task fits is an error.
func Make(ctx context.Context, r Request) (*Proposal, error) {
	first, err := dataset.Read(r.Files, r.Path, dataset.Options{Workers: r.Workers})
	if err != nil {
		return nil, err
	}
	p := &Proposal{Path: r.DataPath, Model: r.Model, Rows: first.Rows(), Columns: len(first.Columns)}
	if p.Model == "" {
		p.Model = modelName(r.DataPath)
	}
	if p.Target, err = target(first, r.Target); err != nil {
		return nil, err
	}
	y, _ := first.Column(p.Target.Value)
	if p.Task, err = task(y, r.Task); err != nil {
		return nil, err
	}
	p.roles(first)
	t, err := dataset.Read(r.Files, r.Path, dataset.Options{Workers: r.Workers, Text: p.texts()})
	if err != nil {
		return nil, err
	}
	s, err := p.split(t)
	if err != nil {
		return nil, err
	}
	p.Positive = positive(p.task(), t, p.Target.Value)
	p.look(s)
	p.slices(s)
	p.estimator()
	p.rules(s)
	return p, p.measure(ctx, s, r.Workers)
}

func (p *Proposal) task() metric.Task { return metric.Task(p.Task.Value) }

// texts are the columns that a run reads as texts.
func (p *Proposal) texts() []string {
	var out []string
	for _, name := range []string{p.ID.Value, p.Group.Value} {
		if name != "" {
			out = append(out, name)
		}
	}
	if p.task().Classifies() {
		out = append(out, p.Target.Value)
	}
	return out
}

// excluded are the columns that are no features, those with another role included.
func (p *Proposal) excluded() []string {
	var out []string
	for _, name := range []string{p.ID.Value, p.Group.Value, p.Time.Value} {
		if name != "" {
			out = append(out, name)
		}
	}
	for _, c := range p.Exclude {
		out = append(out, c.Value)
	}
	return out
}

// sides are the rows of both sides of the split.
type sides struct {
	train, evaluate         *dataset.Table
	trainKeys, evaluateKeys []string
}

// split divides the rows as the proposed configuration will.
func (p *Proposal) split(t *dataset.Table) (sides, error) {
	p.Holdout = 0.3
	switch {
	case t.Rows() < 400:
		p.Holdout = 0.4
	case t.Rows() > 100_000:
		p.Holdout = 0.2
	}
	p.Stratify = p.task().Classifies() && p.Group.Value == "" && p.Time.Value == ""
	var over []string
	if p.ID.Value == "" {
		over = slices.DeleteFunc(t.Names(), func(name string) bool { return name == p.Target.Value })
	}
	keys, err := t.Keys(p.ID.Value, over)
	if err != nil {
		return sides{}, fmt.Errorf("tell rows apart: %w", err)
	}
	spec := dataset.SplitSpec{Holdout: p.Holdout, Seed: seed, Group: p.Group.Value, Time: p.Time.Value}
	if p.Stratify {
		spec.Stratify = p.Target.Value
	}
	s, err := dataset.MakeSplit(t, keys, spec)
	if err != nil {
		return sides{}, fmt.Errorf("split rows: %w", err)
	}
	p.Train, p.Evaluate = len(s.Train), len(s.Evaluate)
	pick := func(rows []int) []string {
		out := make([]string, len(rows))
		for i, row := range rows {
			out[i] = keys[row]
		}
		return out
	}
	return sides{t.Select(s.Train), t.Select(s.Evaluate), pick(s.Train), pick(s.Evaluate)}, nil
}

// look runs the checks of a run and turns what they find into exclusions and remarks.
func (p *Proposal) look(s sides) {
	found := dataset.RunChecks(dataset.CheckInput{
		Train: s.train, Evaluate: s.evaluate, TrainKeys: s.trainKeys, EvaluateKeys: s.evaluateKeys,
		Target: p.Target.Value, ID: p.ID.Value, Group: p.Group.Value, Time: p.Time.Value,
	})
	taken := p.excluded()
	for _, c := range found {
		switch {
		case c.Severity == dataset.Info, slices.Contains(taken, c.Column):
		case slices.Contains([]string{"target-leak", "constant-column", "empty-column", "id-like"}, c.Name):
			taken = append(taken, c.Column)
			p.Exclude = append(p.Exclude, Choice{c.Column, c.Message})
		default:
			p.Remarks = append(p.Remarks, c.Message)
		}
	}
}

// estimator picks the plain one of the task.
func (p *Proposal) estimator() {
	p.Estimator = "ridge"
	if p.task().Classifies() {
		p.Estimator = "logistic"
	}
}

var (
	notInName  = regexp.MustCompile(`[^a-z0-9]+`)
	extensions = regexp.MustCompile(`\.(csv|tsv|jsonl|ndjson|parquet|pq)(\.(gz|zst))?$`)
)

// modelName makes a model's name of a file's.
func modelName(file string) string {
	name := extensions.ReplaceAllString(strings.ToLower(path.Base(file)), "")
	name = strings.Trim(notInName.ReplaceAllString(name, "-"), "-")
	if len(name) > 64 {
		name = strings.Trim(name[:64], "-")
	}
	if name == "" {
		return "model"
	}
	return name
}
