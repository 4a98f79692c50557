package training

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/weighlock/weighlock/internal/evaluation"
)

// given weighs predictions that an earlier step made, on a machine with a GPU for example.
type given struct{}

// Train reads the file of predictions. Its ids are the data's own.
func (given) Train(_ context.Context, job Job) (Result, error) {
	if job.ID == "" {
		return Result{}, blamed(fmt.Errorf("read %s: predictions are matched to rows by id, and data.id names no column", job.Train.Predictions))
	}
	content, err := job.Tree.Predictions()
	if errors.Is(err, fs.ErrNotExist) {
		return Result{}, blamed(fmt.Errorf("read %s: the step that makes it left nothing: %w", job.Train.Predictions, fs.ErrNotExist))
	}
	if err != nil {
		return Result{}, blamed(fmt.Errorf("read %s: %w", job.Train.Predictions, err))
	}
	rows := make(map[string]int, len(job.Keys))
	for row, key := range job.Keys {
		rows[key] = row
	}
	p, err := evaluation.Sheet{ID: job.ID, Row: rows, Text: true, Task: job.Task, Classes: job.Classes}.Read(content)
	if err != nil {
		return Result{}, blamed(fmt.Errorf("read %s: %w", job.Train.Predictions, err))
	}
	return Result{Predictions: p, Notes: []string{
		fmt.Sprintf("the candidate was not trained here: its predictions come from %s, which an earlier step made", job.Train.Predictions),
	}}, nil
}
