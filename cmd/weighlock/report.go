package main

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/weighlock/weighlock/internal/action"
	"github.com/weighlock/weighlock/internal/atomicfile"
	"github.com/weighlock/weighlock/internal/report"
)

// renderings are the forms a saved report can take; a new one is a row here and a file in internal/report.
var renderings = map[string]func(w world, out io.Writer, r *report.Report) error{
	"text": func(w world, out io.Writer, r *report.Report) error {
		return report.Text(out, r, report.TextOptions{Color: w.colourful(out), Width: w.width(out)})
	},
	"markdown": func(_ world, out io.Writer, r *report.Report) error {
		_, err := io.WriteString(out, report.Markdown(r, report.MarkdownOptions{}))
		return err
	},
	"html":  func(_ world, out io.Writer, r *report.Report) error { return report.HTML(out, r) },
	"junit": func(_ world, out io.Writer, r *report.Report) error { return report.JUnit(out, r) },
	"json": func(_ world, out io.Writer, r *report.Report) error {
		encoded, err := r.Encode()
		if err != nil {
			return err
		}
		_, err = out.Write(encoded)
		return err
	},
}

func newReport(w world) *cobra.Command {
	var format, output, key string
	var post bool
	names := strings.Join(slices.Sorted(maps.Keys(renderings)), ", ")
	c := &cobra.Command{
		Use:   "report FILE",
		Short: "Render a saved report: " + names,
		Long: withCodes(`
Read a report that weighlock run saved and write it in another form. The saved JSON is
the protocol: every rendering reads it and nothing else.

With --post it becomes the comment on the pull request that the CI job belongs to, on
GitHub, with the token in WEIGHLOCK_TOKEN or GITHUB_TOKEN. The report is believed: post
only what a job you trust has written, and let weighlock action judge what strangers did.`, codeDone, codeMisconfigured, codeUnavailable),
		Example: `  weighlock report .weighlock/churn/report.json
  weighlock report .weighlock/churn/report.json --format html --output report.html
  weighlock report .weighlock/churn/report.json --post`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			render, ok := renderings[format]
			if !ok {
				return fmt.Errorf("read --format: %q is not one of %s", format, names)
			}
			r, err := loadReport(args[0])
			if err != nil {
				return err
			}
			if post {
				return action.Post(c.Context(), w.action(), r, key)
			}
			if output == "" || output == "-" {
				return render(w, w.stdout, r)
			}
			var content bytes.Buffer
			if err := render(w, &content, r); err != nil {
				return err
			}
			return atomicfile.WriteFile(output, content.Bytes(), 0o644)
		},
	}
	c.Flags().StringVarP(&format, "format", "f", "text", "one of "+names)
	completeFlag(c, "format", slices.Sorted(maps.Keys(renderings))...)
	c.Flags().BoolVar(&post, "post", false, "comment on the pull request instead of writing")
	c.Flags().StringVar(&key, "key", "weighlock", "name of the comment, with --post")
	c.Flags().StringVarP(&output, "output", "o", "", "write to this file instead of standard output")
	return c
}

func loadReport(path string) (*report.Report, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, hinted{fmt.Errorf("read report: %w", err), "weighlock run writes .weighlock/MODEL/report.json"}
	}
	defer func() { _ = f.Close() }()
	r, err := report.Decode(f)
	if err != nil {
		return nil, fmt.Errorf("read report %s: %w", path, err)
	}
	return r, nil
}

// printReport shows a report on standard output, or its decision alone.
func printReport(w world, r *report.Report, quiet bool) error {
	if quiet {
		_, err := fmt.Fprintf(w.stdout, "%s: %s\n", r.Model, r.Decision)
		return err
	}
	return renderings["text"](w, w.stdout, r)
}
