// Package evaluation says how one model scored, row by row; its JSON and its table of predictions are public formats.
package evaluation

import (
	"fmt"
	"maps"
	"slices"

	"github.com/weighlock/weighlock/internal/metric"
)

// Version is the version of the JSON and of the table of predictions that this package writes and reads.
const Version = 1

// Evaluation is how one model scored on one evaluation set.
type Evaluation struct {
	Version int         `json:"version"`
	Model   string      `json:"model"`
	Task    metric.Task `json:"task"`
	// ModelDigest identifies the model's files, empty when it left predictions only; DataDigest the evaluation rows.
	ModelDigest string   `json:"model_digest,omitempty"`
	DataDigest  string   `json:"data_digest"`
	Rows        int      `json:"rows"`
	Classes     []string `json:"classes,omitempty"`
	// Metrics holds every metric of the task by name, with its default parameters.
	Metrics map[string]Score `json:"metrics"`
	// Slices hold the same metrics on each part of the rows that the policy names, sorted by column and level.
	Slices []SliceScore `json:"slices,omitempty"`
	// Confusion counts rows by true (outer) and predicted (inner) class, in the order of Classes.
	Confusion  [][]int  `json:"confusion,omitempty"`
	Latency    *Latency `json:"latency,omitempty"`
	ModelBytes int64    `json:"model_bytes,omitempty"`
}

// Score is one metric's value, or the reason why it has none.
type Score struct {
	Value     *float64 `json:"value,omitempty"`
	Undefined string   `json:"undefined,omitempty"`
	Flags     []string `json:"flags,omitempty"`
}

// SliceScore is how the model scored on the rows whose column By has the level Level.
type SliceScore struct {
	By      string           `json:"by"`
	Level   string           `json:"level"`
	Rows    int              `json:"rows"`
	Metrics map[string]Score `json:"metrics"`
}

// Latency is how long scoring took on the machine that evaluated.
type Latency struct {
	// RowMicroseconds is the time per row when all rows are scored at once.
	RowMicroseconds float64 `json:"row_microseconds"`
}

// Options are what Evaluate cannot see in rows and predictions.
type Options struct {
	Model, ModelDigest string
	ModelBytes         int64
	Latency            *Latency
}

// mostConfused is the largest number of classes whose confusion matrix is kept.
const mostConfused = 200

// Evaluate computes every metric of the task over all rows and on each slice. The error says why the predictions do not
// fit the rows.
func Evaluate(r Rows, p metric.Predictions, o Options) (Evaluation, error) {
	if err := p.Check(r.Truth); err != nil {
		return Evaluation{}, fmt.Errorf("evaluate %s: %w", o.Model, err)
	}
	e := Evaluation{
		Version: Version, Model: o.Model, Task: r.Truth.Task, ModelDigest: o.ModelDigest, DataDigest: r.Digest,
		Rows: r.Truth.Rows(), Classes: slices.Clone(r.Truth.Classes), ModelBytes: o.ModelBytes, Latency: o.Latency,
		Metrics: scores(r.Truth, p),
	}
	for _, by := range slices.Sorted(maps.Keys(r.Slices)) {
		levels, err := r.Levels(by)
		if err != nil {
			return Evaluation{}, fmt.Errorf("evaluate %s: %w", o.Model, err)
		}
		for _, level := range levels {
			e.Slices = append(e.Slices, SliceScore{
				By: by, Level: level.Name, Rows: len(level.Rows),
				Metrics: scores(PickTruth(r.Truth, level.Rows), PickPredictions(p, level.Rows)),
			})
		}
	}
	if e.Task.Classifies() && len(e.Classes) <= mostConfused {
		e.Confusion = metric.Confusion(r.Truth, p)
	}
	return e, nil
}

func scores(t metric.Truth, p metric.Predictions) map[string]Score {
	out := map[string]Score{}
	for _, m := range metric.ForTask(t.Task) {
		v := m.Value(t, p, metric.Params{})
		s := Score{Undefined: string(v.Undefined), Flags: v.Flags}
		if v.Defined() {
			s.Value = &v.Value
		}
		out[m.Name] = s
	}
	return out
}
