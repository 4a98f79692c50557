package report

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// MarkdownOptions say how long a comment may be and how it is found again.
type MarkdownOptions struct {
	// Budget is the most characters, counted in UTF-16 units as GitHub does, and a third of the most bytes;
	// DefaultBudget where zero.
	Budget int
	// Marker is the first line, verbatim: an HTML comment of the caller's. None where empty.
	Marker string
	// RunURL leads to the log of the run; no link where empty.
	RunURL string
	// Past are earlier runs, the newest first.
	Past []Past
}

// DefaultBudget leaves room below the 65,536 characters of a comment on GitHub.
const DefaultBudget = 60_000

const (
	// openRules is how many rules stand in the open table, foldedRules how many more in a folded one.
	openRules, foldedRules = 15, 200
	// mostItems bounds every list that somebody else fills.
	mostItems = 10
	// reserve is kept free for the line that says what was left out.
	reserve = 400
)

var emoji = map[string]string{"bad": "❌", "unsure": "⚠️", "good": "✅", "plain": "➖"}

// section is a piece of the comment that is kept whole or left out. The lower its rank, the longer it stays.
type section struct {
	title string
	rank  int
	body  string
}

// Markdown writes the comment. What does not fit the budget is left out section by section, the least important first,
// and the comment says so. Marker and headline always stay.
func Markdown(r *Report, o MarkdownOptions) string {
	return assemble(r.headline(), append(r.sections(o), section{"earlier runs", 5, history(o.Past)}), o)
}

// assemble puts sections together as far as the budget goes, the lowest rank first.
func assemble(headline string, all []section, o MarkdownOptions) string {
	if o.Budget <= 0 {
		o.Budget = DefaultBudget
	}
	top := ""
	if o.Marker != "" {
		top = strings.NewReplacer("\n", " ", "\r", " ").Replace(o.Marker) + "\n"
	}
	top += headline
	kept := make([]bool, len(all))
	left := room{o.Budget, 3 * o.Budget}
	left.take(top)
	left.units, left.bytes = left.units-reserve, left.bytes-3*reserve
	for rank := 0; rank <= lastRank; rank++ {
		for i, s := range all {
			if s.rank == rank && s.body != "" && left.fits(s.body) {
				left.take(s.body)
				kept[i] = true
			}
		}
	}
	var out strings.Builder
	out.WriteString(top)
	var shed []string
	for i, s := range all {
		if kept[i] {
			out.WriteString(s.body)
		} else if s.body != "" && !slices.Contains(shed, s.title) {
			shed = append(shed, s.title)
		}
	}
	if len(shed) > 0 {
		out.WriteString("\n*Too long for a comment, so left out here: " + strings.Join(shed, ", ") + ". The saved report has everything.*\n")
	}
	return out.String()
}

// longHeadline is how many characters still make a headline; a longer cause gets a line of its own.
const longHeadline = 110

func (r *Report) headline() string {
	top := "## " + emoji[r.tone()] + " Weighlock: " + md(clean(r.Model)) + " " + r.decisionWord()
	cause := r.cause()
	if utf8.RuneCountInString(cause) <= longHeadline {
		return top + ": " + md(cause) + "\n"
	}
	return top + "\n\n**Why:** " + md(cause) + "\n"
}

// room is what is left of a budget.
type room struct{ units, bytes int }

func (l room) fits(s string) bool { return length(s) <= l.units && len(s) <= l.bytes }

func (l *room) take(s string) {
	l.units -= length(s)
	l.bytes -= len(s)
}

// length is the number of UTF-16 units.
func length(s string) int {
	n := 0
	for _, c := range s {
		n += max(1, utf16.RuneLen(c))
	}
	return n
}

const lastRank = 6

