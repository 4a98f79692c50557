package pipeline

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/weighlock/weighlock/internal/baseline"
	"github.com/weighlock/weighlock/internal/evaluation"
	"github.com/weighlock/weighlock/internal/gate"
	"github.com/weighlock/weighlock/internal/metric"
	"github.com/weighlock/weighlock/internal/training"
)

// defaultRepeats is how often folds are drawn anew where the law does not say (statistics.md 2.5).
const defaultRepeats = 10

// crossValidate trains both revisions on all folds but one, for every fold and repeat, and lets each pair say what it
// thinks of the fold that is left. A model that is trained on everything is what gets an image; what it scores is what
// the models of the first repeat said of rows that they had not seen.
func crossValidate(ctx context.Context, o Options, law *law, w *outcome) error {
	if o.Elsewhere != nil {
		return fail(gate.Misconfigured, errors.New("cross-validate: the folds' models are trained where they are judged"), "run weighlock in the job that has the clone")
	}
	o.Step("train")
	var err error
	if w.candidate, err = trainCandidate(ctx, o, law, w.rows); err != nil {
		return err
	}
	v := &validation{o: o, law: law, rows: w.rows, folds: &gate.Folds{}}
	e := law.effective.Data.Evaluate
	repeats := cmp.Or(e.Repeats, defaultRepeats)
	for repeat := range repeats {
		for k, judging := range dealFolds(w.rows.evaluation, e.Folds, e.Seed+uint64(repeat)) {
			o.Step(fmt.Sprintf("fold %d of %d", repeat*e.Folds+k+1, repeats*e.Folds))
			if err := v.fold(ctx, judging, repeat == 0); err != nil {
				return err
			}
		}
	}
	v.folds.TestOverTrain = v.ratio / float64(len(v.folds.Parts))
	w.folds = v.folds
	if err := w.candidate.rescore(law, w.rows, v.said); err != nil {
		return err
	}
	if law.firstRun {
		return nil
	}
	w.baseline, err = weighContender(law, w.rows, training.Result{Predictions: v.saidBefore}, w.rows.baseFeatures)
	if err != nil {
		return err
	}
	w.baseline.origin = baseline.Baseline{Commit: law.base.Commit, How: fmt.Sprintf("base revision trained again on %d folds", repeats*e.Folds)}
	return nil
}

// validation collects what folds say.
type validation struct {
	o     Options
	law   *law
	rows  *rows
	folds *gate.Folds
	// ratio is the sum over folds of rows that judge over rows that train.
	ratio float64
	// said and saidBefore are the candidate's and the baseline's predictions of every row, from the first repeat.
	said, saidBefore metric.Predictions
}

// fold trains both revisions without the judging rows, and asks them about those.
func (v *validation) fold(ctx context.Context, judging []int, first bool) error {
	judges := make(map[string]bool, len(judging))
	keys := make([]string, len(judging))
	for i, row := range judging {
		keys[i] = v.rows.evaluation.Keys[row]
		judges[keys[i]] = true
	}
	part := gate.Fold{Truth: evaluation.PickTruth(v.rows.evaluation.Truth, judging)}
	ask := func(job training.Job, trainKeys []string) (metric.Predictions, error) {
		job.Evaluate, job.Keys, job.Once = job.Evaluate.Select(judging), keys, true
		kinship := v.kinship(job)
		kept := make([]int, 0, len(trainKeys))
		for row, key := range trainKeys {
			if !judges[key] && !kinship(row) {
				kept = append(kept, row)
			}
		}
		job.Rows = job.Rows.Select(kept)
		trainer, err := training.For(job.Train)
		if err != nil {
			return metric.Predictions{}, fail(gate.Misconfigured, err, "")
		}
		result, err := trainer.Train(ctx, job)
		if err != nil {
			if ctx.Err() != nil {
				return metric.Predictions{}, ctx.Err()
			}
			return metric.Predictions{}, trainingFailed(err)
		}
		v.ratio += float64(len(judging)) / float64(max(1, len(kept)))
		return result.Predictions, nil
	}
	var err error
	if part.Candidate, err = ask(jobOf(v.o, v.law, v.rows), v.rows.trainKeys); err != nil {
		return err
	}
	if first {
		v.said = place(v.said, part.Candidate, judging, v.rows.evaluation.Truth.Rows())
	}
	if !v.law.firstRun {
		ratio := v.ratio
		before, err := ask(baseJobOf(v.o, v.law, v.rows), v.rows.baseKeys)
		if err != nil {
			return err
		}
		v.ratio = ratio // one per fold: the candidate's
		part.Baseline = &before
		if first {
			v.saidBefore = place(v.saidBefore, before, judging, v.rows.evaluation.Truth.Rows())
		}
	}
	v.folds.Parts = append(v.folds.Parts, part)
	return nil
}

