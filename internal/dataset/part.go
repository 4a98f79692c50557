package dataset

import (
	"maps"
	"math"
	"slices"
)

// A plan says how to read each column of a text file.
type plan struct {
	names []string
	// kinds are what to read the columns as; 0 only finds out what they allow.
	kinds []Kind
	// fixed columns refuse a cell of another kind; in the others it only takes a possibility away.
	fixed []bool
	index map[string]int

	maxCell, maxColumns int
}

func newPlan(names []string, o Options) *plan {
	pl := &plan{index: make(map[string]int), maxCell: o.MaxCell, maxColumns: o.MaxColumns}
	for _, n := range names {
		pl.learn(n, o.kind(n))
	}
	return pl
}

// learn adds a column, unless it is known.
func (pl *plan) learn(name string, kind Kind) {
	if _, ok := pl.index[name]; ok {
		return
	}
	pl.index[name] = len(pl.names)
	pl.names, pl.kinds, pl.fixed = append(pl.names, name), append(pl.kinds, kind), append(pl.fixed, kind != 0)
}

// A dictionary numbers texts in order of appearance.
type dictionary struct {
	index  map[string]int32
	levels []string
}

func newDictionary() *dictionary { return &dictionary{index: make(map[string]int32)} }

// code finds or adds a text, without allocating for one that is known.
func (d *dictionary) code(b []byte) int32 {
	if c, ok := d.index[string(b)]; ok {
		return c
	}
	s, c := string(b), int32(len(d.levels))
	d.index[s], d.levels = c, append(d.levels, s)
	return c
}

// A part is what one block of a file holds.
type part struct {
	rows int
	// lines holds the line of each row and newlines their number in the block, both counted from the block's start.
	lines    []int
	newlines int
	columns  []partColumn
	// names are set for JSON lines, where columns go by name.
	names []string
	// err has a line counted from 0 at the start of the block.
	err *Error
}

type partColumn struct {
	kind   Kind
	fixed  bool
	can    mask
	floats []float64
	codes  []int32
	dict   *dictionary
}

func (p *part) reset(pl *plan) {
	if cap(p.columns) < len(pl.kinds) {
		p.columns = make([]partColumn, len(pl.kinds))
	}
	p.rows, p.newlines, p.lines, p.names, p.err = 0, 0, p.lines[:0], nil, nil
	p.columns = p.columns[:len(pl.kinds)]
	for i := range p.columns {
		c := &p.columns[i]
		*c = partColumn{kind: pl.kinds[i], fixed: pl.fixed[i], can: canAll, floats: c.floats[:0], codes: c.codes[:0]}
		if c.kind == Category {
			c.dict = newDictionary()
		}
	}
}

// add appends a cell of CSV, or of a kind that is declared; the answer is what is wrong with it.
func (c *partColumn) add(cell []byte) string {
	switch c.kind {
	case 0:
		if c.can != 0 {
			c.can &= classify(cell)
		}
		return ""
	case Category:
		if len(cell) == 0 {
			c.codes = append(c.codes, -1)
		} else {
			c.codes = append(c.codes, c.dict.code(cell))
		}
		return ""
	case Number, Boolean, Date:
	}
	if !c.fixed {
		can := classify(cell)
		c.can &= can
		if can&c.kind.mask() == 0 {
			c.floats = append(c.floats, math.NaN())
			return ""
		}
	}
	v, wrong := parseCell(c.kind, cell)
	c.floats = append(c.floats, v)
	return wrong
}

// addMissing appends a value that is not there.
func (c *partColumn) addMissing() {
	switch c.kind {
	case 0:
	case Category:
		c.codes = append(c.codes, -1)
	default:
		c.floats = append(c.floats, math.NaN())
	}
}

// A merger puts parts together in the order of the file.
type merger struct {
	table *Table
	plan  *plan
	can   []mask
	dicts []*dictionary
	line  int
	rows  int
	opts  Options
}

func newMerger(name string, pl *plan, line int, o Options) *merger {
	own := *pl // workers go on reading pl while a block of JSON lines may add names here
	own.names, own.kinds, own.fixed, own.index = slices.Clone(pl.names), slices.Clone(pl.kinds), slices.Clone(pl.fixed), maps.Clone(pl.index)
	m := &merger{table: &Table{Name: name}, plan: &own, line: line, opts: o}
	m.grow()
	return m
}

