package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/weighlock/weighlock/internal/dataset"
	"github.com/weighlock/weighlock/internal/evaluation"
	"github.com/weighlock/weighlock/internal/model"
)

// mostLines is how many lines a table of inspect shows in words; --json has them all.
const mostLines = 100

// words writes everything that was found for a reader.
func (i inspected) words(out io.Writer) error {
	t := newTable(out)
	if i.Image != nil {
		t.image(i.Image)
	}
	if i.Model != nil {
		t.model(i.Model)
	}
	if i.Evaluation != nil {
		t.evaluation(i.Evaluation)
	}
	return t.Flush()
}

// table lines up cells; what comes out of a file is made printable, for it may hold escape sequences. Errors are kept by
// the writer until Flush.
type table struct {
	*tabwriter.Writer
	begun bool
}

func newTable(out io.Writer) *table {
	return &table{Writer: tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)}
}

func (t *table) head(title string) {
	_ = t.Flush()
	if t.begun {
		_, _ = fmt.Fprintln(t)
	}
	t.begun = true
	_, _ = fmt.Fprintln(t, title)
}

func (t *table) row(cells ...string) {
	for i := range cells {
		cells[i] = printable(cells[i])
	}
	_, _ = fmt.Fprintln(t, "  "+strings.Join(cells, "\t"))
}

// rows writes at most mostLines of n lines.
func (t *table) rows(n int, row func(i int)) {
	for i := range min(n, mostLines) {
		row(i)
	}
	if n > mostLines {
		t.row(fmt.Sprintf("and %d more, which --json has", n-mostLines))
	}
}

func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, s)
}

// someWords lists at most ten words.
func someWords(words []string) string {
	if len(words) > 10 {
		return fmt.Sprintf("%s and %d more", strings.Join(words[:10], ", "), len(words)-10)
	}
	return strings.Join(words, ", ")
}

// sixDigits rounds for a reader.
func sixDigits(v float64) string { return strconv.FormatFloat(v, 'g', 6, 64) }

func (t *table) image(i *inspectedImage) {
	t.head("image")
	t.row("repository", i.Repository)
	t.row("digest", i.Digest)
	if !i.Created.IsZero() {
		t.row("created", i.Created.UTC().Format(time.RFC3339))
	}
	t.row("platforms", strings.Join(i.Platforms, ", "))
	for _, key := range slices.Sorted(maps.Keys(i.Annotations)) {
		t.row(key, i.Annotations[key])
	}
}

func (t *table) model(d *model.Description) {
	t.head("model")
	t.row("kind", d.Kind+linkWords(d.Link))
	t.row("task", string(d.Task)+" of "+d.Target)
	if len(d.Classes) > 0 {
		t.row("classes", someWords(d.Classes))
	}
	if d.Link == model.Logistic {
		t.row("threshold", sixDigits(d.Threshold)+", from which on it predicts "+d.Classes[1])
	}
	estimator := []string{d.Origin.Estimator}
	for _, name := range slices.Sorted(maps.Keys(d.Origin.Params)) {
		if value := d.Origin.Params[name]; value != "" {
			estimator = append(estimator, name+" "+value)
		}
	}
	t.row("estimator", strings.Join(estimator, ", "))
	t.row("trained on", strconv.Itoa(d.Origin.Rows)+" rows")
	for _, note := range d.Origin.Notes {
		t.row("note", note)
	}
	t.row("digest", d.Digest)
	t.row("size", strconv.FormatInt(d.Bytes, 10)+" bytes")
	t.features(d)
	t.coefficients(d)
}

func linkWords(l model.Link) string {
	switch l {
	case model.Exponential:
		return ", fitted to the logarithm of the target"
	case model.Logistic:
		return ", log odds"
	case model.Multinomial:
		return ", softmax"
	case model.Identity:
	}
	return ""
}

func (t *table) features(d *model.Description) {
	t.head("features, and what is done with them")
	if len(d.Features) == 0 {
		t.row("none: it answers the same for every row")
	}
	inputs := make(map[string]model.Input, len(d.Preprocessing))
	for _, in := range d.Preprocessing {
		inputs[in.Name] = in
	}
	t.rows(len(d.Features), func(i int) {
		f := d.Features[i]
		t.row(f.Name, f.Kind.String(), preprocessingWords(inputs[f.Name]))
	})
}

