package evaluation

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

// columnPrediction is the one column of a file of answers that the table of predictions calls otherwise for classes.
const columnPrediction = "prediction"

// Sheet is what a file of predictions is held against that somebody else wrote: a training, or a model's own program.
type Sheet struct {
	// ID is the name of the column of ids, Row finds the place of an id in the evaluation set.
	ID  string
	Row map[string]int
	// Text says that ids are read as texts whatever they look like.
	Text bool
	Task metric.Task
	// Classes are in the order that predictions have to use.
	Classes []string
}

// Read reads CSV, JSON lines or Parquet, whichever the bytes are, and puts the predictions into the order of the
// evaluation set. It trusts nothing in them: every evaluation row is there exactly once, every number is finite, every
// class is known, probabilities are probabilities. Each mistake is an error that names it.
func (s Sheet) Read(content []byte) (metric.Predictions, error) {
	name := "predictions.csv"
	switch start := bytes.TrimLeft(content, " \t\r\n\ufeff"); {
	case bytes.HasPrefix(content, []byte("PAR1")):
		name = "predictions.parquet"
	case len(start) > 0 && start[0] == '{':
		name = "predictions.jsonl"
	}
	return s.read(content, func(o dataset.Options) (*dataset.Table, error) { return dataset.ReadBytes(content, name, o) })
}

// ReadCSV is Read for CSV alone. A program that only needs this does not carry the code for Parquet.
func (s Sheet) ReadCSV(content []byte) (metric.Predictions, error) {
	return s.read(content, func(o dataset.Options) (*dataset.Table, error) { return dataset.ReadCSV(content, "predictions.csv", o) })
}

func (s Sheet) read(content []byte, parse func(dataset.Options) (*dataset.Table, error)) (metric.Predictions, error) {
	p, err := s.place(content, parse)
	if err != nil {
		return metric.Predictions{}, fmt.Errorf("read predictions: %w", err)
	}
	return p, nil
}

func (s Sheet) place(content []byte, parse func(dataset.Options) (*dataset.Table, error)) (metric.Predictions, error) {
	if len(bytes.TrimSpace(content)) == 0 {
		return metric.Predictions{}, errors.New("the file is empty")
	}
	t, err := s.table(parse)
	if err != nil {
		return metric.Predictions{}, err
	}
	at, err := s.places(t)
	if err != nil {
		return metric.Predictions{}, err
	}
	if !s.Task.Classifies() {
		return s.quantities(t, at)
	}
	return s.classified(t, at)
}

