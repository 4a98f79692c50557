package model

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/weighlock/weighlock/internal/dataset"
)

// EncoderOptions say how FitEncoder prepares columns.
type EncoderOptions struct {
	// Mean fills missing numbers with the mean of the column; else with its median, also where none was missing in
	// training: one may be in a request. Booleans take the more frequent
	// value (false on a tie) either way.
	Mean bool
	// Indicator adds an output that tells where a number, boolean or date was missing, for columns that have such rows.
	Indicator bool
	// Standardise centres numbers and dates and divides them by their standard deviation (over n, as scikit-learn's
	// StandardScaler does); a constant column is centred only. Booleans and indicators of levels stay 0 or 1. Without
	// it a column is left as it is.
	Standardise bool
	// MinCount is how many rows a level must have to get an output of its own; MaxLevels keeps only that many of the
	// most frequent ones (ties by text). The others share one output, which unseen texts use too.
	MinCount, MaxLevels int
	// Reference leaves out the output of the most frequent level, so that a design with an intercept has full rank.
	Reference bool
	// Log names number columns that enter as SignedLog.
	Log []string
	// Squares adds the squares of all numbers and dates and the products of all pairs of them.
	Squares bool
	// Interactions names columns of any kind: the products of the outputs of every pair of them are added.
	Interactions []string
	// Workers bounds the goroutines, one where zero. It never changes the result.
	Workers int
}

// FitEncoder learns the preprocessing of the named columns of t, in the order of the table. It depends on nothing but
// its input; categories are known by their text, so that the order of a table's levels does not matter.
func FitEncoder(t *dataset.Table, columns []string, o EncoderOptions) (*Encoder, error) {
	e := &Encoder{Inputs: []Input{}}
	var found []*dataset.Column
	for _, c := range t.Columns {
		if !slices.Contains(columns, c.Name) {
			continue
		}
		if !utf8.ValidString(c.Name) {
			return nil, fmt.Errorf("prepare column %q: its name is not valid UTF-8", c.Name)
		}
		e.Inputs = append(e.Inputs, Input{Name: c.Name, Kind: c.Kind})
		found = append(found, c)
	}
	fitInputs(e.Inputs, found, o)
	for _, name := range columns {
		if _, ok := t.Column(name); !ok {
			return nil, fmt.Errorf("prepare column %q: there is no such column", name)
		}
	}
	if err := e.checkOptions(o); err != nil {
		return nil, err
	}
	e.multiply(o)
	if err := e.check(); err != nil {
		return nil, fmt.Errorf("prepare columns: %w", err)
	}
	return e, nil
}

// fitInputs learns from each column what its input needs.
func fitInputs(inputs []Input, columns []*dataset.Column, o EncoderOptions) {
	var group sync.WaitGroup
	slots := make(chan struct{}, max(o.Workers, 1))
	for i, c := range columns {
		slots <- struct{}{}
		group.Go(func() {
			defer func() { <-slots }()
			in := &inputs[i]
			if c.Kind == dataset.Category {
				fitLevels(in, c, o)
				return
			}
			in.Log = c.Kind == dataset.Number && slices.Contains(o.Log, c.Name)
			fitNumbers(in, c, o)
		})
	}
	group.Wait()
}

// checkOptions refuses names that have no meaning for these inputs.
func (e *Encoder) checkOptions(o EncoderOptions) error {
	var all, numbers []string
	for i := range e.Inputs {
		all = append(all, e.Inputs[i].Name)
		if e.Inputs[i].Kind == dataset.Number {
			numbers = append(numbers, e.Inputs[i].Name)
		}
	}
	for _, name := range o.Log {
		if !slices.Contains(numbers, name) {
			return fmt.Errorf("take log of %q: it is no number column of the features: choices are %s", name, strings.Join(numbers, ", "))
		}
	}
	for _, name := range o.Interactions {
		if !slices.Contains(all, name) {
			return fmt.Errorf("multiply %q: it is none of the features: choices are %s", name, strings.Join(all, ", "))
		}
	}
	if len(o.Interactions) == 1 {
		return fmt.Errorf("multiply %q: interactions need two columns", o.Interactions[0])
	}
	return nil
}

