package model

import (
	"math"

	"github.com/weighlock/weighlock/internal/dataset"
)

// blockRows is how many rows are scored at a time: their predictors and one column stay in the nearest cache.
const blockRows = 256

// program is a linear model compiled for speed: what each raw column adds to each linear predictor. Rows go through it
// in blocks, column by column. Every product is rounded before it is added, so that no platform fuses the two and all
// give the same bits.
type program struct {
	start   []float64 // the intercepts
	numbers []numberStep
	codes   []codeStep
	// used are the outputs that products need, and products what each product adds.
	used     []int
	products []productStep
}

// numberStep adds weights[o] * (unit(v) - center) to predictor o, or fill[o] where v is missing.
type numberStep struct {
	input         int
	center        float64
	weights, fill []float64
}

// codeStep adds weights[slot][o] to predictor o; slots without an output add nothing.
type codeStep struct {
	input   int
	weights [][]float64
}

// productStep adds weights[o] times the product of two of the used outputs.
type productStep struct {
	a, b    int
	weights []float64
}

// compile turns weights (predictors rows of an intercept and a coefficient for each output) into steps. An input whose
// coefficients are all zero needs no step.
func compile(e *Encoder, weights []float64, predictors int) program {
	row := 1 + e.Width()
	column := func(output int) (w []float64, zero bool) {
		w, zero = make([]float64, predictors), true
		for o := range w {
			w[o] = weights[o*row+1+output]
			zero = zero && w[o] == 0
		}
		return w, zero
	}
	p := program{start: make([]float64, predictors)}
	for o := range p.start {
		p.start[o] = weights[o*row]
	}
	at := 0
	for i := range e.Inputs {
		in := &e.Inputs[i]
		if in.Kind == dataset.Category {
			p.addCodes(i, in.outputs(), func(slot int) ([]float64, bool) { return column(at + slot) })
		} else {
			p.addNumbers(i, in, func(k int) ([]float64, bool) { return column(at + k) })
		}
		at += in.outputs()
	}
	place := map[int]int{}
	use := func(output int) int {
		k, ok := place[output]
		if !ok {
			k = len(p.used)
			place[output] = k
			p.used = append(p.used, output)
		}
		return k
	}
	for k, pair := range e.Products {
		if w, zero := column(at + k); !zero {
			p.products = append(p.products, productStep{use(pair[0]), use(pair[1]), w})
		}
	}
	return p
}

func (p *program) addNumbers(i int, in *Input, column func(int) ([]float64, bool)) {
	w, zero := column(0)
	step := numberStep{input: i, center: in.Center, weights: w, fill: make([]float64, len(w))}
	filled := (in.unit(in.Fill) - in.Center) / in.Scale
	for o := range w {
		step.fill[o] = float64(w[o] * filled)
	}
	if in.Indicator {
		extra, none := column(1)
		zero = zero && none
		for o := range w {
			step.fill[o] += extra[o]
		}
	}
	for o := range w {
		w[o] /= in.Scale
	}
	if !zero {
		p.numbers = append(p.numbers, step)
	}
}

func (p *program) addCodes(i, slots int, column func(int) ([]float64, bool)) {
	step, zero := codeStep{input: i, weights: make([][]float64, slots)}, true
	for slot := range step.weights {
		w, none := column(slot)
		step.weights[slot] = w
		zero = zero && none
	}
	if !zero {
		p.codes = append(p.codes, step)
	}
}

// run scores all rows of in and hands the linear predictors of each block to apply, which must not keep them.
func (p *program) run(in *bound, apply func(lo int, predictors [][]float64) error) error {
	size := min(blockRows, in.rows)
	scratch := make([]float64, (len(p.start)+1+len(p.used))*size)
	next := func() []float64 {
		b := scratch[:size:size]
		scratch = scratch[size:]
		return b
	}
	eta := make([][]float64, len(p.start))
	for o := range eta {
		eta[o] = next()
	}
	units := next()
	used := make([][]float64, len(p.used))
	for k := range used {
		used[k] = next()
	}
	tables := p.tables(in)
	block := make([][]float64, len(eta))
	for lo := 0; lo < in.rows; lo += blockRows {
		hi := min(lo+blockRows, in.rows)
		for o := range eta {
			block[o] = eta[o][:hi-lo]
		}
		p.block(in, blockInput{lo, hi, units, used, tables}, block)
		if err := apply(lo, block); err != nil {
			return err
		}
	}
	return nil
}

