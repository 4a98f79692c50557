//go:build !noparquet

package evaluation

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/parquet-go/parquet-go"

	"github.com/weighlock/weighlock/internal/metric"
)

// ReadPredictions reads what WritePredictions wrote. A file of another version, with other columns, with a value that
// is not finite, damaged or too large is refused.
func ReadPredictions(content []byte) (s Stored, err error) {
	defer func() {
		// the library panics on some damaged files
		if r := recover(); r != nil {
			s, err = Stored{}, fmt.Errorf("read predictions: the file is damaged: %v", r)
		}
	}()
	if s, err = readPredictions(content); err != nil {
		return Stored{}, fmt.Errorf("read predictions: %w", err)
	}
	return s, nil
}

func readPredictions(content []byte) (Stored, error) {
	file, err := openTable(content)
	if err != nil {
		return Stored{}, err
	}
	raw, ok := file.Lookup(metadataName)
	if !ok {
		return Stored{}, fmt.Errorf("it is no table of predictions: its metadata has no %q", metadataName)
	}
	head, err := readHeader(raw)
	if err != nil {
		return Stored{}, err
	}
	rows := int(file.NumRows())
	s := Stored{Task: head.Task, Digest: head.Digest, Predictions: metric.Predictions{Classes: head.Classes}}
	for i, c := range file.Root().Columns() {
		if err := s.readColumn(&reader{file: file, column: c, at: i, rows: rows}); err != nil {
			return Stored{}, fmt.Errorf("column %.80q: %w", c.Name(), err)
		}
	}
	return s, s.complete(file.Root().Columns(), rows)
}

