package estimator

import (
	"context"
	"math"

	"github.com/weighlock/weighlock/internal/model"
)

// state is the multinomial likelihood at one point: the probabilities serve products with the Hessian.
type state struct {
	loss          float64
	gradient      []float64
	probabilities []float64 // rows × classes
	diagonal      []float64 // of the Hessian
}

// truncatedNewton minimises the likelihood of several classes. Each Newton step is solved by conjugate gradients,
// preconditioned by the Hessian's diagonal, which never need the Hessian itself (Nocedal and Wright, Numerical
// Optimization, 2006, algorithm 7.1).
func (l *likelihood) truncatedNewton(ctx context.Context, limit int) (outcome, error) {
	weights := make([]float64, l.classes*(l.columns+1))
	end := outcome{weights: weights}
	at, err := l.multinomial(ctx, weights)
	for ; err == nil && end.steps < limit; end.steps++ {
		end.gradient = l.largestGradient(at.gradient)
		last := end.gradient <= smallGradient
		tolerance := min(0.1, math.Sqrt(end.gradient))
		if last {
			tolerance = 1e-6
		}
		step, e := l.conjugate(ctx, at, tolerance)
		if e != nil {
			return end, e
		}
		if last {
			end.weights, end.converged = l.centred(plus(weights, 1, step)), true
			return end, nil
		}
		slope, moved := dot(step, at.gradient), false
		for t := 1.0; t > 1e-10; t /= 2 {
			trial := plus(weights, t, step)
			next, e := l.multinomial(ctx, trial)
			if e != nil {
				return end, e
			}
			if next.loss <= at.loss+float64(1e-4*float64(t*slope))+1e-15*math.Abs(at.loss) {
				weights, at, moved = trial, next, true
				break
			}
		}
		if !moved { // rounding hides any further gain
			end.weights, end.converged = l.centred(weights), end.gradient <= 1e-6
			return end, nil
		}
	}
	end.weights = l.centred(weights)
	return end, err
}

// centred takes the mean over the classes out of what the likelihood cannot see: the intercepts, and without a penalty
// the coefficients.
func (l *likelihood) centred(weights []float64) []float64 {
	q := l.columns + 1
	for j := range q {
		if j > 0 && l.lambda > 0 {
			break
		}
		mean := 0.0
		for c := range l.classes {
			mean += weights[c*q+j]
		}
		mean /= float64(l.classes)
		for c := range l.classes {
			weights[c*q+j] -= mean
		}
	}
	return weights
}

// multinomial gives loss, gradient and what the Hessian needs.
func (l *likelihood) multinomial(ctx context.Context, weights []float64) (*state, error) {
	p, q, k := l.columns, l.columns+1, l.classes
	at := &state{probabilities: make([]float64, l.rows*k)}
	parts := newPartials(l.rows, 2*k*q+1)
	err := chunks(ctx, l.rows, l.workers, func(c, lo, hi int) {
		g, d := parts[c][:k*q], parts[c][k*q:2*k*q]
		squares := make([]float64, p)
		for i := lo; i < hi; i++ {
			x, w, pr := l.x[i*p:(i+1)*p], l.weight(i), at.probabilities[i*k:(i+1)*k]
			for j, v := range x {
				squares[j] = float64(v * v)
			}
			for c := range pr {
				pr[c] = weights[c*q] + dot(x, weights[c*q+1:(c+1)*q])
			}
			parts[c][2*k*q] += float64(w * logLoss(pr, l.labels[i]))
			model.Softmax(pr)
			for c, v := range pr {
				h := float64(w * float64(v*(1-v)))
				if int(l.labels[i]) == c {
					v -= 1
				}
				r := float64(w * v)
				g[c*q] += r
				axpy(g[c*q+1:(c+1)*q], r, x)
				d[c*q] += h
				axpy(d[c*q+1:(c+1)*q], h, squares)
			}
		}
	})
	if err != nil {
		return nil, err
	}
	sums := parts.total()
	at.gradient, at.diagonal, at.loss = sums[:k*q], sums[k*q:2*k*q], sums[2*k*q]
	for c := range k {
		at.loss += l.penalise(weights[c*q:(c+1)*q], at.gradient[c*q:(c+1)*q])
		for j, lambda := range l.penalty {
			at.diagonal[c*q+1+j] += lambda
		}
	}
	return at, nil
}

// logLoss is log(sum exp(scores)) - scores[label].
func logLoss(scores []float64, label int32) float64 {
	top := scores[0]
	for _, s := range scores[1:] {
		top = max(top, s)
	}
	sum := 0.0
	for _, s := range scores {
		sum += model.Exp(s - top)
	}
	return (top - scores[label]) + model.Log(sum)
}

// times is the product of the Hessian and v.
func (l *likelihood) times(ctx context.Context, at *state, v []float64) ([]float64, error) {
	p, q, k := l.columns, l.columns+1, l.classes
	parts := newPartials(l.rows, k*q)
	err := chunks(ctx, l.rows, l.workers, func(c, lo, hi int) {
		out, u := parts[c], make([]float64, k)
		for i := lo; i < hi; i++ {
			x, w, pr := l.x[i*p:(i+1)*p], l.weight(i), at.probabilities[i*k:(i+1)*k]
			for c := range u {
				u[c] = v[c*q] + dot(x, v[c*q+1:(c+1)*q])
			}
			mean := dot(pr, u)
			for c := range u {
				r := float64(float64(w*pr[c]) * (u[c] - mean))
				out[c*q] += r
				axpy(out[c*q+1:(c+1)*q], r, x)
			}
		}
	})
	if err != nil {
		return nil, err
	}
	sums := parts.total()
	for c := range k {
		for j, lambda := range l.penalty {
			sums[c*q+1+j] += float64(lambda * v[c*q+1+j])
		}
	}
	return sums, nil
}

// conjugate solves Hessian × step = -gradient until the residual is that share of what it was. A coordinate that the
// likelihood does not depend on stays where it is.
func (l *likelihood) conjugate(ctx context.Context, at *state, tolerance float64) ([]float64, error) {
	n := len(at.gradient)
	step, residual, scaled := make([]float64, n), make([]float64, n), make([]float64, n)
	precondition := func() {
		for i, d := range at.diagonal {
			scaled[i] = 0
			if d > 0 {
				scaled[i] = residual[i] / d
			}
		}
	}
	for i, g := range at.gradient {
		residual[i] = -g
	}
	precondition()
	direction := append([]float64(nil), scaled...)
	rho := dot(residual, scaled)
	end := float64(tolerance * float64(tolerance*rho))
	for range 10*n + 10 {
		if !(rho > end) || rho == 0 {
			break
		}
		h, err := l.times(ctx, at, direction)
		if err != nil {
			return nil, err
		}
		curve := dot(direction, h)
		if !(curve > 0) {
			break
		}
		axpy(step, rho/curve, direction)
		axpy(residual, -rho/curve, h)
		precondition()
		before := rho
		rho = dot(residual, scaled)
		for i := range direction {
			direction[i] = scaled[i] + float64(rho/before*direction[i])
		}
	}
	return step, nil
}
