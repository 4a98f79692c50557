package training

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"

	"github.com/weighlock/weighlock/internal/metric"
	"github.com/weighlock/weighlock/internal/model"
)

// opaqueSpec describes a model that a command left, so that it can be scored again without this repository.
func opaqueSpec(job Job, t tables, files fs.FS, source map[string][]byte) model.OpaqueSpec {
	spec := model.OpaqueSpec{
		Task: job.Task, Target: job.Target, ID: t.id, Classes: job.Classes, Predict: job.Train.Predict, Setup: job.Train.Setup,
		Folder: job.Tree.Folder, Format: job.Train.Format, Model: files, Source: source,
	}
	for _, column := range t.evaluate.Columns {
		if column.Name != t.id {
			spec.Features = append(spec.Features, model.Feature{Name: column.Name, Kind: column.Kind})
		}
	}
	return spec
}

// ScoreOpaque lets an opaque model predict the job's evaluation rows, with its own predict command and its own files, in
// a sandbox of its own. Of the job it takes the rows, the classes, the law of the sandbox and the host.
func ScoreOpaque(ctx context.Context, o *model.Opaque, job Job) (metric.Predictions, []string, error) {
	spec := o.Spec()
	if spec.Predict == nil {
		return metric.Predictions{}, nil, blamed(fmt.Errorf("score opaque model: it has no predict command"))
	}
	if spec.Task != job.Task {
		return metric.Predictions{}, nil, blamed(fmt.Errorf("score opaque model: it answers a %s task, the policy asks for %s", spec.Task, job.Task))
	}
	job.Rows, job.ID, job.Target = nil, spec.ID, spec.Target
	job.Train.Predict, job.Train.Setup, job.Train.Format = spec.Predict, spec.Setup, spec.Format
	w, err := newWorkspace()
	if err != nil {
		return metric.Predictions{}, nil, fmt.Errorf("score opaque model: %w", err)
	}
	defer func() { _ = w.remove() }()
	job.Tree = Tree{
		Folder: spec.Folder, Files: job.Tree.Files, Dir: job.Tree.Dir,
		Copy: func(context.Context, string) error { return w.writeAll("tree", spec.Source) },
	}
	t, err := newTables(job)
	if err != nil {
		return metric.Predictions{}, nil, blamed(fmt.Errorf("score opaque model: %w", err))
	}
	// Columns that are new since are not for a model that does not know them.
	known := append([]string{t.id}, featureNames(spec.Features)...)
	t.evaluate = t.evaluate.Without(slices.DeleteFunc(t.evaluate.Names(), func(name string) bool { return slices.Contains(known, name) })...)
	for _, step := range []error{w.fill(ctx, job.Tree), os.CopyFS(w.path("in", modelFolder), o.ModelFS()), w.table(t.evaluate, "evaluate", spec.Format)} {
		if step != nil {
			return metric.Predictions{}, nil, fmt.Errorf("score opaque model: %w", step)
		}
	}
	ready, err := install(ctx, job.Host, job.Train, w.path("tree", spec.Folder))
	if err != nil {
		return metric.Predictions{}, nil, err
	}
	env := append(contract(job, w, t), "WEIGHLOCK_MODEL="+w.path("in", modelFolder))
	layers, err := w.run(ctx, step{"predict by command", spec.Predict, job, ready, env})
	if err != nil {
		return metric.Predictions{}, nil, err
	}
	root, err := os.OpenRoot(w.path("out"))
	if err != nil {
		return metric.Predictions{}, nil, blamed(fmt.Errorf("read predictions: %w", err))
	}
	defer func() { _ = root.Close() }()
	classes := job.Classes
	job.Classes = spec.Classes
	p, err := readAnswers(root, job, t)
	if err != nil {
		return p, layers, err
	}
	p, err = AlignClasses(p, classes)
	return p, layers, err
}

func featureNames(features []model.Feature) []string {
	names := map[string]bool{}
	for _, f := range features {
		names[f.Name] = true
	}
	return slices.Collect(maps.Keys(names))
}
