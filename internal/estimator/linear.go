package estimator

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/weighlock/weighlock/internal/model"
)

func fitLinear(ctx context.Context, p *problem) (*model.Model, error) { return fitQuantity(ctx, p, 0) }

func fitRidge(ctx context.Context, p *problem) (*model.Model, error) {
	return fitQuantity(ctx, p, p.params.number("alpha"))
}

// fitQuantity is least squares with the penalty alpha on the coefficients.
func fitQuantity(ctx context.Context, p *problem, alpha float64) (*model.Model, error) {
	encoder, x, err := p.encode(alpha > 0)
	if err != nil {
		return nil, err
	}
	y, link := p.y, model.Identity
	if p.params.boolean("log_target") {
		link = model.Exponential
		if y, err = logarithms(p.y); err != nil {
			return nil, fmt.Errorf("target %q: %w", p.spec.Target, err)
		}
	}
	l := &leastSquares{design: x, y: y, w: p.weights, alpha: alpha, workers: p.workers}
	s, err := l.solve(ctx)
	if err != nil {
		return nil, err
	}
	if link == model.Exponential {
		s.weights[0] += l.smearing(s.weights)
	}
	for _, w := range s.weights {
		if w-w != 0 {
			return nil, errors.New("the values are too large: a coefficient is not a finite number")
		}
	}
	p.noteDropped(encoder.Names(), s.dropped)
	return model.NewLinear(model.Linear{Meta: p.meta(), Encoder: encoder, Link: link, Weights: s.weights})
}

func logarithms(y []float64) ([]float64, error) {
	out := make([]float64, len(y))
	for i, v := range y {
		if v <= 0 {
			return nil, fmt.Errorf("row %d is %v: log_target wants positive numbers", i+1, v)
		}
		out[i] = model.Log(v)
	}
	return out, nil
}

// smearing is the logarithm of the mean of exp(residual): what a prediction of the logarithm lacks to be right on
// average (Duan 1983).
func (l *leastSquares) smearing(weights []float64) float64 {
	sum, total := 0.0, 0.0
	for i, x := range l.each(0, l.rows) {
		r := l.y[i] - weights[0] - dot(x, weights[1:])
		sum += float64(l.weight(i) * model.Exp(r))
		total += l.weight(i)
	}
	if s := model.Log(sum / total); !math.IsInf(s, 0) {
		return s
	}
	return 0
}

// noteDropped tells the reader which columns carry no coefficient; column 0 of the design is the intercept.
func (p *problem) noteDropped(names []string, dropped []int) {
	for k, j := range dropped {
		if k == 20 {
			p.notes = append(p.notes, fmt.Sprintf("coefficient 0 for %d more columns of that kind", len(dropped)-k))
			return
		}
		if j > 0 {
			p.notes = append(p.notes, fmt.Sprintf("coefficient 0 for %q: it is constant or a combination of the columns before it", names[j-1]))
		}
	}
}