// kinship tells which rows that train belong to a group that judges: those that a change adds to a group of the base.
func (v *validation) kinship(job training.Job) func(row int) bool {
	name := v.law.effective.Data.Evaluate.Group
	judging, ok := job.Evaluate.Column(name)
	groups, also := job.Rows.Column(name)
	if name == "" || !ok || !also {
		return func(int) bool { return false }
	}
	judges := map[string]bool{}
	for row := range judging.Len() {
		judges[judging.Text(row)] = true
	}
	return func(row int) bool { return judges[groups.Text(row)] }
}

// place writes the predictions of some rows into those of all.
func place(all, some metric.Predictions, at []int, rows int) metric.Predictions {
	if some.Values != nil && all.Values == nil {
		all.Values = make([]float64, rows)
	}
	if some.Labels != nil && all.Labels == nil {
		all.Labels, all.Classes = make([]int32, rows), some.Classes
	}
	k := len(some.Classes)
	if some.Probabilities != nil && all.Probabilities == nil {
		all.Probabilities = make([]float64, rows*k)
	}
	for i, row := range at {
		if some.Values != nil {
			all.Values[row] = some.Values[i]
		}
		if some.Labels != nil {
			all.Labels[row] = some.Labels[i]
		}
		if some.Probabilities != nil {
			copy(all.Probabilities[row*k:(row+1)*k], some.Probabilities[i*k:(i+1)*k])
		}
	}
	return all
}

// rescore gives the contender other predictions than its own model's.
func (c *contender) rescore(law *law, rows *rows, p metric.Predictions) error {
	c.predictions, c.digest, c.again = p, digestOf(p), nil
	options := evaluation.Options{Model: law.effective.Model, ModelDigest: c.evaluation.ModelDigest, ModelBytes: c.evaluation.ModelBytes, Latency: c.evaluation.Latency}
	var err error
	if c.evaluation, err = evaluation.Evaluate(rows.evaluation, p, options); err != nil {
		return fail(gate.Invalid, err, "")
	}
	return nil
}

// dealFolds deals the rows to folds by a hash of seed and key, so that the same rows fall together whatever their order:
// whole groups at a time where rows belong together, class by class where there are classes.
func dealFolds(rows evaluation.Rows, folds int, seed uint64) [][]int {
	type unit struct {
		stratum int32
		hash    uint64
		rows    []int
	}
	units := map[string]*unit{}
	var order []*unit
	for i, key := range rows.Keys {
		name := key
		if rows.Cluster != nil {
			name = fmt.Sprintf("group %d", rows.Cluster[i])
		}
		u, seen := units[name]
		if !seen {
			u = &unit{hash: hashOf(seed, key)} // of a group's first key: keys are sorted
			if rows.Cluster == nil && rows.Truth.Task.Classifies() {
				u.stratum = rows.Truth.Labels[i]
			}
			units[name], order = u, append(order, u)
		}
		u.rows = append(u.rows, i)
	}
	slices.SortStableFunc(order, func(a, b *unit) int { return cmp.Or(cmp.Compare(a.stratum, b.stratum), cmp.Compare(a.hash, b.hash)) })
	out := make([][]int, folds)
	for i, u := range order {
		out[i%folds] = append(out[i%folds], u.rows...)
	}
	for _, part := range out {
		slices.Sort(part)
	}
	return slices.DeleteFunc(out, func(part []int) bool { return len(part) == 0 })
}

func hashOf(seed uint64, key string) uint64 {
	sum := sha256.Sum256(binary.LittleEndian.AppendUint64([]byte(key), seed))
	return binary.LittleEndian.Uint64(sum[:])
}
