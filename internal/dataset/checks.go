package dataset

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Severity is how much a check weighs.
type Severity string

// The severities: one that stops a run, one to be looked at, one to be known.
const (
	Block Severity = "block"
	Warn  Severity = "warn"
	Info  Severity = "info"
)

// CheckTargetLeak is the name of the check for a feature that alone tells the target.
const CheckTargetLeak = "target-leak"

// CheckSharedRows is the name of the check for evaluation rows that stand among the training rows.
const CheckSharedRows = "shared-rows"

// Check is one finding about the data.
type Check struct {
	Name     string   `json:"name"`
	Severity Severity `json:"severity"`
	Message  string   `json:"message"`
	Column   string   `json:"column,omitempty"`
	// Rows are the keys of up to 20 of the rows concerned.
	Rows []string `json:"rows,omitempty"`
	// Count is how many rows are concerned.
	Count int `json:"count,omitempty"`
}

// CheckInput is what RunChecks looks at. Both tables hold the target. ID, Group, Time and the schemas may be empty.
type CheckInput struct {
	Train, Evaluate         *Table
	TrainKeys, EvaluateKeys []string
	Target, ID, Group, Time string
	// BaseSchema was inferred from the base revision's table: a column that vanished or changed its kind blocks, all
	// else warns, for nobody promised that a range holds.
	BaseSchema Schema
	// Declared stands in the configuration: whatever breaks it blocks. A field with a kind forbids missing values unless
	// it is Nullable; one without says nothing on them.
	Declared Schema
}

// What is tolerated, from the defaults of the field's tools (evidently, deepchecks) and the notes in RunChecks.
const (
	maxShared       = 0.001 // of the evaluation rows may stand among the training rows
	manyDuplicates  = 0.05
	manyMissing     = 0.5
	someMissing     = 0.05
	fewEvaluateRows = 100
)

// RunChecks looks for what makes a comparison worthless, the blocking findings first. Block: a broken schema, a missing
// target, an id or group on both sides, training rows that are not before the evaluation rows in time, more than 0.1 % of
// the evaluation rows among the training rows. Warn or inform: near copies of evaluation rows among the training rows, duplicates,
// equal rows with different labels, drift that is both large and significant, a feature that alone tells the target, constant or mostly missing columns, classes
// that training never saw, few evaluation rows.
func RunChecks(in CheckInput) []Check {
	c := &checker{CheckInput: in}
	c.schema()
	c.target()
	c.overlap()
	c.sharedRows()
	c.nearCopies()
	c.columns()
	c.drift()
	c.leaks()
	rank := map[Severity]int{Block: 0, Warn: 1, Info: 2}
	slices.SortStableFunc(c.out, func(a, b Check) int { return rank[a.Severity] - rank[b.Severity] })
	return c.out
}

type checker struct {
	CheckInput
	out []Check
}

func (c *checker) add(k Check) { c.out = append(c.out, k) }

// features are the columns a model may learn from.
func (c *checker) features() []*Column {
	var out []*Column
	for _, f := range c.Train.Columns {
		if f.Name != c.Target && f.Name != c.ID && f.Name != c.Group && f.Name != c.Time {
			out = append(out, f)
		}
	}
	return out
}

// target looks at the labels of both sides.
func (c *checker) target() {
	for _, side := range []struct {
		name string
		t    *Table
		keys []string
	}{{"training", c.Train, c.TrainKeys}, {"evaluation", c.Evaluate, c.EvaluateKeys}} {
		y, ok := side.t.Column(c.Target)
		if !ok {
			c.add(Check{Name: "target", Severity: Block, Column: c.Target, Message: "the " + side.name + " rows lack the target " + clip(c.Target)})
			continue
		}
		rows := where(y.Len(), y.Missing)
		if len(rows) > 0 {
			c.add(Check{
				Name: "missing-target", Severity: Block, Column: c.Target, Rows: pick(side.keys, rows), Count: len(rows),
				Message: fmt.Sprintf("%s of the %s rows have no target", count(len(rows), y.Len()), side.name),
			})
		}
		if constant(y) {
			c.add(Check{Name: "constant-target", Severity: Warn, Column: c.Target, Message: "the target is the same in all " + side.name + " rows"})
		}
	}
	if n := c.Evaluate.Rows(); n < fewEvaluateRows {
		c.add(Check{Name: "few-rows", Severity: Warn, Count: n, Message: fmt.Sprintf("only %d rows evaluate: a small difference cannot be seen", n)})
	}
	c.classes()
}

// classes compares the labels that occur on both sides.
func (c *checker) classes() {
	y, ok1 := c.Train.Column(c.Target)
	z, ok2 := c.Evaluate.Column(c.Target)
	if !ok1 || !ok2 || z.Kind != Category && z.Kind != Boolean {
		return
	}
	missing := func(from, in *Column, where string) {
		known := texts(in)
		times := make(map[string]int)
		for i := range from.Len() {
			if s := from.Text(i); s != "" && !known[s] {
				times[s]++
			}
		}
		for _, s := range sortedKeys(times) {
			c.add(Check{
				Name: "class-missing", Severity: Warn, Column: c.Target, Count: times[s],
				Message: fmt.Sprintf("class %s is in %d rows and in no %s row", clip(s), times[s], where),
			})
		}
	}
	missing(z, y, "training")
	missing(y, z, "evaluation")
}

