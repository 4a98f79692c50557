package estimator

import (
	"context"
	"math"

	"github.com/weighlock/weighlock/internal/model"
)

// newton minimises the likelihood of two classes by Newton's method with a line search. The step solves with the
// Hessian's Cholesky factors; a direction in which the likelihood does not change is not taken, so collinear columns
// without a penalty get one of the solutions, and classes that can be told apart without error end where the gradient
// vanishes within rounding.
func (l *likelihood) newton(ctx context.Context, limit int) (outcome, error) {
	q := l.columns + 1
	weights := make([]float64, q)
	parts := newPartials(l.rows, q*q+q+1)
	end := outcome{weights: weights}
	loss, gradient, hessian, err := l.binary(ctx, weights, parts)
	for ; err == nil && end.steps < limit; end.steps++ {
		end.gradient = l.largestGradient(gradient)
		last := end.gradient <= smallGradient
		step := make([]float64, q)
		for j := range step {
			step[j] = -gradient[j]
		}
		newCholesky(q, hessian, 1e-12).solve(step)
		slope := dot(step, gradient)
		end.weights = plus(weights, 1, step)
		if last {
			end.converged = true
			return end, nil
		}
		moved := false
		for t := 1.0; t > 1e-10; t /= 2 {
			trial := plus(weights, t, step)
			var value float64
			if value, gradient, hessian, err = l.binary(ctx, trial, parts); err != nil {
				return end, err
			}
			if l.better(stride{loss, value, t * slope, end.gradient, gradient}) {
				weights, loss, moved = trial, value, true
				break
			}
		}
		if !moved { // rounding hides any further gain
			end.weights, end.converged = weights, end.gradient <= 1e-6
			return end, nil
		}
	}
	end.weights = weights
	return end, err
}

// stride is a step from one point to the next: both losses, the change of the first that its slope promises, the
// largest gradient before and the gradient after.
type stride struct {
	before, after, promised float64
	largest                 float64
	gradient                []float64
}

// better accepts a step that lowers the loss by a share of what the slope promises (Armijo). Close to the optimum, where
// rounding hides any change of the loss, it is the gradient that has to shrink.
func (l *likelihood) better(s stride) bool {
	if math.Abs(s.promised) <= 1e-9*math.Abs(s.before) {
		return l.largestGradient(s.gradient) < s.largest
	}
	return s.after <= s.before+float64(1e-4*s.promised)
}

func plus(a []float64, m float64, b []float64) []float64 {
	out := append([]float64(nil), a...)
	axpy(out, m, b)
	return out
}

// binary gives loss, gradient and the upper triangle of the Hessian at weights.
func (l *likelihood) binary(ctx context.Context, weights []float64, parts partials) (loss float64, gradient, hessian []float64, err error) {
	p, q := l.columns, l.columns+1
	parts.reset()
	err = chunks(ctx, l.rows, l.workers, func(c, lo, hi int) {
		out := parts[c]
		sums, g := newGramSums(q, out[:q*q]), out[q*q:q*q+q]
		var logs logSums
		value := 0.0
		for i := lo; i < hi; i++ {
			row := sums.next()
			row[0] = 1
			copy(row[1:], l.x[i*p:(i+1)*p])
			eta := dot(row, weights)
			w := l.weight(i)
			e := model.Exp(-math.Abs(eta))
			pr := 1 / (1 + e)
			if eta < 0 {
				pr = e / (1 + e)
			}
			y := float64(l.labels[i])
			// log(1 + exp(-m)) for the margin m, which is eta for the second class and -eta for the first.
			rest := 0.0
			if (eta < 0) == (y == 1) {
				rest = math.Abs(eta)
			}
			if l.w == nil {
				logs.add(1 + e)
				value += rest
			} else {
				value += float64(w * (rest + model.Log(1+e)))
			}
			axpy(g, float64(w*(pr-y)), row)
			sums.done(float64(w * (e / float64((1+e)*(1+e)))))
		}
		sums.flush()
		out[q*q+q] = value + logs.value()
	})
	if err != nil {
		return 0, nil, nil, err
	}
	total := append([]float64(nil), parts.total()...)
	hessian, gradient, loss = total[:q*q], total[q*q:q*q+q], total[q*q+q]
	loss += l.penalise(weights, gradient)
	for j, lambda := range l.penalty {
		hessian[(1+j)*q+1+j] += lambda
	}
	return loss, gradient, hessian, nil
}
