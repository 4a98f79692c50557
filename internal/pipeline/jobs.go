package pipeline

import (
	"context"
	"errors"
	"io/fs"
	"slices"

	"github.com/weighlock/weighlock/internal/config"
	"github.com/weighlock/weighlock/internal/training"
)

// jobOf is what a trainer gets to fit the change: its own settings within the base's law.
func jobOf(o Options, law *law, rows *rows) training.Job {
	return training.Job{
		Train: law.effective.Train, Task: law.effective.Task, Target: law.effective.Data.Target, ID: law.effective.Data.ID,
		Exclude: excluded(law.change), Withheld: law.change.Data.Exclude, Rows: rows.train, Evaluate: rows.features,
		Keys: rows.evaluation.Keys, Classes: rows.classes, Seed: seedOf(rows.evaluation.Digest), Workers: o.Workers, Host: o.Host,
		Tree: law.tree(law.folder, law.change, law.changeFiles, law.repo.CopyTree),
	}
}

// baseJobOf is what a trainer gets to fit the base revision: its own settings and its own rows.
func baseJobOf(o Options, law *law, rows *rows) training.Job {
	job := jobOf(o, law, rows)
	job.Train, job.Exclude, job.Withheld, job.Rows = law.old.Train, excluded(law.old), law.old.Data.Exclude, rows.baseTrain
	job.Evaluate, job.Once = rows.baseFeatures, true
	job.Tree = law.tree(law.baseFolder, law.old, law.baseFiles, func(ctx context.Context, into string) error {
		return law.repo.Export(ctx, law.base.Commit, into)
	})
	return job
}

// commands reports whether one of the two revisions is trained by a command, which may leave an opaque model.
func (l *law) commands() bool {
	return l.effective.Train.Command != nil || l.old != nil && l.old.Train.Command != nil
}

var errNoCommands = errors.New("commands of a repository are not run in a job that speaks for another one")

// tree is one revision for training, without the tables that hold labels.
func (l *law) tree(folder string, f *config.File, files fs.FS, copyTree func(context.Context, string) error) training.Tree {
	t := training.Tree{
		Copy: copyTree, Folder: folder, Files: f.Data.Files,
		Predictions: func() ([]byte, error) { return fs.ReadFile(files, join(folder, f.Train.Predictions)) },
	}
	if l.repo == nil { // a job with rights, which only reads what another one trained
		t.Copy = func(context.Context, string) error { return errNoCommands }
	} else {
		t.Dir = l.repo.Dir
	}
	// Both revisions' tables, whichever is trained: a label that moved is still a label.
	for _, side := range []struct {
		file   *config.File
		files  fs.FS
		folder string
	}{{l.change, l.changeFiles, l.folder}, {l.old, l.baseFiles, l.baseFolder}} {
		if side.file == nil {
			continue
		}
		for _, name := range []string{side.file.Data.Path, side.file.Data.Evaluate.Path} {
			if name == "" {
				continue
			}
			if full := join(side.folder, name); !slices.Contains(t.Hidden, full) {
				t.Hidden = append(t.Hidden, full)
			}
			if content, err := fs.ReadFile(side.files, join(side.folder, name)); err == nil {
				t.Secret = append(t.Secret, content)
			}
		}
	}
	return t
}