// overlap looks for rows, groups and moments that stand on both sides.
func (c *checker) overlap() {
	train := make(map[string]bool, len(c.TrainKeys))
	for _, k := range c.TrainKeys {
		train[k] = true
	}
	if c.ID != "" {
		rows := where(len(c.EvaluateKeys), func(i int) bool { return train[c.EvaluateKeys[i]] })
		if len(rows) > 0 {
			c.add(Check{
				Name: "id-overlap", Severity: Block, Column: c.ID, Rows: pick(c.EvaluateKeys, rows), Count: len(rows),
				Message: fmt.Sprintf("%s of the evaluation rows have an id that trains as well", count(len(rows), len(c.EvaluateKeys))),
			})
		}
	}
	if a, b, ok := c.both(c.Group); ok {
		known := texts(a)
		rows := where(b.Len(), func(i int) bool { return !b.Missing(i) && known[b.Text(i)] })
		if len(rows) > 0 {
			c.add(Check{
				Name: "group-overlap", Severity: Block, Column: c.Group, Rows: pick(c.EvaluateKeys, rows), Count: len(rows),
				Message: fmt.Sprintf("%s of the evaluation rows belong to a group that trains as well", count(len(rows), b.Len())),
			})
		}
	}
	if a, b, ok := c.both(c.Time); ok && a.Kind != Category && b.Kind != Category {
		c.leakOfTime(a, b)
	}
}

func (c *checker) leakOfTime(a, b *Column) {
	first := -1
	for i := range b.Len() {
		if !b.Missing(i) && (first < 0 || b.Floats[i] < b.Floats[first]) {
			first = i
		}
	}
	if first < 0 {
		return
	}
	rows := where(a.Len(), func(i int) bool { return a.Floats[i] >= b.Floats[first] })
	if len(rows) > 0 {
		c.add(Check{
			Name: "time-leakage", Severity: Block, Column: c.Time, Rows: pick(c.TrainKeys, rows), Count: len(rows),
			Message: fmt.Sprintf("%s of the training rows are not before the first evaluation row (%s)", count(len(rows), a.Len()), b.Text(first)),
		})
	}
}

// both finds a column in both tables.
func (c *checker) both(name string) (a, b *Column, ok bool) {
	if name == "" {
		return nil, nil, false
	}
	a, ok1 := c.Train.Column(name)
	b, ok2 := c.Evaluate.Column(name)
	return a, b, ok1 && ok2
}

// sharedRows compares rows by content, numbers to about 9 digits, without id, group and time.
func (c *checker) sharedRows() {
	var names []string
	for _, f := range c.features() {
		if _, ok := c.Evaluate.Column(f.Name); ok {
			names = append(names, f.Name)
		}
	}
	if len(names) == 0 {
		return
	}
	features := [2][][sha256.Size]byte{c.Train.contents(names), c.Evaluate.contents(names)}
	whole := features
	if _, _, ok := c.both(c.Target); ok {
		names = append(names, c.Target)
		whole = [2][][sha256.Size]byte{c.Train.contents(names), c.Evaluate.contents(names)}
	}
	train := make(map[[sha256.Size]byte]bool, len(whole[0]))
	for _, h := range whole[0] {
		train[h] = true
	}
	rows := where(len(whole[1]), func(i int) bool { return train[whole[1][i]] })
	if n := c.Evaluate.Rows(); len(rows) > 0 {
		k := Check{
			Name: CheckSharedRows, Severity: Warn, Rows: pick(c.EvaluateKeys, rows), Count: len(rows),
			Message: fmt.Sprintf("%s of the evaluation rows stand among the training rows as well, id aside", count(len(rows), n)),
		}
		if float64(len(rows)) > maxShared*float64(n) {
			k.Severity = Block
			k.Message += "; more than 0.1 % is too many: remove the copies, or keep them on one side with evaluate.group"
		}
		c.add(k)
	}
	c.duplicates("training", whole[0], c.TrainKeys)
	c.duplicates("evaluation", whole[1], c.EvaluateKeys)
	c.conflicts(features, whole)
}

func (t *Table) contents(names []string) [][sha256.Size]byte {
	var columns []*Column
	for _, n := range names {
		if c, ok := t.Column(n); ok {
			columns = append(columns, c)
		}
	}
	h, out := newRowHasher(columns, rough), make([][sha256.Size]byte, t.Rows())
	for i := range out {
		out[i] = h.row(i)
	}
	return out
}

