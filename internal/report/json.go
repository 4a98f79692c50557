package report

import (
	"bytes"
	_ "embed" // the schema
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"reflect"
	"strings"
)

const (
	// maxBytes and maxDepth bound a report that somebody else may have written.
	maxBytes = 16 << 20
	maxDepth = 32
)

//go:embed schema.json
var schema []byte

// Schema is the JSON Schema (2020-12) of a report.
func Schema() []byte { return bytes.Clone(schema) }

// Encode is the canonical JSON: keys in the order of the structs, two spaces, a newline at the end. The same report
// gives the same bytes. A report that Decode would refuse is an error.
func (r *Report) Encode() ([]byte, error) {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(r.whole()); err != nil {
		return nil, fmt.Errorf("write report: %w", err)
	}
	if out.Len() > maxBytes {
		return nil, fmt.Errorf("write report: %d bytes are more than %d", out.Len(), maxBytes)
	}
	if err := r.check(); err != nil {
		return nil, fmt.Errorf("write report: %w", err)
	}
	return out.Bytes(), nil
}

// whole is a copy whose lists are never null.
func (r *Report) whole() *Report {
	c := *r
	c.Reasons, c.Policy.Changed, c.Rules = list(r.Reasons), list(r.Policy.Changed), list(r.Rules)
	c.Checks, c.Waivers, c.Warnings = list(r.Checks), list(r.Waivers), list(r.Warnings)
	for i := range c.Rules {
		c.Rules[i].Flags = list(c.Rules[i].Flags)
	}
	return &c
}

// Decode reads a report as if an enemy had written it: at most 16 MiB and 32 levels, one value, UTF-8, no key twice, no
// key in another case, finite numbers, and a decision that its exit code fits. Keys of a newer minor version are let
// through, for fields may be added.
func Decode(in io.Reader) (*Report, error) {
	raw, err := io.ReadAll(io.LimitReader(in, maxBytes+1))
	if err != nil {
		return nil, fmt.Errorf("read report: %w", err)
	}
	if len(raw) > maxBytes {
		return nil, fmt.Errorf("read report: it is longer than %d bytes", maxBytes)
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := scan(d, reflect.TypeFor[Report](), 0); err != nil {
		return nil, fmt.Errorf("read report: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("read report: something follows the report")
	}
	if !validText(raw) {
		return nil, errors.New("read report: it is not UTF-8")
	}
	var r Report
	if err := json.Unmarshal(raw, &r); err != nil {
		return nil, fmt.Errorf("read report: %w", err)
	}
	if err := r.check(); err != nil {
		return nil, fmt.Errorf("read report: %w", err)
	}
	return r.whole(), nil
}

// scan walks one value beside the type it will be read into, and refuses what encoding/json would let pass: a key twice,
// a known key in another case, too many levels, a number that is no float64.
func scan(d *json.Decoder, t reflect.Type, depth int) error {
	token, err := d.Token()
	if err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return err
	}
	nullable := t == nil || t.Kind() == reflect.Pointer
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch v := token.(type) {
	case nil:
		if !nullable {
			return errors.New("null stands where a value must")
		}
	case json.Number:
		if f, err := v.Float64(); err != nil || math.IsInf(f, 0) || math.IsNaN(f) {
			return fmt.Errorf("number %.40s does not fit", v)
		}
	case json.Delim:
		if depth == maxDepth {
			return fmt.Errorf("more than %d levels", maxDepth)
		}
		if v == '{' {
			return scanObject(d, t, depth)
		}
		return scanArray(d, t, depth)
	}
	return nil
}

func scanArray(d *json.Decoder, t reflect.Type, depth int) error {
	var element reflect.Type
	if t != nil && (t.Kind() == reflect.Slice || t.Kind() == reflect.Array) {
		element = t.Elem()
	}
	for d.More() {
		if err := scan(d, element, depth+1); err != nil {
			return err
		}
	}
	_, err := d.Token()
	return err
}

func scanObject(d *json.Decoder, t reflect.Type, depth int) error {
	known, required := fields(t)
	seen := map[string]bool{}
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return err
		}
		key, ok := token.(string)
		if !ok {
			return errors.New("a key is no string")
		}
		if seen[key] {
			return fmt.Errorf("key %.80q stands twice", key)
		}
		seen[key] = true
		field, exact := known[key]
		if !exact {
			for name := range known {
				if strings.EqualFold(name, key) {
					return fmt.Errorf("key %.80q must be written %q", key, name)
				}
			}
		}
		if err := scan(d, field, depth+1); err != nil {
			return fmt.Errorf("%.80q: %w", key, err)
		}
	}
	for _, name := range required {
		if !seen[name] {
			return fmt.Errorf("key %q is missing", name)
		}
	}
	_, err := d.Token() // the closing brace
	return err
}

// fields maps the JSON names of a struct to their types, and lists those that are always written.
func fields(t reflect.Type) (known map[string]reflect.Type, required []string) {
	if t == nil || t.Kind() != reflect.Struct {
		return nil, nil
	}
	known = make(map[string]reflect.Type, t.NumField())
	for field := range t.Fields() {
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		if name == "" || name == "-" {
			continue
		}
		known[name] = field.Type
		if options == "" {
			required = append(required, name)
		}
	}
	return known, required
}