// grow adds the columns that the plan has learned of.
func (m *merger) grow() {
	for i := len(m.table.Columns); i < len(m.plan.names); i++ {
		m.table.Columns = append(m.table.Columns, &Column{Name: m.plan.names[i], Kind: m.plan.kinds[i]})
		m.can = append(m.can, canAll)
		m.dicts = append(m.dicts, newDictionary())
	}
}

// reserve makes room for the rows that a file of this many bytes should hold.
func (m *merger) reserve(rows int) {
	rows = min(rows, m.opts.MaxRows, m.opts.MaxCells/max(1, len(m.plan.names)))
	m.table.Lines = make([]int, 0, rows)
	for _, c := range m.table.Columns {
		switch c.Kind {
		case 0:
		case Category:
			c.Codes = make([]int32, 0, rows)
		default:
			c.Floats = make([]float64, 0, rows)
		}
	}
}

func (m *merger) add(p *part) error {
	if p.err != nil {
		p.err.File = m.table.Name
		p.err.Line += m.line
		return p.err
	}
	for _, n := range p.names {
		m.plan.learn(n, m.opts.kind(n))
	}
	m.grow()
	if len(m.plan.names) > m.opts.MaxColumns {
		return &Error{File: m.table.Name, Line: m.line, Msg: tooMany("columns", m.opts.MaxColumns)}
	}
	m.rows += p.rows
	if m.rows > m.opts.MaxRows {
		return &Error{File: m.table.Name, Msg: tooMany("rows", m.opts.MaxRows)}
	}
	if m.rows*len(m.plan.names) > m.opts.MaxCells {
		return &Error{File: m.table.Name, Msg: tooMany("cells", m.opts.MaxCells)}
	}
	for _, l := range p.lines {
		m.table.Lines = append(m.table.Lines, m.line+l)
	}
	m.line += p.newlines
	for i := range p.columns {
		at := i
		if p.names != nil {
			at = m.plan.index[p.names[i]]
		}
		m.addColumn(at, &p.columns[i])
	}
	m.fill()
	return nil
}

func (m *merger) addColumn(at int, p *partColumn) {
	c := m.table.Columns[at]
	m.can[at] &= p.can
	if p.kind != c.Kind {
		return
	}
	c.Floats = append(c.Floats, p.floats...)
	if c.Kind != Category {
		return
	}
	code := make([]int32, len(p.dict.levels))
	for i, level := range p.dict.levels {
		code[i] = m.dicts[at].code([]byte(level))
	}
	for _, k := range p.codes {
		if k >= 0 {
			k = code[k]
		}
		c.Codes = append(c.Codes, k)
	}
}

// fill completes the columns that a block of JSON lines did not mention.
func (m *merger) fill() {
	for _, c := range m.table.Columns {
		switch c.Kind {
		case 0:
		case Category:
			for len(c.Codes) < m.rows {
				c.Codes = append(c.Codes, -1)
			}
		default:
			for len(c.Floats) < m.rows {
				c.Floats = append(c.Floats, math.NaN())
			}
		}
	}
}

// settle tells whether the plan's kinds held; where not it gives those that do, and the file is read again.
func (m *merger) settle() (*plan, bool) {
	next := *m.plan
	next.kinds = make([]Kind, len(m.plan.kinds))
	next.fixed = make([]bool, len(m.plan.kinds))
	settled := true
	for i, c := range m.table.Columns {
		next.kinds[i], next.fixed[i] = c.Kind, true
		if m.plan.fixed[i] || c.Kind == Category || c.Kind != 0 && m.can[i]&c.Kind.mask() != 0 {
			continue
		}
		settled = false
		next.kinds[i] = m.can[i].kind()
		// the first blocks may have held only missing values; otherwise what was read rules out the rest
		for _, v := range c.Floats {
			if !math.IsNaN(v) {
				next.kinds[i] = Category
				break
			}
		}
	}
	return &next, settled
}

// finish orders the levels and hands the table over.
func (m *merger) finish() *Table {
	for i, c := range m.table.Columns {
		if c.Kind == Category {
			c.Levels = m.dicts[i].levels
			c.sortLevels()
		}
	}
	return m.table
}