func (s Sheet) table(parse func(dataset.Options) (*dataset.Table, error)) (*dataset.Table, error) {
	o := dataset.Options{
		Require: []string{s.ID}, MaxRows: 2*len(s.Row) + 1000, MaxColumns: maxColumns + len(s.Classes), MaxBytes: MaxPredictionBytes,
	}
	if s.Text {
		o.Text = append(o.Text, s.ID)
	}
	if s.Task.Classifies() {
		o.Text = append(o.Text, columnPrediction)
	}
	t, err := parse(o)
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

func (s Sheet) known(column string) bool {
	if column == s.ID || column == columnPrediction {
		return true
	}
	if class, ok := strings.CutPrefix(column, prefixProbability); ok && s.Task.Classifies() {
		return slices.Contains(s.Classes, class)
	}
	level, ok := strings.CutPrefix(column, prefixQuantile)
	q, err := strconv.ParseFloat(level, 64)
	return ok && !s.Task.Classifies() && err == nil && q > 0 && q < 1
}

func (s Sheet) columns() []string {
	columns := []string{s.ID, columnPrediction}
	if !s.Task.Classifies() {
		return append(columns, prefixQuantile+"0.9 (any level)")
	}
	for i, class := range s.Classes {
		if i == 20 {
			return append(columns, "…")
		}
		columns = append(columns, prefixProbability+class)
	}
	return columns
}

// places finds the row of the evaluation set for every row of the file; each occurs exactly once.
func (s Sheet) places(t *dataset.Table) ([]int, error) {
	ids, _ := t.Column(s.ID)
	at, seen := make([]int, t.Rows()), make([]bool, len(s.Row))
	for i := range at {
		id := ids.Text(i)
		row, ok := s.Row[id]
		switch {
		case ids.Missing(i):
			return nil, fmt.Errorf("row %d has no %s", i+1, s.ID)
		case !ok:
			return nil, fmt.Errorf("row %d: %s %.80q is no evaluation row", i+1, s.ID, id)
		case seen[row]:
			return nil, fmt.Errorf("row %d: %s %.80q is there twice", i+1, s.ID, id)
		}
		at[i], seen[row] = row, true
	}
	if missing := len(s.Row) - len(at); missing > 0 {
		return nil, fmt.Errorf("%d of %d evaluation rows have no prediction, such as %s %s", missing, len(s.Row), s.ID, s.first(seen))
	}
	return at, nil
}

// first names an evaluation row without a prediction, always the same one.
func (s Sheet) first(seen []bool) string {
	missing := ""
	for id, row := range s.Row {
		if !seen[row] && (missing == "" || id < missing) {
			missing = id
		}
	}
	return missing
}

func (s Sheet) quantities(t *dataset.Table, at []int) (metric.Predictions, error) {
	var p metric.Predictions
	for _, name := range t.Names() {
		if name == s.ID {
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

func (s Sheet) classified(t *dataset.Table, at []int) (metric.Predictions, error) {
	p := metric.Predictions{Classes: s.Classes, Labels: make([]int32, len(at))}
	k, found := len(s.Classes), 0
	for c, class := range s.Classes {
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

func (s Sheet) labels(named *dataset.Column, at []int, into []int32) error {
	number := make(map[string]int32, len(s.Classes))
	for i, class := range s.Classes {
		number[class] = int32(i)
	}
	for i, row := range at {
		label, ok := number[named.Text(i)]
		if !ok {
			return fmt.Errorf("row %d: prediction %.80q is no class: classes are %s", i+1, named.Text(i), strings.Join(s.Classes[:min(20, len(s.Classes))], ", "))
		}
		into[row] = label
	}
	return nil
}

// checkProbabilities names the row of the file that is wrong; metric.Predictions.Check knows rows of the evaluation set
// only. The tolerance is the same.
func (s Sheet) checkProbabilities(t *dataset.Table, p metric.Predictions, at []int) error {
	if p.Probabilities == nil {
		return nil
	}
	const tolerance = 1e-6 // that of metric.Predictions.Check
	ids, _ := t.Column(s.ID)
	for i, row := range at {
		total := 0.0
		for c, v := range p.Probabilities[row*len(s.Classes) : (row+1)*len(s.Classes)] {
			if v < 0 || v > 1 {
				return fmt.Errorf("%s %s: probability %v of class %.80q is outside 0 to 1", s.ID, ids.Text(i), v, s.Classes[c])
			}
			total += v
		}
		if math.Abs(total-1) > tolerance {
			return fmt.Errorf("%s %s: the probabilities sum to %v, not to 1", s.ID, ids.Text(i), total)
		}
	}
	return nil
}

// numbers reads a column of finite numbers.
func (s Sheet) numbers(t *dataset.Table, name string, take func(i int, v float64)) error {
	c, _ := t.Column(name)
	ids, _ := t.Column(s.ID)
	if c.Kind != dataset.Number && c.Kind != dataset.Boolean {
		for i := range c.Len() {
			if _, err := strconv.ParseFloat(c.Text(i), 64); err != nil || c.Missing(i) {
				return fmt.Errorf("%s %s: %s is %.80q, want a finite number", s.ID, ids.Text(i), name, c.Text(i))
			}
		}
		return fmt.Errorf("column %s holds texts, want finite numbers", name)
	}
	for i, v := range c.Floats {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Errorf("%s %s: %s is missing or not a finite number", s.ID, ids.Text(i), name)
		}
		take(i, v)
	}
	return nil
}
