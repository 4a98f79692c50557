package main

import (
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/weighlock/weighlock/internal/git"
	"github.com/weighlock/weighlock/internal/pipeline"
	"github.com/weighlock/weighlock/internal/promotion"
)

func newGC(w world) *cobra.Command {
	var f deskFlags
	var keep promotion.Retention
	c := &cobra.Command{
		Use:   "gc",
		Short: "Delete images that nobody can need any more",
		Long: withCodes(`
Delete the images of old commits: those that no other tag and no pin names, that are not
the baseline of the protected branch (its last 50 commits) or of any open branch, and that
are older than --days. An image goes with what it lists and what is attached to it; what
it shares with an image that stays, stays. --dry-run says what would go and why the rest
stays.

A registry must allow deletion. Some (ghcr.io) do not by this way; there nothing is
deleted, and the exit code is 2.`,
			codeDone, codeMisconfigured, codeUnavailable, codeCancelled),
		Example: `  weighlock gc --dry-run
  weighlock gc --days 90`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if keep.Days < 1 {
				return fmt.Errorf("read --days: %d is not a number of days, at least 1", keep.Days)
			}
			desk, err := f.open(c, w)
			if err != nil {
				return err
			}
			shallow, err := desk.Clone.Shallow(c.Context())
			if err != nil {
				return err
			}
			if shallow {
				// An ancestor that the clone lacks would look like nobody's baseline.
				return pipeline.PromotionError(fmt.Errorf("collect garbage: this clone is shallow: %w", git.ErrMissingHistory))
			}
			collected, err := desk.Collect(c.Context(), desk.Clone, keep)
			if err != nil {
				return pipeline.PromotionError(err)
			}
			return printCollected(w.stdout, collected, keep.DryRun, f.json)
		},
	}
	f.add(c)
	c.Flags().BoolVar(&keep.DryRun, "dry-run", false, "only say what would be deleted")
	c.Flags().IntVar(&keep.Days, "days", 30, "keep images of commits that are younger than this")
	return c
}

func printCollected(out io.Writer, g promotion.Collected, dry, asJSON bool) error {
	if asJSON {
		e := json.NewEncoder(out)
		e.SetIndent("", "  ")
		return e.Encode(g)
	}
	t := newTable(out)
	t.head("images")
	deleted := 0
	for _, f := range g.Images {
		word := "kept"
		if f.Deleted {
			deleted++
			word = "deleted"
			if dry {
				word = "would go"
			}
		}
		t.row(word, f.Tag, f.Created.UTC().Format(time.DateOnly), f.Why)
	}
	t.head(fmt.Sprintf("%d of %d images deleted, %d bytes freed", deleted, len(g.Images), g.Freed))
	if dry {
		t.head("nothing was deleted: this was a dry run")
	}
	return t.Flush()
}
