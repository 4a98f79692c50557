package evaluation

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/weighlock/weighlock/internal/dataset"
	"github.com/weighlock/weighlock/internal/metric"
)

// Rows is the evaluation set in canonical order: sorted by key.
type Rows struct {
	// Keys name the rows, ascending.
	Keys  []string
	Truth metric.Truth
	// Slices holds one category per column that rows are grouped by; no row is missing in it.
	Slices map[string]*dataset.Column
	// Cluster holds the number of each row's group, counted from 0, or is nil where rows are independent.
	Cluster []int
	// Moment holds the number of each row's moment in the order of time, counted from 0 and equal for rows of the same
	// time, or is nil where rows have no order.
	Moment []int
	// Horizon is how many moments ahead each forecast was made, or 0 where that is unknown.
	Horizon int
	// Digest identifies the content of the rows, whatever their order and file format.
	Digest string
}

// RowsOptions say which columns of a table mean what.
type RowsOptions struct {
	Task   metric.Task
	Target string
	// Classes are the classes that models know, sorted; nil means those of these rows.
	Classes []string
	// Positive is the class of a binary task that the metrics are about; it becomes the second one. Empty leaves the
	// classes sorted.
	Positive string
	// SliceBy are the columns that rows are grouped by.
	SliceBy []string
	// Group, Time and Weight name a column, or are empty.
	Group, Time, Weight string
	// Horizon is how many moments ahead forecasts are made, or 0 where that is unknown.
	Horizon int
}

// NewRows brings a table into canonical order, whatever order it came in. It returns the rows that judge, and the same
// rows in the same order as a table without the target. Errors name the column, and the line where one cell is to blame.
func NewRows(t *dataset.Table, keys []string, o RowsOptions) (Rows, *dataset.Table, error) {
	fail := func(err error) (Rows, *dataset.Table, error) {
		return Rows{}, nil, fmt.Errorf("take evaluation rows of %s: %w", t.Name, err)
	}
	if len(keys) != t.Rows() {
		return fail(fmt.Errorf("%d keys for %d rows", len(keys), t.Rows()))
	}
	if t.Rows() == 0 {
		return fail(errors.New("there is no row to judge by"))
	}
	target, err := column(t, "target", o.Target)
	if err != nil {
		return fail(err)
	}
	order, sorted := canonical(keys, target)
	for i := 1; i < len(sorted); i++ {
		if sorted[i] == sorted[i-1] {
			return fail(fmt.Errorf("two rows have the key %q", sorted[i]))
		}
	}
	digest := t.Digest(keys)
	t = t.Select(order)
	target, _ = t.Column(o.Target)
	r := Rows{Keys: sorted, Digest: digest, Horizon: o.Horizon, Slices: map[string]*dataset.Column{}}
	if r.Truth, err = truthOf(t, target, o); err != nil {
		return fail(err)
	}
	if r.Truth.Weights, err = weightsOf(t, o.Weight); err != nil {
		return fail(err)
	}
	if r.Cluster, err = clustersOf(t, o.Group); err != nil {
		return fail(err)
	}
	if r.Moment, err = momentsOf(t, o.Time); err != nil {
		return fail(err)
	}
	for _, by := range o.SliceBy {
		c, err := column(t, "slice", by)
		if err != nil {
			return fail(err)
		}
		if r.Slices[by], err = sliced(c); err != nil {
			return fail(err)
		}
	}
	return r, t.Without(o.Target), nil
}

func column(t *dataset.Table, what, name string) (*dataset.Column, error) {
	c, ok := t.Column(name)
	if !ok {
		return nil, fmt.Errorf("there is no column %q for the %s: columns are %s", name, what, list(t.Names()))
	}
	return c, nil
}

// canonical sorts rows by key. Rows of equal content have keys that were numbered in file order ("…#2"), so these are
// ordered by target and numbered again: then a permuted file gives the same rows.
func canonical(keys []string, target *dataset.Column) (order []int, sorted []string) {
	order = make([]int, len(keys))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return strings.Compare(keys[a], keys[b]) })
	sorted = make([]string, len(keys))
	for i, row := range order {
		sorted[i] = keys[row]
	}
	for from := 0; from < len(order); {
		to := from + 1
		for to < len(order) && contentKey(sorted[to]) != "" && contentKey(sorted[to]) == contentKey(sorted[from]) {
			to++
		}
		if to > from+1 {
			slices.SortStableFunc(order[from:to], func(a, b int) int { return strings.Compare(target.Text(a), target.Text(b)) })
		}
		from = to
	}
	return order, sorted
}

// contentKey is the hash of a key that dataset.Table.Keys made from content, without the number that tells repeated
// rows apart; empty for any other key.
func contentKey(key string) string {
	hash, _, _ := strings.Cut(key, "#")
	if len(hash) != 32 || strings.Trim(hash, "0123456789abcdef") != "" {
		return ""
	}
	return hash
}

func line(t *dataset.Table, row int) string {
	if row < len(t.Lines) {
		return fmt.Sprintf("line %d", t.Lines[row])
	}
	return fmt.Sprintf("row %d", row+1)
}

func truthOf(t *dataset.Table, target *dataset.Column, o RowsOptions) (metric.Truth, error) {
	for i := range target.Len() {
		if target.Missing(i) {
			return metric.Truth{}, fmt.Errorf("%s: the target %q is missing", line(t, i), o.Target)
		}
	}
	truth := metric.Truth{Task: o.Task}
	if !o.Task.Classifies() {
		if target.Kind != dataset.Number && target.Kind != dataset.Boolean {
			return truth, fmt.Errorf("the target %q is a %s; a %s task wants numbers", o.Target, target.Kind, o.Task)
		}
		truth.Values = slices.Clone(target.Floats)
		return truth, nil
	}
	return classify(t, target, o)
}

