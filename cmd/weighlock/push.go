package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/weighlock/weighlock/internal/ci"
	"github.com/weighlock/weighlock/internal/pipeline"
)

func newPush(w world) *cobra.Command {
	var o pipeline.PushOptions
	c := &cobra.Command{
		Use:   "push",
		Short: "Pack the model of the last run as an image and push it",
		Long: withCodes(`
Build the OCI image of the model that the last run weighed and push it to image.name of
the base policy: a registry, or a folder (oci:PATH, and .weighlock/MODEL/image where none
is named). The image gets one write-once tag, sha-COMMIT; its evaluation, per-row
predictions and report are attached to it.

Only a passed run of exactly the commit that is checked out is pushed. Credentials come
from the docker configuration, or WEIGHLOCK_REGISTRY_USERNAME and _PASSWORD.`,
			codeDone, "1    the last run did not pass", codeMisconfigured, "4    the last run's files are damaged", codeUnavailable, codeCancelled),
		Example: `  weighlock run && weighlock push`,
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			var err error
			if o.Dir, err = absolute(o.Dir); err != nil {
				return err
			}
			if o.CI, err = ci.Detect(w.getenv); err != nil {
				return err
			}
			o.Registry = w.registry()
			var warning string
			if o.Servers, warning, err = imageServers(); err != nil {
				return err
			}
			if warning != "" {
				_, _ = fmt.Fprintln(w.stderr, "weighlock: warning:", warning)
			}
			pushed, err := pipeline.Push(c.Context(), o)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(w.stdout, "%s@%s\n", pushed.Image, pushed.Digest)
			return err
		},
	}
	f := c.Flags()
	f.StringVarP(&o.Config, "config", "c", pipeline.DefaultConfig, "configuration file")
	f.StringVarP(&o.Dir, "dir", "C", "", "start in this folder")
	f.StringVar(&o.Base, "base", "", "base revision of the run; found by git and CI where left out")
	return c
}
