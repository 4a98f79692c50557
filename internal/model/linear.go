package model

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/weighlock/weighlock/internal/metric"
)

// Link says what a linear model makes of its linear predictor.
type Link string

// The links of linear models.
const (
	// Identity predicts the linear predictor itself.
	Identity Link = "identity"
	// Exponential predicts its exponential: the model was fitted to the logarithm of the target.
	Exponential Link = "exponential"
	// Logistic gives the probability of the second class; there is one linear predictor.
	Logistic Link = "logistic"
	// Multinomial gives the softmax of one linear predictor for each class.
	Multinomial Link = "softmax"
)

// links lists every link, in the order in which messages name them.
var links = []Link{Identity, Exponential, Logistic, Multinomial}

// Linear is a model that is linear in the outputs of an encoder.
type Linear struct {
	Meta
	Encoder *Encoder
	Link    Link
	// Threshold is the probability from which on the second class of a binary task is predicted; 0.5 where zero.
	Threshold float64
	// Weights holds one row for each linear predictor: the intercept, then a coefficient for each output of the encoder.
	Weights []float64
}

// NewLinear makes a linear model, or says what does not fit together.
func NewLinear(l Linear) (*Model, error) {
	if l.Link == Logistic && l.Threshold == 0 {
		l.Threshold = 0.5
	}
	h := header{kind: "linear", task: l.Task, target: l.Target, classes: l.Classes, origin: l.Origin, encoder: l.Encoder}
	part, err := json.Marshal(linearPart{Link: l.Link, Threshold: l.Threshold})
	if err != nil {
		return nil, fmt.Errorf("make linear model: %w", err)
	}
	if err := checkWeights(l.Weights); err != nil {
		return nil, fmt.Errorf("make linear model: %w", err)
	}
	b, err := readLinear(&h, part, l.Weights)
	if err != nil {
		return nil, fmt.Errorf("make linear model: %w", err)
	}
	return assemble(h, b)
}

// linear is the body of a linear model. The program is compiled from the rest.
type linear struct {
	part    linearPart
	weights []float64
	program program
}

// linearPart is what a linear model keeps in model.json beside its encoder.
type linearPart struct {
	Link      Link    `json:"link"`
	Threshold float64 `json:"threshold,omitempty"`
}

func readLinear(h *header, part json.RawMessage, weights []float64) (body, error) {
	l := &linear{weights: slices.Clone(weights)}
	if err := json.Unmarshal(part, &l.part); err != nil {
		return nil, fmt.Errorf("read body: %w", err)
	}
	if err := l.part.check(h); err != nil {
		return nil, err
	}
	if h.encoder == nil {
		return nil, fmt.Errorf("a linear model needs an encoder")
	}
	if err := h.encoder.check(); err != nil {
		return nil, fmt.Errorf("encoder: %w", err)
	}
	if want := l.part.predictors(h) * (1 + h.encoder.Width()); len(weights) != want {
		return nil, fmt.Errorf("%d weights, want %d", len(weights), want)
	}
	l.program = compile(h.encoder, l.weights, l.part.predictors(h))
	return l, nil
}

// predictors is the number of linear predictors.
func (p linearPart) predictors(h *header) int {
	if p.Link == Multinomial {
		return len(h.classes)
	}
	return 1
}

func (p linearPart) check(h *header) error {
	if !slices.Contains(links, p.Link) {
		names := make([]string, len(links))
		for i, l := range links {
			names[i] = string(l)
		}
		return fmt.Errorf("unknown link %q: choices are %s", p.Link, strings.Join(names, ", "))
	}
	if classifies := p.Link == Logistic || p.Link == Multinomial; classifies != h.task.Classifies() {
		return fmt.Errorf("link %s does not answer a %s task", p.Link, h.task)
	}
	if p.Link == Logistic && len(h.classes) != 2 {
		return fmt.Errorf("link logistic has 2 classes, not %d", len(h.classes))
	}
	if p.Link == Logistic && !(p.Threshold > 0 && p.Threshold < 1) {
		return fmt.Errorf("threshold %v is not between 0 and 1", p.Threshold)
	}
	if p.Link != Logistic && p.Threshold != 0 {
		return fmt.Errorf("link %s has no threshold", p.Link)
	}
	return nil
}

func (l *linear) write() (part any, weights []float64) { return l.part, l.weights }

func (l *linear) score(in *bound, h *header) (metric.Predictions, error) {
	var p metric.Predictions
	var apply func(lo int, predictors [][]float64) error
	switch l.part.Link {
	case Logistic:
		p = metric.Predictions{Classes: h.classes, Labels: make([]int32, in.rows), Probabilities: make([]float64, 2*in.rows)}
		apply = func(lo int, eta [][]float64) error { return logistic(&p, l.part.Threshold, lo, eta[0]) }
	case Multinomial:
		k := len(h.classes)
		p = metric.Predictions{Classes: h.classes, Labels: make([]int32, in.rows), Probabilities: make([]float64, k*in.rows)}
		apply = func(lo int, eta [][]float64) error { return multinomial(&p, lo, eta) }
	default:
		p = metric.Predictions{Values: make([]float64, in.rows)}
		exponential := l.part.Link == Exponential
		apply = func(lo int, eta [][]float64) error { return values(p.Values[lo:], exponential, lo, eta[0]) }
	}
	return p, l.program.run(in, apply)
}

// values writes predicted quantities for the rows from lo on.
func values(out []float64, exponential bool, lo int, eta []float64) error {
	for i, v := range eta {
		if exponential {
			v = Exp(v)
		}
		if v-v != 0 {
			return overflow(lo + i)
		}
		out[i] = v
	}
	return nil
}

func logistic(p *metric.Predictions, threshold float64, lo int, eta []float64) error {
	for i, v := range eta {
		if v != v {
			return overflow(lo + i)
		}
		second := Sigmoid(v)
		p.Probabilities[2*(lo+i)], p.Probabilities[2*(lo+i)+1] = 1-second, second
		if second >= threshold {
			p.Labels[lo+i] = 1
		}
	}
	return nil
}

func multinomial(p *metric.Predictions, lo int, eta [][]float64) error {
	k := len(eta)
	for i := range eta[0] {
		row := p.Probabilities[(lo+i)*k : (lo+i+1)*k]
		for c := range row {
			if row[c] = eta[c][i]; row[c]-row[c] != 0 {
				return overflow(lo + i)
			}
		}
		Softmax(row)
		p.Labels[lo+i] = largest(row)
	}
	return nil
}

func overflow(row int) error {
	return fmt.Errorf("row %d: its values are too large to score: the prediction is not a finite number", row+1)
}
