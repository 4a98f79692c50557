package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/weighlock/weighlock/internal/gate"
)

// A look is a table that says what lies behind the rules. Every rendering shows the same looks; cells are cleaned, and
// escaped by the rendering.
type look struct {
	title, note string
	heads       []string
	// numbers says which columns hold numbers, by one "n" each.
	numbers string
	rows    [][]string
	// rank is how early the look is left out of a comment that is too long.
	rank int
}

// most rows of a look that are shown; the saved report has all.
const mostLooked = 20

// looks are what there is to see, the most useful first.
func (r *Report) looks() []look {
	all := []look{r.worstLook(), r.flippedLook()}
	if r.Explained != nil {
		for _, p := range r.Explained.Parts {
			all = append(all, r.partLook(p))
		}
	}
	for _, f := range r.Fairness {
		all = append(all, groupLook(f), gapLook(f))
	}
	all = append(all, r.othersLook())
	var out []look
	for _, l := range all {
		if len(l.rows) > 0 {
			if n := len(l.rows) - mostLooked; n > 0 {
				l.rows = l.rows[:mostLooked]
				l.note += " " + count(n) + " more in the saved report."
			}
			out = append(out, l)
		}
	}
	return out
}

// pressing is a copy of which the looks hold what a terminal should not be without: where a change that did not pass got
// worse, slices and differences that are hardly chance, and the groups that the policy names.
func (r *Report) pressing() *Report {
	c := *r
	if r.Explained != nil && r.Decision == gate.Passed {
		e := *r.Explained
		e.Rows, e.Parts = nil, nil
		e.Worst = slices.DeleteFunc(list(e.Worst), func(w WorstSlice) bool { return w.P > hardlyChance })
		c.Explained = &e
	}
	c.Others = slices.DeleteFunc(list(r.Others), func(o Observation) bool { return o.Noticed == "" })
	return &c
}

// hardlyChance is the adjusted p up to which a found slice is worth a line on a terminal although the change passed.
const hardlyChance = 0.05

// rule writes numbers of this metric.
func (e *Explained) rule() Rule {
	return Rule{Metric: e.Metric, Params: e.Params, Direction: e.Direction}
}

// small writes a difference with three significant digits.
func small(v float64) string { return plus(v, fixed(v, min(9, max(0, places(v, 3))))) }

func (r *Report) worstLook() look {
	e := r.Explained
	if e == nil {
		return look{}
	}
	l := look{
		title: "Where it got worse", rank: 3, numbers: " nnn", heads: []string{"Slice", "Rows", "Mean difference in " + clean(e.rule().label()), "Adjusted p"},
		note: fmt.Sprintf("The worst of %s with at least %s; p by sign flips over the whole search. A hint where to look, not a verdict.",
			several(e.Searched, "slice"), several(e.SearchedRows, "row")),
	}
	for _, w := range e.Worst {
		var where []string
		for _, p := range w.Where {
			where = append(where, clean(p))
		}
		l.rows = append(l.rows, []string{strings.Join(where, " and "), count(w.Rows), small(w.Mean), pValue(w.P)})
	}
	return l
}

func pValue(p float64) string {
	if p < 0.001 {
		return "under 0.001"
	}
	return fixed(p, 3)
}

func (r *Report) flippedLook() look {
	e := r.Explained
	if e == nil {
		return look{}
	}
	l := look{
		title: "Rows that lost most", rank: 4, numbers: " n ", heads: []string{"Row", "Loss in " + clean(e.rule().label()), "Slices"},
		note: "Rows are named by their id; their values stay hidden.",
	}
	if e.Broken+e.Mended > 0 {
		l.note = fmt.Sprintf("%s right before and wrong now, %s the other way round.", several(e.Broken, "row"), count(e.Mended))
	}
	sliced := slices.ContainsFunc(e.Rows, func(f FlippedRow) bool { return len(f.Slices) > 0 })
	if !sliced {
		l.heads, l.numbers = l.heads[:2], l.numbers[:2]
	}
	values := len(e.Rows) > 0 && e.Rows[0].Truth != ""
	if values {
		l.heads, l.numbers = append(l.heads, "Target", "Baseline", "Candidate"), l.numbers+"nnn"
	}
	for _, f := range e.Rows {
		cells := []string{orElse(clean(f.ID), none), small(f.Loss)}
		if sliced {
			cells = append(cells, orElse(clean(strings.Join(f.Slices, ", ")), none))
		}
		if values {
			cells = append(cells, clean(f.Truth), clean(f.Baseline), clean(f.Candidate))
		}
		l.rows = append(l.rows, cells)
	}
	return l
}

func (r *Report) partLook(p Part) look {
	l := look{
		title: "The difference in " + clean(r.Explained.rule().label()) + " by " + clean(p.By), rank: 5, numbers: " nnnn",
		heads: []string{"Level", "Rows", "Share", "Mean difference", "Contribution"},
		note:  "Contributions add up to the whole difference.",
	}
	for _, s := range p.Levels {
		l.rows = append(l.rows, []string{orElse(clean(s.Level), none), count(s.Rows), fixed(100*s.Share, 1) + "%", small(s.Mean), small(s.Contribution)})
	}
	return l
}

