package pipeline

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/weighlock/weighlock/internal/baseline"
	"github.com/weighlock/weighlock/internal/dataset"
	"github.com/weighlock/weighlock/internal/evaluation"
	"github.com/weighlock/weighlock/internal/gate"
	"github.com/weighlock/weighlock/internal/metric"
	"github.com/weighlock/weighlock/internal/model"
	"github.com/weighlock/weighlock/internal/sandbox"
	"github.com/weighlock/weighlock/internal/training"
)

// contender is one of the two that are compared: its predictions on the rows that judge, and how it scored on them.
type contender struct {
	// model is nil when it is opaque to Weighlock; opaque is nil when it is not, or when there are predictions alone.
	model       *model.Model
	opaque      *model.Opaque
	predictions metric.Predictions
	// digest is that of the predictions.
	digest     string
	evaluation evaluation.Evaluation
	// training and scoring are what these steps took; zero for a model that was only scored.
	training, scoring time.Duration
	// again are the predictions of a second training with the same seed, nil where nobody looked.
	again *metric.Predictions
	// layers name what kept training away from everything else, notes are for the report.
	layers, notes []string
	// origin says where a baseline came from; empty for the candidate.
	origin baseline.Baseline
}

// findCandidate trains the change, or takes what another job predicted for it.
func findCandidate(ctx context.Context, o Options, law *law, rows *rows) (*contender, error) {
	if o.Elsewhere != nil {
		return o.Elsewhere.candidate(law, rows)
	}
	return trainCandidate(ctx, o, law, rows)
}

// trainCandidate fits the change on its own rows and scores it.
func trainCandidate(ctx context.Context, o Options, law *law, rows *rows) (*contender, error) {
	trainer, err := training.For(law.effective.Train)
	if err != nil {
		return nil, fail(gate.Misconfigured, err, "")
	}
	begun := time.Now()
	result, err := trainer.Train(ctx, jobOf(o, law, rows))
	if err != nil {
		return nil, trainingFailed(err)
	}
	took := time.Since(begun)
	c, err := weighContender(law, rows, result, rows.features)
	if err != nil {
		return nil, err
	}
	c.training = took
	return c, nil
}

// trainingFailed finds the decision that a failed training means: the change's fault, or this machine's.
func trainingFailed(err error) error {
	if errors.Is(err, sandbox.ErrUnavailable) {
		return fail(gate.Misconfigured, err, "train: {sandbox: off} in the base revision's configuration runs commands without one; the report then says so")
	}
	return fail(gate.Invalid, err, "")
}

// findBaseline takes the base revision's image, or trains the base revision again. On a first run there is none.
func findBaseline(ctx context.Context, o Options, law *law, rows *rows) (*contender, error) {
	if law.firstRun {
		return nil, nil
	}
	b, err := baselineOf(ctx, o, law, rows)
	if err != nil {
		return nil, err
	}
	c, err := weighContender(law, rows, training.Result{Model: b.Model, Opaque: b.Opaque, Predictions: b.Predictions, Layers: b.Layers}, rows.baseFeatures)
	if err != nil {
		return nil, err
	}
	c.origin = b
	return c, nil
}

func baselineOf(ctx context.Context, o Options, law *law, rows *rows) (baseline.Baseline, error) {
	var noImage error
	if o.Baseline != BaselineRetrain {
		b, err := baselineImage(ctx, o, law, rows)
		if err == nil {
			return b, nil
		}
		noImage = err
		if o.Baseline == BaselineImage || !errors.Is(err, baseline.ErrMissing) {
			return b, fail(gate.Unavailable, err, "--baseline retrain trains the base revision again instead")
		}
	}
	b, err := baseline.TrainAgain(ctx, law.base.Commit, baseJobOf(o, law, rows))
	if errors.Is(err, sandbox.ErrUnavailable) {
		return b, trainingFailed(err)
	}
	if errors.Is(err, errNoCommands) {
		return b, fail(gate.Unavailable, fmt.Errorf("%w, and a job that speaks for another one runs no command to train it again", noImage),
			"push the image of the base branch's newest commit: the publishing workflow does, and can be run again by hand")
	}
	if err != nil {
		return b, fail(gate.Unavailable, err, "")
	}
	return b, nil
}

func baselineImage(ctx context.Context, o Options, law *law, rows *rows) (baseline.Baseline, error) {
	job := baseJobOf(o, law, rows)
	commits, err := law.ancestors(ctx, baseline.Lookback)
	if err != nil {
		return baseline.Baseline{}, err
	}
	source, err := baselineSource(ctx, o, law)
	if err != nil {
		return baseline.Baseline{}, err
	}
	return baseline.FromImage(ctx, source, commits, baseline.Wanted{Job: job, Rows: rows.evaluation})
}

// weighContender evaluates predictions, and measures how long scoring takes where there is a model to score.
func weighContender(law *law, rows *rows, r training.Result, features *dataset.Table) (*contender, error) {
	m, p := r.Model, r.Predictions
	c := &contender{model: m, opaque: r.Opaque, predictions: p, again: r.Again, digest: digestOf(p), layers: r.Layers, notes: r.Notes}
	options := evaluation.Options{Model: law.effective.Model}
	if c.opaque != nil {
		options.ModelDigest, options.ModelBytes = c.opaque.Digest(), c.opaque.Size()
	}
	if m != nil {
		options.ModelDigest, options.ModelBytes = m.Digest(), m.Size()
		begun := time.Now()
		if _, err := m.Predict(features); err != nil {
			return nil, fail(gate.Invalid, err, "")
		}
		c.scoring = time.Since(begun)
		if n := features.Rows(); n > 0 {
			options.Latency = &evaluation.Latency{RowMicroseconds: float64(c.scoring.Nanoseconds()) / 1e3 / float64(n)}
		}
	}
	var err error
	if c.evaluation, err = evaluation.Evaluate(rows.evaluation, p, options); err != nil {
		return nil, fail(gate.Invalid, err, "")
	}
	return c, nil
}

// digestOf identifies predictions by their exact bits.
func digestOf(p metric.Predictions) string {
	h := sha256.New()
	hashFloats(h, p.Values)
	hashFloats(h, p.Probabilities)
	hashLabels(h, p.Labels)
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}
