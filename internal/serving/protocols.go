package serving

import (
	"bytes"
	"math"
	"strconv"
	"strings"

	"github.com/weighlock/weighlock/internal/dataset"
)

// readScoring reads a request of MLflow's scoring protocol, which SageMaker and Azure ML send as well, or of the V1
// protocol of KServe and Vertex AI: exactly one of dataframe_split, dataframe_records, instances, inputs.
func (f *frame) readScoring(body []byte) error {
	p := &parser{data: body}
	found := ""
	err := p.object(func(key string) error {
		switch key {
		case "dataframe_split", "dataframe_records", "instances", "inputs":
			if found != "" {
				return p.fail("both %q and %q: send exactly one of dataframe_split, dataframe_records, instances, inputs", found, key)
			}
			found = key
			return f.readRows(p, key)
		case "params", "parameters", "signature_name":
			return p.skip()
		}
		return p.fail("unknown key %q: expected dataframe_split, dataframe_records, instances or inputs", short(key))
	})
	if err != nil {
		return err
	}
	if found == "" {
		return bad("no rows: send one of dataframe_split, dataframe_records, instances, inputs")
	}
	return p.end()
}

func (f *frame) readRows(p *parser, key string) error {
	switch {
	case key == "dataframe_split":
		return f.readSplit(p)
	case key == "inputs" && p.peek() == kindObject:
		return f.readColumns(p)
	}
	order := f.ownOrder()
	return p.array(func(int) error {
		switch p.peek() {
		case kindObject:
			return f.record(p)
		case kindArray:
			if len(order) == 0 { // a model without features takes any row
				if err := f.beginRow(); err != nil {
					return err
				}
				return p.skip()
			}
			return f.list(p, order)
		case kindString, kindNumber, kindBool, kindNull, kindEnd:
		}
		return p.fail("a row is an object with the features by name, or an array of %d values in the model's order", len(order))
	})
}

// readSplit reads {"columns": [...], "data": [[...], ...]}. Where data comes before columns, it is kept for later.
func (f *frame) readSplit(p *parser) error {
	var names []string
	dataAt, done := -1, false
	err := p.object(func(key string) error {
		switch key {
		case "columns":
			return p.array(func(int) error {
				name, err := p.string()
				names = append(names, name)
				return err
			})
		case "data":
			p.peek()
			dataAt = p.pos
			if names == nil {
				return p.skip()
			}
			done = true
			return f.readData(p, names)
		case "index":
			return p.skip()
		}
		return p.fail("unknown key %q in dataframe_split: expected columns, data or index", short(key))
	})
	if err != nil {
		return err
	}
	if dataAt < 0 || names == nil {
		return bad("dataframe_split wants columns and data")
	}
	if done {
		return nil
	}
	return f.readData(&parser{data: p.data, pos: dataAt}, names)
}

// readData reads [[...], ...] with one value per name in each row.
func (f *frame) readData(p *parser, names []string) error {
	order, err := f.orderOf(names)
	if err != nil {
		return err
	}
	return p.array(func(int) error { return f.list(p, order) })
}

// readColumns reads {"feature": [values], ...}.
func (f *frame) readColumns(p *parser) error {
	rows := -1
	err := p.object(func(key string) error {
		i, ok := f.index[key]
		if !ok {
			return p.skip()
		}
		n := 0
		err := p.array(func(int) error {
			n++
			if n > f.limits.MaxRows {
				return bad("more than %d rows in one request", f.limits.MaxRows)
			}
			return f.cell(p, i)
		})
		if err == nil && rows >= 0 && n != rows {
			err = p.fail("feature %q has %d values, others have %d", key, n, rows)
		}
		rows = n
		return err
	})
	f.rows = max(rows, 0)
	return err
}

// inference is a request of the Open Inference Protocol, version 2.
type inference struct {
	id      string
	outputs []string
}

// tensor is one input as it is described before its data.
type tensor struct {
	name, datatype string
	shape          []int
	dataAt         int
}

// datatypes are those of the protocol, and whether their data are strings.
var datatypes = map[string]bool{
	"BOOL": false, "UINT8": false, "UINT16": false, "UINT32": false, "UINT64": false, "INT8": false, "INT16": false,
	"INT32": false, "INT64": false, "FP16": false, "FP32": false, "FP64": false, "BYTES": true,
}

// readInference reads one tensor per feature, of shape [n] or [n, 1], or a single one of shape [n, features].
func (f *frame) readInference(body []byte) (inference, error) {
	p := &parser{data: body}
	var request inference
	var tensors []tensor
	err := p.object(func(key string) (err error) {
		switch key {
		case "id":
			request.id, err = p.string()
			return err
		case "inputs":
			return p.array(func(int) error {
				t, err := readTensor(p)
				tensors = append(tensors, t)
				if err == nil && len(tensors) > len(f.features)+f.limits.MaxExtraInputs {
					return p.fail("too many inputs")
				}
				return err
			})
		case "outputs":
			return p.array(func(int) error {
				name, err := readOutput(p)
				request.outputs = append(request.outputs, name)
				return err
			})
		case "parameters":
			return p.skip()
		}
		return p.fail("unknown key %q: expected id, inputs, outputs or parameters", short(key))
	})
	if err != nil {
		return request, err
	}
	if err := p.end(); err != nil {
		return request, err
	}
	return request, f.fillTensors(body, tensors)
}

