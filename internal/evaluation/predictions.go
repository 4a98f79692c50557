//go:build !noparquet

package evaluation

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strconv"

	"github.com/parquet-go/parquet-go"

	"github.com/weighlock/weighlock/internal/metric"
)

// metadataName is the key under which the file's own metadata holds a header.
const metadataName = "weighlock.predictions"

// header is what the columns cannot say.
type header struct {
	Version int         `json:"version"`
	Task    metric.Task `json:"task"`
	Digest  string      `json:"data_digest"`
	Classes []string    `json:"classes,omitempty"`
}

// Stored is a table of predictions as it was read.
type Stored struct {
	Task metric.Task
	// Digest is that of the evaluation rows that the predictions are about.
	Digest string
	// Keys are the rows' keys, or nil in a file without ids.
	Keys        []string
	Predictions metric.Predictions
}

// For returns the predictions if they are about these very rows, and fit them.
func (s Stored) For(r Rows) (metric.Predictions, error) {
	switch {
	case s.Task != r.Truth.Task:
		return metric.Predictions{}, fmt.Errorf("use stored predictions: they are of a %s task, not %s", s.Task, r.Truth.Task)
	case s.Digest != r.Digest:
		return metric.Predictions{}, fmt.Errorf("use stored predictions: they are about other evaluation rows (%.20s…, not %.20s…)", s.Digest, r.Digest)
	case s.Keys != nil && !slices.Equal(s.Keys, r.Keys):
		return metric.Predictions{}, fmt.Errorf("use stored predictions: their ids are not those of the evaluation rows")
	}
	if err := s.Predictions.Check(r.Truth); err != nil {
		return metric.Predictions{}, fmt.Errorf("use stored predictions: %w", err)
	}
	return s.Predictions, nil
}

// WritePredictions writes predictions in canonical order as Parquet, compressed with zstd. withIDs adds the rows' keys:
// only for files that stay on the machine. The same input gives the same bytes.
func WritePredictions(w io.Writer, r Rows, p metric.Predictions, withIDs bool) error {
	if err := p.Check(r.Truth); err != nil {
		return fmt.Errorf("write predictions: %w", err)
	}
	s := Stored{Task: r.Truth.Task, Digest: r.Digest, Predictions: p}
	if withIDs {
		s.Keys = r.Keys
	}
	return s.write(w)
}

// WithoutIDs copies a table of predictions without its ids, for a registry. It refuses what ReadPredictions refuses.
func WithoutIDs(w io.Writer, content []byte) error {
	s, err := ReadPredictions(content)
	if err != nil {
		return err
	}
	s.Keys = nil
	return s.write(w)
}

// columns are what the file holds: a name, a type, and the value of a row.
type columns struct {
	names []string
	nodes parquet.Group
	cells []func(row int) parquet.Value
}

func (c *columns) add(name string, node parquet.Node, cell func(row int) parquet.Value) {
	c.names = append(c.names, name)
	c.nodes[name] = parquet.Required(parquet.Compressed(node, &parquet.Zstd))
	c.cells = append(c.cells, cell)
}

func (c *columns) addNumbers(name string, values []float64, stride, offset int) {
	c.add(name, parquet.Leaf(parquet.DoubleType), func(row int) parquet.Value {
		return parquet.DoubleValue(values[row*stride+offset])
	})
}

func (s Stored) columns() *columns {
	c, p := &columns{nodes: parquet.Group{}}, s.Predictions
	if s.Keys != nil {
		c.add(columnID, parquet.String(), func(row int) parquet.Value { return parquet.ByteArrayValue([]byte(s.Keys[row])) })
	}
	if !s.Task.Classifies() {
		c.addNumbers(columnValue, p.Values, 1, 0)
		for _, level := range slices.Sorted(maps.Keys(p.Quantiles)) {
			c.addNumbers(prefixQuantile+strconv.FormatFloat(level, 'g', -1, 64), p.Quantiles[level], 1, 0)
		}
		return c
	}
	c.add(columnLabel, parquet.Encoded(parquet.String(), &parquet.RLEDictionary), func(row int) parquet.Value {
		return parquet.ByteArrayValue([]byte(p.Classes[p.Labels[row]]))
	})
	if p.Probabilities != nil {
		for i, class := range p.Classes {
			c.addNumbers(prefixProbability+class, p.Probabilities, len(p.Classes), i)
		}
	}
	return c
}

func (s Stored) write(w io.Writer) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("write predictions: %v", r)
		}
	}()
	head, err := json.Marshal(header{Version, s.Task, s.Digest, s.Predictions.Classes})
	if err != nil {
		return fmt.Errorf("write predictions: %w", err)
	}
	c := s.columns()
	if len(c.names) > maxColumns || s.Predictions.Rows() > MaxPredictions {
		return fmt.Errorf("write predictions: %d columns of %d rows are more than %d of %d", len(c.names), s.Predictions.Rows(), maxColumns, MaxPredictions)
	}
	// the library's version and the time are left out: the same predictions give the same bytes
	out := parquet.NewWriter(w, parquet.NewSchema("predictions", ordered{c.nodes, c.names}),
		parquet.CreatedBy("weighlock", "1", "0"), parquet.KeyValueMetadata(metadataName, string(head)))
	rows := make([]parquet.Row, 0, 512)
	for i := range s.Predictions.Rows() {
		row := make(parquet.Row, len(c.cells))
		for j, cell := range c.cells {
			row[j] = cell(i).Level(0, 0, j)
		}
		if rows = append(rows, row); len(rows) == cap(rows) || i+1 == s.Predictions.Rows() {
			if _, err := out.WriteRows(rows); err != nil {
				return fmt.Errorf("write predictions: %w", err)
			}
			rows = rows[:0]
		}
	}
	if err := out.Close(); err != nil {
		return fmt.Errorf("write predictions: %w", err)
	}
	return nil
}

// ordered keeps the order of columns; parquet.Group sorts them by name.
type ordered struct {
	parquet.Group
	names []string
}

// Fields lists the columns in the order of names.
func (o ordered) Fields() []parquet.Field {
	fields := make([]parquet.Field, len(o.names))
	for i, name := range o.names {
		fields[i] = field{o.Group[name], name}
	}
	return fields
}

// GoType is never asked for values, because rows are written as such; the library's own refuses a comma in a name.
func (o ordered) GoType() reflect.Type { return reflect.TypeFor[struct{}]() }

type field struct {
	parquet.Node
	name string
}

func (f field) Name() string                           { return f.name }
func (f field) Value(base reflect.Value) reflect.Value { return base }
