package pipeline

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/weighlock/weighlock/internal/atomicfile"
	"github.com/weighlock/weighlock/internal/baseline"
	"github.com/weighlock/weighlock/internal/gate"
	"github.com/weighlock/weighlock/internal/metric"
	"github.com/weighlock/weighlock/internal/modelimage"
	"github.com/weighlock/weighlock/internal/registry"
	"github.com/weighlock/weighlock/internal/signing"
	"github.com/weighlock/weighlock/internal/training"
)

// SeedsFile is what AA writes into the output folder.
const SeedsFile = "seeds.json"

// AAOptions are what a self-test is told from outside.
type AAOptions struct {
	Options
	// Trainings is how many seeds are tried.
	Trainings int
	// Attach puts the spread beside the image of the commit that is checked out.
	Attach bool
	// Key signs what is attached; nil where there is none.
	Key *signing.PrivateKey
}

// AA is how the gate treats a model that did not change but for the seed of its training.
type AA struct {
	Model string
	// Rows is the number of evaluation rows, Trainings that of seeds.
	Rows, Trainings int
	Spreads         []RuleSpread
	// Blind judged the trainings against each other without knowing the spread, Knowing with it.
	Blind, Knowing gate.SelfTest
	// File is where the spread was written, Image where it was attached, or "".
	File, Image string
}

// RuleSpread is what other seeds do to one rule.
type RuleSpread struct {
	Rule string
	gate.SeedSpread
	// Mean is the metric's mean over the trainings.
	Mean float64
}

// SelfTest trains what is checked out with several seeds, as the law of the base revision says, and judges the results
// against each other.
func SelfTest(ctx context.Context, o AAOptions) (AA, error) {
	if o.Step == nil {
		o.Step = func(string) {}
	}
	if o.Trainings < 2 {
		return AA{}, fail(gate.Misconfigured, fmt.Errorf("train %d times: a spread needs at least 2", o.Trainings), "")
	}
	o.Step("read")
	law, err := readLaw(ctx, o.Options)
	if err != nil {
		return AA{}, err
	}
	if o.Attach && law.dirty {
		return AA{}, fail(gate.Misconfigured, errors.New("attach seeds: the working tree differs from its commit"), "commit first")
	}
	if o.Attach {
		if err := law.checkSigner("attach seeds", o.Key); err != nil {
			return AA{}, err
		}
	}
	if law.effective.Data.Evaluate.CrossValidates() {
		return AA{}, fail(gate.Misconfigured, errors.New("test itself: data.evaluate.folds leaves no rows that only judge"), "give data.evaluate.holdout or path")
	}
	rows, err := readRows(law)
	if err != nil {
		return AA{}, err
	}
	trained, err := trainSeeds(ctx, o, law, rows)
	if err != nil {
		return AA{}, err
	}
	result := AA{Model: law.effective.Model, Rows: rows.evaluation.Truth.Rows(), Trainings: len(trained)}
	in := gate.Input{Policy: law.effective.Policy, Rows: rows.evaluation, Seed: seedOf(rows.evaluation.Digest)}
	spreads := gate.Spreads(in, trained)
	result.Spreads = ruleSpreads(in, spreads, trained)
	o.Step("compare")
	if result.Blind, err = gate.TestItself(in, trained); err != nil {
		return AA{}, fail(gate.Misconfigured, err, "")
	}
	in.Seeds = spreads
	if result.Knowing, err = gate.TestItself(in, trained); err != nil {
		return AA{}, fail(gate.Misconfigured, err, "")
	}
	seeds := baseline.Seeds{Version: 1, Model: law.effective.Model, Commit: law.head, Evaluation: rows.evaluation.Digest, Rules: spreads}
	return result, storeSeeds(ctx, o, law, seeds, &result)
}

// trainSeeds trains once per seed; the seeds follow from the data, so that a second self-test gives the same.
func trainSeeds(ctx context.Context, o AAOptions, law *law, rows *rows) ([]metric.Predictions, error) {
	job := jobOf(o.Options, law, rows)
	job.Once = true
	if job.Train.Predictions != "" {
		return nil, fail(gate.Misconfigured, errors.New("train with other seeds: train.predictions hands back one training only"), "")
	}
	trainer, err := training.For(job.Train)
	if err != nil {
		return nil, fail(gate.Misconfigured, err, "")
	}
	var trained []metric.Predictions
	for k := range o.Trainings {
		o.Step(fmt.Sprintf("train with seed %d of %d", k+1, o.Trainings))
		job.Train.Seed = 1 + seedOf(rows.evaluation.Digest, "seed", strconv.Itoa(k))%math.MaxInt32
		result, err := trainer.Train(ctx, job)
		if err != nil {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			return nil, trainingFailed(err)
		}
		trained = append(trained, result.Predictions)
	}
	return trained, nil
}

func ruleSpreads(in gate.Input, spreads map[string]gate.SeedSpread, trained []metric.Predictions) []RuleSpread {
	var out []RuleSpread
	for name, spread := range spreads {
		out = append(out, RuleSpread{Rule: name, SeedSpread: spread, Mean: gate.MeanValue(in, name, trained)})
	}
	slices.SortFunc(out, func(a, b RuleSpread) int {
		if a.Rule < b.Rule {
			return -1
		}
		return 1
	})
	return out
}

// storeSeeds writes the spread beside the other output and, where that is asked for, beside the image.
func storeSeeds(ctx context.Context, o AAOptions, law *law, seeds baseline.Seeds, result *AA) error {
	raw, err := seeds.Encode()
	if err != nil {
		return err
	}
	root := filepath.Join(law.repo.Dir, filepath.FromSlash(law.folder), outputRoot)
	folder := filepath.Join(root, law.effective.Model)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return fail(gate.Unavailable, err, "")
	}
	if err := ignoreInGit(root); err != nil {
		return fail(gate.Unavailable, err, "")
	}
	result.File = filepath.Join(folder, SeedsFile)
	if err := atomicfile.WriteFile(result.File, raw, 0o644); err != nil {
		return fail(gate.Unavailable, err, "")
	}
	if !o.Attach {
		return nil
	}
	images, err := registry.Open(ctx, ImageName(law.effective), registryOptions(law, o.Registry))
	if err != nil {
		return fail(gate.Misconfigured, err, "")
	}
	found, err := images.Resolve(ctx, baseline.Tag(law.head))
	if errors.Is(err, registry.ErrNotFound) {
		return fail(gate.Misconfigured, fmt.Errorf("attach seeds: %s has no image of %s", images.Name(), short(law.head)), "weighlock run and push come first")
	}
	if err != nil {
		return err
	}
	attachment := registry.Attachment{ArtifactType: baseline.SeedsType, Data: raw}
	if o.Key != nil {
		created, err := law.repo.CommitTime(ctx, law.head)
		if err != nil {
			return err
		}
		if attachment, err = modelimage.SealSeeds(found.Digest, raw, created, o.Key); err != nil {
			return fail(gate.Misconfigured, err, "")
		}
	}
	if err := images.Attach(ctx, found.Digest, []registry.Attachment{attachment}); err != nil {
		return err
	}
	result.Image = images.Name() + "@" + found.Digest
	return nil
}
