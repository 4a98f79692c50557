package main

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/weighlock/weighlock/internal/ci"
	"github.com/weighlock/weighlock/internal/gate"
	"github.com/weighlock/weighlock/internal/pipeline"
)

func newAA(w world) *cobra.Command {
	var o pipeline.AAOptions
	var key string
	c := &cobra.Command{
		Use:   "aa",
		Short: "See how the gate treats a model that did not change",
		Long: withCodes(`
Train what is checked out several times with other seeds and judge the results against
each other: how much training alone moves every rule, and how often the gate would have
blocked a model that did not change. The spread goes to .weighlock/MODEL/seeds.json, and
with --attach beside the image of this commit: a change that has this image as its
baseline is then compared as one pipeline with another, and not as two models. It is
signed where there is a key (--key, or WEIGHLOCK_SIGNING_KEY); where the base policy names
one (image.key), a spread counts only if that key signed it.`,
			codeDone, codeMisconfigured, codeInvalid, codeUnavailable, codeCancelled),
		Example: `  weighlock aa
  weighlock aa --trainings 10 --attach`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			var err error
			if o.Dir, err = absolute(o.Dir); err != nil {
				return err
			}
			if o.CI, err = ci.Detect(w.getenv); err != nil {
				return err
			}
			if o.Key, err = w.signingKey(key); err != nil {
				return err
			}
			o.Registry, o.Host = w.registry(), w.host(false)
			o.Step = func(name string) { _, _ = fmt.Fprintf(w.stderr, "weighlock: %s\n", name) }
			result, err := pipeline.SelfTest(c.Context(), o)
			if err != nil {
				return err
			}
			return writeAA(w.stdout, result)
		},
	}
	f := c.Flags()
	f.StringVarP(&o.Config, "config", "c", pipeline.DefaultConfig, "configuration file")
	f.StringVarP(&o.Dir, "dir", "C", "", "start in this folder")
	f.StringVar(&o.Base, "base", "", "base revision, whose law holds; found by git and CI where left out")
	f.IntVarP(&o.Trainings, "trainings", "n", 5, "how many seeds to train with")
	f.BoolVar(&o.Attach, "attach", false, "attach the spread to the image of this commit")
	f.StringVar(&key, "key", "", "private key to sign what is attached; WEIGHLOCK_SIGNING_KEY where left out")
	return c
}

func writeAA(out io.Writer, r pipeline.AA) error {
	_, _ = fmt.Fprintf(out, "%s: %d trainings with other seeds, judged by %d evaluation rows\n\n", r.Model, r.Trainings, r.Rows)
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintln(t, "rule\tmean\tspread over seeds\t")
	still := true
	for _, s := range r.Spreads {
		still = still && s.SD == 0
		_, _ = fmt.Fprintf(t, "%s\t%.5g\t%.3g\t\n", s.Rule, s.Mean, s.SD)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, _ = fmt.Fprintln(out)
	if still {
		_, _ = fmt.Fprintln(out, "Training does not depend on its seed.")
	}
	_, _ = fmt.Fprintf(out, "Of %d comparisons of the model with itself the gate %s", r.Blind.Pairs, became(r.Blind))
	if !still {
		_, _ = fmt.Fprintf(out, "; knowing this spread it %s", became(r.Knowing))
	}
	_, _ = fmt.Fprintf(out, ".\nThe spread is in %s", r.File)
	if r.Image != "" {
		_, _ = fmt.Fprintf(out, " and beside %s", r.Image)
	}
	_, err := fmt.Fprintln(out, ".")
	return err
}

func became(t gate.SelfTest) string {
	text := fmt.Sprintf("blocks %d", t.Blocked)
	if t.Undecided > 0 {
		text += fmt.Sprintf(" and leaves %d undecided", t.Undecided)
	}
	return text
}