// sections are the comment's pieces in the order of the page.
func (r *Report) sections(o MarkdownOptions) []section {
	hidden := r.Rules[min(len(r.Rules), openRules):]
	top := []section{
		{"what was compared", 1, "\n" + r.comparedLine() + runLink(o) + "\n"},
		{"warnings", 2, r.alerts()},
		{"the table of rules", 0, ruleTable(r.Rules[:min(len(r.Rules), openRules)])},
		{"what to do", 0, "\n**What to do**\n\n" + bullets(r.advice())},
		{"how to proceed", 2, r.proceed(o)},
		{"more rules", 5, folded(several(len(hidden), "more rule"), moreRules(hidden))},
		{"margins", 4, r.marginSection()},
		{"how it was judged", 3, folded("How it was judged", r.judgedTable())},
		{"slices", 4, r.sliceSection()},
	}
	return append(append(top, r.closerSections()...), []section{
		{"data checks", 3, r.checkSection()},
		{"waivers", 1, waiverSection(r.Waivers)},
		{"the exact baseline", 6, folded("Exactly what was compared", r.exactly())},
		{"the footer", 5, r.footer()},
	}...)
}

func (r *Report) comparedLine() string {
	change, same := md(r.headText()), "on the same "
	if r.Head.Commit != "" {
		change = code(short(r.reviewed()))
		if r.Head.Dirty {
			change += " and uncommitted changes"
		}
	}
	line := "Change " + change + " against baseline " + md(r.baseText())
	switch {
	case r.FirstRun:
		line, same = "Change "+change+", a first run without a baseline", "on "
	case r.Head.Commit != "" && r.Base.Commit != "":
		line = "Change " + change + " against baseline " + code(short(r.Base.Commit))
		if age := r.baseAge(); strings.HasPrefix(age, ",") {
			line += md(age)
		} else if age != "" {
			line += " " + md(age)
		}
	}
	if n := r.Data.Evaluation.Rows; n > 0 {
		line += ", " + same + several(n, "evaluation row")
	}
	if worn := r.wearText(); worn != "" {
		line += "; " + worn
	}
	return line + "."
}

// runLink leads to the log.
func runLink(o MarkdownOptions) string {
	if link := safeURL(o.RunURL); link != "" {
		return " · [run](" + link + ")"
	}
	return ""
}

// alerts are what makes the numbers less than they seem.
func (r *Report) alerts() string {
	var lines []string
	if r.unapproved() {
		lines = append(lines, r.lawChanged()+":", "")
	} else if len(r.Policy.Changed) > 0 {
		lines = append(lines, "This change alters the law, which "+md(clean(strings.Join(r.Policy.ApprovedBy, ", ")))+" approved:", "")
	}
	for _, c := range firstItems(r.Policy.Changed) {
		lines = append(lines, "- "+md(cleanTo(c, 300)))
	}
	if r.Head.Dirty {
		lines = append(lines, "- The working tree differs from its commit.")
	}
	for _, w := range firstItems(r.Warnings) {
		lines = append(lines, "- "+md(cleanTo(w, 300)))
	}
	if lines == nil {
		return ""
	}
	return "\n> [!WARNING]\n> " + strings.Join(lines, "\n> ") + "\n"
}

// firstItems cuts a list that somebody else fills, and says so.
func firstItems(in []string) []string {
	if len(in) <= mostItems {
		return in
	}
	return append(list(in[:mostItems]), fmt.Sprintf("and %s more", count(len(in)-mostItems)))
}

func bullets(items []string) string {
	var b strings.Builder
	for _, item := range firstItems(items) {
		b.WriteString("- " + md(item) + "\n")
	}
	return b.String()
}

// row writes cells that are already escaped.
func row(cells ...string) string { return "| " + strings.Join(cells, " | ") + " |\n" }

func ruleTable(rules []Rule) string {
	if len(rules) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString("\n" + row("", "Metric", "Baseline", "Candidate", "Difference", rules[0].level()+" interval", "Margin", "Verdict"))
	b.WriteString("|:-:|:--|--:|--:|--:|:-:|--:|:--|\n")
	for _, r := range rules {
		verdict := "**" + r.standing() + "**"
		if r.tone() == "plain" {
			verdict = r.standing()
		}
		b.WriteString(row(emoji[r.tone()], md(r.name())+"<br><sub>"+strings.ReplaceAll(r.betterWord(), " ", "&nbsp;")+"</sub>", r.value(r.Baseline),
			"**"+r.value(r.Candidate)+"**", r.change(), r.interval(), r.limit(), verdict))
	}
	return b.String()
}

