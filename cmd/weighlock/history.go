package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/weighlock/weighlock/internal/promotion"
)

func newHistory(w world) *cobra.Command {
	var f deskFlags
	c := &cobra.Command{
		Use:   "history [TAG]",
		Short: "Show what was promoted when, and which tags name what",
		Long: withCodes(`
List the tags of the repository of images with what they name, the pins, and every
promotion and rollback that was written down, the newest first. The records are attached
to the images themselves.`, codeDone, codeMisconfigured, codeUnavailable, codeCancelled),
		Example: `  weighlock history
  weighlock history approved --json`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			desk, err := f.open(c, w)
			if err != nil {
				return err
			}
			past, err := promotion.Recall(c.Context(), desk.Images, strings.Join(args, ""))
			if err != nil {
				return err
			}
			if f.json {
				e := json.NewEncoder(w.stdout)
				e.SetIndent("", "  ")
				return e.Encode(past)
			}
			return printPast(w.stdout, past)
		},
	}
	f.add(c)
	return c
}

func printPast(out io.Writer, p promotion.Past) error {
	t := newTable(out)
	t.head("tags")
	for _, d := range p.Tags {
		pinned := ""
		if pin, ok := p.Pins[d.Tag]; ok {
			pinned = "pinned by " + pin.By + ": " + pin.Reason
		}
		t.row(d.Tag, d.Digest, pinned)
	}
	for _, tag := range slices.Sorted(maps.Keys(p.Pins)) {
		if !slices.ContainsFunc(p.Tags, func(d promotion.Named) bool { return d.Tag == tag }) {
			t.row(tag, "no such tag", "pinned to "+p.Pins[tag].Digest)
		}
	}
	t.head("what was promoted")
	for _, e := range p.Events {
		t.row(e.At.UTC().Format(time.RFC3339), e.Action, e.Tag, e.To, fmt.Sprintf("commit %.12s", e.Revision), e.By, e.Reason)
	}
	return t.Flush()
}