func classify(t *dataset.Table, target *dataset.Column, o RowsOptions) (metric.Truth, error) {
	truth := metric.Truth{Task: o.Task, Labels: make([]int32, target.Len())}
	texts := make([]string, target.Len())
	for i := range texts {
		texts[i] = target.Text(i)
	}
	truth.Classes = slices.Clone(o.Classes)
	if o.Classes == nil {
		truth.Classes = slices.Clone(texts)
	}
	slices.Sort(truth.Classes)
	truth.Classes = slices.Compact(truth.Classes)
	if o.Task == metric.Binary && len(truth.Classes) != 2 {
		return truth, fmt.Errorf("a binary task has two classes, the target %q has %d: %s", o.Target, len(truth.Classes), list(truth.Classes))
	}
	if o.Task == metric.Binary && o.Positive != "" {
		switch o.Positive {
		case truth.Classes[0]:
			slices.Reverse(truth.Classes)
		case truth.Classes[1]:
		default:
			return truth, fmt.Errorf("the positive class %q is none of the target %q: classes are %s", o.Positive, o.Target, list(truth.Classes))
		}
	}
	number := make(map[string]int32, len(truth.Classes))
	for i, class := range truth.Classes {
		number[class] = int32(i)
	}
	for i, text := range texts {
		label, ok := number[text]
		if !ok {
			return truth, fmt.Errorf("%s: the target %q is %q; classes are %s", line(t, i), o.Target, text, list(truth.Classes))
		}
		truth.Labels[i] = label
	}
	return truth, nil
}

func weightsOf(t *dataset.Table, name string) ([]float64, error) {
	if name == "" {
		return nil, nil
	}
	c, err := column(t, "weight", name)
	if err != nil {
		return nil, err
	}
	if c.Kind != dataset.Number && c.Kind != dataset.Boolean {
		return nil, fmt.Errorf("the weight %q is a %s, not a number", name, c.Kind)
	}
	largest := 0.0
	for i, w := range c.Floats {
		if math.IsNaN(w) || w < 0 {
			return nil, fmt.Errorf("%s: the weight %q is %s, want a number that is not negative", line(t, i), name, orMissing(c.Text(i)))
		}
		largest = max(largest, w)
	}
	if largest == 0 {
		return nil, fmt.Errorf("the weight %q is 0 on every row", name)
	}
	return slices.Clone(c.Floats), nil
}

// clustersOf numbers the groups in order of appearance. Rows without a group are one group, which is the cautious
// reading: they may belong together.
func clustersOf(t *dataset.Table, name string) ([]int, error) {
	if name == "" {
		return nil, nil
	}
	c, err := column(t, "group", name)
	if err != nil {
		return nil, err
	}
	place, out := map[string]int{}, make([]int, c.Len())
	for i := range out {
		text := c.Text(i)
		g, ok := place[text]
		if !ok {
			g = len(place)
			place[text] = g
		}
		out[i] = g
	}
	return out, nil
}

// momentsOf ranks the rows' times; equal times are one moment.
func momentsOf(t *dataset.Table, name string) ([]int, error) {
	if name == "" {
		return nil, nil
	}
	c, err := column(t, "time", name)
	if err != nil {
		return nil, err
	}
	if c.Kind != dataset.Date && c.Kind != dataset.Number {
		return nil, fmt.Errorf("the time %q is a %s, not a date or a number", name, c.Kind)
	}
	for i := range c.Len() {
		if c.Missing(i) {
			return nil, fmt.Errorf("%s: the time %q is missing", line(t, i), name)
		}
	}
	times := slices.Clone(c.Floats)
	slices.Sort(times)
	times = slices.Compact(times)
	out := make([]int, c.Len())
	for i, v := range c.Floats {
		out[i], _ = slices.BinarySearch(times, v)
	}
	return out, nil
}

func orMissing(text string) string {
	if text == "" {
		return "missing"
	}
	return text
}

// list names up to 20 things.
func list(names []string) string {
	quoted := make([]string, 0, 20)
	for i, n := range names {
		if i == 20 {
			return strings.Join(quoted, ", ") + fmt.Sprintf(" and %d more", len(names)-20)
		}
		quoted = append(quoted, fmt.Sprintf("%.80q", n))
	}
	return strings.Join(quoted, ", ")
}

// PickTruth copies the truth of the given rows.
func PickTruth(t metric.Truth, rows []int) metric.Truth {
	t.Values, t.Labels, t.Weights = pick(t.Values, rows), pick(t.Labels, rows), pick(t.Weights, rows)
	return t
}

// PickPredictions copies the predictions of the given rows.
func PickPredictions(p metric.Predictions, rows []int) metric.Predictions {
	k := len(p.Classes)
	given := p.Probabilities
	p.Values, p.Labels = pick(p.Values, rows), pick(p.Labels, rows)
	if given != nil {
		p.Probabilities = make([]float64, 0, k*len(rows))
		for _, row := range rows {
			p.Probabilities = append(p.Probabilities, given[row*k:(row+1)*k]...)
		}
	}
	if p.Quantiles != nil {
		picked := make(map[float64][]float64, len(p.Quantiles))
		for level, values := range p.Quantiles {
			picked[level] = pick(values, rows)
		}
		p.Quantiles = picked
	}
	return p
}

// pick keeps nil as nil, which has a meaning of its own.
func pick[T any](from []T, rows []int) []T {
	if from == nil {
		return nil
	}
	out := make([]T, len(rows))
	for i, row := range rows {
		out[i] = from[row]
	}
	return out
}
