package estimator

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/weighlock/weighlock/internal/metric"
	"github.com/weighlock/weighlock/internal/model"
)

// fitLogistic is logistic regression with a quadratic penalty: Newton's method for two classes, Newton's method with
// conjugate gradients for more.
func fitLogistic(ctx context.Context, p *problem) (*model.Model, error) {
	if len(p.classes) < 2 {
		return nil, fmt.Errorf("%w: every row is %q", ErrOneClass, p.classes[0])
	}
	penalised := p.params.text("penalty") == "l2"
	encoder, x, err := p.encode(penalised)
	if err != nil {
		return nil, err
	}
	if err := x.gather(ctx, p.workers); err != nil { // every iteration goes through it
		return nil, err
	}
	weights, err := p.classWeights()
	if err != nil {
		return nil, err
	}
	l := &likelihood{
		x: x.x, labels: p.labels, w: weights, rows: p.rows, columns: encoder.Width(), classes: len(p.classes), workers: p.workers,
	}
	if penalised {
		l.lambda = 1 / p.params.number("C")
	}
	if err := l.prepare(ctx); err != nil {
		return nil, err
	}
	m := model.Linear{Encoder: encoder}
	limit := p.params.integer("max_iterations")
	var end outcome
	if p.spec.Task == metric.Binary {
		m.Link, m.Threshold = model.Logistic, p.params.number("threshold")
		end, err = l.newton(ctx, limit)
	} else {
		m.Link = model.Multinomial
		end, err = l.truncatedNewton(ctx, limit)
	}
	if err != nil {
		return nil, err
	}
	if !end.converged {
		p.notes = append(p.notes, fmt.Sprintf("stopped after %d steps with a gradient of %.1e a row: raise max_iterations, or C is too large for these data",
			end.steps, end.gradient))
	}
	m.Weights = l.restore(end.weights)
	for _, w := range m.Weights {
		if w-w != 0 {
			return nil, fmt.Errorf("the values are too large: a coefficient is not a finite number")
		}
	}
	m.Meta = p.meta()
	return model.NewLinear(m)
}

// outcome is where an iteration ended. Gradient is its largest component, divided by the sum of the weights.
type outcome struct {
	weights   []float64
	steps     int
	gradient  float64
	converged bool
}

// classWeights multiplies the rows' weights by those of their classes.
func (p *problem) classWeights() ([]float64, error) {
	factor := make([]float64, len(p.classes))
	for c := range factor {
		factor[c] = 1
	}
	switch w := p.params["class_weight"].(type) {
	case map[string]float64:
		for class, v := range w {
			c, ok := slices.BinarySearch(p.classes, class)
			if !ok {
				return nil, fmt.Errorf("class_weight: no training row is %q: classes are %s", class, strings.Join(p.classes, ", "))
			}
			factor[c] = v
		}
	case string:
		if w == "none" {
			return p.weights, nil
		}
		counts := make([]float64, len(factor))
		for _, c := range p.labels {
			counts[c]++
		}
		for c := range factor {
			factor[c] = float64(p.rows) / (float64(len(factor)) * counts[c])
		}
	}
	out := make([]float64, p.rows)
	for i, c := range p.labels {
		out[i] = float64(factor[c] * p.weight(i))
	}
	return out, nil
}

// likelihood is the penalised negative log-likelihood of classes:
// sum over rows of w log(1/probability of the row's class) + lambda/2 × sum of squared coefficients.
type likelihood struct {
	x             []float64 // rows × columns, row-major; prepare changes it
	labels        []int32
	w             []float64 // nil for all 1
	rows, columns int
	classes       int
	lambda        float64
	workers       int

	total float64 // the sum of the weights
	// mean and scale are what prepare took out of the columns, penalty what lambda became for each of them.
	mean, scale, penalty []float64
}

func (l *likelihood) weight(i int) float64 {
	if l.w == nil {
		return 1
	}
	return l.w[i]
}

