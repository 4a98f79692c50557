// Package estimator holds the learning algorithms that Weighlock brings along.
package estimator

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/weighlock/weighlock/internal/dataset"
	"github.com/weighlock/weighlock/internal/metric"
	"github.com/weighlock/weighlock/internal/model"
)

// Spec says what to fit. The same spec on the same rows gives the same model, to the last byte, whatever Workers is.
type Spec struct {
	// Name is the name of an estimator in All.
	Name string
	// Params are those of its table; what is left out has its default. Numbers may be any Go number.
	Params map[string]any
	Task   metric.Task
	// Target is the column to predict.
	Target string
	// Exclude names columns that are no features: the id, the group, the time, the weight. The target never is one.
	Exclude []string
	// Weight names a column of non-negative row weights, or is empty. It is never a feature.
	Weight string
	// Seed drives what is random; nothing is in the estimators of today.
	Seed uint64
	// Workers bounds the goroutines, 0 for one per processor. It never changes a result.
	Workers int
}

// Estimator is one learning algorithm: a row of the table in table.go.
type Estimator struct {
	Name string `json:"name"`
	// Title is what a heading calls it.
	Title  string        `json:"title"`
	Tasks  []metric.Task `json:"tasks"`
	Params []Param       `json:"params"`
	fit    func(ctx context.Context, p *problem) (*model.Model, error)
}

// The reasons for which rows cannot be fitted, for errors.Is.
var (
	ErrNoRows   = errors.New("no training rows")
	ErrOneClass = errors.New("training rows of one class only")
)

// Lookup returns the estimator of that name.
func Lookup(name string) (Estimator, bool) {
	i := slices.IndexFunc(estimators, func(e Estimator) bool { return e.Name == name })
	if i < 0 {
		return Estimator{}, false
	}
	return estimators[i], true
}

// All lists every estimator, the simplest first.
func All() []Estimator { return slices.Clone(estimators) }

// names lists the estimators that can answer the task, or all for "".
func names(task metric.Task) string {
	var out []string
	for _, e := range estimators {
		if task == "" || e.For(task) {
			out = append(out, e.Name)
		}
	}
	return strings.Join(out, ", ")
}

// For reports whether the estimator can answer the task.
func (e Estimator) For(task metric.Task) bool { return slices.Contains(e.Tasks, task) }

// Fit trains a model. Columns that are neither the target nor excluded are features. A missing target, a target that
// does not suit the task, a parameter that CheckParams refuses and rows that allow no fit (ErrNoRows, ErrOneClass) are
// errors; a cancelled ctx gives its error.
func Fit(ctx context.Context, s Spec, train *dataset.Table) (*model.Model, error) {
	e, ok := Lookup(s.Name)
	if !ok {
		return nil, fmt.Errorf("fit: %w", unknownEstimator(s.Name))
	}
	if !e.For(s.Task) {
		return nil, fmt.Errorf("fit %s: it does not answer a %s task: choices are %s", s.Name, s.Task, names(s.Task))
	}
	values, err := e.values(s.Params)
	if err != nil {
		return nil, fmt.Errorf("fit %s: %w", s.Name, err)
	}
	p, err := newProblem(s, e, values, train)
	if err != nil {
		return nil, fmt.Errorf("fit %s: %w", s.Name, err)
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("fit %s: %w", s.Name, err)
	}
	m, err := e.fit(ctx, p)
	if err != nil {
		return nil, fmt.Errorf("fit %s: %w", s.Name, err)
	}
	return m, nil
}

func unknownEstimator(name string) error {
	return fmt.Errorf("unknown estimator %q: choices are %s", name, names(""))
}
