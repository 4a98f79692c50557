// Package model holds a trained model that scores raw rows, and the file format that keeps it.
package model

import (
	"fmt"
	"slices"

	"github.com/weighlock/weighlock/internal/dataset"
	"github.com/weighlock/weighlock/internal/metric"
)

// Model scores raw rows: imputation, scaling and coding of categories are part of it. It does not change once it was
// made, so any number of goroutines may use it.
type Model struct {
	header header
	body   body
	files  map[string][]byte
	digest string
}

// header is what every kind of model has.
type header struct {
	kind    string
	task    metric.Task
	target  string
	classes []string
	origin  Origin
	encoder *Encoder
}

// Origin says how a model came to be. It is shown and takes no part in scoring.
type Origin struct {
	// Estimator is the name of the learning algorithm.
	Estimator string `json:"estimator"`
	// Notes are sentences for a reader, such as which columns carry no coefficient and why.
	Notes []string `json:"notes,omitempty"`
	// Params holds every parameter's effective value as text.
	Params map[string]string `json:"params,omitempty"`
	// Rows is the number of training rows.
	Rows int `json:"rows"`
}

// Meta is what a constructor wants to know about a model of any kind.
type Meta struct {
	Task   metric.Task
	Target string
	// Classes are the names of the classes, sorted; nil unless the task classifies.
	Classes []string
	Origin  Origin
}

// Feature is one raw column that a model wants.
type Feature struct {
	Name string       `json:"name"`
	Kind dataset.Kind `json:"kind"`
	// Levels are the texts of a category that have a meaning of their own; any other text is scored as a rare one.
	Levels []string `json:"levels,omitempty"`
}

// body is one kind's part of a model: one row of the table in kinds.go makes it.
type body interface {
	// score fills predictions for all rows of in.
	score(in *bound, h *header) (metric.Predictions, error)
	// write gives the kind's own JSON value and its numbers.
	write() (part any, weights []float64)
	// describe adds what the kind knows to d.
	describe(h *header, d *Description)
}

// Kind is the name of the kind: "constant" or "linear".
func (m *Model) Kind() string { return m.header.kind }

// Task is the question that the model answers.
func (m *Model) Task() metric.Task { return m.header.task }

// Target is the name of the column that it predicts.
func (m *Model) Target() string { return m.header.target }

// Classes are the names of the classes in the order of the probabilities, sorted; nil unless the task classifies.
func (m *Model) Classes() []string { return slices.Clone(m.header.classes) }

// Origin says how the model was made.
func (m *Model) Origin() Origin { return m.header.origin }

// Features lists the raw columns that Predict needs, in the order of the training table.
func (m *Model) Features() []Feature {
	if m.header.encoder == nil {
		return nil
	}
	return m.header.encoder.features()
}

// Predict scores every row of t. Columns that the model does not want are ignored; a missing column, or one whose kind
// cannot be read as the wanted one, is an error that names it. A missing value and an unseen category are handled by
// the model's preprocessing. Predictions are finite: a row whose prediction overflows is an error. The result has the
// same bits on every platform.
func (m *Model) Predict(t *dataset.Table) (metric.Predictions, error) {
	in := &bound{rows: t.Rows()}
	if m.header.encoder != nil {
		var err error
		if in, err = m.header.encoder.bind(t); err != nil {
			return metric.Predictions{}, fmt.Errorf("predict %s: %w", t.Name, err)
		}
	}
	p, err := m.body.score(in, &m.header)
	if err != nil {
		return metric.Predictions{}, fmt.Errorf("predict %s: %w", t.Name, err)
	}
	return p, nil
}
