package serving

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/weighlock/weighlock/internal/dataset"
)

// frame collects the cells of a request column by column, in the order of the model's features.
type frame struct {
	features []Feature
	index    map[string]int
	columns  []column
	rows     int
	limits   Limits
}

// column holds what was read so far for one feature: numbers, or texts where the feature is a category.
type column struct {
	numbers []float64
	texts   []string
	filled  bool // in this row
}

// badInput is a request that is well-formed JSON and makes no sense for the model.
type badInput struct{ message string }

func (e *badInput) Error() string { return e.message }

func bad(format string, args ...any) error { return &badInput{fmt.Sprintf(format, args...)} }

func newFrame(features []Feature, limits Limits) *frame {
	f := &frame{features: features, columns: make([]column, len(features)), index: make(map[string]int, len(features)), limits: limits}
	for i, feature := range features {
		f.index[feature.Name] = i
	}
	return f
}

// cell reads one value from p into column i.
func (f *frame) cell(p *parser, i int) error {
	c, kind := &f.columns[i], f.features[i].Kind
	c.filled = true
	if kind == dataset.Number && p.atNumber() { // nearly all cells
		v, err := p.digits()
		c.numbers = append(c.numbers, v)
		return err
	}
	switch next := p.peek(); {
	case kind == dataset.Number && next == kindNumber:
		v, err := p.digits()
		c.numbers = append(c.numbers, v)
		return err
	case next == kindNull:
		if kind == dataset.Category {
			c.texts = append(c.texts, "")
		} else {
			c.numbers = append(c.numbers, math.NaN())
		}
		return p.null()
	case kind == dataset.Category:
		text, err := f.text(p, next)
		c.texts = append(c.texts, text)
		return err
	case kind == dataset.Boolean && (next == kindBool || next == kindNumber):
		v, err := boolean(p, next)
		c.numbers = append(c.numbers, v)
		return err
	case kind == dataset.Date && next == kindString:
		text, err := p.string()
		if err != nil {
			return err
		}
		v, ok := dataset.ParseDate(text)
		if !ok {
			return p.fail("feature %q: %q is not a date; want 2006-01-02 or 2006-01-02T15:04:05Z", f.features[i].Name, short(text))
		}
		c.numbers = append(c.numbers, v)
		return nil
	case next == kindEnd:
		return p.fail("expected a value")
	}
	return p.fail("feature %q wants a %s or null", f.features[i].Name, kind)
}

// text is the category that a JSON value names. Numbers and booleans are spelled as the training data spelled them.
func (f *frame) text(p *parser, next kind) (string, error) {
	switch next {
	case kindString:
		return p.string()
	case kindNumber:
		v, err := p.number()
		return strconv.FormatFloat(v, 'f', -1, 64), err
	case kindBool:
		v, err := p.bool()
		return strconv.FormatBool(v), err
	case kindObject, kindArray, kindNull, kindEnd:
	}
	return "", p.fail("expected a string")
}

func boolean(p *parser, next kind) (float64, error) {
	if next == kindNumber {
		v, err := p.number()
		if err == nil && v != 0 && v != 1 {
			err = p.fail("expected true, false, 0 or 1")
		}
		return v, err
	}
	v, err := p.bool()
	if v {
		return 1, err
	}
	return 0, err
}

// beginRow counts a row against the limit.
func (f *frame) beginRow() error {
	if f.rows++; f.rows > f.limits.MaxRows {
		return bad("more than %d rows in one request", f.limits.MaxRows)
	}
	for i := range f.columns {
		f.columns[i].filled = false
	}
	return nil
}

// endRow insists that the row had every feature.
func (f *frame) endRow() error {
	for i := range f.columns {
		if !f.columns[i].filled {
			return bad("row %d lacks feature %q; send null for a missing value", f.rows-1, f.features[i].Name)
		}
	}
	return nil
}

// record reads an object with one member per feature; other members are ignored.
func (f *frame) record(p *parser) error {
	if err := f.beginRow(); err != nil {
		return err
	}
	err := p.object(func(key string) error {
		i, ok := f.index[key]
		if !ok {
			return p.skip()
		}
		return f.cell(p, i)
	})
	if err != nil {
		return err
	}
	return f.endRow()
}

// reserve makes room for as many rows as the rest of a request can hold that are as long as its first one.
func (f *frame) reserve(first, rest int) {
	more := min(rest/max(first, 1)+1, f.limits.MaxRows)
	for i := range f.columns {
		if c := &f.columns[i]; c.numbers != nil {
			c.numbers = slices.Grow(c.numbers, more)
		} else {
			c.texts = slices.Grow(c.texts, more)
		}
	}
}

// list reads an array with one value per name in order; order holds feature numbers, -1 for a column to ignore.
func (f *frame) list(p *parser, order []int) error {
	begun := p.pos
	if err := f.beginRow(); err != nil {
		return err
	}
	n := 0
	err := p.array(func(i int) error {
		n++
		if i >= len(order) {
			return p.fail("row has more than %d values", len(order))
		}
		if order[i] < 0 {
			return p.skip()
		}
		return f.cell(p, order[i])
	})
	if err != nil {
		return err
	}
	if n < len(order) {
		return p.fail("row has %d values, expected %d", n, len(order))
	}
	if f.rows == 1 {
		f.reserve(p.pos-begun, len(p.data)-p.pos)
	}
	return nil
}

// ownOrder is the order of the model's features.
func (f *frame) ownOrder() []int {
	order := make([]int, len(f.features))
	for i := range order {
		order[i] = i
	}
	return order
}

// orderOf maps column names to features and insists that every feature is among them.
func (f *frame) orderOf(names []string) ([]int, error) {
	order, have := make([]int, len(names)), make([]bool, len(f.features))
	for i, name := range names {
		order[i] = -1
		if at, ok := f.index[name]; ok {
			if have[at] {
				return nil, bad("column %q stands twice", name)
			}
			order[i], have[at] = at, true
		}
	}
	for i, ok := range have {
		if !ok {
			return nil, bad("column %q is missing", f.features[i].Name)
		}
	}
	return order, nil
}

// table hands the cells to the model.
func (f *frame) table() (*dataset.Table, error) {
	if f.rows == 0 {
		return nil, bad("no rows")
	}
	if len(f.features) == 0 { // a model that answers the same for every row
		return &dataset.Table{Name: "request", Lines: make([]int, f.rows)}, nil
	}
	columns := make([]*dataset.Column, len(f.features))
	for i, feature := range f.features {
		if n := len(f.columns[i].numbers) + len(f.columns[i].texts); n != f.rows {
			return nil, bad("feature %q has %d values, expected %d", feature.Name, n, f.rows)
		}
		if feature.Kind == dataset.Category {
			columns[i] = dataset.NewTexts(feature.Name, f.columns[i].texts)
			continue
		}
		var err error
		if columns[i], err = dataset.NewFloats(feature.Name, feature.Kind, f.columns[i].numbers); err != nil {
			return nil, bad("%s", err)
		}
	}
	return dataset.New("request", columns...)
}

func short(s string) string {
	if r := []rune(s); len(r) > 40 {
		return string(r[:40]) + "…"
	}
	return s
}
