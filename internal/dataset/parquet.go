//go:build !noparquet

package dataset

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"math/big"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
)

// readParquet reads a flat Parquet file: booleans, integers, floats, decimals, dates, timestamps, texts and UUIDs.
func readParquet(fsys fs.FS, path string, o Options) (t *Table, err error) {
	defer func() {
		// the library panics on some damaged files
		if r := recover(); r != nil {
			t, err = nil, &Error{File: path, Msg: fmt.Sprintf("is damaged: %v", r)}
		}
	}()
	r, size, closeFile, err := randomAccess(fsys, path, o)
	if err != nil {
		return nil, err
	}
	defer closeFile()
	if err := checkFooter(r, size); err != nil {
		return nil, &Error{File: path, Msg: err.Error()}
	}
	file, err := parquet.OpenFile(r, size, parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
	if err != nil {
		return nil, &Error{File: path, Msg: "open", Err: err}
	}
	columns := file.Root().Columns()
	if err := checkParquet(file, o); err != nil {
		err.File = path
		return nil, err
	}
	t = &Table{Name: path}
	for i, c := range columns {
		for _, g := range file.Metadata().RowGroups {
			if err := checkPages(r, file, &g.Columns[i].MetaData, o.MaxBytes); err != nil {
				return nil, &Error{File: path, Column: i + 1, Name: c.Name(), Msg: err.Error()}
			}
		}
		column, e := readParquetColumn(file, i, c, o)
		if e != nil {
			e.File, e.Column, e.Name = path, i+1, c.Name()
			return nil, e
		}
		t.Columns = append(t.Columns, column)
	}
	t.Lines = make([]int, t.Rows())
	for i := range t.Lines {
		t.Lines[i] = i + 1
	}
	return t, nil
}

// randomAccess opens a file, and reads it whole where the file system cannot jump in it.
func randomAccess(fsys fs.FS, path string, o Options) (io.ReaderAt, int64, func(), error) {
	f, err := fsys.Open(path)
	if err != nil {
		return nil, 0, nil, &Error{File: path, Msg: "open", Err: pathCause(err)}
	}
	info, err := f.Stat()
	if r, ok := f.(io.ReaderAt); ok && err == nil && info.Mode().IsRegular() {
		return r, info.Size(), func() { _ = f.Close() }, nil
	}
	defer func() { _ = f.Close() }()
	b, err := io.ReadAll(io.LimitReader(f, o.MaxBytes+1))
	switch {
	case err != nil:
		return nil, 0, nil, &Error{File: path, Msg: "read", Err: pathCause(err)}
	case int64(len(b)) > o.MaxBytes:
		return nil, 0, nil, &Error{File: path, Msg: fmt.Sprintf("holds more than %d bytes", o.MaxBytes)}
	}
	return bytes.NewReader(b), int64(len(b)), func() {}, nil
}

// checkFooter looks at the magic bytes and at the footer's length, for which the library would reserve memory unseen.
func checkFooter(r io.ReaderAt, size int64) error {
	var tail [8]byte
	if size < 12 {
		return errors.New("is not a Parquet file")
	}
	if _, err := r.ReadAt(tail[:], size-8); err != nil && err != io.EOF {
		return err
	}
	if string(tail[4:]) != "PAR1" {
		return errors.New("is not a Parquet file")
	}
	if int64(binary.LittleEndian.Uint32(tail[:4])) > size-12 {
		return errors.New("is damaged: its footer is longer than the file")
	}
	return nil
}

// checkParquet refuses what is too large or not flat before any page is read.
func checkParquet(file *parquet.File, o Options) *Error {
	columns, rows := file.Root().Columns(), file.NumRows()
	total := int64(0)
	for _, g := range file.Metadata().RowGroups {
		if g.NumRows < 0 || len(g.Columns) != len(columns) {
			return &Error{Msg: "is damaged: a row group does not fit the schema"}
		}
		for _, c := range g.Columns {
			n := c.MetaData.TotalUncompressedSize
			if n < 0 || n > o.MaxBytes || c.MetaData.TotalCompressedSize > file.Size() {
				return &Error{Msg: fmt.Sprintf("holds more than %d bytes, or is damaged", o.MaxBytes)}
			}
			total += n
		}
		if total > o.MaxBytes {
			return &Error{Msg: fmt.Sprintf("holds more than %d bytes", o.MaxBytes)}
		}
	}
	switch {
	case rows < 0 || rows > int64(o.MaxRows):
		return &Error{Msg: tooMany("rows", o.MaxRows)}
	case len(columns) > o.MaxColumns:
		return &Error{Msg: tooMany("columns", o.MaxColumns)}
	case rows*int64(len(columns)) > int64(o.MaxCells):
		return &Error{Msg: tooMany("cells", o.MaxCells)}
	}
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = c.Name()
		if !utf8.ValidString(c.Name()) {
			return &Error{Column: i + 1, Msg: "the name " + notUTF8}
		}
		if !c.Leaf() || c.Repeated() {
			return &Error{Column: i + 1, Name: c.Name(), Msg: "the column holds lists or objects: a cell holds one value"}
		}
	}
	return checkHeader(names)
}

