package model

import (
	"encoding/json"
	"fmt"
	"math"

	"github.com/weighlock/weighlock/internal/metric"
)

// Constant is a model that says the same of every row. It wants no columns.
type Constant struct {
	Meta
	// Value is predicted unless the task classifies.
	Value float64
	// Probabilities are those of Classes; the most probable class is predicted, the first of equals.
	Probabilities []float64
}

// NewConstant makes a constant model.
func NewConstant(c Constant) (*Model, error) {
	weights := c.Probabilities
	if !c.Task.Classifies() {
		weights = []float64{c.Value}
	}
	h := header{kind: "constant", task: c.Task, target: c.Target, classes: c.Classes, origin: c.Origin}
	b, err := readConstant(&h, json.RawMessage("{}"), weights)
	if err != nil {
		return nil, fmt.Errorf("make constant model: %w", err)
	}
	return assemble(h, b)
}

// constant holds one value, or one probability for each class.
type constant []float64

// constantPart has no fields yet: everything is in weights.bin.
type constantPart struct{}

func readConstant(h *header, part json.RawMessage, weights []float64) (body, error) {
	if err := json.Unmarshal(part, &constantPart{}); err != nil {
		return nil, fmt.Errorf("read body: %w", err)
	}
	want := 1
	if h.task.Classifies() {
		want = len(h.classes)
	}
	if len(weights) != want {
		return nil, fmt.Errorf("%d weights, want %d", len(weights), want)
	}
	if h.encoder != nil {
		return nil, fmt.Errorf("a constant model has no encoder")
	}
	if !h.task.Classifies() {
		return constant(weights), nil
	}
	total := 0.0
	for _, p := range weights {
		if p < 0 || p > 1 {
			return nil, fmt.Errorf("%v is no probability", p)
		}
		total += p
	}
	if math.Abs(total-1) > 1e-9 {
		return nil, fmt.Errorf("probabilities sum to %v", total)
	}
	return constant(weights), nil
}

func (c constant) score(in *bound, h *header) (metric.Predictions, error) {
	if !h.task.Classifies() {
		p := metric.Predictions{Values: make([]float64, in.rows)}
		for i := range p.Values {
			p.Values[i] = c[0]
		}
		return p, nil
	}
	p := metric.Predictions{
		Classes: h.classes, Labels: make([]int32, in.rows), Probabilities: make([]float64, 0, in.rows*len(c)),
	}
	label := largest(c)
	for i := range p.Labels {
		p.Labels[i] = label
		p.Probabilities = append(p.Probabilities, c...)
	}
	return p, nil
}

// largest is the place of the largest number, the first of equals.
func largest(v []float64) int32 {
	at := 0
	for i, x := range v {
		if x > v[at] {
			at = i
		}
	}
	return int32(at)
}

func (c constant) write() (part any, weights []float64) { return constantPart{}, c }

func (c constant) describe(h *header, d *Description) {
	if !h.task.Classifies() {
		d.Intercepts = []Intercept{{Value: c[0]}}
		return
	}
	for i, class := range h.classes {
		d.Intercepts = append(d.Intercepts, Intercept{Class: class, Value: c[i]})
	}
}
