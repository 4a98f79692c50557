package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
)

// mostBars is how many bars of a chart can still be read.
const mostBars = 12

// used is how much of the margin the candidate used up: 1 is all of it, negative an improvement; nil without a margin.
func (r Rule) used() *float64 {
	m := r.absolute()
	if m == nil || *m <= 0 || r.Delta == nil {
		return nil
	}
	u := -r.better(*r.Delta) / *m
	return &u
}

// marginSection draws how much of each margin is used, and says it in numbers for readers that show no charts.
func (r *Report) marginSection() string {
	var names, bars, full, words []string
	top, title, drawn := 1.5, "Share of the margin used, in percent", false
	for i, rule := range r.Rules {
		u := rule.used()
		if u == nil || len(names) == mostBars {
			continue
		}
		share := min(max(*u, 0), 3)
		if *u > 3 {
			title = "Share of the margin used, in percent (bars end at 300)"
		}
		top, drawn = max(top, share*1.1), drawn || share > 0
		names = append(names, chartName(rule, i))
		bars = append(bars, fmt.Sprintf("%.0f", 100*share))
		full = append(full, "100")
		words = append(words, rule.name()+": "+usedWords(*u))
	}
	if len(names) == 0 {
		return ""
	}
	// Mermaid's own colours are too pale for bars, and its line does not look like a limit.
	chart := "```mermaid\n%%{init: {\"themeVariables\": {\"xyChart\": {\"plotColorPalette\": \"#4c8dd6, #d1242f\"}}}}%%\nxychart-beta\n    title \"" + title + "\"\n" +
		"    x-axis [" + strings.Join(names, ", ") + "]\n" +
		fmt.Sprintf("    y-axis \"%%\" 0 --> %.0f\n", 100*top) +
		"    bar [" + strings.Join(bars, ", ") + "]\n    line [" + strings.Join(full, ", ") + "]\n```\n\n"
	if !drawn || len(names) < 2 { // an empty chart, or one without the line, says less than the words
		chart = ""
	}
	var b strings.Builder
	for _, w := range words {
		b.WriteString("- " + md(w) + "\n")
	}
	return folded("How much of each margin is used", chart+b.String())
}

func usedWords(u float64) string {
	switch {
	case u <= 0:
		return "none of the margin used"
	case u > 10:
		return "more than ten times the margin"
	}
	return fmt.Sprintf("%.0f%% of the margin used", 100*u)
}

// chartName is a name that Mermaid cannot misread, whatever the rule is called.
func chartName(r Rule, i int) string {
	name := strings.TrimSpace(r.Metric + " " + r.Slice)
	plain := len(name) <= 30 && r.Metric != ""
	for _, c := range name {
		plain = plain && (c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '=' || c == ' ')
	}
	if !plain {
		return fmt.Sprintf("\"rule %d\"", i+1)
	}
	return `"` + name + `"`
}

// sliceRow is one metric on one slice, for tables.
type sliceRow struct {
	slice string
	rows  int
	rule  Rule
	// worse is the relative loss, for the order; candidates without a value come first.
	worse float64
}

// sliceRows lists the metrics that rules ask about, or all where there are no rules, on every slice, the worst loss
// first: a metric that nobody asked about must not stand there in red.
func (r *Report) sliceRows() []sliceRow {
	asked := make(map[string]bool, len(r.Rules))
	for _, rule := range r.Rules {
		asked[rule.Metric] = true
	}
	var out []sliceRow
	for _, s := range r.Slices {
		for _, c := range s.Scores {
			if len(asked) > 0 && !asked[c.Metric] {
				continue
			}
			row := sliceRow{slice: clean(s.By) + "=" + clean(s.Level), rows: s.Rows, rule: Rule{
				Metric: c.Metric, Direction: c.Direction, Baseline: c.Baseline, Candidate: c.Candidate,
			}}
			if c.Candidate == nil {
				row.worse = math.Inf(1)
			}
			if c.Baseline != nil && c.Candidate != nil {
				d := *c.Candidate - *c.Baseline
				row.rule.Delta = &d
				if *c.Baseline != 0 {
					share := d / math.Abs(*c.Baseline)
					row.rule.DeltaRelative, row.worse = &share, -row.rule.better(share)
				}
			}
			out = append(out, row)
		}
	}
	slices.SortStableFunc(out, func(a, b sliceRow) int { return cmp.Compare(b.worse, a.worse) })
	return out
}

func (r *Report) sliceSection() string {
	rows := r.sliceRows()
	if len(rows) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString(row("Slice", "Rows", "Metric", "Baseline", "Candidate", "Difference"))
	b.WriteString("|:--|--:|:--|--:|--:|--:|\n")
	worse := 0
	for i, s := range rows {
		if s.worse > 0 {
			worse++
		}
		if i >= 3*openRules {
			continue
		}
		b.WriteString(row(md(s.slice), count(s.rows), md(s.rule.label()), s.rule.value(s.rule.Baseline), s.rule.value(s.rule.Candidate), s.rule.change()))
	}
	b.WriteString("\nPoint values, the largest loss first; only rules judge.\n")
	return folded(fmt.Sprintf("Slices: %s of %s worse than the baseline's", count(worse), several(len(rows), "value")), b.String())
}

// exactly names everything by its digest.
func (r *Report) exactly() string {
	var b strings.Builder
	b.WriteString(row("What", "Which") + "|:--|:--|\n")
	for _, f := range r.facts() {
		b.WriteString(row(f[0], code(f[1])))
	}
	return b.String()
}

// facts are the names of everything that was compared, for a reader who doubts.
func (r *Report) facts() [][2]string {
	back := ""
	if r.Base.CommitsBack > 0 {
		back = several(r.Base.CommitsBack, "commit") + " before the base revision"
	}
	merged := ""
	if r.Head.Reviewed != "" {
		merged = r.Head.Commit
	}
	all := [][2]string{
		{"change", r.reviewed()},
		{"merged with the base", merged},
		{"baseline commit", orElse(r.Base.Commit, "none")},
		{"baseline age", back},
		{"baseline image", r.Base.Image},
		{"baseline found", r.Base.How},
		{"model", r.ModelFile.Digest},
		{"kind of model", opaqueKind(r.ModelFile.Kind)},
		{"training", r.trained()},
		{"data", r.Data.Digest},
		{"evaluation set", r.Data.Evaluation.Digest},
		{"policy", r.Policy.Digest},
		{"policy read from", r.Policy.Commit},
	}
	var out [][2]string
	for _, f := range all {
		if f[1] != "" {
			out = append(out, [2]string{f[0], cleanTo(f[1], 160)})
		}
	}
	return out
}

// opaqueKind is a kind of model worth a line of its own: one that Weighlock cannot read.
func opaqueKind(kind string) string {
	if strings.HasPrefix(kind, "opaque") {
		return kind
	}
	return ""
}

func (r *Report) footer() string {
	parts := []string{md(clean(r.Tool))}
	if took := r.took(); took != "" {
		parts = append(parts, "took "+took)
	}
	if r.Created != "" {
		parts = append(parts, md(clean(r.Created)))
	}
	return "\n<sub>Weighed by " + strings.Join(parts, " · ") + "</sub>\n"
}