// center finds the weighted means of the columns, and the sum of the weights.
func (l *likelihood) center(ctx context.Context) error {
	p := l.columns
	parts := newPartials(l.rows, p+1)
	err := chunks(ctx, l.rows, l.workers, func(c, lo, hi int) {
		out := parts[c]
		for i := lo; i < hi; i++ {
			w := l.weight(i)
			axpy(out[:p], w, l.x[i*p:(i+1)*p])
			out[p] += w
		}
	})
	if err != nil {
		return err
	}
	sums := parts.total()
	l.total, l.mean = sums[p], sums[:p]
	for j := range l.mean {
		l.mean[j] /= l.total
	}
	return nil
}

// prepare centres the columns and divides them by a power of two near their spread, so that the iterations are well
// conditioned whatever the units are. The penalty is changed with them: the optimum stays the same.
func (l *likelihood) prepare(ctx context.Context) error {
	p := l.columns
	if err := l.center(ctx); err != nil {
		return err
	}
	spreads := make([][]float64, chunkCount(l.rows))
	err := chunks(ctx, l.rows, l.workers, func(c, lo, hi int) {
		spread := make([]float64, p)
		for i := lo; i < hi; i++ {
			for j, v := range l.x[i*p : (i+1)*p] {
				v -= l.mean[j]
				l.x[i*p+j] = v
				spread[j] = max(spread[j], math.Abs(v))
			}
		}
		spreads[c] = spread
	})
	if err != nil {
		return err
	}
	l.scale, l.penalty = make([]float64, p), make([]float64, p)
	for j := range p {
		top := 0.0
		for _, s := range spreads {
			top = max(top, s[j])
		}
		l.scale[j] = 1
		switch {
		case top <= 1e-13*math.Abs(l.mean[j]):
			l.scale[j] = math.Inf(1) // a constant column: what is left of it is rounding
		case top > 0:
			_, e := math.Frexp(top)
			l.scale[j] = math.Ldexp(1, e-2)
		}
		l.penalty[j] = l.lambda / l.scale[j] / l.scale[j]
	}
	return chunks(ctx, l.rows, l.workers, func(_, lo, hi int) {
		for i := lo; i < hi; i++ {
			for j := range p {
				l.x[i*p+j] /= l.scale[j]
			}
		}
	})
}

// restore gives the weights for the columns as they were before prepare.
func (l *likelihood) restore(weights []float64) []float64 {
	out := slices.Clone(weights)
	for row := out; len(row) > 0; row = row[l.columns+1:] {
		for j := range l.columns {
			row[1+j] /= l.scale[j]
			row[0] -= float64(row[1+j] * l.mean[j])
		}
	}
	return out
}

// Both iterations end one step after the gradient of a row is that small: as they converge quadratically, that last
// step leaves nothing but rounding.
const smallGradient = 1e-10

// largestGradient is the largest component of the gradient, divided by the sum of the weights.
func (l *likelihood) largestGradient(g []float64) float64 {
	top := 0.0
	for _, v := range g {
		top = max(top, math.Abs(v))
	}
	return top / l.total
}

// penalise adds the penalty of one row of weights (an intercept and the coefficients) to loss and gradient.
func (l *likelihood) penalise(weights, gradient []float64) (loss float64) {
	for j, lambda := range l.penalty {
		loss += float64(float64(lambda*weights[1+j]) * weights[1+j] / 2)
		if gradient != nil {
			gradient[1+j] += float64(lambda * weights[1+j])
		}
	}
	return loss
}

// logSums adds log(v) of many v >= 1 with few logarithms.
type logSums struct{ product, sum float64 }

func (s *logSums) add(v float64) {
	if s.product == 0 {
		s.product = 1
	}
	s.product = float64(s.product * v)
	if s.product > 1e200 {
		s.sum += model.Log(s.product)
		s.product = 1
	}
}

func (s *logSums) value() float64 {
	if s.product == 0 {
		return s.sum
	}
	return s.sum + model.Log(s.product)
}
