package model

import (
	"slices"

	"github.com/weighlock/weighlock/internal/dataset"
	"github.com/weighlock/weighlock/internal/metric"
)

// Description is what `weighlock inspect` shows of a model; as JSON it keeps every digit.
type Description struct {
	Kind    string      `json:"kind"`
	Task    metric.Task `json:"task"`
	Target  string      `json:"target"`
	Classes []string    `json:"classes,omitempty"`
	Origin  Origin      `json:"origin"`
	Digest  string      `json:"digest"`
	Bytes   int64       `json:"bytes"`
	// Features are the raw columns that the model wants.
	Features []Feature `json:"features"`
	// Preprocessing says what is done with each of them.
	Preprocessing []Input `json:"preprocessing"`
	Link          Link    `json:"link,omitempty"`
	Threshold     float64 `json:"threshold,omitempty"`
	// Intercepts and Coefficients are those of the linear predictors in the units of the raw columns (a date's unit is
	// a day): predictor = intercept + sum of coefficient × term. A constant model has its values as intercepts.
	Intercepts   []Intercept   `json:"intercepts"`
	Coefficients []Coefficient `json:"coefficients"`
}

// Intercept is what a linear predictor starts from.
type Intercept struct {
	// Class is set where there is one predictor for each class; in a binary task it is the second class.
	Class string  `json:"class,omitempty"`
	Value float64 `json:"value"`
}

// Coefficient is what one unit of a term adds to a linear predictor.
type Coefficient struct {
	Class string `json:"class,omitempty"`
	// Term is the raw column, "column = level", "log1p(column)", "column missing" or a product of such.
	Term  string  `json:"term"`
	Value float64 `json:"value"`
}

// Describe tells everything about the model. The caller owns the result.
func (m *Model) Describe() Description {
	d := Description{
		Kind: m.Kind(), Task: m.Task(), Target: m.Target(), Classes: m.Classes(), Origin: m.Origin(), Digest: m.Digest(),
		Bytes: m.Size(), Features: m.Features(), Preprocessing: []Input{}, Intercepts: []Intercept{}, Coefficients: []Coefficient{},
	}
	if d.Features == nil {
		d.Features = []Feature{}
	}
	if e := m.header.encoder; e != nil {
		d.Preprocessing = slices.Clone(e.Inputs)
	}
	m.body.describe(&m.header, &d)
	return d
}

func (l *linear) describe(h *header, d *Description) {
	d.Link, d.Threshold = l.part.Link, l.part.Threshold
	row := 1 + h.encoder.Width()
	for o := range l.part.predictors(h) {
		class := ""
		switch l.part.Link {
		case Logistic:
			class = h.classes[1]
		case Multinomial:
			class = h.classes[o]
		case Identity, Exponential:
		}
		intercept, terms := h.encoder.raw(l.weights[o*row : (o+1)*row])
		d.Intercepts = append(d.Intercepts, Intercept{Class: class, Value: intercept})
		for i, name := range h.encoder.Names() {
			d.Coefficients = append(d.Coefficients, Coefficient{Class: class, Term: name, Value: terms[i]})
		}
	}
}

// raw undoes the scaling: with z = (x - c)/s, w z = (w/s) x - w c/s, and
// w z z' = w/(s s') (x x' - c' x - c x' + c c').
func (e *Encoder) raw(weights []float64) (intercept float64, terms []float64) {
	base := e.base()
	center, scale := make([]float64, base), make([]float64, base)
	at := 0
	for i := range e.Inputs {
		in := &e.Inputs[i]
		for k := range in.outputs() {
			scale[at+k] = 1
		}
		if in.Kind != dataset.Category {
			center[at], scale[at] = in.Center, in.Scale
		}
		at += in.outputs()
	}
	intercept, terms = weights[0], slices.Clone(weights[1:])
	for i := range base {
		terms[i] /= scale[i]
		intercept -= float64(terms[i] * center[i])
	}
	for k, p := range e.Products {
		a, b := p[0], p[1]
		w := terms[base+k] / scale[a] / scale[b]
		terms[base+k] = w
		terms[a] -= float64(w * center[b])
		terms[b] -= float64(w * center[a])
		intercept += float64(float64(w*center[a]) * center[b])
	}
	return intercept, terms
}
