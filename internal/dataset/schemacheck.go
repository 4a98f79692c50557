package dataset

import (
	"fmt"
	"slices"
)

// schema compares both tables with the declared and with the base revision's schema.
func (c *checker) schema() {
	for _, f := range c.Declared {
		c.field(f, Block, "declared")
	}
	for _, f := range c.BaseSchema {
		if _, declared := c.Declared.Field(f.Name); !declared {
			c.field(f, Warn, "of the base revision")
		}
	}
	if len(c.BaseSchema) > 0 {
		for _, col := range c.Train.Columns {
			if _, ok := c.BaseSchema.Field(col.Name); !ok {
				c.add(Check{Name: "new-column", Severity: Info, Column: col.Name, Message: "column " + clip(col.Name) + " is new"})
			}
		}
	}
}

// field reports, once for each property, what breaks a field. Lack of the column and another kind always block.
func (c *checker) field(f Field, s Severity, origin string) {
	col, ok := c.Train.Column(f.Name)
	if !ok {
		c.add(Check{Name: "schema", Severity: Block, Column: f.Name, Message: fmt.Sprintf("column %s is gone (schema %s)", clip(f.Name), origin)})
		return
	}
	if f.Kind != 0 && col.Kind != f.Kind {
		c.add(Check{Name: "schema", Severity: Block, Column: f.Name, Message: fmt.Sprintf("column %s is a %s, the schema %s says %s", clip(f.Name), col.Kind, origin, f.Kind)})
		return
	}
	if !f.Nullable && f.Kind != 0 {
		c.breach(f, s, "missing", (*Column).Missing)
	}
	if f.Levels != nil && col.Kind == Category {
		c.breach(f, s, "none of the schema's texts", func(col *Column, i int) bool {
			return !col.Missing(i) && !slices.Contains(f.Levels, col.Text(i))
		})
	}
	if col.Kind == Number || col.Kind == Date {
		if f.Min != nil {
			c.breach(f, s, "below "+string(appendValue(nil, col.Kind, *f.Min)), func(col *Column, i int) bool { return !col.Missing(i) && col.Floats[i] < *f.Min })
		}
		if f.Max != nil {
			c.breach(f, s, "above "+string(appendValue(nil, col.Kind, *f.Max)), func(col *Column, i int) bool { return !col.Missing(i) && col.Floats[i] > *f.Max })
		}
	}
	if f.Unique {
		seen := make(map[string]bool)
		c.breach(f, s, "a repeated value", func(col *Column, i int) bool {
			again := !col.Missing(i) && seen[col.Text(i)]
			seen[col.Text(i)] = true
			return again
		})
	}
}

// breach reports the rows of both tables in which a column breaks its field.
func (c *checker) breach(f Field, s Severity, what string, broken func(*Column, int) bool) {
	var keys []string
	n, total, where0 := 0, 0, ""
	for _, side := range []struct {
		t    *Table
		keys []string
	}{{c.Train, c.TrainKeys}, {c.Evaluate, c.EvaluateKeys}} {
		col, ok := side.t.Column(f.Name)
		if !ok || f.Kind != 0 && col.Kind != f.Kind {
			continue
		}
		rows := where(col.Len(), func(i int) bool { return broken(col, i) })
		if len(rows) > 0 && where0 == "" {
			where0 = fmt.Sprintf("%s:%d", side.t.Name, side.t.line(rows[0]))
		}
		keys = append(keys, pick(side.keys, rows)...)
		n, total = n+len(rows), total+col.Len()
	}
	if n > 0 {
		c.add(Check{
			Name: "schema", Severity: s, Column: f.Name, Rows: some(keys), Count: n,
			Message: fmt.Sprintf("column %s is %s in %s of the rows, first at %s", clip(f.Name), what, count(n, total), where0),
		})
	}
}