func preprocessingWords(in model.Input) string {
	if in.Kind == dataset.Category {
		return categoryWords(in)
	}
	x := "x"
	if in.Kind == dataset.Date {
		x = "days since 1970"
	}
	if in.Log {
		x = "sign(x) log(1 + |x|)"
	}
	words := fmt.Sprintf("(%s - %s) / %s; missing is ", x, sixDigits(in.Center), sixDigits(in.Scale))
	if in.Kind == dataset.Date {
		words += time.Unix(int64(in.Fill), 0).UTC().Format(time.DateOnly)
	} else {
		words += sixDigits(in.Fill)
	}
	if in.Indicator {
		words += ", and has an indicator"
	}
	return words
}

func categoryWords(in model.Input) string {
	words := "one of " + someWords(in.Levels)
	if len(in.Levels) == 0 {
		words = "no level of its own"
	}
	if in.Reference != "" {
		words += "; compared with " + in.Reference
	}
	if in.Rare > 0 {
		words += fmt.Sprintf("; all others share an indicator (%d in training)", in.Rare)
	} else {
		words += "; any other counts as none of them"
	}
	if in.MissingLevel {
		words += "; missing is a level"
	}
	return words
}

func (t *table) coefficients(d *model.Description) {
	if d.Kind == "constant" {
		t.head("what it answers")
		t.rows(len(d.Intercepts), func(i int) {
			t.row(cmp.Or(d.Intercepts[i].Class, "value"), sixDigits(d.Intercepts[i].Value))
		})
		return
	}
	const units = "in the units of the raw columns"
	several := len(d.Intercepts) > 1
	switch {
	case several:
		t.head("coefficients by class, " + units)
	case d.Link == model.Logistic:
		t.head(printable("coefficients of the log odds of "+d.Classes[1]) + ", " + units)
	default:
		t.head("coefficients, " + units)
	}
	term := func(class, name string) string {
		if several {
			return class + ": " + name
		}
		return name
	}
	for _, c := range d.Intercepts {
		t.row(term(c.Class, "intercept"), sixDigits(c.Value))
	}
	t.rows(len(d.Coefficients), func(i int) {
		c := d.Coefficients[i]
		t.row(term(c.Class, c.Term), sixDigits(c.Value))
	})
}

func (t *table) evaluation(e *evaluation.Evaluation) {
	t.head("evaluation")
	t.row("model", e.Model)
	t.row("task", string(e.Task))
	t.row("rows", strconv.Itoa(e.Rows))
	t.row("rows' digest", e.DataDigest)
	t.row("model's digest", cmp.Or(e.ModelDigest, "none: it left predictions only"))
	if e.Latency != nil {
		t.row("latency", sixDigits(e.Latency.RowMicroseconds)+" µs per row")
	}
	t.head("metrics")
	t.scores(e.Metrics)
	t.rows(len(e.Slices), func(i int) {
		s := e.Slices[i]
		t.head(printable(fmt.Sprintf("metrics where %s is %s, %d rows", s.By, s.Level, s.Rows)))
		t.scores(s.Metrics)
	})
	if e.Confusion == nil || len(e.Classes) > 20 {
		return
	}
	t.head("rows by true class (down) and predicted class (across)")
	t.row(append([]string{""}, e.Classes...)...)
	for i, counts := range e.Confusion {
		cells := []string{e.Classes[i]}
		for _, n := range counts {
			cells = append(cells, strconv.Itoa(n))
		}
		t.row(cells...)
	}
}

func (t *table) scores(scores map[string]evaluation.Score) {
	for _, name := range slices.Sorted(maps.Keys(scores)) {
		s := scores[name]
		if s.Value == nil {
			t.row(name, "none: "+s.Undefined)
			continue
		}
		t.row(append([]string{name, sixDigits(*s.Value)}, s.Flags...)...)
	}
}
