// Package dataset reads tables, tells their rows apart, checks them and splits them the same way every time.
package dataset

import (
	"fmt"
	"math"
	"slices"
	"sort"
	"strings"
)

// Kind is what a column holds.
type Kind uint8

// The kinds of column. A boolean is a number that is 0 or 1; a date is a number of seconds since 1970-01-01 UTC.
const (
	Number Kind = iota + 1
	Boolean
	Date
	Category
)

// Kinds lists every kind in the order in which messages name them.
func Kinds() []Kind { return []Kind{Number, Boolean, Date, Category} }

// String is the word used in weighlock.yaml and in reports.
func (k Kind) String() string {
	switch k {
	case Number:
		return "number"
	case Boolean:
		return "boolean"
	case Date:
		return "date"
	case Category:
		return "category"
	}
	return "unknown"
}

// ParseKind is the inverse of Kind.String; the error lists the choices.
func ParseKind(s string) (Kind, error) {
	for _, k := range Kinds() {
		if k.String() == s {
			return k, nil
		}
	}
	return 0, fmt.Errorf("unknown kind %q: choices are number, boolean, date, category", s)
}

// MarshalText writes the word of String, so that a schema reads well as JSON.
func (k Kind) MarshalText() ([]byte, error) {
	if k < Number || k > Category {
		return nil, fmt.Errorf("write kind: %d is none", k)
	}
	return []byte(k.String()), nil
}

// UnmarshalText reads the word of String.
func (k *Kind) UnmarshalText(b []byte) error {
	v, err := ParseKind(string(b))
	if err == nil {
		*k = v
	}
	return err
}

// Column is one column of a table. Exactly one of Floats and Codes is set, by Kind.
type Column struct {
	Name string
	Kind Kind
	// Floats holds numbers, booleans and dates; a missing value is NaN, and no other value is NaN or infinite.
	Floats []float64
	// Codes indexes Levels for a category; a missing value is -1.
	Codes []int32
	// Levels are the distinct texts of a category, sorted.
	Levels []string
}

// Table is a column store; every column has the same number of rows. A table is not changed once it was read.
type Table struct {
	// Name is the path that error messages show.
	Name    string
	Columns []*Column
	// Lines holds the 1-based line (text formats) or row number (Parquet) that each row came from.
	Lines []int
}

// Len is the number of rows of the column.
func (c *Column) Len() int {
	if c.Kind == Category {
		return len(c.Codes)
	}
	return len(c.Floats)
}

// Missing tells whether row i has no value.
func (c *Column) Missing(i int) bool {
	if c.Kind == Category {
		return c.Codes[i] < 0
	}
	return math.IsNaN(c.Floats[i])
}

// Text is the canonical text of row i, "" when it is missing. Reading that text as the column's kind gives the very
// same value back.
func (c *Column) Text(i int) string {
	if c.Missing(i) {
		return ""
	}
	if c.Kind == Category {
		return c.Levels[c.Codes[i]]
	}
	return string(appendValue(nil, c.Kind, c.Floats[i]))
}

// Same tells whether row i of c and row j of d hold the same value, or are both missing.
func (c *Column) Same(i int, d *Column, j int) bool {
	switch m, n := c.Missing(i), d.Missing(j); {
	case m || n:
		return m && n
	case c.Kind != d.Kind:
		return c.Text(i) == d.Text(j)
	case c.Kind == Category:
		return c.Levels[c.Codes[i]] == d.Levels[d.Codes[j]]
	}
	return c.Floats[i] == d.Floats[j]
}

// Select copies the given rows, in the given order; a row of -1 becomes a missing value. Levels stay as they are, used
// or not.
func (c *Column) Select(rows []int) *Column {
	out := &Column{Name: c.Name, Kind: c.Kind, Levels: c.Levels}
	if c.Kind == Category {
		out.Codes = make([]int32, len(rows))
		for i, r := range rows {
			if out.Codes[i] = -1; r >= 0 {
				out.Codes[i] = c.Codes[r]
			}
		}
		return out
	}
	out.Floats = make([]float64, len(rows))
	for i, r := range rows {
		if out.Floats[i] = math.NaN(); r >= 0 {
			out.Floats[i] = c.Floats[r]
		}
	}
	return out
}

// NewFloats makes a column of numbers, booleans or dates over v, which it keeps; NaN is missing.
func NewFloats(name string, kind Kind, v []float64) (*Column, error) {
	if kind == Category || kind < Number || kind > Category {
		return nil, fmt.Errorf("make column %q: kind %s does not hold numbers", name, kind)
	}
	for i, f := range v {
		switch {
		case math.IsInf(f, 0):
			return nil, fmt.Errorf("make column %q: row %d is infinite", name, i+1)
		case kind == Boolean && f != 0 && f != 1 && !math.IsNaN(f):
			return nil, fmt.Errorf("make column %q: row %d is %v, want 0 or 1", name, i+1, f)
		case kind == Date && !math.IsNaN(f) && !dateInRange(f):
			return nil, fmt.Errorf("make column %q: row %d is %v seconds, which is no date of the years 1 to 9999", name, i+1, f)
		}
	}
	return &Column{Name: name, Kind: kind, Floats: v}, nil
}