// multiply adds the products that o asks for, sorted and without repeats.
func (e *Encoder) multiply(o EncoderOptions) {
	type span struct {
		from, to   int
		num, inter bool
	}
	var spans []span
	at := 0
	for i := range e.Inputs {
		in := &e.Inputs[i]
		n := in.outputs()
		spans = append(spans, span{at, at + n, in.Kind == dataset.Number || in.Kind == dataset.Date, slices.Contains(o.Interactions, in.Name)})
		at += n
	}
	for i, a := range spans {
		for j, b := range spans[i:] {
			switch {
			case j > 0 && a.inter && b.inter:
				for p := a.from; p < a.to; p++ {
					for q := b.from; q < b.to; q++ {
						e.Products = append(e.Products, [2]int{p, q})
					}
				}
			case o.Squares && a.num && b.num:
				e.Products = append(e.Products, [2]int{a.from, b.from})
			}
			if len(e.Products) > maxWidth {
				return // check refuses it
			}
		}
	}
}

// unit is the value in the unit of Center and Scale: days for a date, the logarithm where Log is set.
func (in *Input) unit(v float64) float64 {
	switch {
	case in.Kind == dataset.Date:
		return v / secondsPerDay
	case in.Log:
		return SignedLog(v)
	}
	return v
}

func fitNumbers(in *Input, c *dataset.Column, o EncoderOptions) {
	in.Scale = 1
	present := c.Floats
	if slices.ContainsFunc(present, math.IsNaN) {
		present = slices.DeleteFunc(slices.Clone(present), math.IsNaN)
	}
	in.Indicator = o.Indicator && len(present) < len(c.Floats)
	if len(present) == 0 {
		return
	}
	switch {
	case c.Kind == dataset.Boolean:
		if mean(present) > 0.5 {
			in.Fill = 1
		}
		return
	case o.Mean:
		in.Fill = mean(present)
	default:
		in.Fill = median(present)
	}
	if !o.Standardise {
		return
	}
	values := make([]float64, len(c.Floats))
	for i, v := range c.Floats {
		if math.IsNaN(v) {
			v = in.Fill
		}
		values[i] = in.unit(v)
	}
	in.Center = mean(values)
	for i, v := range values {
		d := v - in.Center
		values[i] = float64(d * d)
	}
	sd := math.Sqrt(mean(values))
	// Rounding of the mean leaves a constant column a standard deviation of a few units in the last place.
	if sd > 1e-14*math.Abs(in.Center) && !math.IsInf(sd, 0) && !math.IsInf(1/sd, 0) {
		in.Scale = sd
	}
}

// mean adds in blocks of pairs, so that its error does not grow with the number of rows.
func mean(v []float64) float64 {
	m := sum(v) / float64(len(v))
	if !math.IsInf(m, 0) {
		return m
	}
	m = 0
	for _, x := range v {
		m += x / float64(len(v))
	}
	return m
}

func sum(v []float64) float64 {
	if len(v) <= 64 {
		s := 0.0
		for _, x := range v {
			s += x
		}
		return s
	}
	h := len(v) / 2
	return sum(v[:h]) + sum(v[h:])
}

func fitLevels(in *Input, c *dataset.Column, o EncoderOptions) {
	counts := make([]int, len(c.Levels))
	missing := 0
	for _, k := range c.Codes {
		if k < 0 {
			missing++
		} else {
			counts[k]++
		}
	}
	enough := max(o.MinCount, 1)
	var kept []int
	for k, n := range counts {
		switch {
		case n >= enough:
			kept = append(kept, k)
		case n > 0:
			in.Rare++
		}
	}
	// The most frequent first; ties by text.
	slices.SortFunc(kept, func(a, b int) int {
		if counts[a] != counts[b] {
			return counts[b] - counts[a]
		}
		return strings.Compare(c.Levels[a], c.Levels[b])
	})
	if o.MaxLevels > 0 && len(kept) > o.MaxLevels {
		in.Rare += len(kept) - o.MaxLevels
		kept = kept[:o.MaxLevels]
	}
	switch {
	case missing >= enough:
		in.MissingLevel = true
	case missing > 0:
		in.Rare++
	}
	if o.Reference && len(kept) > 0 {
		in.Reference = c.Levels[kept[0]]
		kept = kept[1:]
	}
	for _, k := range kept {
		in.Levels = append(in.Levels, c.Levels[k])
	}
	slices.Sort(in.Levels)
}
