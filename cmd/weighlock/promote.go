package main

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/weighlock/weighlock/internal/ci"
	"github.com/weighlock/weighlock/internal/pipeline"
	"github.com/weighlock/weighlock/internal/promotion"
)

// deskFlags are the flags of every command that moves or deletes tags.
type deskFlags struct {
	options     pipeline.Options
	branch, key string
	json        bool
}

func (f *deskFlags) add(c *cobra.Command) {
	c.Flags().StringVarP(&f.options.Config, "config", "c", pipeline.DefaultConfig, "configuration file")
	c.Flags().StringVarP(&f.options.Dir, "dir", "C", "", "start in this folder")
	c.Flags().StringVar(&f.branch, "branch", "", "branch that images are built from; the default branch where left out")
	c.Flags().StringVar(&f.key, "key", "", "public key that must have signed an image; image.key where left out")
	c.Flags().BoolVar(&f.json, "json", false, "print JSON")
}

// open finds where promotions are decided.
func (f *deskFlags) open(c *cobra.Command, w world) (pipeline.Desk, error) {
	o := f.options
	var err error
	if o.Dir, err = absolute(o.Dir); err != nil {
		return pipeline.Desk{}, err
	}
	if o.CI, err = ci.Detect(w.getenv); err != nil {
		return pipeline.Desk{}, err
	}
	o.Registry = w.registry()
	desk, err := pipeline.OpenDesk(c.Context(), o, f.branch)
	if err != nil {
		return desk, err
	}
	if f.key != "" {
		if desk.Key, err = publicKey(f.key); err != nil {
			return desk, err
		}
	}
	for _, name := range []string{"GITHUB_ACTOR", "GITLAB_USER_LOGIN", "CIRCLE_USERNAME", "USER", "USERNAME"} {
		if desk.By == "" {
			desk.By = w.getenv(name)
		}
	}
	return desk, nil
}

func newPromote(w world) *cobra.Command {
	var f deskFlags
	c := &cobra.Command{
		Use:   "promote [TAG]",
		Short: "Let a tag name the newest passed image of the branch",
		Long: withCodes(`
Set a tag that deployers follow (approved where none is named) to the newest image of the
branch, after checking what the image has to show for itself as "weighlock verify" does.
It looks at the branch again after writing, until branch and tag agree: of two merges the
newer one stays, whichever of two promotions writes last. A tag that a rollback pinned
stays where it is.

A version such as v1.4.0 is set once and never moves.`,
			"0    done, or nothing to do", "1    the image may not be promoted", codeMisconfigured, codeUnavailable, codeCancelled),
		Example: `  weighlock promote
  weighlock promote main
  weighlock promote v1.4.0`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			tag := promotion.Approved
			if len(args) == 1 {
				tag = args[0]
			}
			desk, err := f.open(c, w)
			if err != nil {
				return err
			}
			move, err := desk.Promote(c.Context(), tag)
			if err != nil {
				return pipeline.PromotionError(err)
			}
			return printMove(w.stdout, desk.Images.Name(), move, f.json)
		},
	}
	f.add(c)
	return c
}

func printMove(out io.Writer, image string, m promotion.Move, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(out).Encode(m)
	}
	what := "names"
	switch {
	case m.From == m.To && m.Pinned:
		what = "is pinned to"
	case m.From == m.To:
		what = "names already"
	case m.Pinned:
		what = "is pinned now to"
	}
	_, err := fmt.Fprintf(out, "%s:%s %s %s (commit %.12s)\n", image, m.Tag, what, m.To, m.Revision)
	return err
}
