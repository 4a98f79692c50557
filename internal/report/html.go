package report

import (
	"bytes"
	_ "embed" // page and style
	"fmt"
	"html/template"
	"io"
	"strings"

	"github.com/weighlock/weighlock/internal/dataset"
)

//go:embed page.html.tmpl
var pageSource string

//go:embed page.css
var pageStyle string

// mostPageRules bounds the page, so that a browser can still show it.
const mostPageRules = 500

var page = template.Must(template.New("page").Funcs(template.FuncMap{
	"clean": clean, "line": func(s string) string { return cleanTo(s, 300) }, "count": count, "bytes": bytesText,
	"several": several, "value": func(r Rule, v *float64) string { return r.value(v) }, "mark": func(tone string) string { return marks[tone] },
}).Parse(pageSource))

// pageView is what the template reads; its methods are words and pictures of the report.
type pageView struct {
	*Report
	// Style is our own sheet.
	Style template.CSS
}

// HTML writes one page that needs nothing else: no script, no font, no picture from elsewhere.
func HTML(w io.Writer, r *Report) error {
	var out bytes.Buffer
	if err := page.Execute(&out, pageView{r, template.CSS(pageStyle)}); err != nil { //nolint:gosec // our own file
		return fmt.Errorf("write page: %w", err)
	}
	_, err := out.WriteTo(w)
	return err
}

// Tone, Word, Cause, Advice and the rest give the template the words that the other renderings use.
func (v pageView) Tone() string { return v.tone() }

// Word is the decision.
func (v pageView) Word() string { return v.decisionWord() }

// Cause is the sentence after it, as a sentence of its own.
func (v pageView) Cause() string { return v.cause() }

// Advice is what to do.
func (v pageView) Advice() []string { return v.advice() }

// Change and Against say what was compared with what.
func (v pageView) Change() string { return v.headText() }

// Against is the baseline.
func (v pageView) Against() string { return v.baseText() }

// Took is how long it took.
func (v pageView) Took() string { return v.took() }

// Facts are the digests.
func (v pageView) Facts() [][2]string { return v.facts() }

// Unapproved says that nobody has agreed to the change of the law.
func (v pageView) Unapproved() bool { return v.unapproved() }

// FewChecks, FewChanged and FewWarnings are as many as a page can show.
func (v pageView) FewChecks() []dataset.Check { return few(v.Checks) }

// FewChanged lists changes of the law.
func (v pageView) FewChanged() []string { return few(v.Policy.Changed) }

// FewWarnings lists warnings.
func (v pageView) FewWarnings() []string { return few(v.Warnings) }

func few[T any](in []T) []T { return in[:min(len(in), mostPageRules)] }

// WaiverLines say who let what through.
func (v pageView) WaiverLines() []string {
	var out []string
	for _, w := range few(v.Waivers) {
		out = append(out, w.String())
	}
	return out
}

// ruleView is one row of the table.
type ruleView struct {
	Rule
	Label, Slice, Better, Tone, Standing, From, To, Change, Relative, Level, Range, Limit, Seen, Needed, Adjusted, How, Next, Sentence, Judging string
}

// RuleViews are the rows of the table of rules.
func (v pageView) RuleViews() []ruleView {
	var out []ruleView
	for _, r := range few(v.Rules) {
		out = append(out, ruleView{
			Rule: r, Label: r.label(), Slice: clean(r.Slice), Better: r.betterWord(), Tone: r.tone(), Standing: r.standing(),
			From: r.value(r.Baseline), To: r.value(r.Candidate), Change: r.delta(), Relative: r.relative(), Level: r.level(),
			Range: r.interval(), Limit: r.limit(), Seen: r.seen(), Needed: r.needed(),
			Adjusted: strings.ReplaceAll(r.adjusted(), "&lt;", "<"), How: r.how(), Next: r.next(), Sentence: r.name() + " " + r.sentence(), Judging: r.rowsText(),
		})
	}
	return out
}

// Hidden is the number of rules that the page leaves out.
func (v pageView) Hidden() int { return max(0, len(v.Rules)-mostPageRules) }

// sliceView is one row of the table of slices.
type sliceView struct{ Slice, Rows, Metric, Better, From, To, Change, Relative, Tone string }

// SliceViews are the rows of the table of slices, the largest loss first.
func (v pageView) SliceViews() []sliceView {
	var out []sliceView
	for i, s := range v.sliceRows() {
		if i == mostPageRules {
			break
		}
		tone := "plain"
		if s.worse > 0 {
			tone = "worse"
		} else if s.worse < 0 {
			tone = "better"
		}
		out = append(out, sliceView{
			s.slice, count(s.rows), s.rule.label(), s.rule.Direction, s.rule.value(s.rule.Baseline),
			s.rule.value(s.rule.Candidate), s.rule.delta(), s.rule.relative(), tone,
		})
	}
	return out
}

// Figures are the plots that this report has data for.
func (v pageView) Figures() []figure {
	p := v.Plots
	if p == nil {
		return nil
	}
	var out []figure
	if p.Residuals != nil {
		out = append(out, residualFigures(p.Residuals)...)
	}
	if len(p.ROC) > 0 {
		out = append(out, curveFigure(rocStyle, p.ROC), curveFigure(prStyle, p.PR))
	}
	if len(p.Calibration) > 0 {
		out = append(out, curveFigure(calibrationStyle, p.Calibration))
	}
	return out
}

// Matrices are the confusion matrices.
func (v pageView) Matrices() []matrix {
	if v.Plots == nil {
		return nil
	}
	var out []matrix
	for _, c := range v.Plots.Confusion {
		out = append(out, matrixOf(c))
	}
	return out
}

// Undrawn is the number of rules that the picture has no room for.
func (v pageView) Undrawn() int { return max(0, len(drawn(v.Rules))-mostForest) }

// Forest is the picture of intervals against margins, or empty.
func (v pageView) Forest() template.HTML { return forest(v.Rules) }