func groupLook(f Fairness) look {
	l := look{
		title: "Groups by " + clean(f.By), rank: 4, numbers: " nnnnnn",
		heads: []string{"Group", "Rows", "Selected", "True positive rate", "False positive rate", "Mean predicted", "Observed"},
		note:  "Candidate, with the baseline's rate in brackets.",
	}
	for _, g := range f.Groups {
		if g.Candidate == nil {
			continue
		}
		b := g.Baseline
		if b == nil {
			b = &Rates{}
		}
		c := g.Candidate
		l.rows = append(l.rows, []string{
			orElse(clean(g.Level), none), count(g.Rows), beside(c.Selection, b.Selection), beside(c.TPR, b.TPR), beside(c.FPR, b.FPR),
			beside(c.Predicted, b.Predicted), rate(c.Observed),
		})
	}
	return l
}

func rate(v *float64) string {
	if v == nil {
		return none
	}
	return fixed(*v, 3)
}

func beside(v, before *float64) string {
	if before == nil {
		return rate(v)
	}
	return rate(v) + " (" + rate(before) + ")"
}

func gapLook(f Fairness) look {
	l := look{
		title: "Gaps between the groups by " + clean(f.By), rank: 4, numbers: " nnnn",
		heads: []string{"Gap", "Baseline", "Candidate", "Interval", "Change"},
		note:  "Differences are equal at 0 and look too large where groups are small; ratios are equal at 1.",
	}
	if len(f.LeftOut) > 0 {
		l.note += " Too few rows to count: " + clean(strings.Join(f.LeftOut, ", ")) + "."
	}
	span := func(i *Interval) string {
		if i == nil || i.Low == nil || i.High == nil {
			return none
		}
		return fixed(*i.Low, 3) + " to " + fixed(*i.High, 3)
	}
	for _, g := range f.Gaps {
		l.rows = append(l.rows, []string{clean(strings.ReplaceAll(g.Name, "_", " ")), rate(g.Baseline), rate(g.Candidate), span(g.Interval), span(g.Change)})
	}
	return l
}

func (r *Report) othersLook() look {
	l := look{
		title: "What no rule asks about", rank: 5, numbers: " nnnn ", heads: []string{"Metric", "Baseline", "Candidate", "Interval of the difference", "Adjusted p", ""},
		note: "Adjusted after Benjamini and Hochberg: of those called better or worse, a tenth may be chance. Nothing here blocks.",
	}
	for _, o := range r.Others {
		delta := o.Delta
		rule := Rule{Metric: o.Metric, Slice: o.Slice, Baseline: &o.Baseline, Candidate: &o.Candidate, Delta: &delta, Interval: o.Interval}
		l.rows = append(l.rows, []string{rule.name(), rule.value(rule.Baseline), rule.value(rule.Candidate), rule.interval(), pValue(o.PAdjusted), orElse(clean(o.Noticed), none)})
	}
	return l
}

// markdown writes a look as a folded table.
func (l look) markdown() string {
	cells := make([]string, len(l.heads))
	lines := make([]string, len(l.heads))
	for i, h := range l.heads {
		cells[i], lines[i] = md(h), ":--"
		if h == "" {
			cells[i] = "&nbsp;"
		}
		if l.numbers[i] == 'n' {
			lines[i] = "--:"
		}
	}
	var b strings.Builder
	b.WriteString(row(cells...) + "|" + strings.Join(lines, "|") + "|\n")
	for _, r := range l.rows {
		for i, cell := range r {
			cells[i] = md(cell)
		}
		b.WriteString(row(cells...))
	}
	return b.String() + "\n" + md(l.note) + "\n"
}

// closerSections are the looks of a comment, behind one line each. What a title quotes stays inside, because a summary
// is HTML.
func (r *Report) closerSections() []section {
	var out []section
	for _, l := range r.looks() {
		body := l.markdown()
		if l.title != l.plainTitle() {
			body = "**" + md(l.title) + "**\n\n" + body
		}
		out = append(out, section{"a closer look", l.rank, folded(l.plainTitle(), body)})
	}
	return out
}

// plainTitle is the look's kind in our own words.
func (l look) plainTitle() string {
	for _, kind := range []string{"Where it got worse", "Rows that lost most", "The difference", "Groups", "Gaps between the groups", "What no rule asks about"} {
		if strings.HasPrefix(l.title, kind) {
			return kind
		}
	}
	return "More"
}

// text writes a look as lines of a list.
func (l look) text() []string {
	var out []string
	for _, r := range l.rows {
		var parts []string
		for i, cell := range r[1:] {
			if head := l.heads[i+1]; head != "" {
				parts = append(parts, strings.ToLower(head[:1])+head[1:]+" "+cell)
			} else if cell != none {
				parts = append(parts, cell)
			}
		}
		out = append(out, r[0]+": "+strings.Join(parts, ", "))
	}
	return append(out, l.note)
}

// LookView is a look for the page.
type LookView struct {
	Title, Note string
	Heads       []CellView
	Rows        [][]CellView
}

// CellView is a cell, and whether it holds a number.
type CellView struct {
	Text   string
	Number bool
}

// Looks are the tables of the page.
func (v pageView) Looks() []LookView {
	var out []LookView
	for _, l := range v.looks() {
		cells := func(texts []string) []CellView {
			row := make([]CellView, len(texts))
			for i, text := range texts {
				row[i] = CellView{text, l.numbers[i] == 'n'}
			}
			return row
		}
		view := LookView{Title: l.title, Note: l.note, Heads: cells(l.heads)}
		for _, r := range l.rows {
			view.Rows = append(view.Rows, cells(r))
		}
		out = append(out, view)
	}
	return out
}

// wearText says how often the rows have judged.
func (r *Report) wearText() string {
	if r.Wear == nil || r.Wear.Judged == 0 {
		return ""
	}
	return "these rows have judged at least " + several(r.Wear.Judged, "model") + " before"
}
