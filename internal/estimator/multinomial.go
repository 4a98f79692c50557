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
}

// truncatedNewton minimises the likelihood of several classes. Each Newton step is solved by preconditioned conjugate
// gradients, which never need the whole Hessian (Nocedal and Wright, Numerical Optimization, 2006, algorithm 7.1).
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
			if l.better(stride{at.loss, next.loss, t * slope, end.gradient, next.gradient}) {
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
	parts := newPartials(l.rows, k*q+1)
	err := chunks(ctx, l.rows, l.workers, func(c, lo, hi int) {
		g := parts[c]
		for i := lo; i < hi; i++ {
			x, w, pr := l.x[i*p:(i+1)*p], l.weight(i), at.probabilities[i*k:(i+1)*k]
			for c := range pr {
				pr[c] = weights[c*q] + dot(x, weights[c*q+1:(c+1)*q])
			}
			g[k*q] += float64(w * logLoss(pr, l.labels[i]))
			model.Softmax(pr)
			for c, v := range pr {
				if int(l.labels[i]) == c {
					v -= 1
				}
				r := float64(w * v)
				g[c*q] += r
				axpy(g[c*q+1:(c+1)*q], r, x)
			}
		}
	})
	if err != nil {
		return nil, err
	}
	sums := parts.total()
	at.gradient, at.loss = sums[:k*q], sums[k*q]
	for c := range k {
		at.loss += l.penalise(weights[c*q:(c+1)*q], at.gradient[c*q:(c+1)*q])
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
	precondition, err := l.preconditioner(ctx, at)
	if err != nil {
		return nil, err
	}
	n := len(at.gradient)
	step, residual := make([]float64, n), make([]float64, n)
	axpy(residual, -1, at.gradient)
	scaled := precondition(residual)
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
		scaled = precondition(residual)
		before := rho
		rho = dot(residual, scaled)
		for i := range direction {
			direction[i] = scaled[i] + float64(rho/before*direction[i])
		}
	}
	return step, nil
}

// maxBlocks bounds the numbers of all classes' blocks, of which each chunk of rows keeps its own.
const maxBlocks = 100_000

// preconditioner solves with the Hessian's blocks on the diagonal, one for each class, or where these are too large
// with its diagonal.
func (l *likelihood) preconditioner(ctx context.Context, at *state) (func([]float64) []float64, error) {
	p, q, k := l.columns, l.columns+1, l.classes
	width := q
	if k*q*q > maxBlocks {
		width = 1
	}
	parts := newPartials(l.rows, k*q*width)
	err := chunks(ctx, l.rows, l.workers, func(c, lo, hi int) {
		var sums []*gramSums
		for class := range k {
			sums = append(sums, newGramSums(q, parts[c][class*q*width:(class+1)*q*width]))
		}
		for i := lo; i < hi; i++ {
			x, w := l.x[i*p:(i+1)*p], l.weight(i)
			for class, v := range at.probabilities[i*k : (i+1)*k] {
				h := float64(w * float64(v*(1-v)))
				if width == 1 {
					addSquares(parts[c][class*q:(class+1)*q], x, h)
					continue
				}
				row := sums[class].next()
				row[0] = 1
				copy(row[1:], x)
				sums[class].done(h)
			}
		}
		for _, s := range sums {
			if width > 1 {
				s.flush()
			}
		}
	})
	if err != nil {
		return nil, err
	}
	return l.invert(parts.total(), width), nil
}

// addSquares adds h times the squares of a row of the design.
func addSquares(sums, x []float64, h float64) {
	sums[0] += h
	for j, v := range x {
		sums[1+j] += float64(h * float64(v*v))
	}
}

// invert turns blocks of that width into the preconditioner.
func (l *likelihood) invert(blocks []float64, width int) func([]float64) []float64 {
	q := l.columns + 1
	var factors []*cholesky
	for class := range l.classes {
		for j, lambda := range l.penalty {
			blocks[(class*q+1+j)*width+(1+j)%width] += lambda
		}
		if width > 1 {
			factors = append(factors, newCholesky(q, blocks[class*q*q:(class+1)*q*q], 1e-12))
		}
	}
	return func(v []float64) []float64 {
		// What the likelihood cannot see is taken out on both sides, or rounding would grow in that direction.
		out := l.centred(append([]float64(nil), v...))
		for class, f := range factors {
			f.solve(out[class*q : (class+1)*q])
		}
		if width == 1 {
			for i, d := range blocks {
				if d > 0 {
					out[i] /= d
				} else {
					out[i] = 0
				}
			}
		}
		return l.centred(out)
	}
}