func readOutput(p *parser) (string, error) {
	var name string
	err := p.object(func(key string) (err error) {
		if key == "name" {
			name, err = p.string()
			return err
		}
		return p.skip()
	})
	return name, err
}

func readTensor(p *parser) (tensor, error) {
	t := tensor{dataAt: -1}
	err := p.object(func(key string) (err error) {
		switch key {
		case "name":
			t.name, err = p.string()
		case "datatype":
			t.datatype, err = p.string()
		case "shape":
			err = p.array(func(int) error {
				v, err := p.number()
				if err == nil && (v != math.Trunc(v) || v < 0 || v > math.MaxInt32) {
					err = p.fail("a shape holds whole numbers from 0 on")
				}
				t.shape = append(t.shape, int(v))
				return err
			})
		case "data":
			p.peek()
			t.dataAt = p.pos
			err = p.skip()
		case "parameters":
			err = p.skip()
		default:
			err = p.fail("unknown key %q in an input: expected name, shape, datatype, data or parameters", short(key))
		}
		return err
	})
	if err != nil {
		return t, err
	}
	if _, ok := datatypes[t.datatype]; !ok {
		return t, bad("input %q: unknown datatype %q", short(t.name), short(t.datatype))
	}
	if t.dataAt < 0 || len(t.shape) == 0 {
		return t, bad("input %q wants shape and data", short(t.name))
	}
	return t, nil
}

// fillTensors puts the tensors' data into the columns.
func (f *frame) fillTensors(body []byte, tensors []tensor) error {
	if len(tensors) == 0 {
		return bad("no inputs")
	}
	if len(f.features) == 0 {
		f.rows = tensors[0].shape[0]
		if f.rows > f.limits.MaxRows {
			return bad("more than %d rows in one request", f.limits.MaxRows)
		}
		return nil
	}
	if first := tensors[0]; len(tensors) == 1 && len(first.shape) == 2 {
		if _, named := f.index[first.name]; !named {
			return f.fillMatrix(body, first)
		}
	}
	names := make([]string, len(tensors))
	for i, t := range tensors {
		names[i] = t.name
	}
	order, err := f.orderOf(names)
	if err != nil {
		return err
	}
	for i, t := range tensors {
		if order[i] < 0 {
			continue
		}
		if len(t.shape) > 2 || len(t.shape) == 2 && t.shape[1] != 1 {
			return bad("input %q has shape %v, expected [n] or [n, 1]", short(t.name), t.shape)
		}
		if f.features[order[i]].Kind != dataset.Category && datatypes[t.datatype] && f.features[order[i]].Kind != dataset.Date {
			return bad("input %q has datatype BYTES, expected numbers", short(t.name))
		}
		if t.shape[0] > f.limits.MaxRows {
			return bad("more than %d rows in one request", f.limits.MaxRows)
		}
		if f.rows > 0 && t.shape[0] != f.rows {
			return bad("input %q has %d rows, others have %d", short(t.name), t.shape[0], f.rows)
		}
		f.rows = t.shape[0]
		p := &parser{data: body, pos: t.dataAt}
		n, err := f.flat(p, t.datatype, func(int) int { return order[i] })
		if err != nil {
			return err
		}
		if n != f.rows {
			return bad("input %q has shape %v and %d values", short(t.name), t.shape, n)
		}
	}
	return nil
}

// fillMatrix reads one tensor with all features in the model's order.
func (f *frame) fillMatrix(body []byte, t tensor) error {
	if t.shape[1] != len(f.features) {
		return bad("input %q has %d columns, the model wants %d", short(t.name), t.shape[1], len(f.features))
	}
	if t.shape[0] > f.limits.MaxRows {
		return bad("more than %d rows in one request", f.limits.MaxRows)
	}
	f.rows = t.shape[0]
	p := &parser{data: body, pos: t.dataAt}
	n, err := f.flat(p, t.datatype, func(i int) int { return i % len(f.features) })
	if err != nil {
		return err
	}
	if n != f.rows*len(f.features) {
		return bad("input %q has shape %v and %d values", short(t.name), t.shape, n)
	}
	return nil
}

// suits tells whether a value may stand in a tensor of an integer type: it is null or a whole number, and not below 0
// where the type has no sign.
func suits(datatype string, text []byte) bool {
	if string(text) == "null" {
		return true
	}
	if datatype[0] == 'U' && text[0] == '-' {
		return false
	}
	if !bytes.ContainsAny(text, ".eE") {
		return true
	}
	v, err := strconv.ParseFloat(string(text), 64)
	return err == nil && v == math.Trunc(v)
}

// flat reads row-major values, nested or not, and returns how many there were; to says which column takes the i-th.
func (f *frame) flat(p *parser, datatype string, to func(i int) int) (int, error) {
	n, most, whole := 0, f.rows*len(f.features), strings.Contains(datatype, "INT")
	var read func(int) error
	read = func(int) error {
		if p.peek() == kindArray {
			return p.array(read)
		}
		if n >= most {
			return p.fail("more values than the shape says")
		}
		at := p.pos
		err := f.cell(p, to(n))
		n++
		if text := p.data[at:p.pos]; err == nil && whole && !suits(datatype, text) {
			p.pos = at
			err = p.fail("%s is no %s", short(string(text)), datatype)
		}
		return err
	}
	err := p.array(read)
	return n, err
}
