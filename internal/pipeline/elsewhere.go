package pipeline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"

	"github.com/weighlock/weighlock/internal/evaluation"
	"github.com/weighlock/weighlock/internal/gate"
	"github.com/weighlock/weighlock/internal/git"
	"github.com/weighlock/weighlock/internal/training"
)

// Elsewhere is a change that a job without any right has trained, as a job with rights sees it: two trees that are only
// read, and the predictions, which a stranger may have written. Nothing of the change is run, and no number of its own
// report is used: policy, rows and labels are the base's, and every score is computed again from the predictions.
type Elsewhere struct {
	// Head is the commit of the change, Base the revision that it is compared with.
	Head string
	Base git.Base
	// HeadFiles and BaseFiles are their trees.
	HeadFiles, BaseFiles fs.FS
	// History are Base and its first-parent ancestors, for the baseline's image.
	History []string
	// Predictions is the file that the other job wrote.
	Predictions []byte
}

// lawElsewhere reads both configurations from the trees. The base's must be at the same path: there is no first run here.
func lawElsewhere(ctx context.Context, o Options) (*law, error) {
	e := o.Elsewhere
	file := o.Config
	if file == "" {
		file = DefaultConfig
	}
	if !fs.ValidPath(file) {
		return nil, fail(gate.Misconfigured, fmt.Errorf("find %s: it is not a path inside the repository", file), "")
	}
	l := &law{
		head: e.Head, reviewed: cmp.Or(o.Reviewed, e.Head), base: e.Base, history: e.History,
		changeFiles: e.HeadFiles, baseFiles: e.BaseFiles, folder: path.Dir(file),
	}
	var err error
	if l.change, err = readConfig(l.changeFiles, file, short(e.Head)+":"+file); err != nil {
		return nil, err
	}
	if err := l.readOld(ctx, file); err != nil {
		return nil, err
	}
	return l, l.settle(ctx, o)
}

// candidate reads the other job's predictions. They have to cover exactly the rows that judge, in canonical order.
func (e *Elsewhere) candidate(law *law, rows *rows) (*contender, error) {
	if e.Predictions == nil {
		return nil, fail(gate.Invalid, errors.New("read predictions: the job that trained handed over none"), "see its log")
	}
	stored, err := evaluation.ReadPredictions(e.Predictions)
	if err != nil {
		return nil, fail(gate.Invalid, fmt.Errorf("read predictions: %w", err), "")
	}
	p, err := stored.For(rows.evaluation)
	if err != nil {
		return nil, fail(gate.Invalid, fmt.Errorf("read predictions: %w", err),
			"when the base branch has moved since, run the pull request's job again")
	}
	return weighContender(law, rows, training.Result{Predictions: p}, rows.features)
}
