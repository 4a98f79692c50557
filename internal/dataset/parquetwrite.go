//go:build !noparquet

package dataset

import (
	"fmt"
	"io"
	"math"
	"reflect"

	"github.com/parquet-go/parquet-go"
)

// orderedGroup keeps the order of columns; parquet.Group sorts them by name.
type orderedGroup struct {
	parquet.Group
	fields []parquet.Field
}

func newOrderedGroup(t *Table, node func(*Column) parquet.Node) orderedGroup {
	g := orderedGroup{Group: parquet.Group{}}
	for _, c := range t.Columns {
		g.Group[c.Name] = node(c)
		g.fields = append(g.fields, orderedField{g.Group[c.Name], c.Name})
	}
	return g
}

// Fields lists the columns in table order.
func (g orderedGroup) Fields() []parquet.Field { return g.fields }

// GoType is never asked for values, because rows are written as such; the library's own refuses a comma in a name.
func (g orderedGroup) GoType() reflect.Type { return reflect.TypeFor[struct{}]() }

type orderedField struct {
	parquet.Node
	name string
}

func (f orderedField) Name() string                           { return f.name }
func (f orderedField) Value(base reflect.Value) reflect.Value { return base }

// parquetNode is the type in which a column is stored; every column may hold nulls.
func parquetNode(c *Column) parquet.Node {
	node := parquet.String()
	switch c.Kind {
	case Number:
		node = parquet.Leaf(parquet.DoubleType)
	case Boolean:
		node = parquet.Leaf(parquet.BooleanType)
	case Date:
		node = parquet.Date()
		for _, v := range c.Floats {
			if !math.IsNaN(v) && math.Mod(v, 86400) != 0 {
				node = parquet.Timestamp(parquet.Microsecond)
				break
			}
		}
	case Category:
		node = parquet.Encoded(node, &parquet.RLEDictionary)
	}
	return parquet.Optional(parquet.Compressed(node, &parquet.Zstd))
}

func writeParquet(w io.Writer, t *Table) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("write table %s: %v", t.Name, r)
		}
	}()
	schema := parquet.NewSchema("table", newOrderedGroup(t, parquetNode))
	// the library's version and the time are left out: the same table gives the same bytes
	out := parquet.NewWriter(w, schema, parquet.CreatedBy("weighlock", "1", "0"))
	cells := make([]func(int) parquet.Value, len(t.Columns))
	for j, c := range t.Columns {
		leaf := schema.Columns()[j]
		cells[j] = parquetCell(c, parquetIsDay(schema, leaf))
	}
	rows := make([]parquet.Row, 0, 256)
	for i := range t.Rows() {
		row := make(parquet.Row, len(cells))
		for j, cell := range cells {
			if t.Columns[j].Missing(i) {
				row[j] = parquet.NullValue().Level(0, 0, j)
			} else {
				row[j] = cell(i).Level(0, 1, j)
			}
		}
		rows = append(rows, row)
		if len(rows) == cap(rows) || i+1 == t.Rows() {
			if _, err := out.WriteRows(rows); err != nil {
				return fmt.Errorf("write table %s: %w", t.Name, err)
			}
			rows = rows[:0]
		}
	}
	if err := out.Close(); err != nil {
		return fmt.Errorf("write table %s: %w", t.Name, err)
	}
	return nil
}

func parquetIsDay(schema *parquet.Schema, path []string) bool {
	leaf, ok := schema.Lookup(path...)
	return ok && leaf.Node.Type().Kind() == parquet.Int32
}

// parquetCell makes the value of a row that has one.
func parquetCell(c *Column, day bool) func(int) parquet.Value {
	switch {
	case c.Kind == Category:
		return func(i int) parquet.Value { return parquet.ByteArrayValue([]byte(c.Levels[c.Codes[i]])) }
	case c.Kind == Boolean:
		return func(i int) parquet.Value { return parquet.BooleanValue(c.Floats[i] != 0) }
	case c.Kind == Date && day:
		return func(i int) parquet.Value { return parquet.Int32Value(int32(c.Floats[i] / 86400)) }
	case c.Kind == Date:
		return func(i int) parquet.Value {
			seconds, micros := splitDate(c.Floats[i])
			return parquet.Int64Value(seconds*1e6 + micros)
		}
	}
	return func(i int) parquet.Value { return parquet.DoubleValue(c.Floats[i]) }
}
