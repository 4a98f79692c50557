package report

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/rivo/uniseg"
)

// TextOptions say what the terminal can show.
type TextOptions struct {
	Color bool
	// Width is the number of columns, 100 where zero. A table that is wider becomes one paragraph per rule.
	Width int
}

const (
	defaultWidth = 100
	// mostTextRules is how many rules, and items of any list, a terminal shows; the saved report has them all.
	mostTextRules = 60
)

// marks stand before a rule, so that colour is never the only sign.
var marks = map[string]string{"bad": "✗", "unsure": "?", "good": "✓", "plain": "·"}

var ansi = map[string]string{"bad": "31", "unsure": "33", "good": "32", "bold": "1", "dim": "2"}

// terminal writes lines to a terminal; an error is kept by the writer until the end.
type terminal struct {
	*bufio.Writer
	TextOptions
}

// Text writes the report for a terminal.
func Text(w io.Writer, r *Report, o TextOptions) error {
	if o.Width <= 0 {
		o.Width = defaultWidth
	}
	t := terminal{bufio.NewWriter(w), o}
	t.head(r)
	t.rules(r)
	t.list("What to do", r.advice())
	t.judged(r)
	for _, l := range r.pressing().looks() {
		t.list(l.title, l.text())
	}
	t.notes(r)
	return t.Flush()
}

func (t terminal) line(format string, args ...any) {
	_, _ = fmt.Fprintf(t, format, args...)
	_ = t.WriteByte('\n')
}

// paint colours text where colours are wanted; tone is a key of ansi, and any other leaves the text alone.
func (t terminal) paint(tone, s string) string {
	if code := ansi[tone]; t.Color && code != "" && s != "" {
		return "\x1b[" + code + "m" + s + "\x1b[0m"
	}
	return s
}

// tone is the colour of a decision.
func (r *Report) tone() string {
	switch {
	case r.Decision == "passed" && r.waived() == 0:
		return "good"
	case r.Decision == "passed", r.Decision == "undecided", r.Decision == "cancelled":
		return "unsure"
	}
	return "bad"
}

func (t terminal) head(r *Report) {
	title := clean(r.Model) + ": " + r.decisionWord()
	t.line("%s", t.paint("bold", t.paint(r.tone(), title)))
	t.wrap("", r.cause())
	t.line("")
	t.fact("change", r.headText())
	t.fact("baseline", r.baseText())
	if r.Base.Image != "" {
		t.fact("image", cleanTo(r.Base.Image, 200))
	}
	if n := r.Data.Evaluation.Rows; n > 0 {
		t.fact("judged on", fmt.Sprintf("%s of %s rows", count(n), count(max(n, r.Data.Rows))))
	}
	if trained := r.trained(); trained != "" {
		t.fact("trained", trained)
	}
	if took := r.took(); took != "" {
		t.fact("took", took)
	}
}

// trained says how a candidate was made where something of the change ran, and what it could not reach.
func (r *Report) trained() string {
	if len(r.Training.Sandbox) == 0 {
		return ""
	}
	text := cleanTo(r.Training.How, 200) + ", kept by " + cleanTo(strings.Join(r.Training.Sandbox, ", "), 200)
	switch {
	case !r.Training.Repeated:
		return text
	case len(r.Training.Repeats) == 0:
		return text + "; a second training with the same seed gave the same"
	}
	return text + fmt.Sprintf("; a second training with the same seed changed %d rules", len(r.Training.Repeats))
}

// took says how long the run was, and how fast and large the model is.
func (r *Report) took() string {
	var parts []string
	if r.Measured.Seconds > 0 {
		parts = append(parts, duration(r.Measured.Seconds))
	}
	if r.Measured.RowMicroseconds > 0 {
		parts = append(parts, fixed(r.Measured.RowMicroseconds, max(0, places(r.Measured.RowMicroseconds, 2)))+" µs a row")
	}
	if r.ModelFile.Bytes > 0 {
		parts = append(parts, "model of "+bytesText(r.ModelFile.Bytes))
	}
	return strings.Join(parts, ", ")
}

func (t terminal) fact(name, value string) { t.wrap(fmt.Sprintf("  %-9s ", name), value) }