// A parquetReader turns the values of one physical and logical type into those of a kind.
type parquetReader struct {
	kind Kind // by nature
	// number gives the value of a number, boolean or date; text the canonical text of any.
	number func(parquet.Value) (v float64, wrong string)
	text   func(b []byte, v parquet.Value) []byte
}

// errWide tells that a column of integers holds one beyond 2^53, so that it is read as texts.
var errWide = &Error{Msg: "an integer beyond 2^53"}

func readParquetColumn(file *parquet.File, at int, c *parquet.Column, o Options) (*Column, *Error) {
	r, e := newParquetReader(c.Type())
	if e != nil {
		return nil, e
	}
	kind := o.kind(c.Name())
	if kind != 0 {
		return r.read(file, at, &Column{Name: c.Name(), Kind: kind}, o)
	}
	out, e := r.read(file, at, &Column{Name: c.Name(), Kind: r.kind}, o)
	if e == errWide {
		return r.read(file, at, &Column{Name: c.Name(), Kind: Category}, o)
	}
	return out, e
}

func (r parquetReader) read(file *parquet.File, at int, c *Column, o Options) (*Column, *Error) {
	dict, row := newDictionary(), 0
	values := make([]parquet.Value, 1024)
	inferred := o.kind(c.Name) == 0
	for _, group := range file.RowGroups() {
		before := row
		pages := group.ColumnChunks()[at].Pages()
		for {
			page, err := pages.ReadPage()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				_ = pages.Close()
				return nil, &Error{Msg: "read page", Err: err}
			}
			reader := page.Values()
			for {
				n, err := reader.ReadValues(values)
				for _, v := range values[:n] {
					row++
					if e := r.add(c, dict, v, inferred, o.MaxCell); e != nil {
						_ = pages.Close()
						if e != errWide {
							e.Line = row
						}
						return nil, e
					}
				}
				if err != nil && !errors.Is(err, io.EOF) {
					_ = pages.Close()
					return nil, &Error{Msg: "read page", Err: err}
				}
				if errors.Is(err, io.EOF) || n == 0 {
					break
				}
			}
			parquet.Release(page)
			if int64(row-before) > group.NumRows() {
				break
			}
		}
		_ = pages.Close()
		if int64(row-before) != group.NumRows() {
			return nil, &Error{Msg: fmt.Sprintf("is damaged: a row group of %d rows holds %d values", group.NumRows(), row-before)}
		}
	}
	if int64(row) != file.NumRows() {
		return nil, &Error{Msg: fmt.Sprintf("is damaged: it holds %d values of %d rows", row, file.NumRows())}
	}
	if c.Kind == Category {
		c.Levels = dict.levels
		c.sortLevels()
	}
	return c, nil
}

// add appends one value.
func (r parquetReader) add(c *Column, dict *dictionary, v parquet.Value, inferred bool, maxCell int) *Error {
	if v.IsNull() || v.Kind() == parquet.Double && math.IsNaN(v.Double()) || v.Kind() == parquet.Float && math.IsNaN(float64(v.Float())) {
		if c.Kind == Category {
			c.Codes = append(c.Codes, -1)
		} else {
			c.Floats = append(c.Floats, math.NaN())
		}
		return nil
	}
	if c.Kind == r.kind && c.Kind != Category {
		f, wrong := r.number(v)
		if inferred && c.Kind == Number && math.Abs(f) >= 1<<53 && keepsText(r.text(nil, v)) {
			return errWide
		}
		c.Floats = append(c.Floats, f)
		return wrongCell(wrong)
	}
	text := r.text(nil, v)
	switch {
	case len(text) > maxCell:
		return &Error{Msg: tooLong(maxCell)}
	case !utf8.Valid(text):
		return &Error{Msg: notUTF8}
	case c.Kind != Category:
		f, wrong := parseCell(c.Kind, text)
		c.Floats = append(c.Floats, f)
		return wrongCell(wrong)
	case len(text) == 0:
		c.Codes = append(c.Codes, -1)
	default:
		c.Codes = append(c.Codes, dict.code(text))
	}
	return nil
}

