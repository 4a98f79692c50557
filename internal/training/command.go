package training

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/weighlock/weighlock/internal/config"
	"github.com/weighlock/weighlock/internal/dataset"
	"github.com/weighlock/weighlock/internal/evaluation"
	"github.com/weighlock/weighlock/internal/metric"
	"github.com/weighlock/weighlock/internal/model"
	"github.com/weighlock/weighlock/internal/sandbox"
)

// command runs what the change brings along, in a sandbox.
type command struct{}

// longestRepeat is up to which duration a training is run a second time to see whether it gives the same.
const longestRepeat = 15 * time.Minute

// Train runs the command, reads what it left, and scores the evaluation rows: with the predict command on the saved
// model where there is one, else by the predictions that it left. It does so twice, to measure what chance does.
func (c command) Train(ctx context.Context, job Job) (Result, error) {
	begun := time.Now()
	result, err := c.once(ctx, job)
	if err != nil || job.Once {
		return result, err
	}
	if took := time.Since(begun); took > longestRepeat {
		result.Notes = append(result.Notes, fmt.Sprintf("whether the same seed gives the same model was not measured: training took %s", took.Round(time.Second)))
		return result, nil
	}
	job.Host.Keep = "" // of the second, only predictions matter
	again, err := c.once(ctx, job)
	if err != nil {
		return Result{}, fmt.Errorf("train a second time with the same seed: %w", err)
	}
	result.Again = &again.Predictions
	return result, nil
}

func (command) once(ctx context.Context, job Job) (Result, error) {
	w, err := newWorkspace()
	if err != nil {
		return Result{}, fmt.Errorf("train by command: %w", err)
	}
	defer func() { _ = w.remove() }()
	t, err := newTables(job)
	if err != nil {
		return Result{}, blamed(fmt.Errorf("train by command: %w", err))
	}
	if err := w.fill(ctx, job.Tree); err != nil {
		return Result{}, fmt.Errorf("train by command: %w", err)
	}
	var source map[string][]byte
	if job.Train.Predict != nil { // before the command can change it
		if source, err = w.source(job.Tree); err != nil {
			return Result{}, err
		}
	}
	ready, err := install(ctx, job.Host, job.Train, w.path("tree", filepath.FromSlash(job.Tree.Folder)))
	if err != nil {
		return Result{}, err
	}
	if err := errors.Join(w.table(t.train, "train", job.Train.Format), w.table(t.evaluate, "evaluate", job.Train.Format)); err != nil {
		return Result{}, fmt.Errorf("train by command: %w", err)
	}
	env := append(contract(job, w, t), "WEIGHLOCK_TRAIN="+w.path("in", "train."+job.Train.Format), "WEIGHLOCK_MODEL="+w.path("out", modelFolder))
	layers, err := w.run(ctx, step{"train by command", job.Train.Command, job, ready, env})
	if err != nil {
		return Result{}, err
	}
	return collect(ctx, w, job, t, kept{layers, source})
}

// kept is what the earlier steps of one training leave to the last.
type kept struct {
	layers []string
	source map[string][]byte
}

// collect makes a result of what a command left.
func collect(ctx context.Context, w *workspace, job Job, t tables, k kept) (Result, error) {
	result := Result{Layers: k.layers}
	root, err := os.OpenRoot(w.path("out"))
	if err != nil {
		return result, blamed(fmt.Errorf("read what training left: %w", err))
	}
	defer func() { _ = root.Close() }()
	left, err := checkModel(root)
	if err != nil {
		return result, err
	}
	if own := ownModel(root); own != nil {
		result.Model = own
		result.Predictions, err = Score(own, job)
		return result, err
	}
	var opaque *model.Opaque
	if left {
		folder, err := w.keepModel(job.Host.Keep)
		if err != nil {
			return result, fmt.Errorf("keep what training left: %w", err)
		}
		if opaque, err = model.NewOpaque(opaqueSpec(job, t, os.DirFS(folder), k.source)); err != nil {
			return result, blamed(fmt.Errorf("%w", err))
		}
		if job.Host.Keep != "" {
			result.Opaque = opaque
		}
	}
	switch {
	case job.Train.Predict == nil:
		result.Predictions, err = readAnswers(root, job, t)
	case opaque == nil:
		err = blamed(fmt.Errorf("read what training left: WEIGHLOCK_MODEL is empty, so train.predict has nothing to score with"))
	default:
		result.Predictions, _, err = ScoreOpaque(ctx, opaque, job)
	}
	return result, err
}