// openTable looks at everything that the library would reserve memory for, and opens the file.
func openTable(content []byte) (*parquet.File, error) {
	size := int64(len(content))
	switch {
	case size > MaxPredictionBytes:
		return nil, fmt.Errorf("it holds more than %d bytes", int64(MaxPredictionBytes))
	case size < 12 || string(content[size-4:]) != "PAR1":
		return nil, errors.New("it is not a Parquet file")
	case int64(binary.LittleEndian.Uint32(content[size-8:])) > size-12:
		return nil, errors.New("the file is damaged: its footer is longer than the file")
	}
	file, err := parquet.OpenFile(bytes.NewReader(content), size, parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
	if err != nil {
		return nil, err
	}
	leaves := file.Root().Columns()
	if len(leaves) == 0 || len(leaves) > maxColumns || file.NumRows() < 0 || file.NumRows() > MaxPredictions {
		return nil, fmt.Errorf("%d columns of %d rows are not 1 to %d of at most %d", len(leaves), file.NumRows(), maxColumns, MaxPredictions)
	}
	if file.NumRows()*int64(len(leaves)) > maxCells {
		return nil, fmt.Errorf("it holds more than %d cells", maxCells)
	}
	left, rows := int64(MaxPredictionBytes), int64(0)
	for _, group := range file.Metadata().RowGroups {
		if group.NumRows < 0 || len(group.Columns) != len(leaves) {
			return nil, errors.New("the file is damaged: a row group does not fit the schema")
		}
		rows += group.NumRows
		for i := range group.Columns {
			if group.Columns[i].MetaData.NumValues != group.NumRows {
				return nil, errors.New("the file is damaged: a column is longer or shorter than its row group")
			}
			if left, err = checkPages(content, &group.Columns[i].MetaData, left); err != nil {
				return nil, err
			}
		}
	}
	if rows != file.NumRows() {
		return nil, errors.New("the file is damaged: its row groups do not add up")
	}
	return file, nil
}

func readHeader(raw string) (header, error) {
	var h header
	if len(raw) > maxHeader || !utf8.ValidString(raw) {
		return h, errors.New("its header is too long or not UTF-8")
	}
	if err := checkNames([]byte(raw)); err != nil {
		return h, fmt.Errorf("its header: %w", err)
	}
	var version struct {
		Version int `json:"version"`
	}
	if json.Unmarshal([]byte(raw), &version) == nil && version.Version != Version {
		return h, fmt.Errorf("version %d is not %d, the one this program knows", version.Version, Version)
	}
	d := json.NewDecoder(strings.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&h); err != nil {
		return h, fmt.Errorf("its header: %w", err)
	}
	sorted := slices.Clone(h.Classes)
	slices.Sort(sorted)
	switch {
	case !slices.Contains(metric.Tasks(), h.Task):
		return h, fmt.Errorf("task %.40q is none", h.Task)
	case h.Task.Classifies() != (len(h.Classes) > 0) || len(h.Classes) > maxColumns:
		return h, fmt.Errorf("a %s task with %d classes", h.Task, len(h.Classes))
	case len(slices.Compact(sorted)) != len(h.Classes):
		return h, errors.New("a class is named twice")
	}
	return h, nil
}

// readColumn takes one column, in whatever order they come.
func (s *Stored) readColumn(r *reader) (err error) {
	p, name := &s.Predictions, r.column.Name()
	if !r.column.Leaf() || !r.column.Required() {
		return errors.New("it holds lists, objects or nulls")
	}
	level, quantile := strings.CutPrefix(name, prefixQuantile)
	class, probability := strings.CutPrefix(name, prefixProbability)
	switch {
	case name == columnID && s.Keys == nil:
		s.Keys, err = r.texts()
	case s.Task.Classifies() && name == columnLabel && p.Labels == nil:
		p.Labels, err = r.labels(p.Classes)
	case s.Task.Classifies() && probability && slices.Contains(p.Classes, class):
		if p.Probabilities == nil {
			if len(p.Classes) > len(r.file.Root().Columns()) { // before memory is reserved for them
				return fmt.Errorf("there are fewer columns than the %d classes", len(p.Classes))
			}
			p.Probabilities = make([]float64, r.rows*len(p.Classes))
		}
		err = r.numbers(p.Probabilities, len(p.Classes), slices.Index(p.Classes, class))
	case !s.Task.Classifies() && name == columnValue && p.Values == nil:
		p.Values = make([]float64, r.rows)
		err = r.numbers(p.Values, 1, 0)
	case !s.Task.Classifies() && quantile:
		q, e := strconv.ParseFloat(level, 64)
		if e != nil || !(q > 0 && q < 1) || p.Quantiles[q] != nil {
			return errors.New("the level is no number in (0, 1), or is there twice")
		}
		if p.Quantiles == nil {
			p.Quantiles = map[float64][]float64{}
		}
		p.Quantiles[q] = make([]float64, r.rows)
		err = r.numbers(p.Quantiles[q], 1, 0)
	default:
		return fmt.Errorf("unknown in predictions of a %s task, or there twice", s.Task)
	}
	return err
}

// complete checks that no column is missing or was there twice.
func (s *Stored) complete(leaves []*parquet.Column, rows int) error {
	p, names := s.Predictions, map[string]bool{}
	for _, c := range leaves {
		if names[c.Name()] {
			return fmt.Errorf("column %.80q is there twice", c.Name())
		}
		names[c.Name()] = true
	}
	want := columnValue
	if s.Task.Classifies() {
		want = columnLabel
	}
	if !names[want] {
		return fmt.Errorf("there is no column %q", want)
	}
	for _, class := range p.Classes {
		if p.Probabilities != nil && !names[prefixProbability+class] {
			return fmt.Errorf("there is no column %.80q", prefixProbability+class)
		}
	}
	if s.Task.Classifies() && len(p.Labels) != rows || !s.Task.Classifies() && len(p.Values) != rows {
		return errors.New("the file is damaged: a column is shorter than the table")
	}
	return nil
}

// reader takes the values of one column.
type reader struct {
	file   *parquet.File
	column *parquet.Column
	at     int
	rows   int
}

// each calls take for every value, in order.
func (r *reader) each(take func(row int, v parquet.Value) error) error {
	row, values := 0, make([]parquet.Value, 1024)
	for _, group := range r.file.RowGroups() {
		pages := group.ColumnChunks()[r.at].Pages()
		err := eachOf(pages, values, func(v parquet.Value) error {
			if row == r.rows {
				return errors.New("the file is damaged: the column is longer than the table")
			}
			if v.IsNull() {
				return fmt.Errorf("row %d is null", row+1)
			}
			row++
			return take(row-1, v)
		})
		_ = pages.Close()
		if err != nil {
			return err
		}
	}
	if row != r.rows {
		return fmt.Errorf("the file is damaged: the column has %d values of %d rows", row, r.rows)
	}
	return nil
}

func eachOf(pages parquet.Pages, values []parquet.Value, take func(parquet.Value) error) error {
	for {
		page, err := pages.ReadPage()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		reader := page.Values()
		for {
			n, err := reader.ReadValues(values)
			for _, v := range values[:n] {
				if e := take(v); e != nil {
					parquet.Release(page)
					return e
				}
			}
			if errors.Is(err, io.EOF) || err == nil && n == 0 {
				break
			}
			if err != nil {
				parquet.Release(page)
				return err
			}
		}
		parquet.Release(page)
	}
}

func (r *reader) numbers(into []float64, stride, offset int) error {
	if r.column.Type().Kind() != parquet.Double {
		return errors.New("it holds no double-precision numbers")
	}
	return r.each(func(row int, v parquet.Value) error {
		x := v.Double()
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return fmt.Errorf("row %d is %v, not a finite number", row+1, x)
		}
		into[row*stride+offset] = x
		return nil
	})
}

// texts reads a column of texts. A dictionary may repeat a long text at no cost in the file, so their sum is bounded.
func (r *reader) texts() ([]string, error) {
	if r.column.Type().Kind() != parquet.ByteArray {
		return nil, errors.New("it holds no texts")
	}
	out, left := make([]string, r.rows), MaxPredictionBytes/4
	err := r.each(func(row int, v parquet.Value) error {
		b := v.ByteArray()
		if left -= len(b); left < 0 {
			return errors.New("its texts are too long")
		}
		if !utf8.Valid(b) {
			return fmt.Errorf("row %d is not UTF-8", row+1)
		}
		out[row] = string(b)
		return nil
	})
	return out, err
}

func (r *reader) labels(classes []string) ([]int32, error) {
	if r.column.Type().Kind() != parquet.ByteArray {
		return nil, errors.New("it holds no texts")
	}
	number := make(map[string]int32, len(classes))
	for i, class := range classes {
		number[class] = int32(i)
	}
	out := make([]int32, r.rows)
	return out, r.each(func(row int, v parquet.Value) error {
		label, ok := number[string(v.ByteArray())]
		if !ok {
			return fmt.Errorf("row %d is %.80q, which is no class", row+1, v.ByteArray())
		}
		out[row] = label
		return nil
	})
}