func (c *checker) duplicates(side string, rows [][sha256.Size]byte, keys []string) {
	seen := make(map[[sha256.Size]byte]bool, len(rows))
	again := where(len(rows), func(i int) bool {
		known := seen[rows[i]]
		seen[rows[i]] = true
		return known
	})
	if len(again) == 0 {
		return
	}
	k := Check{
		Name: "duplicates", Severity: Info, Rows: pick(keys, again), Count: len(again),
		Message: fmt.Sprintf("%s of the %s rows repeat an earlier one", count(len(again), len(rows)), side),
	}
	if float64(len(again)) > manyDuplicates*float64(len(rows)) {
		k.Severity = Warn
	}
	c.add(k)
}

// conflicts are rows with equal features and different labels. Measured targets differ by nature, which only informs.
func (c *checker) conflicts(features, whole [2][][sha256.Size]byte) {
	label := make(map[[sha256.Size]byte][sha256.Size]byte)
	bad := make(map[[sha256.Size]byte]bool)
	for side := range features {
		for i, f := range features[side] {
			if l, ok := label[f]; ok && l != whole[side][i] {
				bad[f] = true
			}
			label[f] = whole[side][i]
		}
	}
	if len(bad) == 0 {
		return
	}
	var keys []string
	n := 0
	for side, all := range [2][]string{c.TrainKeys, c.EvaluateKeys} {
		rows := where(len(features[side]), func(i int) bool { return bad[features[side][i]] })
		n += len(rows)
		keys = append(keys, pick(all, rows)...)
	}
	k := Check{
		Name: "label-conflicts", Severity: Warn, Column: c.Target, Rows: some(keys), Count: n,
		Message: fmt.Sprintf("%s rows have equal features and different labels", count(n, len(features[0])+len(features[1]))),
	}
	if y, ok := c.Train.Column(c.Target); ok && y.Kind == Number {
		k.Severity = Info
	}
	c.add(k)
}

// columns looks at each feature by itself.
func (c *checker) columns() {
	for _, f := range c.features() {
		n := len(where(f.Len(), f.Missing))
		share := float64(n) / float64(max(1, f.Len()))
		switch {
		case n == f.Len():
			c.add(Check{Name: "empty-column", Severity: Warn, Column: f.Name, Count: n, Message: "column " + clip(f.Name) + " has no value in any training row"})
		case constant(f):
			c.add(Check{Name: "constant-column", Severity: Warn, Column: f.Name, Message: "column " + clip(f.Name) + " is the same in all training rows"})
		}
		if n < f.Len() && share > someMissing {
			k := Check{Name: "missing-values", Severity: Info, Column: f.Name, Count: n, Message: fmt.Sprintf("column %s is missing in %s of the training rows", clip(f.Name), count(n, f.Len()))}
			if share > manyMissing {
				k.Severity = Warn
			}
			c.add(k)
		}
		if f.Kind == Category {
			c.category(f)
		}
	}
}

// category warns of a column that is an id, and of one that a few bad cells kept from being numbers.
func (c *checker) category(f *Column) {
	used, numbers, odd := texts(f), 0, ""
	for s := range used {
		if _, ok := parseNumber([]byte(strings.TrimSpace(s))); ok || isMissingWord([]byte(s)) {
			numbers++
		} else if odd == "" || s < odd {
			odd = s
		}
	}
	if n := f.Len(); n >= 20 && len(used) == n {
		c.add(Check{Name: "id-like", Severity: Warn, Column: f.Name, Message: "column " + clip(f.Name) + " has another text in every training row: it looks like an id"})
	}
	if odd != "" && len(used) >= 20 && float64(numbers) >= 0.95*float64(len(used)) {
		c.add(Check{
			Name: "almost-numbers", Severity: Warn, Column: f.Name,
			Message: fmt.Sprintf("column %s is read as a category because of texts such as %s, the rest are numbers", clip(f.Name), clip(odd)),
		})
	}
}

func where(n int, is func(int) bool) []int {
	var out []int
	for i := range n {
		if is(i) {
			out = append(out, i)
		}
	}
	return out
}

func pick(keys []string, rows []int) []string {
	var out []string
	for _, r := range rows[:min(len(rows), 20)] {
		if r < len(keys) {
			out = append(out, keys[r])
		}
	}
	return out
}

// constant tells whether all values of a column, of which there are two at least, are equal.
func constant(c *Column) bool {
	for i := range c.Len() {
		if !c.Same(i, c, 0) {
			return false
		}
	}
	return c.Len() > 1 && !c.Missing(0)
}

// texts are the texts that occur.
func texts(c *Column) map[string]bool {
	out := make(map[string]bool)
	for i := range c.Len() {
		if !c.Missing(i) {
			out[c.Text(i)] = true
		}
	}
	return out
}

func sortedKeys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// count writes "3 (1.5 %)".
func count(n, of int) string {
	return fmt.Sprintf("%d (%s %%)", n, strconv.FormatFloat(100*float64(n)/float64(max(1, of)), 'g', 2, 64))
}