// wrap breaks a sentence at the width, and indents what follows like the first line.
func (t terminal) wrap(before, sentence string) {
	indent := strings.Repeat(" ", uniseg.StringWidth(before))
	line, used := before, uniseg.StringWidth(before)
	for i, word := range strings.Fields(sentence) {
		n := uniseg.StringWidth(word)
		if i > 0 && used+1+n > t.Width && used > len(indent) {
			t.line("%s", line)
			line, used = indent, len(indent)
		} else if i > 0 {
			line, used = line+" ", used+1
		}
		line, used = line+word, used+n
	}
	t.line("%s", line)
}

func (t terminal) list(title string, items []string) {
	if len(items) == 0 {
		return
	}
	t.line("")
	t.line("%s", t.paint("bold", title))
	for i, item := range items {
		if i == mostTextRules {
			t.line("  … and %s more", count(len(items)-i))
			break
		}
		t.wrap("  - ", item)
	}
}

// columns of the table; right says that numbers stand at the right. Columns with a rank are left out of a table that is
// too wide, the lowest rank first: what they say is said elsewhere as well.
var columns = []struct {
	title string
	right bool
	cell  func(r Rule) string
	rank  int
}{
	{"metric", false, Rule.label, 0},
	{"slice", false, func(r Rule) string { return clean(r.Slice) }, 0},
	{"better", false, func(r Rule) string { return r.Direction }, 2},
	{"baseline", true, func(r Rule) string { return r.value(r.Baseline) }, 0},
	{"candidate", true, func(r Rule) string { return r.value(r.Candidate) }, 0},
	{"difference", true, Rule.delta, 0},
	{"relative", true, Rule.relative, 1},
	{"interval", true, Rule.interval, 0},
	{"margin", true, Rule.limit, 0},
	{"verdict", false, Rule.standing, 0},
}

func (t terminal) rules(r *Report) {
	if len(r.Rules) == 0 {
		return
	}
	t.line("")
	shown := r.Rules[:min(len(r.Rules), mostTextRules)]
	cells := make([][]string, len(shown)+1)
	width := make([]int, len(columns))
	filled := make([]bool, len(columns))
	cells[0] = make([]string, len(columns))
	for i, c := range columns {
		cells[0][i] = c.title
		if c.title == "interval" {
			cells[0][i] = shown[0].level() + " interval"
		}
		width[i] = uniseg.StringWidth(cells[0][i])
	}
	for k, rule := range shown {
		cells[k+1] = make([]string, len(columns))
		for i, c := range columns {
			cells[k+1][i] = c.cell(rule)
			width[i] = max(width[i], uniseg.StringWidth(cells[k+1][i]))
			filled[i] = filled[i] || cells[k+1][i] != "" && cells[k+1][i] != none
		}
	}
	if t.squeeze(width, filled) {
		t.table(shown, cells, width, filled)
	} else {
		t.stacked(shown)
	}
	if n := len(r.Rules) - len(shown); n > 0 {
		t.line("  … and %s more; the saved report has them all", several(n, "rule"))
	}
}

// squeeze leaves out columns until the table fits, and says whether it does.
func (t terminal) squeeze(width []int, filled []bool) bool {
	for rank := 1; ; rank++ {
		total := 0 // the mark before the table takes what the gap after the last column does not
		for i := range columns {
			if filled[i] {
				total += width[i] + 2
			}
		}
		if total <= t.Width {
			return true
		}
		if rank > 2 {
			return false
		}
		for i, c := range columns {
			filled[i] = filled[i] && c.rank != rank
		}
	}
}

func (t terminal) table(shown []Rule, cells [][]string, width []int, filled []bool) {
	for k, row := range cells {
		line, tone := "  ", "dim"
		if k > 0 {
			tone = shown[k-1].tone()
			line = t.paint(tone, marks[tone]) + " "
		}
		for i, c := range columns {
			if !filled[i] {
				continue
			}
			pad := strings.Repeat(" ", width[i]-uniseg.StringWidth(row[i]))
			value := row[i]
			if k == 0 || c.title == "verdict" {
				value = t.paint(tone, value)
			}
			if c.right {
				line += pad + value + "  "
			} else {
				line += value + pad + "  "
			}
		}
		t.line("%s", strings.TrimRight(line, " "))
	}
}

