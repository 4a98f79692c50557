// Package baseline finds what the base revision scored: by the image of its commit, or by training it again.
package baseline

import (
	"context"
	"errors"
	"fmt"

	"github.com/weighlock/weighlock/internal/evaluation"
	"github.com/weighlock/weighlock/internal/metric"
	"github.com/weighlock/weighlock/internal/model"
	"github.com/weighlock/weighlock/internal/modelimage"
	"github.com/weighlock/weighlock/internal/registry"
	"github.com/weighlock/weighlock/internal/signing"
	"github.com/weighlock/weighlock/internal/training"
)

// Lookback is how many first-parent commits are asked for an image, the base revision included.
const Lookback = 50

// ErrMissing says that no baseline could be had although there must be one. It is never a pass.
var ErrMissing = errors.New("no baseline")

// Baseline is one model's predictions on the evaluation rows of this run, and where the model came from.
type Baseline struct {
	Predictions metric.Predictions
	// Model is the baseline model itself, where Weighlock can score it; Opaque where it cannot.
	Model  *model.Model
	Opaque *model.Opaque
	// Layers name what kept the base revision's commands away from everything else, where they ran.
	Layers []string
	// Commit is the revision whose model this is.
	Commit string
	// Back is how many first-parent commits lie between the base revision and Commit.
	Back int
	// Image is repository@digest, or "" when the base revision was trained again.
	Image string
	// How says in a few words for the report where the predictions came from.
	How string
}

// Tag is the write-once tag of the image that a commit built.
func Tag(commit string) string { return "sha-" + commit }

// Source is where baselines come from.
type Source struct {
	Images *registry.Repository
	// Key must have signed an image that is to be a baseline; nil asks for no signature.
	Key *signing.PublicKey
}

// Wanted is what a baseline has to answer: the evaluation rows, and how the base revision would be trained on them.
type Wanted struct {
	Job  training.Job
	Rows evaluation.Rows
}

// FromImage takes the image of the newest of these commits that has one and lets its model score the job's evaluation
// rows. The commits run from the base revision backwards. The tag is a cache and no authority: the image must name the
// commit itself, and where there is a key its signature must hold. An opaque model's stored predictions count if they are about these very rows; else its own predict
// command scores them. The error is ErrMissing when no commit has an image, or it has one that nobody can score, and
// registry.ErrUnavailable when the registry could not say.
func FromImage(ctx context.Context, from Source, commits []string, want Wanted) (Baseline, error) {
	tags := make([]string, len(commits))
	for i, commit := range commits {
		tags[i] = Tag(commit)
	}
	images := from.Images
	found, err := images.ResolveMany(ctx, tags)
	if errors.Is(err, registry.ErrNotFound) {
		return Baseline{}, fmt.Errorf("find baseline image in %s: none of %d commits has one: %w", images.Name(), len(commits), ErrMissing)
	}
	if err != nil {
		return Baseline{}, fmt.Errorf("find baseline image: %w", err)
	}
	b := Baseline{Image: images.Name() + "@" + found.Digest, Back: -1}
	for i, tag := range tags {
		if tag == found.Tag {
			b.Commit, b.Back = commits[i], i
		}
	}
	if b.Back < 0 {
		return Baseline{}, fmt.Errorf("read baseline image %s: tag %q was not asked for: %w", b.Image, found.Tag, registry.ErrInvalid)
	}
	about, err := modelimage.ReadConfig(ctx, images, found.Digest)
	if err != nil {
		return Baseline{}, fmt.Errorf("read baseline image %s: %w", b.Image, err)
	}
	if revision := about.Annotations[modelimage.AnnotationRevision]; revision != b.Commit {
		return Baseline{}, fmt.Errorf("read baseline image %s: tag %s names an image built from %q: %w", b.Image, found.Tag, revision, registry.ErrInvalid)
	}
	if from.Key != nil {
		if err := modelimage.CheckSignature(ctx, images, found.Digest, from.Key); err != nil {
			return Baseline{}, fmt.Errorf("read baseline image %s: %w", b.Image, err)
		}
	}
	files, err := modelimage.Model(ctx, images, found.Digest)
	if errors.Is(err, modelimage.ErrTooLarge) { // then training the base revision again is the way
		return Baseline{}, fmt.Errorf("read baseline image %s: %w: %w", b.Image, err, ErrMissing)
	}
	if err != nil {
		return Baseline{}, fmt.Errorf("read baseline image %s: %w", b.Image, err)
	}
	if model.IsOpaque(files) {
		err := fromOpaque(ctx, &b, images, opaqueImage{found.Digest, files, want})
		return b, err
	}
	if b.Model, err = model.Load(files); err != nil {
		return Baseline{}, fmt.Errorf("read baseline image %s: %w: %w", b.Image, err, registry.ErrInvalid)
	}
	if b.Predictions, err = training.Score(b.Model, want.Job); err != nil {
		return Baseline{}, fmt.Errorf("score baseline image %s: %w", b.Image, err)
	}
	b.How = "image scored again on today's evaluation rows"
	return b, nil
}

// TrainAgain fits the base revision as its own configuration says, on its own rows.
func TrainAgain(ctx context.Context, commit string, job training.Job) (Baseline, error) {
	trainer, err := training.For(job.Train)
	if err != nil {
		return Baseline{}, fmt.Errorf("train base revision %s again: %w", commit, err)
	}
	result, err := trainer.Train(ctx, job)
	if err != nil {
		if ctx.Err() != nil {
			return Baseline{}, ctx.Err()
		}
		return Baseline{}, fmt.Errorf("train base revision %s again: %w: %w", commit, err, ErrMissing)
	}
	return Baseline{
		Predictions: result.Predictions, Model: result.Model, Opaque: result.Opaque, Layers: result.Layers, Commit: commit,
		How: "base revision trained again",
	}, nil
}
