package evaluation

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/weighlock/weighlock/internal/dataset"
)

const (
	// MissingLevel is the level of rows whose slice column has no value.
	MissingLevel = "(missing)"
	// fewNumbers is the number of distinct numbers up to which each is a level of its own, as with codes and grades.
	fewNumbers = 10
	// MostLevels is how many levels a slice column may have.
	MostLevels = 1000
)

// Level is one part of the rows.
type Level struct {
	Name string
	// Rows are row numbers, ascending; empty for a level that the data knows and these rows lack.
	Rows []int
}

// Levels lists the parts of the rows by one of the slice columns, in the order of their names.
func (r Rows) Levels(by string) ([]Level, error) {
	c, ok := r.Slices[by]
	if !ok {
		return nil, fmt.Errorf("find slice %q: the evaluation rows are not grouped by it", by)
	}
	levels := make([]Level, len(c.Levels))
	for i, name := range c.Levels {
		levels[i].Name = name
	}
	for row, code := range c.Codes {
		if code < 0 || int(code) >= len(levels) {
			return nil, fmt.Errorf("find slice %q: row %d has no level", by, row+1)
		}
		levels[code].Rows = append(levels[code].Rows, row)
	}
	return levels, nil
}

// sliced turns any column into a category without missing rows: categories and booleans as they are, numbers and dates
// cut at the quartiles of these rows unless they are few.
func sliced(c *dataset.Column) (*dataset.Column, error) {
	texts := make([]string, c.Len())
	cut := quartiles(c)
	for i := range texts {
		switch {
		case c.Missing(i):
			texts[i] = MissingLevel
		case cut != nil:
			texts[i] = cut(c.Floats[i])
		default:
			texts[i] = c.Text(i)
		}
	}
	out := dataset.NewTexts(c.Name, texts)
	if c.Kind == dataset.Category {
		out = withUnused(out, c)
	}
	if len(out.Levels) > MostLevels {
		return nil, fmt.Errorf("the slice column %q has %d levels, at most %d are allowed", c.Name, len(out.Levels), MostLevels)
	}
	return out, nil
}

// withUnused keeps the levels that the data knows but these rows lack, so that a slice that vanished can be named.
func withUnused(out, c *dataset.Column) *dataset.Column {
	levels := slices.Concat(out.Levels, c.Levels)
	slices.Sort(levels)
	levels = slices.Compact(levels)
	if len(levels) == len(out.Levels) {
		return out
	}
	codes := make([]int32, len(out.Codes))
	for i, code := range out.Codes {
		at, _ := slices.BinarySearch(levels, out.Levels[code])
		codes[i] = int32(at)
	}
	return &dataset.Column{Name: c.Name, Kind: dataset.Category, Codes: codes, Levels: levels}
}

// quartiles names the quarter that a number lies in, or is nil where the column is not to be cut.
func quartiles(c *dataset.Column) func(float64) string {
	if c.Kind != dataset.Number && c.Kind != dataset.Date {
		return nil
	}
	values := make([]float64, 0, c.Len())
	for _, v := range c.Floats {
		if !math.IsNaN(v) {
			values = append(values, v)
		}
	}
	slices.Sort(values)
	if len(slices.Compact(slices.Clone(values))) <= fewNumbers {
		return nil
	}
	n := len(values)
	edges := slices.Compact([]float64{values[(n-1)/4], values[(n-1)/2], values[3*(n-1)/4]})
	if edges[len(edges)-1] == values[n-1] {
		edges = edges[:len(edges)-1]
	}
	names := levelNames(edges, edgeTexts(c.Kind, edges))
	return func(v float64) string {
		at, _ := slices.BinarySearch(edges, v) // the first edge that is not below v
		return names[at]
	}
}

// levelNames sort as the numbers do: "Q1 (≤ 45)", "Q2 (45 – 53)", …
func levelNames(edges []float64, texts []string) []string {
	if len(edges) == 0 {
		return []string{"Q1 (all)"}
	}
	names := []string{"Q1 (≤ " + texts[0] + ")"}
	for i := 1; i < len(edges); i++ {
		names = append(names, fmt.Sprintf("Q%d (%s – %s)", i+1, texts[i-1], texts[i]))
	}
	return append(names, fmt.Sprintf("Q%d (> %s)", len(edges)+1, texts[len(edges)-1]))
}

// edgeTexts are short where four digits tell the edges apart, else exact.
func edgeTexts(kind dataset.Kind, edges []float64) []string {
	short, exact := make([]string, len(edges)), make([]string, len(edges))
	whole := dataset.Column{Kind: kind, Floats: edges}
	for i, v := range edges {
		short[i], exact[i] = strconv.FormatFloat(v, 'g', 4, 64), whole.Text(i)
	}
	if kind == dataset.Date || len(slices.Compact(slices.Clone(short))) < len(short) {
		return exact
	}
	return short
}
