package training

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/weighlock/weighlock/internal/dataset"
	"github.com/weighlock/weighlock/internal/metric"
)

// The columns of a file of predictions, besides the id.
const (
	columnPrediction  = "prediction"
	prefixProbability = "probability:"
	prefixQuantile    = "quantile:"
)

// sheet is what a file of predictions is held against.
type sheet struct {
	// id is the name of the column of ids, row finds the place of an id in the evaluation set.
	id  string
	row map[string]int
	// text says that ids are read as texts whatever they look like.
	text    bool
	task    metric.Task
	classes []string
}

// answers reads a file of predictions and puts them into the order of the evaluation set. It trusts nothing in it: every
// evaluation row is there exactly once, every number is finite, every class is known, probabilities are probabilities.
// Each mistake is an error that names it.
func (s sheet) answers(content []byte) (metric.Predictions, error) {
	p, err := s.read(content)
	if err != nil {
		return metric.Predictions{}, blamed(fmt.Errorf("read predictions: %w", err))
	}
	return p, nil
}

func (s sheet) read(content []byte) (metric.Predictions, error) {
	t, err := s.table(content)
	if err != nil {
		return metric.Predictions{}, err
	}
	at, err := s.places(t)
	if err != nil {
		return metric.Predictions{}, err
	}
	if !s.task.Classifies() {
		return s.quantities(t, at)
	}
	return s.classified(t, at)
}

// table reads CSV, JSON lines or Parquet, whichever the bytes are.
func (s sheet) table(content []byte) (*dataset.Table, error) {
	name := "predictions.csv"
	switch start := bytes.TrimLeft(content, " \t\r\n\ufeff"); {
	case len(start) == 0:
		return nil, errors.New("the file is empty")
	case bytes.HasPrefix(content, []byte("PAR1")):
		name = "predictions.parquet"
	case start[0] == '{':
		name = "predictions.jsonl"
	}
	o := dataset.Options{Require: []string{s.id}, MaxRows: 2*len(s.row) + 1000, MaxColumns: 2000 + len(s.classes), MaxBytes: maxPredictions}
	if s.text {
		o.Text = append(o.Text, s.id)
	}
	if s.task.Classifies() {
		o.Text = append(o.Text, columnPrediction)
	}
	t, err := dataset.ReadBytes(content, name, o)
	if err != nil {
		return nil, err
	}
	for _, column := range t.Names() {
		if !s.known(column) {
			return nil, fmt.Errorf("column %.80q is unknown: columns are %s", column, strings.Join(s.columns(), ", "))
		}
	}
	return t, nil
}

func (s sheet) known(column string) bool {
	if column == s.id || column == columnPrediction {
		return true
	}
	if class, ok := strings.CutPrefix(column, prefixProbability); ok && s.task.Classifies() {
		return slices.Contains(s.classes, class)
	}
	level, ok := strings.CutPrefix(column, prefixQuantile)
	q, err := strconv.ParseFloat(level, 64)
	return ok && !s.task.Classifies() && err == nil && q > 0 && q < 1
}

func (s sheet) columns() []string {
	columns := []string{s.id, columnPrediction}
	if !s.task.Classifies() {
		return append(columns, prefixQuantile+"0.9 (any level)")
	}
	for i, class := range s.classes {
		if i == 20 {
			return append(columns, "…")
		}
		columns = append(columns, prefixProbability+class)
	}
	return columns
}

// places finds the row of the evaluation set for every row of the file; each occurs exactly once.
func (s sheet) places(t *dataset.Table) ([]int, error) {
	ids, _ := t.Column(s.id)
	at, seen := make([]int, t.Rows()), make([]bool, len(s.row))
	for i := range at {
		id := ids.Text(i)
		row, ok := s.row[id]
		switch {
		case ids.Missing(i):
			return nil, fmt.Errorf("row %d has no %s", i+1, s.id)
		case !ok:
			return nil, fmt.Errorf("row %d: %s %.80q is no evaluation row", i+1, s.id, id)
		case seen[row]:
			return nil, fmt.Errorf("row %d: %s %.80q is there twice", i+1, s.id, id)
		}
		at[i], seen[row] = row, true
	}
	if missing := len(s.row) - len(at); missing > 0 {
		return nil, fmt.Errorf("%d of %d evaluation rows have no prediction, such as %s %s", missing, len(s.row), s.id, s.first(seen))
	}
	return at, nil
}

// first names an evaluation row without a prediction, always the same one.
func (s sheet) first(seen []bool) string {
	missing := ""
	for id, row := range s.row {
		if !seen[row] && (missing == "" || id < missing) {
			missing = id
		}
	}
	return missing
}