// ownModel reads a model in Weighlock's own format, which it scores itself; nil when it is something else.
func ownModel(root *os.Root) *model.Model {
	folder, err := fs.Sub(root.FS(), modelFolder)
	if err != nil {
		return nil
	}
	m, err := model.Load(folder)
	if err != nil {
		return nil
	}
	return m
}

// readAnswers finds the one file of predictions.
func readAnswers(root *os.Root, job Job, t tables) (metric.Predictions, error) {
	var found []string
	entries, err := os.ReadDir(root.Name())
	if err != nil {
		return metric.Predictions{}, blamed(fmt.Errorf("read predictions: %w", err))
	}
	for _, entry := range entries {
		if entry.Name() == predictionsFile || strings.HasPrefix(entry.Name(), predictionsFile+".") {
			found = append(found, entry.Name())
		}
	}
	switch len(found) {
	case 0:
		return metric.Predictions{}, blamed(fmt.Errorf("read predictions: the command left none in WEIGHLOCK_PREDICTIONS"))
	case 1:
	default:
		return metric.Predictions{}, blamed(fmt.Errorf("read predictions: the command left %s, want one file", strings.Join(found, " and ")))
	}
	content, err := readHandedBack(root, found[0], maxPredictions)
	if err != nil {
		return metric.Predictions{}, blamed(fmt.Errorf("read predictions: %w", err))
	}
	p, err := evaluation.Sheet{ID: t.id, Row: t.row, Task: job.Task, Classes: job.Classes}.Read(content)
	if err != nil {
		return p, blamed(err)
	}
	return p, nil
}

// table writes one table where the command reads it.
func (w *workspace) table(t *dataset.Table, name, format string) error {
	content, err := encode(t, format)
	if err != nil {
		return err
	}
	return w.write(content, "in", name+"."+format)
}

// step is one command of a job.
type step struct {
	what  string
	argv  []string
	job   Job
	ready installed
	env   []string
}

// run runs a command in the workspace and says in one sentence how it failed.
func (w *workspace) run(ctx context.Context, s step) ([]string, error) {
	spec := sandbox.Spec{
		Argv: s.argv, Dir: w.path("tree", filepath.FromSlash(s.job.Tree.Folder)),
		Env:     slices.Concat(s.job.Host.environment(w, s.ready.bin()), s.ready.variables(), s.env),
		Read:    slices.Concat([]string{w.path("in")}, w.read, s.ready.folders(), s.job.Host.Read),
		Write:   []string{w.path("tree"), w.path("out"), w.path("home"), w.path("tmp")},
		Network: s.job.Train.Network, Off: s.job.Train.Sandbox == config.SandboxOff,
		Limits: limitsOf(s.job.Train), Output: s.job.Host.Log,
	}
	result, err := sandbox.Run(ctx, spec)
	shown := strings.Join(s.argv, " ")
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.Is(err, sandbox.ErrUnavailable):
		return nil, fmt.Errorf("%s: %w", s.what, err)
	case err != nil:
		return nil, blamed(fmt.Errorf("%s: %w", s.what, err))
	}
	if err := result.Failure(spec.Limits); err != nil {
		return nil, blamed(fmt.Errorf("%s: %s %w", s.what, shown, err))
	}
	return result.Layers, nil
}
