package training

import (
	"context"
	"fmt"

	"github.com/weighlock/weighlock/internal/estimator"
)

// estimators fits the learning algorithms that Weighlock brings along. They run in this process: nothing of the change
// but numbers and names reaches them.
type estimators struct{}

// Train fits the model on the training rows and scores the evaluation rows with it.
func (estimators) Train(ctx context.Context, job Job) (Result, error) {
	seed := job.Train.Seed
	if seed == 0 {
		seed = job.Seed
	}
	fitted, err := estimator.Fit(ctx, estimator.Spec{
		Name: job.Train.Estimator, Params: job.Train.Params, Task: job.Task, Target: job.Target,
		Exclude: job.Exclude, Seed: seed, Workers: job.Workers,
	}, job.Rows)
	if err != nil {
		if ctx.Err() != nil {
			return Result{}, ctx.Err()
		}
		return Result{}, blamed(fmt.Errorf("fit %s: %w", job.Train.Estimator, err))
	}
	predictions, err := Score(fitted, job)
	if err != nil {
		return Result{}, err
	}
	return Result{Model: fitted, Predictions: predictions}, nil
}
