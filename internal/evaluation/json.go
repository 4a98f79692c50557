package evaluation

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/weighlock/weighlock/internal/metric"
)

// MaxJSON is the largest JSON that Decode reads, in bytes.
const MaxJSON = 64 << 20

// Encode writes the JSON, with a newline at its end. Equal evaluations give equal bytes.
func (e Evaluation) Encode() ([]byte, error) {
	if err := e.check(); err != nil {
		return nil, fmt.Errorf("write evaluation: %w", err)
	}
	raw, err := json.MarshalIndent(e, "", " ")
	if err != nil {
		return nil, fmt.Errorf("write evaluation: %w", err)
	}
	return append(raw, '\n'), nil
}

// Decode reads what Encode wrote. It refuses another version, an unknown or repeated field, a score that has both a
// value and a reason to have none, anything after the end, and more than MaxJSON bytes.
func Decode(r io.Reader) (Evaluation, error) {
	raw, err := io.ReadAll(io.LimitReader(r, MaxJSON+1))
	if err != nil {
		return Evaluation{}, fmt.Errorf("read evaluation: %w", err)
	}
	e, err := decode(raw)
	if err != nil {
		return Evaluation{}, fmt.Errorf("read evaluation: %w", err)
	}
	return e, nil
}

func decode(raw []byte) (Evaluation, error) {
	var e Evaluation
	switch {
	case len(raw) > MaxJSON:
		return e, fmt.Errorf("it holds more than %d bytes", MaxJSON)
	case !utf8.Valid(raw):
		return e, errors.New("it is not UTF-8")
	}
	var version struct {
		Version int `json:"version"`
	}
	// A newer file has fields that this program does not know, so its version speaks first.
	if json.Unmarshal(raw, &version) == nil && version.Version != Version {
		return e, fmt.Errorf("version %d is not %d, the one this program knows", version.Version, Version)
	}
	if err := checkNames(raw); err != nil {
		return e, err
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&e); err != nil {
		return Evaluation{}, err
	}
	if err := e.check(); err != nil {
		return Evaluation{}, err
	}
	return e, nil
}

// checkNames walks over one JSON value and refuses names that repeat, names that are not lower case, which encoding/json
// would take for others, and whatever follows the value.
func checkNames(raw []byte) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	type frame struct {
		names map[string]bool // nil in a list
		value bool            // the next token of an object is a value
	}
	var open []frame
	for {
		token, err := d.Token()
		if err == io.EOF && len(open) == 0 {
			return errors.New("it is empty")
		}
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return err
		}
		top := len(open) - 1
		name, text := token.(string)
		if top >= 0 && open[top].names != nil && !open[top].value && text {
			if name != strings.ToLower(name) || open[top].names[name] {
				return fmt.Errorf("the name %.80q repeats or is not lower case", name)
			}
			open[top].names[name], open[top].value = true, true
			continue
		}
		if top >= 0 {
			open[top].value = false
		}
		switch token {
		case json.Delim('{'):
			open = append(open, frame{names: map[string]bool{}})
		case json.Delim('['):
			open = append(open, frame{})
		case json.Delim('}'), json.Delim(']'):
			open = open[:top]
		}
		if len(open) > 20 {
			return errors.New("it is nested too deeply")
		}
		if len(open) == 0 {
			break
		}
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("something follows its end")
	}
	return nil
}

func (e Evaluation) check() error {
	switch {
	case e.Version != Version:
		return fmt.Errorf("version %d is not %d, the one this program knows", e.Version, Version)
	case !slices.Contains(metric.Tasks(), e.Task):
		return fmt.Errorf("task %.40q is none", e.Task)
	case e.Rows < 0 || e.ModelBytes < 0:
		return errors.New("a count is negative")
	case e.Metrics == nil:
		return errors.New("it holds no metrics")
	case e.Latency != nil && !(e.Latency.RowMicroseconds >= 0 && !math.IsInf(e.Latency.RowMicroseconds, 0)):
		return errors.New("the latency is no duration")
	}
	if err := checkScores(e.Metrics); err != nil {
		return err
	}
	for _, s := range e.Slices {
		if s.By == "" || s.Rows < 0 || s.Rows > e.Rows {
			return fmt.Errorf("slice %.80q is no part of the rows", s.By+"="+s.Level)
		}
		if err := checkScores(s.Metrics); err != nil {
			return fmt.Errorf("slice %.80q: %w", s.By+"="+s.Level, err)
		}
	}
	return e.checkConfusion()
}

func checkScores(scores map[string]Score) error {
	for name, s := range scores {
		switch {
		case (s.Value == nil) == (s.Undefined == ""):
			return fmt.Errorf("metric %.80q wants either a value or the reason why it has none", name)
		case s.Value != nil && (math.IsNaN(*s.Value) || math.IsInf(*s.Value, 0)):
			return fmt.Errorf("metric %.80q is %v", name, *s.Value)
		}
	}
	return nil
}

func (e Evaluation) checkConfusion() error {
	if e.Confusion == nil {
		return nil
	}
	for _, counts := range e.Confusion {
		if len(counts) != len(e.Classes) || slices.ContainsFunc(counts, func(n int) bool { return n < 0 || n > e.Rows }) {
			return errors.New("the confusion matrix does not fit the classes and rows")
		}
	}
	if len(e.Confusion) != len(e.Classes) {
		return errors.New("the confusion matrix does not fit the classes and rows")
	}
	return nil
}
