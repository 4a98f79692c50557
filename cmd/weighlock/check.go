package main

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/weighlock/weighlock/internal/ci"
	"github.com/weighlock/weighlock/internal/dataset"
	"github.com/weighlock/weighlock/internal/pipeline"
)

func newCheck(w world) *cobra.Command {
	var options pipeline.Options
	var rows bool
	c := &cobra.Command{
		Use:   "check",
		Short: "Check the policy and the data alone; train nothing",
		Long: withCodes(`
Read weighlock.yaml and the data, of the change and of the base revision, and say
everything that is wrong with them: mistakes with file:line:column, leaks, changed
labels, changed rules. With --rows standard output gets the ids of the rows that
judge, as CSV: those that a file for train.predictions has to answer.`, "0    nothing blocks", "1    a check of the data blocks, or the change touches the policy or the evaluation rows", codeMisconfigured, codeUnavailable),
		Example: `  weighlock check
  weighlock check --config models/churn/weighlock.yaml
  weighlock check --rows > judging.csv`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return check(c.Context(), w, options, rows) },
	}
	f := c.Flags()
	f.StringVarP(&options.Config, "config", "c", pipeline.DefaultConfig, "configuration file")
	f.StringVarP(&options.Dir, "dir", "C", "", "start in this folder")
	f.StringVar(&options.Base, "base", "", "base revision; found by git and CI where left out")
	f.BoolVar(&rows, "rows", false, "print the ids of the rows that judge as CSV; what is found goes to standard error")
	return c
}

func check(ctx context.Context, w world, o pipeline.Options, rows bool) error {
	var err error
	if o.Dir, err = absolute(o.Dir); err != nil {
		return err
	}
	if o.CI, err = ci.Detect(w.getenv); err != nil {
		return err
	}
	found, err := pipeline.Check(ctx, o)
	if err != nil {
		return err
	}
	out := w.stdout
	if rows {
		out = w.stderr
		if err := writeIDs(w.stdout, found); err != nil {
			return err
		}
	}
	blocks := false
	_, _ = fmt.Fprintf(out, "%s: %d rows, %d train, %d judge\n", found.Model, found.Rows, found.Train, found.Evaluate)
	for _, line := range found.Changed {
		blocks = true
		_, _ = fmt.Fprintf(out, "block  changed law: %s\n", line)
	}
	for _, c := range found.Checks {
		blocks = blocks || c.Severity == dataset.Block
		_, _ = fmt.Fprintf(out, "%-5s  %s: %s\n", c.Severity, c.Name, c.Message)
	}
	if blocks {
		return exit{1}
	}
	_, err = fmt.Fprintln(out, "nothing blocks")
	return err
}

// writeIDs writes one column under its own name.
func writeIDs(w io.Writer, found pipeline.Found) error {
	if found.ID == "" {
		return hinted{errors.New("print the rows that judge: the policy names no id"), "name a column with one value per row in data.id"}
	}
	out := csv.NewWriter(w)
	records := [][]string{{found.ID}}
	for _, id := range found.Judging {
		records = append(records, []string{id})
	}
	return out.WriteAll(records)
}