// stacked is the table for a narrow terminal: a paragraph per rule.
func (t terminal) stacked(shown []Rule) {
	for _, r := range shown {
		tone := r.tone()
		t.line("%s %s  %s", t.paint(tone, marks[tone]), r.name(), t.paint(tone, r.standing()))
		t.wrap("    ", r.moved()+"; "+r.betterWord())
		if r.Interval != nil {
			t.wrap("    ", r.level()+" interval "+r.interval())
		}
		if l := r.limit(); l != none && r.Margin != nil {
			t.wrap("    ", "margin "+l)
		} else if l != none {
			t.wrap("    ", "bound "+l)
		}
	}
}

// judged says how each rule was judged and how small a difference its rows could have shown.
func (t terminal) judged(r *Report) {
	var items []string
	common := r.assumption()
	for _, rule := range r.Rules[:min(len(r.Rules), mostTextRules)] {
		if common != "" {
			rule.Assumption = ""
		}
		if how := rule.how(); how != "" {
			items = append(items, rule.name()+" ("+rule.betterWord()+"): "+how)
		}
	}
	if common != "" {
		items = append(items, "all of this assumes: "+clean(common))
	}
	t.list("How it was judged", items)
}

// assumption is what all rules take for granted, or empty where they differ.
func (r *Report) assumption() string {
	if len(r.Rules) == 0 {
		return ""
	}
	for _, rule := range r.Rules {
		if rule.Assumption != r.Rules[0].Assumption {
			return ""
		}
	}
	return r.Rules[0].Assumption
}

// how says by which method and on how many rows, what that assumes, and what it could have seen.
func (r Rule) how() string {
	var parts []string
	if r.Method != "" {
		method := clean(r.Method)
		if r.Rows > 0 {
			method += " on " + several(r.Rows, "row")
		}
		if r.Clusters > 0 {
			method += " in " + several(r.Clusters, "group")
		}
		parts = append(parts, method)
	}
	if r.Detectable != nil && *r.Detectable > 0 {
		parts = append(parts, "would have shown a difference of "+fixed(*r.Detectable, min(r.stepDecimals(*r.Detectable), 9)))
	}
	if r.RowsNeeded > 0 && r.Verdict == "inconclusive" {
		parts = append(parts, several(r.RowsNeeded, "row")+" would settle it")
	}
	if r.Assumption != "" {
		parts = append(parts, "assumes "+clean(r.Assumption))
	}
	for _, f := range r.Flags {
		parts = append(parts, clean(f))
	}
	return strings.Join(parts, "; ")
}

// notes are what else a reader must know: what changed in the law, data checks, waivers, warnings.
func (t terminal) notes(r *Report) {
	how := "judged by the old one"
	if r.FirstRun {
		how = "no other judged this model"
	}
	if by := cleaned(r.Policy.ApprovedBy); len(by) > 0 {
		how += ", approved by " + strings.Join(by, ", ")
	}
	t.list("Changed in the law ("+how+")", cleaned(r.Policy.Changed))
	var checks []string
	for _, c := range r.Checks {
		checks = append(checks, string(c.Severity)+" "+clean(c.Name)+": "+cleanTo(c.Message, 300))
	}
	t.list("Data checks", checks)
	var waivers []string
	for _, w := range r.Waivers {
		waivers = append(waivers, w.String())
	}
	t.list("Waivers", waivers)
	t.list("Warnings", cleaned(r.Warnings))
}

// String says who let what through, and why.
func (w Waiver) String() string {
	what := clean(w.Metric)
	if w.Slice != "" {
		what += " on " + clean(w.Slice)
	}
	who := clean(w.By)
	if w.Permission != "" {
		who += " (" + clean(w.Permission) + ")"
	}
	if w.Given != "" {
		who += " on " + cleanTo(strings.ReplaceAll(w.Given, "T", " "), 20)
	}
	return fmt.Sprintf("%s accepted by %s for %s: %s", what, who, short(w.Commit), cleanTo(w.Reason, 200))
}

func cleaned(in []string) []string {
	out := make([]string, len(in))
	for i, s := range in {
		out[i] = cleanTo(s, 300)
	}
	return out
}