func (s sheet) quantities(t *dataset.Table, at []int) (metric.Predictions, error) {
	var p metric.Predictions
	for _, name := range t.Names() {
		if name == s.id {
			continue
		}
		values := make([]float64, len(at))
		if err := s.numbers(t, name, func(i int, v float64) { values[at[i]] = v }); err != nil {
			return p, err
		}
		if name == columnPrediction {
			p.Values = values
			continue
		}
		if p.Quantiles == nil {
			p.Quantiles = map[float64][]float64{}
		}
		q, _ := strconv.ParseFloat(strings.TrimPrefix(name, prefixQuantile), 64)
		if p.Quantiles[q] != nil {
			return p, fmt.Errorf("quantile %v is there twice", q)
		}
		p.Quantiles[q] = values
	}
	if p.Values == nil {
		p.Values = p.Quantiles[0.5]
	}
	if p.Values == nil {
		return p, fmt.Errorf("there is no column %q", columnPrediction)
	}
	return p, nil
}

func (s sheet) classified(t *dataset.Table, at []int) (metric.Predictions, error) {
	p := metric.Predictions{Classes: s.classes, Labels: make([]int32, len(at))}
	k, found := len(s.classes), 0
	for c, class := range s.classes {
		name := prefixProbability + class
		if _, ok := t.Column(name); !ok {
			continue
		}
		if found++; p.Probabilities == nil {
			p.Probabilities = make([]float64, len(at)*k)
		}
		if err := s.numbers(t, name, func(i int, v float64) { p.Probabilities[at[i]*k+c] = v }); err != nil {
			return p, err
		}
	}
	if found != 0 && found != k {
		return p, fmt.Errorf("there are probabilities for %d of %d classes: columns are %s", found, k, strings.Join(s.columns(), ", "))
	}
	if err := s.checkProbabilities(t, p, at); err != nil {
		return p, err
	}
	named, ok := t.Column(columnPrediction)
	switch {
	case ok:
		return p, s.labels(named, at, p.Labels)
	case found == 0:
		return p, fmt.Errorf("there is no column %q", columnPrediction)
	}
	for row := range p.Labels {
		of := p.Probabilities[row*k : (row+1)*k]
		p.Labels[row] = int32(slices.Index(of, slices.Max(of)))
	}
	return p, nil
}

func (s sheet) labels(named *dataset.Column, at []int, into []int32) error {
	number := make(map[string]int32, len(s.classes))
	for i, class := range s.classes {
		number[class] = int32(i)
	}
	for i, row := range at {
		label, ok := number[named.Text(i)]
		if !ok {
			return fmt.Errorf("row %d: prediction %.80q is no class: classes are %s", i+1, named.Text(i), strings.Join(s.classes[:min(20, len(s.classes))], ", "))
		}
		into[row] = label
	}
	return nil
}

// checkProbabilities names the row of the file that is wrong; metric.Predictions.Check knows rows of the evaluation set
// only. The tolerance is the same.
func (s sheet) checkProbabilities(t *dataset.Table, p metric.Predictions, at []int) error {
	if p.Probabilities == nil {
		return nil
	}
	const tolerance = 1e-6
	ids, _ := t.Column(s.id)
	for i, row := range at {
		total := 0.0
		for c, v := range p.Probabilities[row*len(s.classes) : (row+1)*len(s.classes)] {
			if v < 0 || v > 1 {
				return fmt.Errorf("%s %s: probability %v of class %.80q is outside 0 to 1", s.id, ids.Text(i), v, s.classes[c])
			}
			total += v
		}
		if math.Abs(total-1) > tolerance {
			return fmt.Errorf("%s %s: the probabilities sum to %v, not to 1", s.id, ids.Text(i), total)
		}
	}
	return nil
}

// numbers reads a column of finite numbers.
func (s sheet) numbers(t *dataset.Table, name string, take func(i int, v float64)) error {
	c, _ := t.Column(name)
	ids, _ := t.Column(s.id)
	if c.Kind != dataset.Number && c.Kind != dataset.Boolean {
		for i := range c.Len() {
			if _, err := strconv.ParseFloat(c.Text(i), 64); err != nil || c.Missing(i) {
				return fmt.Errorf("%s %s: %s is %.80q, want a finite number", s.id, ids.Text(i), name, c.Text(i))
			}
		}
		return fmt.Errorf("column %s holds texts, want finite numbers", name)
	}
	for i, v := range c.Floats {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Errorf("%s %s: %s is missing or not a finite number", s.id, ids.Text(i), name)
		}
		take(i, v)
	}
	return nil
}
