package main

import (
	"github.com/spf13/cobra"

	"github.com/weighlock/weighlock/internal/pipeline"
	"github.com/weighlock/weighlock/internal/promotion"
)

func newRollback(w world) *cobra.Command {
	var f deskFlags
	var to, reason string
	var unpin bool
	c := &cobra.Command{
		Use:   "rollback [TAG]",
		Short: "Set a tag back to an earlier image and hold it there",
		Long: withCodes(`
Set a tag (approved where none is named) back to the image that it named before, or to the
one of --to, and pin it: promotions leave it alone until --unpin. The image has to prove
itself as for a promotion. Nothing is deleted, and the record stays in the history.`,
			codeDone, "1    the image may not be promoted", codeMisconfigured, codeUnavailable, codeCancelled),
		Example: `  weighlock rollback --reason "latency doubled"
  weighlock rollback approved --to v1.3.0
  weighlock rollback --unpin`,
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
			var move promotion.Move
			if unpin {
				move, err = desk.Unpin(c.Context(), tag)
			} else {
				move, err = desk.Rollback(c.Context(), tag, to, reason)
			}
			if err != nil {
				return pipeline.PromotionError(err)
			}
			return printMove(w.stdout, desk.Images.Name(), move, f.json)
		},
	}
	f.add(c)
	c.Flags().StringVar(&to, "to", "", "tag or digest to go back to; what the tag named before where left out")
	c.Flags().StringVar(&reason, "reason", "", "why, for the record")
	c.Flags().BoolVar(&unpin, "unpin", false, "let promotions move the tag again, and promote")
	c.MarkFlagsMutuallyExclusive("unpin", "to")
	c.MarkFlagsMutuallyExclusive("unpin", "reason")
	return c
}
