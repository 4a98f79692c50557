// Package training fits candidates: with an estimator of our own, or by what the change brings along.
package training

import (
	"context"
	"errors"
	"fmt"

	"github.com/weighlock/weighlock/internal/config"
	"github.com/weighlock/weighlock/internal/dataset"
	"github.com/weighlock/weighlock/internal/metric"
	"github.com/weighlock/weighlock/internal/model"
)

// ErrTraining marks every failure that is the training's own: it did not finish, or what it handed back cannot be
// judged. Such a run is invalid (exit code 4), never blocked and never passed.
var ErrTraining = errors.New("training")

// ErrUnsupported marks a way of training that this build cannot run, which is a mistake in the configuration.
var ErrUnsupported = errors.New("not supported")

// Job is what a trainer is given. It holds labels of training rows only.
type Job struct {
	Train  config.Train
	Task   metric.Task
	Target string
	// Exclude names columns that are no features: the id, the group, the time, the weight.
	Exclude []string
	// Rows are the labelled training rows.
	Rows *dataset.Table
	// Evaluate are the evaluation rows without their target, in canonical order.
	Evaluate *dataset.Table
	// Classes are the class names in the order that predictions must use; nil for quantities.
	Classes []string
	// Seed is used where Train.Seed is zero; it derives from the data, so that a re-run cannot roll the dice again.
	Seed uint64
	// Workers bounds parallelism, 0 for one per processor. It never changes a result.
	Workers int
}

// Result is what training handed back: a model that Weighlock can score, or predictions alone.
type Result struct {
	// Model is nil when the model is opaque to Weighlock.
	Model *model.Model
	// Predictions are those on Job.Evaluate, in its order.
	Predictions metric.Predictions
}

// Trainer fits one kind of candidate.
type Trainer interface {
	// Train returns an error that wraps ErrTraining unless ctx was cancelled.
	Train(ctx context.Context, job Job) (Result, error)
}

// For picks the trainer of a configuration.
func For(t config.Train) (Trainer, error) {
	if t.Estimator != "" {
		return estimators{}, nil
	}
	return nil, fmt.Errorf("train by command: %w: name one of the built-in estimators in train.estimator", ErrUnsupported)
}
