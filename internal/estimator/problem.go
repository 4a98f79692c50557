package estimator

import (
	"fmt"
	"math"
	"runtime"
	"slices"

	"github.com/weighlock/weighlock/internal/dataset"
	"github.com/weighlock/weighlock/internal/metric"
	"github.com/weighlock/weighlock/internal/model"
)

// problem is a checked request: rows with a usable target and effective parameters.
type problem struct {
	spec      Spec
	estimator Estimator
	params    values
	table     *dataset.Table
	features  []string
	rows      int
	// y is the target of quantities; labels index classes.
	y       []float64
	labels  []int32
	classes []string
	// weights has one weight a row, or is nil.
	weights []float64
	workers int
	notes   []string
}

func newProblem(s Spec, e Estimator, params values, t *dataset.Table) (*problem, error) {
	p := &problem{spec: s, estimator: e, params: params, table: t, rows: t.Rows(), workers: s.Workers}
	if p.workers <= 0 {
		p.workers = runtime.GOMAXPROCS(0)
	}
	if p.rows == 0 {
		return nil, ErrNoRows
	}
	c, ok := t.Column(s.Target)
	if !ok {
		return nil, fmt.Errorf("target %q: there is no such column", s.Target)
	}
	if err := p.setTarget(c); err != nil {
		return nil, fmt.Errorf("target %q: %w", s.Target, err)
	}
	if err := p.setWeights(); err != nil {
		return nil, fmt.Errorf("weight %q: %w", s.Weight, err)
	}
	for _, name := range t.Names() {
		if name != s.Target && name != s.Weight && !slices.Contains(s.Exclude, name) {
			p.features = append(p.features, name)
		}
	}
	return p, nil
}

func (p *problem) setTarget(c *dataset.Column) error {
	missing, first := 0, 0
	for i := p.rows - 1; i >= 0; i-- {
		if c.Missing(i) {
			missing, first = missing+1, i
		}
	}
	if missing > 0 {
		line := first + 1
		if first < len(p.table.Lines) {
			line = p.table.Lines[first]
		}
		return fmt.Errorf("%d of %d rows have no value, the first at line %d", missing, p.rows, line)
	}
	if p.spec.Task.Classifies() {
		p.setClasses(c)
		if p.spec.Task == metric.Binary && len(p.classes) > 2 {
			return fmt.Errorf("%d classes in a binary task: want 2", len(p.classes))
		}
		return nil
	}
	if c.Kind != dataset.Number {
		return fmt.Errorf("it is a %s: a %s task wants numbers", c.Kind, p.spec.Task)
	}
	p.y = c.Floats
	return nil
}

// setClasses names classes by their text, sorted; levels that no row has are none.
func (p *problem) setClasses(c *dataset.Column) {
	if c.Kind != dataset.Category {
		v := make([]string, p.rows)
		for i := range v {
			v[i] = c.Text(i)
		}
		c = dataset.NewTexts(c.Name, v)
	}
	used := make([]bool, len(c.Levels))
	for _, k := range c.Codes {
		used[k] = true
	}
	for k, u := range used {
		if u {
			p.classes = append(p.classes, c.Levels[k])
		}
	}
	slices.Sort(p.classes)
	number := make([]int32, len(c.Levels))
	for k, l := range c.Levels {
		if used[k] {
			at, _ := slices.BinarySearch(p.classes, l)
			number[k] = int32(at)
		}
	}
	p.labels = make([]int32, p.rows)
	for i, k := range c.Codes {
		p.labels[i] = number[k]
	}
}

func (p *problem) setWeights() error {
	if p.spec.Weight == "" {
		return nil
	}
	c, ok := p.table.Column(p.spec.Weight)
	if !ok {
		return fmt.Errorf("there is no such column")
	}
	if c.Kind != dataset.Number && c.Kind != dataset.Boolean {
		return fmt.Errorf("it is a %s, want numbers", c.Kind)
	}
	positive := false
	for i, w := range c.Floats {
		if !(w >= 0) || math.IsInf(w, 0) {
			return fmt.Errorf("row %d: %q is no weight", i+1, c.Text(i))
		}
		positive = positive || w > 0
	}
	if !positive {
		return fmt.Errorf("every weight is 0")
	}
	p.weights = c.Floats
	return nil
}

// encode fits the preprocessing and gives the design. Without a penalty, a level of each category is the reference, so
// that the design keeps its full rank beside the intercept.
func (p *problem) encode(penalised bool) (*model.Encoder, design, error) {
	e, err := model.FitEncoder(p.table, p.features, model.EncoderOptions{
		Mean:         p.params.text("impute") == "mean",
		Indicator:    p.params.boolean("missing_indicator"),
		Standardise:  p.params.boolean("standardise"),
		MinCount:     p.params.integer("min_count"),
		MaxLevels:    p.params.integer("max_levels"),
		Reference:    !penalised,
		Log:          p.params.columns("log"),
		Squares:      p.params.integer("degree") == 2,
		Interactions: p.params.columns("interactions"),
		Workers:      p.workers,
	})
	if err != nil {
		return nil, design{}, err
	}
	width := e.Width()
	if width > maxColumns {
		return nil, design{}, fmt.Errorf("%d columns after coding are more than %d: leave out columns, or lower max_levels or degree", width, maxColumns)
	}
	if width > 0 && p.rows > maxDesign/width {
		return nil, design{}, fmt.Errorf("a design of %d rows and %d columns is too large: leave out columns, or lower max_levels or degree", p.rows, width)
	}
	fill, err := e.Rows(p.table)
	if err != nil {
		return nil, design{}, err
	}
	return e, design{rows: p.rows, columns: width, fill: fill, names: e.Names()}, nil
}

// maxColumns bounds a design's columns: the work grows with their square.
const maxColumns = 5000

// maxDesign bounds the numbers of a design to 4 GiB.
const maxDesign = 1 << 29

func (p *problem) meta() model.Meta {
	return model.Meta{
		Task: p.spec.Task, Target: p.spec.Target, Classes: p.classes,
		Origin: model.Origin{Estimator: p.estimator.Name, Params: p.params.describe(), Rows: p.rows, Notes: p.notes},
	}
}