// tables gives what each code of a table's category adds, one table for each code step and predictor; place 0 is for
// missing values.
func (p *program) tables(in *bound) [][][]float64 {
	out := make([][][]float64, len(p.codes))
	for s, step := range p.codes {
		slots := in.columns[step.input].slots
		out[s] = make([][]float64, len(p.start))
		for o := range out[s] {
			t := make([]float64, len(slots))
			for k, slot := range slots {
				if slot >= 0 {
					t[k] = step.weights[slot][o]
				}
			}
			out[s][o] = t
		}
	}
	return out
}

// blockInput is what block works with: the rows [lo, hi), and memory.
type blockInput struct {
	lo, hi int
	units  []float64
	used   [][]float64
	tables [][][]float64
}

func (p *program) block(in *bound, b blockInput, eta [][]float64) {
	for o, e := range eta {
		for i := range e {
			e[i] = p.start[o]
		}
	}
	for s := range p.numbers {
		step := &p.numbers[s]
		v := in.units(step.input, b)
		for o, e := range eta {
			addNumbers(e, v, step.center, step.weights[o], step.fill[o])
		}
	}
	for s, step := range p.codes {
		codes := in.columns[step.input].codes[b.lo:b.hi]
		for o, e := range eta {
			addCodes(e, codes, b.tables[s][o])
		}
	}
	for k, output := range p.used {
		in.output(output, b, b.used[k][:b.hi-b.lo])
	}
	for s := range p.products {
		step := &p.products[s]
		for o, e := range eta {
			addProducts(e, b.used[step.a], b.used[step.b], step.weights[o])
		}
	}
}

// units are the values of an input in the unit of its center, with NaN where missing.
func (in *bound) units(i int, b blockInput) []float64 {
	input, v := &in.encoder.Inputs[i], in.columns[i].floats[b.lo:b.hi]
	if !input.Log && input.Kind != dataset.Date {
		return v
	}
	for k, x := range v {
		b.units[k] = input.unit(x)
	}
	return b.units[:len(v)]
}

// output writes one output of the encoder, as Encode has it.
func (in *bound) output(output int, b blockInput, out []float64) {
	i := len(in.first) - 1
	for in.first[i] > output || in.encoder.Inputs[i].outputs() == 0 {
		i--
	}
	input, slot := &in.encoder.Inputs[i], output-in.first[i]
	if input.Kind == dataset.Category {
		slots := in.columns[i].slots
		for k, code := range in.columns[i].codes[b.lo:b.hi] {
			out[k] = 0
			if int(slots[code+1]) == slot {
				out[k] = 1
			}
		}
		return
	}
	for k, v := range in.columns[i].floats[b.lo:b.hi] {
		missing := math.IsNaN(v)
		switch {
		case slot == 1 && missing:
			out[k] = 1
		case slot == 1:
			out[k] = 0
		case missing:
			out[k] = (input.unit(input.Fill) - input.Center) / input.Scale
		default:
			out[k] = (input.unit(v) - input.Center) / input.Scale
		}
	}
}

func addNumbers(eta, v []float64, center, weight, fill float64) {
	v = v[:len(eta)]
	for i, x := range v {
		add := float64(weight * (x - center))
		if x != x {
			add = fill
		}
		eta[i] += add
	}
}

func addCodes(eta []float64, codes []int32, table []float64) {
	codes = codes[:len(eta)]
	for i, code := range codes {
		eta[i] += table[code+1]
	}
}

func addProducts(eta, a, b []float64, weight float64) {
	a, b = a[:len(eta)], b[:len(eta)]
	for i := range eta {
		eta[i] += float64(weight * float64(a[i]*b[i]))
	}
}
