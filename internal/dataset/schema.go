package dataset

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Field describes one column of a schema.
type Field struct {
	Name string `json:"name"`
	// Kind is the column's kind; zero in a declared schema leaves it to inference.
	Kind Kind `json:"kind,omitzero"`
	// Nullable allows missing values.
	Nullable bool `json:"nullable,omitempty"`
	// Levels are the texts of a category; nil in a declared schema allows any.
	Levels []string `json:"levels,omitempty"`
	// Min and Max bound numbers, and dates as seconds since 1970-01-01 UTC; nil is no bound.
	Min *float64 `json:"min,omitempty"`
	Max *float64 `json:"max,omitempty"`
	// Unique forbids two rows with the same value.
	Unique bool `json:"unique,omitempty"`
}

// Schema describes columns, in table order when it was inferred.
type Schema []Field

// Field finds a column's field.
func (s Schema) Field(name string) (Field, bool) {
	for _, f := range s {
		if f.Name == name {
			return f, true
		}
	}
	return Field{}, false
}

// Schema describes what the table holds: a category's used texts, the smallest and largest number, and whether values
// are missing or repeated. A category of more than 1000 texts has no Levels, so that a schema stays small.
func (t *Table) Schema() Schema {
	out := make(Schema, 0, len(t.Columns))
	for _, c := range t.Columns {
		out = append(out, c.field())
	}
	return out
}

// maxSchemaLevels keeps an id column from filling a schema with its texts.
const maxSchemaLevels = 1000

func (c *Column) field() Field {
	f := Field{Name: c.Name, Kind: c.Kind}
	seen := make(map[float64]struct{})
	used := make([]bool, len(c.Levels))
	f.Unique = c.Kind == Number || c.Kind == Category
	low, high := math.Inf(1), math.Inf(-1)
	for i := range c.Len() {
		switch {
		case c.Missing(i):
			f.Nullable = true
		case c.Kind == Category:
			f.Unique = f.Unique && !used[c.Codes[i]]
			used[c.Codes[i]] = true
		default:
			v := c.Floats[i]
			low, high = min(low, v), max(high, v)
			if f.Unique {
				_, again := seen[v]
				f.Unique = !again
				seen[v] = struct{}{}
			}
		}
	}
	if c.Kind == Category {
		for i, u := range used {
			if u {
				f.Levels = append(f.Levels, c.Levels[i])
			}
		}
		if len(f.Levels) > maxSchemaLevels {
			f.Levels = nil
		}
	}
	if low <= high && c.Kind != Boolean {
		f.Min, f.Max = &low, &high
	}
	f.Unique = f.Unique && !f.Nullable && c.Len() > 1
	return f
}

// Options say how to read a table. The zero value infers every kind and uses the default limits.
type Options struct {
	// Schema declares kinds, which win over inference; it may name only some columns. Every named column must be there.
	// The other properties of a field are judged by RunChecks, not here.
	Schema Schema
	// Require names columns that must be there.
	Require []string
	// Text names columns that are read as texts whatever they look like: ids and groups, in which 007 is not 7.
	// It wins over Schema; a name that is not there is not an error.
	Text []string
	// MaxCell bounds the bytes of one cell (default 1 MiB), MaxColumns the columns (10 000), MaxRows the rows (100 million),
	// MaxCells rows times columns (250 million) and MaxBytes the bytes of the table after decompression (8 GiB).
	MaxCell, MaxColumns, MaxRows, MaxCells int
	MaxBytes                               int64
	// Workers bounds the goroutines that read a text file; 0 is one for each processor. The result does not depend on it.
	Workers int
}

func (o Options) withDefaults() Options {
	set := func(v *int, d int) {
		if *v <= 0 {
			*v = d
		}
	}
	set(&o.MaxCell, 1<<20)
	set(&o.MaxColumns, 10_000)
	set(&o.MaxRows, 100_000_000)
	set(&o.MaxCells, 250_000_000)
	if o.MaxBytes <= 0 {
		o.MaxBytes = 8 << 30
	}
	return o
}

// kind is the declared kind of a column, 0 when it is to be inferred.
func (o Options) kind(name string) Kind {
	if slices.Contains(o.Text, name) {
		return Category
	}
	f, _ := o.Schema.Field(name)
	return f.Kind
}

// checkNames refuses a table that lacks a required or a declared column.
func (o Options) checkNames(t *Table) error {
	names := append([]string(nil), o.Require...)
	for _, f := range o.Schema {
		names = append(names, f.Name)
	}
	for _, n := range names {
		if _, err := t.need(n); err != nil {
			return err
		}
	}
	return nil
}

// Error is a mistake in a file, and where it is. Line and Column count from 1; 0 is unknown. For Parquet, Line is the
// number of the row.
type Error struct {
	File         string
	Line, Column int
	// Name is the column's name.
	Name string
	Msg  string
	// Err is the cause, where there is one.
	Err error
}

// Error prints "file:line, column 3 (age): message", as far as these are known.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.File)
	if e.Line > 0 {
		b.WriteString(":" + strconv.Itoa(e.Line))
	}
	if e.Column > 0 {
		fmt.Fprintf(&b, ", column %d", e.Column)
		if e.Name != "" {
			b.WriteString(" (" + clipPlain(e.Name) + ")")
		}
	}
	b.WriteString(": " + e.Msg)
	if e.Err != nil {
		b.WriteString(": " + e.Err.Error())
	}
	return b.String()
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// clipLength keeps a cell of a megabyte out of a message.
const clipLength = 40

// clip quotes a text for a message, shortened.
func clip(s string) string {
	if len(s) <= clipLength {
		return strconv.Quote(s)
	}
	return strconv.Quote(shorten(s)) + "..."
}

func clipPlain(s string) string {
	q := strconv.Quote(shorten(s))
	q = q[1 : len(q)-1]
	if len(s) > clipLength {
		q += "..."
	}
	return q
}

func shorten(s string) string {
	if len(s) <= clipLength {
		return s
	}
	n := clipLength
	for n > clipLength-utf8.UTFMax && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
