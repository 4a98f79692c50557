package model

import (
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/weighlock/weighlock/internal/dataset"
)

// bound is an encoder on one table: every input has found its column.
type bound struct {
	encoder *Encoder
	rows    int
	columns []boundColumn
	// first is the number of each input's first output.
	first []int
}

// boundColumn is what an input reads: numbers, or for a category codes and the output that each code stands for.
type boundColumn struct {
	floats []float64
	codes  []int32
	// slots has the output of code k at k+1, counted from the input's first one, or -1; slots[0] is for missing values.
	slots []int32
}

// bind finds the encoder's columns in t. It refuses a missing column and a kind that has no meaning for the model.
func (e *Encoder) bind(t *dataset.Table) (*bound, error) {
	b := &bound{encoder: e, rows: t.Rows(), columns: make([]boundColumn, len(e.Inputs)), first: make([]int, len(e.Inputs))}
	at := 0
	var absent []string
	for i := range e.Inputs {
		in := &e.Inputs[i]
		b.first[i] = at
		at += in.outputs()
		c := lookup(t, i, in.Name)
		if c == nil {
			absent = append(absent, in.Name)
			continue
		}
		if c.Len() != b.rows {
			return nil, fmt.Errorf("column %q has %d rows, the table has %d", c.Name, c.Len(), b.rows)
		}
		var err error
		if b.columns[i], err = in.bind(c); err != nil {
			return nil, fmt.Errorf("column %q: %w", in.Name, err)
		}
	}
	if len(absent) > 0 {
		return nil, absentError(absent, t.Names())
	}
	return b, nil
}

// lookup tries the place that the column had in training before it searches.
func lookup(t *dataset.Table, i int, name string) *dataset.Column {
	if i < len(t.Columns) && t.Columns[i].Name == name {
		return t.Columns[i]
	}
	if c, ok := t.Column(name); ok {
		return c
	}
	return nil
}

func absentError(absent, there []string) error {
	more := ""
	if len(there) > 20 {
		there, more = there[:20], fmt.Sprintf(" and %d more", len(there)-20)
	}
	word := "column"
	if len(absent) > 1 {
		word = "columns"
	}
	if len(absent) > 20 {
		absent = append(absent[:20:20], fmt.Sprintf("and %d more", len(absent)-20))
	}
	return fmt.Errorf("%s %s missing: the table has %s", word, quoted(absent), strings.Join(there, ", ")+more)
}

func quoted(names []string) string {
	q := make([]string, len(names))
	for i, n := range names {
		q[i] = fmt.Sprintf("%q", n)
	}
	return strings.Join(q, ", ")
}

// bind reads a column as the kind that the input wants. A category is known by its text, so any kind can be one; a
// boolean is a number; numbers that are all 0, 1 or missing can be a boolean; a column without any value can be
// everything. The rest is refused.
func (in *Input) bind(c *dataset.Column) (boundColumn, error) {
	switch {
	case in.Kind == dataset.Category && c.Kind == dataset.Category:
		return boundColumn{codes: c.Codes, slots: in.slots(c.Levels)}, nil
	case in.Kind == dataset.Category:
		text := texts(c)
		return boundColumn{codes: text.Codes, slots: in.slots(text.Levels)}, nil
	case in.Kind == c.Kind, in.Kind == dataset.Number && c.Kind == dataset.Boolean:
		return boundColumn{floats: c.Floats}, nil
	case empty(c):
		return boundColumn{floats: nans(c.Len())}, nil
	case in.Kind == dataset.Boolean && c.Kind == dataset.Number:
		for i, v := range c.Floats {
			if v != 0 && v != 1 && !math.IsNaN(v) {
				return boundColumn{}, fmt.Errorf("row %d is %v: the model wants a boolean", i+1, v)
			}
		}
		return boundColumn{floats: c.Floats}, nil
	}
	return boundColumn{}, fmt.Errorf("it is a %s, the model wants a %s", c.Kind, in.Kind)
}

