// Package dataset reads tables, tells their rows apart, checks them and splits them the same way every time.
package dataset

// Kind is what a column holds.
type Kind uint8

// The kinds of column. A boolean is a number that is 0 or 1; a date is a number of seconds since 1970-01-01 UTC.
const (
	Number Kind = iota + 1
	Boolean
	Date
	Category
)

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
