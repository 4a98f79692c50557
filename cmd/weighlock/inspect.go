package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/weighlock/weighlock/internal/evaluation"
	"github.com/weighlock/weighlock/internal/model"
	"github.com/weighlock/weighlock/internal/modelimage"
	"github.com/weighlock/weighlock/internal/registry"
)

func newInspect(w world) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "inspect PATH|IMAGE",
		Short: "Show a model, an evaluation or an image, in words or JSON",
		Long: withCodes(`
Show what is in a model folder, in an evaluation that weighlock run wrote, or in an image
by tag or digest: kind, features and what is done with them, coefficients in the units of
the raw columns, how it scored, and digests. Words round to six digits; --json keeps them
all.`, codeDone, codeMisconfigured, "4    it is damaged", codeUnavailable),
		Example: `  weighlock inspect .weighlock/churn/model
  weighlock inspect .weighlock/churn/evaluation.json --json
  weighlock inspect ghcr.io/acme/churn:approved`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			found, err := inspect(c.Context(), w, args[0])
			if err != nil {
				return err
			}
			if asJSON {
				encoder := json.NewEncoder(w.stdout)
				encoder.SetEscapeHTML(false)
				encoder.SetIndent("", "  ")
				return encoder.Encode(found)
			}
			return found.words(w.stdout)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "write JSON, with every digit")
	return c
}

// inspected is what inspect found: an image has a model and mostly an evaluation, the others stand alone.
type inspected struct {
	Image      *inspectedImage        `json:"image,omitempty"`
	Model      *model.Description     `json:"model,omitempty"`
	Evaluation *evaluation.Evaluation `json:"evaluation,omitempty"`
}

// inspectedImage is what an image says about itself.
type inspectedImage struct {
	Repository  string            `json:"repository"`
	Digest      string            `json:"digest"`
	Created     time.Time         `json:"created"`
	Platforms   []string          `json:"platforms"`
	Annotations map[string]string `json:"annotations"`
}

func inspect(ctx context.Context, w world, name string) (inspected, error) {
	info, err := os.Stat(name)
	switch {
	case strings.HasPrefix(name, "oci:"):
		return inspectImage(ctx, w, name)
	case err == nil && info.IsDir():
		return inspectModel(name)
	case err == nil && filepath.Base(name) == model.DocumentFile:
		return inspectModel(filepath.Dir(name))
	case err == nil:
		return inspectEvaluation(name)
	case !errors.Is(err, fs.ErrNotExist):
		return inspected{}, fmt.Errorf("inspect: %w", err)
	}
	return inspectImage(ctx, w, name)
}

// inspectModel reads a model folder, or the folder of a run that holds one.
func inspectModel(folder string) (inspected, error) {
	if _, err := os.Stat(filepath.Join(folder, model.DocumentFile)); errors.Is(err, fs.ErrNotExist) {
		inner := filepath.Join(folder, "model")
		if _, err := os.Stat(filepath.Join(inner, model.DocumentFile)); err != nil {
			return inspected{}, hinted{
				fmt.Errorf("inspect %s: there is no %s in it: %w", folder, model.DocumentFile, errNoModel),
				"weighlock run writes .weighlock/MODEL/model; a folder of images is oci:PATH:TAG",
			}
		}
		folder = inner
	}
	m, err := model.Load(os.DirFS(folder))
	if err != nil {
		return inspected{}, fmt.Errorf("inspect %s: %w: %w", folder, err, registry.ErrInvalid)
	}
	d := m.Describe()
	return inspected{Model: &d}, nil
}

func inspectEvaluation(file string) (inspected, error) {
	f, err := os.Open(file)
	if err != nil {
		return inspected{}, fmt.Errorf("inspect: %w", err)
	}
	defer func() { _ = f.Close() }()
	e, err := evaluation.Decode(f)
	if err != nil {
		return inspected{}, hinted{
			fmt.Errorf("inspect %s: %w: %w", file, err, registry.ErrInvalid),
			"inspect reads a model folder, an evaluation.json or an image; weighlock report reads a report.json",
		}
	}
	return inspected{Evaluation: &e}, nil
}

// inspectImage reads an image with its model and the evaluation attached to it. An image that holds no model of ours is
// shown as far as it goes.
func inspectImage(ctx context.Context, w world, name string) (inspected, error) {
	repository, reference, err := splitImage(name)
	if err != nil {
		return inspected{}, err
	}
	images, err := registry.Open(ctx, repository, w.registry())
	if err != nil {
		return inspected{}, err
	}
	found, err := images.Resolve(ctx, reference)
	if err != nil {
		return inspected{}, fmt.Errorf("find image: %w", err)
	}
	config, err := modelimage.ReadConfig(ctx, images, found.Digest)
	if err != nil {
		return inspected{}, fmt.Errorf("inspect image %s: %w", name, err)
	}
	out := inspected{Image: &inspectedImage{
		Repository: images.Name(), Digest: found.Digest, Created: config.Created, Platforms: config.Platforms,
		Annotations: found.Annotations,
	}}
	files, err := modelimage.Model(ctx, images, found.Digest)
	if err != nil {
		return inspected{}, fmt.Errorf("inspect image %s: %w", name, err)
	}
	m, err := model.Load(files)
	switch {
	case err == nil:
		d := m.Describe()
		out.Model = &d
	case !errors.Is(err, fs.ErrNotExist): // without a model.json it is a model of somebody else's kind
		return inspected{}, fmt.Errorf("inspect image %s: %w: %w", name, err, registry.ErrInvalid)
	}
	return out, out.attached(ctx, images)
}

// attached reads how the model scored, where the image says so.
func (i *inspected) attached(ctx context.Context, images *registry.Repository) error {
	attachments, err := images.Attachments(ctx, i.Image.Digest, modelimage.EvaluationType)
	if err != nil {
		return fmt.Errorf("inspect image %s: %w", i.Image.Digest, err)
	}
	if len(attachments) == 0 {
		return nil
	}
	e, err := evaluation.Decode(bytes.NewReader(attachments[0].Data))
	if err != nil {
		return fmt.Errorf("inspect image %s: its evaluation: %w: %w", i.Image.Digest, err, registry.ErrInvalid)
	}
	i.Evaluation = &e
	return nil
}
