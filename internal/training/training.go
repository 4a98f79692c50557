// Package training fits candidates: with an estimator of our own, or by what the change brings along.
package training

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/weighlock/weighlock/internal/config"
	"github.com/weighlock/weighlock/internal/dataset"
	"github.com/weighlock/weighlock/internal/metric"
	"github.com/weighlock/weighlock/internal/model"
)

// ErrTraining marks every failure that is the training's own: it did not finish, or what it handed back cannot be
// judged. Such a run is invalid (exit code 4), never blocked and never passed.
var ErrTraining = errors.New("training")

// blamed marks an error as ErrTraining without adding a word to it.
func blamed(err error) error { return blame{err} }

type blame struct{ error }

// Unwrap gives the cause and the mark.
func (b blame) Unwrap() []error { return []error{b.error, ErrTraining} }

// ErrUnsupported marks a way of training that this build cannot run, which is a mistake in the configuration.
var ErrUnsupported = errors.New("not supported")

// Job is what a trainer is given. It holds labels of training rows only.
type Job struct {
	Train  config.Train
	Task   metric.Task
	Target string
	// ID is the column that tells rows apart, or "". A command never sees its values, but shuffled numbers.
	ID string
	// Exclude names columns that are no features: the id, the group, the time, the weight, and those of Withheld.
	Exclude []string
	// Withheld names columns that a command does not even see.
	Withheld []string
	// Rows are the labelled training rows.
	Rows *dataset.Table
	// Evaluate are the evaluation rows without their target, in canonical order; Keys are their ids.
	Evaluate *dataset.Table
	Keys     []string
	// Classes are the class names in the order that predictions must use; nil for quantities.
	Classes []string
	// Seed is used where Train.Seed is zero; it derives from the data, so that a re-run cannot roll the dice again.
	Seed uint64
	// Workers bounds parallelism, 0 for one per processor. It never changes a result.
	Workers int
	// Tree is the revision that a command runs in, Host is what it runs on.
	Tree Tree
	Host Host
	// Once says that nobody asks whether a second training would give the same.
	Once bool
}

// Tree is one revision of the repository as a command sees it.
type Tree struct {
	// Copy writes it, without .git, into an empty folder.
	Copy func(ctx context.Context, into string) error
	// Hidden are files that hold labels, Secret their contents: no copy of them is left in the tree under any name.
	Hidden []string
	Secret [][]byte
	// Folder is that of the configuration: where commands run, and where Files start.
	Folder string
	// Files are folders of features that git may not hold; they are read where they are, below Dir.
	Files []string
	Dir   string
	// Predictions is the content of Train.Predictions.
	Predictions func() ([]byte, error)
}

// Host is what a command may have of this machine.
type Host struct {
	// Getenv reads the environment, of which a command gets a few harmless variables; nil is an empty one.
	Getenv func(string) string
	// Log takes what commands print, cleaned; it may be nil.
	Log io.Writer
	// Cache is a folder for installed dependencies.
	Cache string
	// Read are files and folders that every command may read, such as an interpreter that stands in somebody's home.
	Read []string
	// Keep is a folder for the files of opaque models, which are not held in memory; it stays as long as any of them is used.
	// Where it is empty nobody wants them, and Result.Opaque is nil.
	Keep string
}

// variable is one of the environment, "" where it has none.
func (h Host) variable(name string) string {
	if h.Getenv == nil {
		return ""
	}
	return h.Getenv(name)
}

// Result is what training handed back: a model that Weighlock can score, an opaque one, or predictions alone.
type Result struct {
	// Model is nil when the model is opaque to Weighlock, Opaque is nil when it is not, when there is none, or where
	// Host.Keep is empty.
	Model  *model.Model
	Opaque *model.Opaque
	// Predictions are those on Job.Evaluate, in its order.
	Predictions metric.Predictions
	// Again are those of a second training with the same seed, or nil where nobody looked.
	Again *metric.Predictions
	// Layers name what kept the command away from everything else, nil where nothing of the change ran.
	Layers []string
	// Notes are sentences for the report.
	Notes []string
}

// Trainer fits one kind of candidate.
type Trainer interface {
	// Train returns an error that wraps ErrTraining unless ctx was cancelled.
	Train(ctx context.Context, job Job) (Result, error)
}

// For picks the trainer of a configuration.
func For(t config.Train) (Trainer, error) {
	switch {
	case t.Estimator != "":
		return estimators{}, nil
	case t.Image != "":
		return nil, fmt.Errorf("train in image %s: %w: this program runs train.command in its own sandbox, or weighs train.predictions of an earlier step", t.Image, ErrUnsupported)
	case t.Command != nil:
		return command{}, nil
	case t.Predictions != "":
		return given{}, nil
	}
	return nil, fmt.Errorf("train: %w: give train.estimator, train.command or train.predictions", ErrUnsupported)
}
