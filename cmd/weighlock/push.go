package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/weighlock/weighlock/internal/ci"
	"github.com/weighlock/weighlock/internal/pipeline"
)

func newPush(w world) *cobra.Command {
	var o pipeline.PushOptions
	var key string
	c := &cobra.Command{
		Use:   "push",
		Short: "Pack the model of the last run as an image and push it",
		Long: withCodes(`
Build the OCI image of the model that the last run weighed and push it to image.name of
the base policy: a registry, or a folder (oci:PATH, and .weighlock/MODEL/image where none
is named). The image gets one write-once tag, sha-COMMIT; its evaluation, per-row
predictions, report, verdict, provenance and bill of materials are attached to it, and
signed where there is a key (--key, or WEIGHLOCK_SIGNING_KEY: the key in PEM form or its
file; cosign verifies it).

Before the tag is set the packed image is started, in this process and in a container
engine where there is one, and must answer the evaluation rows exactly as they were
evaluated.

Only a passed run of exactly the commit that is checked out is pushed. Credentials come
from the docker configuration, or WEIGHLOCK_REGISTRY_USERNAME and _PASSWORD.`,
			codeDone, "1    the last run did not pass", codeMisconfigured, "4    the last run's files are damaged", codeUnavailable, codeCancelled),
		Example: `  weighlock run && weighlock push`,
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return push(c.Context(), w, o, key)
		},
	}
	f := c.Flags()
	f.StringVarP(&o.Config, "config", "c", pipeline.DefaultConfig, "configuration file")
	f.StringVarP(&o.Dir, "dir", "C", "", "start in this folder")
	f.StringVar(&o.Base, "base", "", "base revision of the run; found by git and CI where left out")
	f.StringVar(&key, "key", "", "private key to sign with; WEIGHLOCK_SIGNING_KEY where left out")
	f.StringVar(&o.Smoke, "smoke", pipeline.SmokeAuto, "where the packed image is tried: auto, process or engine")
	return c
}

// push fills in what a command knows and the pipeline does not, pushes, and prints what it published.
func push(ctx context.Context, w world, o pipeline.PushOptions, key string) error {
	var err error
	if o.Dir, err = absolute(o.Dir); err != nil {
		return err
	}
	if o.CI, err = ci.Detect(w.getenv); err != nil {
		return err
	}
	o.Registry, o.Tool = w.registry(), "weighlock "+version
	switch o.Smoke {
	case pipeline.SmokeAuto, pipeline.SmokeProcess, pipeline.SmokeEngine:
	default:
		return fmt.Errorf("read --smoke: %q is not one of auto, process, engine", o.Smoke)
	}
	if o.Key, err = w.signingKey(key); err != nil {
		return err
	}
	o.Warn = func(sentence string) { _, _ = fmt.Fprintln(w.stderr, "weighlock: warning:", sentence) }
	var warning string
	if o.Servers, warning, err = imageServers(); err != nil {
		return err
	}
	if warning != "" {
		o.Warn(warning)
	}
	bar := newBytesBar(w, "push")
	o.Progress = bar.set
	pushed, err := pipeline.Push(ctx, o)
	bar.stop()
	if err != nil {
		return err
	}
	if err := ci.Announce(w.getenv, pushed.Image, pushed.Digest); err != nil {
		return err
	}
	_, err = fmt.Fprintf(w.stdout, "%s@%s\n", pushed.Image, pushed.Digest)
	return err
}
