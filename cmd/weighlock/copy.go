package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/weighlock/weighlock/internal/modelimage"
	"github.com/weighlock/weighlock/internal/pipeline"
	"github.com/weighlock/weighlock/internal/registry"
)

func newCopy(w world) *cobra.Command {
	c := &cobra.Command{
		Use:   "copy IMAGE TARGET",
		Short: "Bring an image with all that is attached to it into another registry",
		Long: withCodes(`
Copy an image, by tag or digest, and everything that is attached to it (signature,
verdict, provenance, evaluation, records) into another repository: of a registry, or a
folder (oci:PATH). The digest stays the same, so that signatures hold there too. TARGET is
a repository, or a repository with the tag that the image gets there.`,
			codeDone, codeMisconfigured, "4    the image is damaged", codeUnavailable, codeCancelled),
		Example: `  weighlock copy ghcr.io/acme/diabetes:approved registry.internal/acme/diabetes:approved
  weighlock copy oci:images@sha256:... ghcr.io/acme/diabetes`,
		Args: cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			desk, found, err := w.imageDesk(c, args[0])
			if err != nil {
				return pipeline.PromotionError(err)
			}
			options := registry.CopyOptions{Companions: map[string]string{}}
			name := args[1]
			if repository, reference, err := splitImage(name); err == nil {
				name = repository
				options.Tags = []string{reference}
			}
			target, err := registry.Open(c.Context(), name, w.registry())
			if err != nil {
				return err
			}
			sibling, err := modelimage.ModelPack(c.Context(), desk.Images, found.Digest)
			if err != nil {
				return err
			}
			if sibling != "" {
				options.Companions[modelimage.ModelPackSuffix] = sibling
			}
			bar := newBytesBar(w, "copy")
			options.Progress = bar.set
			err = registry.Copy(c.Context(), desk.Images, target, found.Digest, options)
			bar.stop()
			if err != nil {
				return pipeline.PromotionError(err)
			}
			_, err = fmt.Fprintf(w.stdout, "%s@%s\n", target.Name(), found.Digest)
			return err
		},
	}
	return c
}