// slots maps codes to outputs by the text of their level.
func (in *Input) slots(levels []string) []int32 {
	known := make(map[string]int32, len(in.Levels)+1)
	for i, l := range in.Levels {
		known[l] = int32(i)
	}
	if in.Reference != "" {
		known[in.Reference] = -1
	}
	out := make([]int32, len(levels)+1)
	out[0] = int32(in.missing())
	for k, l := range levels {
		slot, ok := known[l]
		switch {
		case ok:
			out[k+1] = slot
		case l == "":
			out[k+1] = out[0]
		default:
			out[k+1] = int32(in.unseen())
		}
	}
	return out
}

func texts(c *dataset.Column) *dataset.Column {
	v := make([]string, c.Len())
	for i := range v {
		v[i] = c.Text(i)
	}
	return dataset.NewTexts(c.Name, v)
}

func empty(c *dataset.Column) bool {
	for i := range c.Len() {
		if !c.Missing(i) {
			return false
		}
	}
	return true
}

func nans(n int) []float64 {
	v := make([]float64, n)
	for i := range v {
		v[i] = math.NaN()
	}
	return v
}

// Encode gives the design of t, row-major with Width numbers a row.
func (e *Encoder) Encode(t *dataset.Table) ([]float64, error) {
	rows, err := e.Rows(t)
	if err != nil {
		return nil, err
	}
	out := make([]float64, t.Rows()*e.Width())
	rows(0, t.Rows(), out)
	return out, nil
}

// Rows gives a function that writes the design of the rows [lo, hi) of t to out, which has Width zeros for each of them.
// Any number of goroutines may call it.
func (e *Encoder) Rows(t *dataset.Table) (func(lo, hi int, out []float64), error) {
	b, err := e.bind(t)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", t.Name, err)
	}
	width := e.Width()
	if width > 0 && b.rows > math.MaxInt/8/width {
		return nil, errors.New("encode: the design does not fit into memory")
	}
	return func(lo, hi int, out []float64) {
		for ; lo < hi; lo += encodeRows {
			n := min(encodeRows, hi-lo)
			b.encodeBlock(lo, lo+n, out[:n*width])
			out = out[n*width:]
		}
	}, nil
}

// encodeRows is how many rows are encoded at a time, column by column: they stay in the nearest cache.
const encodeRows = 64

func (b *bound) encodeBlock(lo, hi int, out []float64) {
	e := b.encoder
	width := e.Width()
	for i := range e.Inputs {
		if e.Inputs[i].Kind == dataset.Category {
			b.encodeCodes(i, lo, hi, out)
		} else {
			b.encodeNumbers(i, lo, hi, out)
		}
	}
	base := width - len(e.Products)
	for k, p := range e.Products {
		for at := 0; at < len(out); at += width {
			out[at+base+k] = float64(out[at+p[0]] * out[at+p[1]])
		}
	}
}

// encodeCodes writes the outputs of category i for the rows [lo, hi).
func (b *bound) encodeCodes(i, lo, hi int, out []float64) {
	c, at, width := &b.columns[i], b.first[i], len(out)/(hi-lo)
	for _, k := range c.codes[lo:hi] {
		if slot := c.slots[k+1]; slot >= 0 {
			out[at+int(slot)] = 1
		}
		at += width
	}
}

func (b *bound) encodeNumbers(i, lo, hi int, out []float64) {
	in, at, width := &b.encoder.Inputs[i], b.first[i], len(out)/(hi-lo)
	plain := !in.Log && in.Kind != dataset.Date
	asIs := plain && in.Center == 0 && in.Scale == 1 // the division would take longer than all the rest
	for _, v := range b.columns[i].floats[lo:hi] {
		if v != v {
			v = in.Fill
			if in.Indicator {
				out[at+1] = 1
			}
		}
		switch {
		case asIs:
			out[at] = v
		case plain:
			out[at] = (v - in.Center) / in.Scale
		default:
			out[at] = (in.unit(v) - in.Center) / in.Scale
		}
		at += width
	}
}