func moreRules(hidden []Rule) string {
	if len(hidden) == 0 {
		return ""
	}
	text := ruleTable(hidden[:min(len(hidden), foldedRules)])
	if n := len(hidden) - foldedRules; n > 0 {
		text += "\nand " + count(n) + " more in the saved report\n"
	}
	return text
}

// folded puts a section behind a line that opens it. The title is our own words, for HTML begins here.
func folded(title, body string) string {
	if body == "" {
		return ""
	}
	return "\n<details><summary>" + title + "</summary>\n" + "\n" + strings.TrimLeft(body, "\n") + "\n</details>\n"
}

func (r *Report) judgedTable() string {
	common := r.assumption()
	var b strings.Builder
	for _, r := range r.Rules[:min(len(r.Rules), openRules)] {
		if common != "" {
			r.Assumption = ""
		}
		if r.Method == "" && len(r.Flags) == 0 && r.Why == "" {
			continue
		}
		if b.Len() == 0 {
			b.WriteString(row("Metric", "Method", "Rows", "Could have seen", "Rows to settle", "Adjusted p", "Notes"))
			b.WriteString("|:--|:--|--:|--:|--:|--:|:--|\n")
		}
		b.WriteString(row(md(r.name()), orElse(md(clean(r.Method)), none), r.rowsText(), r.seen(), r.needed(), r.adjusted(), r.remarks()))
	}
	if common != "" && b.Len() > 0 {
		b.WriteString("\nAll of this assumes: " + md(clean(common)) + ".\n")
	}
	return b.String()
}

// seen is the smallest difference that the rows would have shown.
func (r Rule) seen() string {
	if r.Detectable == nil {
		return none
	}
	return fixed(*r.Detectable, min(9, r.stepDecimals(*r.Detectable)))
}

// rowsText is how many rows judged, and in how many groups.
func (r Rule) rowsText() string {
	if r.Clusters == 0 {
		return count(r.Rows)
	}
	return count(r.Rows) + " in " + several(r.Clusters, "group")
}

func (r Rule) needed() string {
	if r.RowsNeeded == 0 {
		return none
	}
	return count(r.RowsNeeded)
}

func (r Rule) adjusted() string {
	switch {
	case r.PAdjusted == nil:
		return none
	case *r.PAdjusted < 0.001:
		return "&lt;0.001"
	}
	return fixed(*r.PAdjusted, 3)
}

func (r Rule) remarks() string {
	var parts []string
	if r.Why != "" {
		parts = append(parts, md(cleanTo(r.Why, 200)))
	}
	if r.Assumption != "" {
		parts = append(parts, "assumes: "+md(clean(r.Assumption)))
	}
	for _, f := range firstItems(r.Flags) {
		parts = append(parts, md(clean(f)))
	}
	return strings.Join(parts, "; ")
}

func (r *Report) checkSection() string {
	var b strings.Builder
	for i, c := range r.Checks {
		if i == mostItems {
			b.WriteString("- and " + count(len(r.Checks)-i) + " more\n")
			break
		}
		b.WriteString("- **" + string(c.Severity) + "** " + md(clean(c.Name)) + ": " + md(cleanTo(c.Message, 300)) + "\n")
	}
	return folded("Data checks: "+r.checkCounts(), b.String())
}

// checkCounts says how many checks block, warn or inform.
func (r *Report) checkCounts() string {
	n := map[string]int{}
	for _, c := range r.Checks {
		n[string(c.Severity)]++
	}
	var parts []string
	for _, severity := range []string{"block", "warn", "info"} {
		if n[severity] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n[severity], severity))
		}
	}
	return strings.Join(parts, ", ")
}

func waiverSection(waivers []Waiver) string {
	var items []string
	for _, w := range waivers {
		items = append(items, w.String())
	}
	if items == nil {
		return ""
	}
	return "\n**Waivers**\n\n" + bullets(items)
}
