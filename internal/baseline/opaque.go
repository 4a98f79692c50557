package baseline

import (
	"context"
	"fmt"
	"io/fs"

	"github.com/weighlock/weighlock/internal/evaluation"
	"github.com/weighlock/weighlock/internal/model"
	"github.com/weighlock/weighlock/internal/modelimage"
	"github.com/weighlock/weighlock/internal/registry"
	"github.com/weighlock/weighlock/internal/training"
)

// opaqueImage is an image with a model that Weighlock does not open.
type opaqueImage struct {
	digest string
	files  fs.FS
	want   Wanted
}

// fromOpaque completes a baseline by the predictions that were stored beside its image when it was weighed, where those
// are about today's rows, and by its predict command where they are not.
func fromOpaque(ctx context.Context, b *Baseline, images *registry.Repository, image opaqueImage) error {
	var err error
	if b.Opaque, err = model.LoadOpaque(image.files); err != nil {
		return fmt.Errorf("read baseline image %s: %w: %w", b.Image, err, registry.ErrInvalid)
	}
	stored, err := images.Attachments(ctx, image.digest, modelimage.PredictionsType)
	if err != nil {
		return fmt.Errorf("read predictions of baseline image %s: %w", b.Image, err)
	}
	for _, attachment := range stored {
		table, err := evaluation.ReadPredictions(attachment.Data)
		if err != nil {
			return fmt.Errorf("read predictions of baseline image %s: %w: %w", b.Image, err, registry.ErrInvalid)
		}
		if p, err := table.For(image.want.Rows); err == nil {
			b.Predictions, b.How = p, "predictions stored with its image, about the same evaluation rows"
			return nil
		}
	}
	if b.Opaque.Spec().Predict == nil {
		return fmt.Errorf("score baseline image %s: its predictions are about other rows and it has no predict command: %w", b.Image, ErrMissing)
	}
	b.Predictions, b.Layers, err = training.ScoreOpaque(ctx, b.Opaque, image.want.Job)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("score baseline image %s: %w: %w", b.Image, err, ErrMissing)
	}
	b.How = "image scored again on today's evaluation rows by its predict command"
	return nil
}
