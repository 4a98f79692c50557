package model

import (
	"fmt"
	"math"
	"slices"
	"unicode/utf8"

	"github.com/weighlock/weighlock/internal/dataset"
)

// Encoder turns raw columns into the numbers of a design: it fills in what is missing, scales, takes logarithms, codes
// categories as indicators and multiplies. It is made by FitEncoder and is part of the model's file.
type Encoder struct {
	// Inputs are the raw columns, in the order of the training table. Each gives one or more outputs, in this order.
	Inputs []Input `json:"inputs"`
	// Products are further outputs: each is the product of two outputs of Inputs, by number.
	Products [][2]int `json:"products,omitempty"`
}

// Input is the preprocessing of one raw column.
//
// A number, boolean or date x has the output (g(x) - Center) / Scale, where g is the identity or SignedLog, and a date
// counts in days since 1970-01-01; with Indicator a second output is 1 where x is missing and 0 elsewhere.
//
// A category has one output for each of Levels, which is 1 where the value is that level and 0 elsewhere; then, where
// Rare is positive, one for all other texts; then, where MissingLevel is set, one for a missing value. What has no
// output of its own (Reference, or an unseen text where nothing was rare) gives zeros. A missing value without an
// output of its own is scored as an unseen text.
type Input struct {
	Center float64 `json:"center,omitempty"`
	// Fill replaces a missing number before g, in the column's own unit (seconds for a date).
	Fill         float64      `json:"fill,omitempty"`
	Indicator    bool         `json:"indicator,omitempty"`
	Kind         dataset.Kind `json:"kind"`
	Levels       []string     `json:"levels,omitempty"`
	Log          bool         `json:"log,omitempty"`
	MissingLevel bool         `json:"missing_level,omitempty"`
	Name         string       `json:"name"`
	// Rare is the number of training levels (missing counts as one) that share an output because few rows had them.
	Rare int `json:"rare,omitempty"`
	// Reference is the level that the others are compared with; "" where every level has an output.
	Reference string  `json:"reference,omitempty"`
	Scale     float64 `json:"scale,omitempty"`
}

// secondsPerDay makes the unit of a date's coefficient one that a reader can picture.
const secondsPerDay = 86400

// outputs is how many numbers the input gives.
func (in *Input) outputs() int {
	n := 1
	switch {
	case in.Kind == dataset.Category:
		n = len(in.Levels)
		if in.Rare > 0 {
			n++
		}
		if in.MissingLevel {
			n++
		}
	case in.Indicator:
		n = 2
	}
	return n
}

// unseen is the output of a text without one of its own, -1 for none.
func (in *Input) unseen() int {
	if in.Rare > 0 {
		return len(in.Levels)
	}
	return -1
}

// missing is the output of a missing category, -1 for none.
func (in *Input) missing() int {
	if !in.MissingLevel {
		return in.unseen()
	}
	return in.outputs() - 1
}

// base is the number of outputs before products.
func (e *Encoder) base() int {
	n := 0
	for i := range e.Inputs {
		n += e.Inputs[i].outputs()
	}
	return n
}

// Width is the number of outputs of one row.
func (e *Encoder) Width() int { return e.base() + len(e.Products) }

// Names are the outputs in words: "age", "sex = B", "age missing", "carat × depth".
func (e *Encoder) Names() []string {
	names := make([]string, 0, e.Width())
	for i := range e.Inputs {
		names = append(names, e.Inputs[i].names()...)
	}
	for _, p := range e.Products {
		names = append(names, productName(names[p[0]], names[p[1]]))
	}
	return names
}

func productName(a, b string) string {
	if a == b {
		return a + "²"
	}
	return a + " × " + b
}

func (in *Input) names() []string {
	if in.Kind != dataset.Category {
		name := in.Name
		if in.Log {
			name = "log1p(" + name + ")"
		}
		if in.Indicator {
			return []string{name, in.Name + " missing"}
		}
		return []string{name}
	}
	var names []string
	for _, l := range in.Levels {
		names = append(names, in.Name+" = "+l)
	}
	if in.Rare > 0 {
		names = append(names, in.Name+" = (rare or unseen)")
	}
	if in.MissingLevel {
		names = append(names, in.Name+" = (missing)")
	}
	return names
}

func (e *Encoder) features() []Feature {
	out := make([]Feature, len(e.Inputs))
	for i := range e.Inputs {
		in := &e.Inputs[i]
		out[i] = Feature{Name: in.Name, Kind: in.Kind}
		if in.Kind == dataset.Category {
			out[i].Levels = slices.Clone(in.Levels)
			if in.Reference != "" {
				out[i].Levels = append(out[i].Levels, in.Reference)
				slices.Sort(out[i].Levels)
			}
		}
	}
	return out
}

// Limits of a design: more than a linear model of this program can be meant to have.
const (
	maxInputs = 20_000
	maxWidth  = 100_000
)

// check says what is wrong with an encoder that was read from a file.
func (e *Encoder) check() error {
	if len(e.Inputs) > maxInputs {
		return fmt.Errorf("%d inputs are more than %d", len(e.Inputs), maxInputs)
	}
	seen := make(map[string]bool, len(e.Inputs))
	for i := range e.Inputs {
		in := &e.Inputs[i]
		if in.Name == "" || !utf8.ValidString(in.Name) {
			return fmt.Errorf("input %d has no valid name", i)
		}
		if seen[in.Name] {
			return fmt.Errorf("input %q stands twice", in.Name)
		}
		seen[in.Name] = true
		if err := in.check(); err != nil {
			return fmt.Errorf("input %q: %w", in.Name, err)
		}
	}
	base := e.base()
	if base+len(e.Products) > maxWidth {
		return fmt.Errorf("%d outputs are more than %d", base+len(e.Products), maxWidth)
	}
	for _, p := range e.Products {
		if p[0] < 0 || p[1] < p[0] || p[1] >= base {
			return fmt.Errorf("product of outputs %d and %d, of %d", p[0], p[1], base)
		}
	}
	return nil
}

func (in *Input) check() error {
	if in.Kind == dataset.Category {
		return in.checkCategory()
	}
	if in.Kind < dataset.Number || in.Kind > dataset.Category {
		return fmt.Errorf("unknown kind")
	}
	for _, v := range []float64{in.Center, in.Fill, in.Scale} {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Errorf("a number is not finite")
		}
	}
	if in.Scale <= 0 {
		return fmt.Errorf("scale %v is not positive", in.Scale)
	}
	if in.Levels != nil || in.Rare != 0 || in.Reference != "" || in.MissingLevel {
		return fmt.Errorf("a %s has no levels", in.Kind)
	}
	return nil
}

func (in *Input) checkCategory() error {
	if in.Center != 0 || in.Fill != 0 || in.Scale != 0 || in.Log || in.Indicator {
		return fmt.Errorf("a category has no numbers")
	}
	if in.Rare < 0 {
		return fmt.Errorf("%d rare levels", in.Rare)
	}
	for i, l := range in.Levels {
		if l == "" || !utf8.ValidString(l) || l == in.Reference || (i > 0 && l <= in.Levels[i-1]) {
			return fmt.Errorf("levels are not distinct, sorted texts")
		}
	}
	if !utf8.ValidString(in.Reference) {
		return fmt.Errorf("reference is not valid UTF-8")
	}
	return nil
}