// newParquetReader knows which types can be read, and how.
func newParquetReader(t parquet.Type) (parquetReader, *Error) {
	var logical format.LogicalTypeValue
	if l := t.LogicalType(); l != nil {
		logical = l.Value
	}
	switch l := logical.(type) {
	case *format.DecimalType:
		return decimalReader(int(l.Scale)), nil
	case *format.DateType:
		return dateReader(func(v parquet.Value) (float64, bool) { return float64(v.Int32()) * 86400, true }), nil
	case *format.TimestampType:
		unit := l.Unit.Value.Duration()
		return dateReader(func(v parquet.Value) (float64, bool) { return timestamp(v.Int64(), unit) }), nil
	case *format.UUIDType:
		return textReader(func(b []byte, v parquet.Value) []byte {
			u := v.ByteArray()
			return fmt.Appendf(b, "%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:])
		}), nil
	case *format.IntType:
		if !l.IsSigned {
			if t.Kind() == parquet.Int32 {
				return integerReader(func(b []byte, v parquet.Value) []byte { return strconv.AppendUint(b, uint64(v.Uint32()), 10) }), nil
			}
			return integerReader(func(b []byte, v parquet.Value) []byte { return strconv.AppendUint(b, v.Uint64(), 10) }), nil
		}
	case *format.StringType, *format.EnumType, *format.JsonType, nil:
	default:
		return parquetReader{}, &Error{Msg: fmt.Sprintf("the type %s cannot be read", t)}
	}
	switch t.Kind() {
	case parquet.Boolean:
		return parquetReader{
			kind: Boolean,
			number: func(v parquet.Value) (float64, string) {
				if v.Boolean() {
					return 1, ""
				}
				return 0, ""
			},
			text: func(b []byte, v parquet.Value) []byte { return strconv.AppendBool(b, v.Boolean()) },
		}, nil
	case parquet.Int32:
		return integerReader(func(b []byte, v parquet.Value) []byte { return strconv.AppendInt(b, int64(v.Int32()), 10) }), nil
	case parquet.Int64:
		return integerReader(func(b []byte, v parquet.Value) []byte { return strconv.AppendInt(b, v.Int64(), 10) }), nil
	case parquet.Float:
		return floatReader(func(v parquet.Value) float64 { return float64(v.Float()) }), nil
	case parquet.Double:
		return floatReader(parquet.Value.Double), nil
	case parquet.ByteArray:
		return textReader(func(b []byte, v parquet.Value) []byte { return append(b, v.ByteArray()...) }), nil
	case parquet.Int96, parquet.FixedLenByteArray:
	}
	return parquetReader{}, &Error{Msg: fmt.Sprintf("the type %s cannot be read", t)}
}

func textReader(text func([]byte, parquet.Value) []byte) parquetReader {
	return parquetReader{kind: Category, text: text}
}

// integerReader and decimals go by their text, so that what is rounded is rounded as in CSV.
func integerReader(text func([]byte, parquet.Value) []byte) parquetReader {
	return parquetReader{kind: Number, text: text, number: func(v parquet.Value) (float64, string) {
		var b [32]byte
		return parseCell(Number, text(b[:0], v))
	}}
}

func decimalReader(scale int) parquetReader {
	return integerReader(func(b []byte, v parquet.Value) []byte {
		n := new(big.Int)
		switch v.Kind() {
		case parquet.Int32:
			n.SetInt64(int64(v.Int32()))
		case parquet.Int64:
			n.SetInt64(v.Int64())
		default: // two's complement, big-endian
			raw := v.ByteArray()
			n.SetBytes(raw)
			if len(raw) > 0 && raw[0] >= 0x80 {
				n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(raw))))
			}
		}
		b = n.Append(b, 10)
		return strconv.AppendInt(append(b, 'e'), int64(-scale), 10)
	})
}

func floatReader(number func(parquet.Value) float64) parquetReader {
	return parquetReader{
		kind: Number,
		number: func(v parquet.Value) (float64, string) {
			f := number(v)
			if math.IsInf(f, 0) {
				return 0, "an infinity is not a number"
			}
			return f, ""
		},
		text: func(b []byte, v parquet.Value) []byte { return appendValue(b, Number, number(v)) },
	}
}

func dateReader(seconds func(parquet.Value) (float64, bool)) parquetReader {
	return parquetReader{
		kind: Date,
		number: func(v parquet.Value) (float64, string) {
			f, ok := seconds(v)
			if !ok || !dateInRange(f) {
				return 0, "the moment is not one of the years 1 to 9999 in whole microseconds"
			}
			return f, ""
		},
		text: func(b []byte, v parquet.Value) []byte {
			f, _ := seconds(v)
			return appendDate(b, f)
		},
	}
}

// timestamp gives seconds since 1970, if the ticks are whole microseconds.
func timestamp(ticks int64, unit time.Duration) (float64, bool) {
	per := int64(time.Second / unit)
	seconds, rest := ticks/per, ticks%per
	if rest < 0 {
		seconds, rest = seconds-1, rest+per
	}
	nanos := rest * int64(unit)
	return float64(seconds) + float64(nanos/1000)/1e6, nanos%1000 == 0
}
