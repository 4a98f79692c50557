//go:build !unix

package serving

import (
	"context"
	"errors"

	"github.com/weighlock/weighlock/internal/dataset"
	"github.com/weighlock/weighlock/internal/metric"
	"github.com/weighlock/weighlock/internal/model"
)

// Command is a process that a worker wants to run.
type Command struct {
	Argv, Env []string
	Dir       string
}

// WorkerOptions are what a worker is given.
type WorkerOptions struct {
	Folder, Work string
	Run          func(ctx context.Context, c Command) error
}

// Worker needs named pipes, which this system does not have.
type Worker struct{}

// NewWorker always fails here.
func NewWorker(context.Context, *model.Opaque, WorkerOptions) (*Worker, error) {
	return nil, errors.New("serve opaque model: it needs Linux or another Unix")
}

// Predict always fails here.
func (*Worker) Predict(*dataset.Table) (metric.Predictions, error) {
	return metric.Predictions{}, ErrUnavailable
}

// OfOpaque is never reached here.
func OfOpaque(*model.Opaque, *Worker, Identity) Model { return Model{} }