// NewTexts makes a category over v; "" is missing.
func NewTexts(name string, v []string) *Column {
	d := newDictionary()
	codes := make([]int32, len(v))
	for i, s := range v {
		codes[i] = -1
		if s != "" {
			codes[i] = d.code([]byte(s))
		}
	}
	c := &Column{Name: name, Kind: Category, Codes: codes, Levels: d.levels}
	c.sortLevels()
	return c
}

// sortLevels brings Levels into order and renumbers Codes.
func (c *Column) sortLevels() {
	if sort.StringsAreSorted(c.Levels) {
		return
	}
	order := make([]int32, len(c.Levels))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(a, b int32) int { return strings.Compare(c.Levels[a], c.Levels[b]) })
	levels, code := make([]string, len(order)), make([]int32, len(order))
	for i, o := range order {
		levels[i], code[o] = c.Levels[o], int32(i)
	}
	for i, k := range c.Codes {
		if k >= 0 {
			c.Codes[i] = code[k]
		}
	}
	c.Levels = levels
}

// New makes a table of columns of equal length and distinct, non-empty names. Lines count from 1.
func New(name string, columns ...*Column) (*Table, error) {
	t := &Table{Name: name}
	for i, c := range columns {
		if i > 0 && c.Len() != columns[0].Len() {
			return nil, fmt.Errorf("make table %s: column %q has %d rows, %q has %d", name, c.Name, c.Len(), columns[0].Name, columns[0].Len())
		}
		var err error
		if t, err = t.With(c); err != nil {
			return nil, err
		}
	}
	if len(columns) > 0 {
		t.Lines = make([]int, columns[0].Len())
		for i := range t.Lines {
			t.Lines[i] = i + 1
		}
	}
	return t, nil
}

// Rows is the number of rows.
func (t *Table) Rows() int {
	if len(t.Columns) == 0 {
		return len(t.Lines)
	}
	return t.Columns[0].Len()
}

// Column finds a column by its exact name.
func (t *Table) Column(name string) (*Column, bool) {
	for _, c := range t.Columns {
		if c.Name == name {
			return c, true
		}
	}
	return nil, false
}

// Names lists the columns in table order.
func (t *Table) Names() []string {
	names := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		names[i] = c.Name
	}
	return names
}

// Select copies the given rows, in the given order; categories keep their levels, used or not.
func (t *Table) Select(rows []int) *Table {
	out := &Table{Name: t.Name, Columns: make([]*Column, len(t.Columns)), Lines: make([]int, len(rows))}
	for i, c := range t.Columns {
		out.Columns[i] = c.Select(rows)
	}
	for i, r := range rows {
		out.Lines[i] = t.line(r)
	}
	return out
}

// Without leaves out the named columns and shares the others; an unknown name is not an error.
func (t *Table) Without(names ...string) *Table {
	out := &Table{Name: t.Name, Lines: t.Lines}
	for _, c := range t.Columns {
		if !slices.Contains(names, c.Name) {
			out.Columns = append(out.Columns, c)
		}
	}
	return out
}

// With adds a column and shares the others.
func (t *Table) With(c *Column) (*Table, error) {
	if c.Name == "" {
		return nil, fmt.Errorf("add column to %s: it has no name", t.Name)
	}
	if _, ok := t.Column(c.Name); ok {
		return nil, fmt.Errorf("add column to %s: there is a column %q already", t.Name, c.Name)
	}
	if (len(t.Columns) > 0 || t.Lines != nil) && c.Len() != t.Rows() {
		return nil, fmt.Errorf("add column %q to %s: it has %d rows, the table has %d", c.Name, t.Name, c.Len(), t.Rows())
	}
	return &Table{Name: t.Name, Columns: append(slices.Clip(slices.Clone(t.Columns)), c), Lines: t.Lines}, nil
}

// line is the source line of row i, or its number where the table was not read from a file.
func (t *Table) line(i int) int {
	if i < len(t.Lines) {
		return t.Lines[i]
	}
	return i + 1
}

// position is the 1-based place of a column, 0 when there is none.
func (t *Table) position(name string) int {
	return slices.IndexFunc(t.Columns, func(c *Column) bool { return c.Name == name }) + 1
}

// need finds a column, or says which there are.
func (t *Table) need(name string) (*Column, error) {
	c, ok := t.Column(name)
	if !ok {
		return nil, &Error{File: t.Name, Msg: fmt.Sprintf("there is no column %q: %s", name, choices(t.Names()))}
	}
	return c, nil
}

// choices names the columns there are, at most 20 of them.
func choices(names []string) string {
	more := ""
	if len(names) > 20 {
		more = fmt.Sprintf(" and %d more", len(names)-20)
		names = names[:20]
	}
	quoted := make([]string, len(names))
	for i, n := range names {
		quoted[i] = clip(n)
	}
	return "columns are " + strings.Join(quoted, ", ") + more
}
