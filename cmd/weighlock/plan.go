package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/weighlock/weighlock/internal/gate"
	"github.com/weighlock/weighlock/internal/pipeline"
)

func newPlan(w world) *cobra.Command {
	var o pipeline.PlanOptions
	var margins []string
	c := &cobra.Command{
		Use:   "plan [REPORT]",
		Short: "Say how many evaluation rows a margin needs",
		Long: withCodes(`
Say for every margin how small a difference today's evaluation rows would show, and how
many rows would show an unchanged model to lie within the margin. It goes by the spread
that the last run saw, or that of a saved report; --margin tries other margins.`, codeDone, codeMisconfigured, "4    the report is damaged"),
		Example: `  weighlock plan
  weighlock plan --margin rmse=1% --margin r2=0.005
  weighlock plan --power 0.9 old/report.json`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			var err error
			if len(args) == 1 {
				o.Report = args[0]
			}
			if o.Dir, err = absolute(o.Dir); err != nil {
				return err
			}
			if !(o.Power > 0.5 && o.Power < 1) {
				return fmt.Errorf("--power %v: want a number between 0.5 and 1", o.Power)
			}
			if o.Margins, err = parseMargins(margins); err != nil {
				return err
			}
			p, err := pipeline.MakePlan(o)
			if err != nil {
				return err
			}
			return writePlan(w, p)
		},
	}
	f := c.Flags()
	f.StringVarP(&o.Config, "config", "c", pipeline.DefaultConfig, "configuration file whose last run counts")
	f.StringVarP(&o.Dir, "dir", "C", "", "start in this folder")
	f.StringArrayVar(&margins, "margin", nil, "RULE=MARGIN, such as rmse=1% or 'recall on sex=F=0.02'; repeatable")
	f.Float64Var(&o.Power, "power", 0.8, "how surely an unchanged model is told to be safe")
	return c
}

// parseMargins reads RULE=MARGIN; a rule on a slice holds a = itself, so the last one counts.
func parseMargins(given []string) (map[string]gate.Margin, error) {
	margins := map[string]gate.Margin{}
	for _, text := range given {
		at := strings.LastIndex(text, "=")
		if at < 1 {
			return nil, fmt.Errorf("--margin %q: want RULE=MARGIN, such as rmse=1%%", text)
		}
		digits, relative := strings.CutSuffix(text[at+1:], "%")
		value, err := strconv.ParseFloat(strings.TrimSpace(digits), 64)
		if err != nil || !(value > 0) || math.IsInf(value, 0) {
			return nil, fmt.Errorf("--margin %q: want a number above 0 or a share such as 1%%", text)
		}
		if relative {
			value /= 100
		}
		margins[text[:at]] = gate.Margin{Value: value, Relative: relative}
	}
	return margins, nil
}

func writePlan(w world, p pipeline.Plan) error {
	_, _ = fmt.Fprintf(w.stdout, "%s: from the spread on %d evaluation rows, with a power of %.4g %%\n\n", p.Model, p.Rows, 100*p.Power)
	t := tabwriter.NewWriter(w.stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintln(t, "rule\tmargin\trows now\twould show\trows needed\t")
	most := 0
	for _, r := range p.Rules {
		needed, seen := strconv.Itoa(r.Needed), fmt.Sprintf("%.4g", r.Detectable)
		switch {
		case r.Why != "":
			needed, seen = "?", "?"
		case r.Needed == 0:
			needed = "none is enough"
		}
		margin := r.Margin.String()
		if r.Margin.Relative {
			margin = fmt.Sprintf("%s (%.4g)", margin, r.Size)
		}
		most = max(most, r.Needed)
		_, _ = fmt.Fprintf(t, "%s\t%s\t%d\t%s\t%s\t\n", r.Rule, margin, r.Rows, seen, needed)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, r := range p.Rules {
		if r.Why != "" {
			_, _ = fmt.Fprintf(w.stdout, "\n%s: %s", r.Rule, r.Why)
		}
	}
	if p.Share > 0 && most > p.Rows {
		_, _ = fmt.Fprintf(w.stdout, "\nWith %.3g %% of the table to judge by, %d evaluation rows are a table of %.0f.", 100*p.Share, most, math.Ceil(float64(most)/p.Share))
	}
	_, err := fmt.Fprintln(w.stdout)
	return err
}
