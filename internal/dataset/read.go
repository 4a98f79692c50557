package dataset

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"io/fs"
	"runtime"
	"strings"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// Extensions lists what Read understands.
func Extensions() []string {
	return []string{".csv", ".csv.gz", ".csv.zst", ".jsonl", ".jsonl.gz", ".jsonl.zst", ".parquet"}
}

// Read reads a table; the extension of the path says how. A table has at least one row and one column. Every mistake in
// the file is an *Error with its place.
//
// Text is UTF-8; a byte order mark is skipped. An empty cell is missing; in columns of numbers, booleans and dates so
// are NA, N/A, n/a, NaN, nan, null, NULL and None. Numbers are decimal and rounded as by strconv.ParseFloat; spaces and
// tabs around them do not count. Booleans are true and false (True, TRUE and so on), and in a declared column also yes,
// no, 1 and 0. Dates are ISO 8601, in UTC where they do not say. A column's kind is the first of number, boolean and
// date that all of its values are, else category; texts like 007 and whole numbers beyond 2^53 make a category, since
// as numbers they would lose something.
func Read(fsys fs.FS, path string, o Options) (*Table, error) {
	o = o.ready()
	s := source{fsys: fsys, path: path}
	base := path
	for ending, unpack := range map[string]unpack{".gz": gunzip, ".zst": unzstd} {
		if cut, ok := strings.CutSuffix(path, ending); ok {
			base, s.unpack = cut, unpack
		}
	}
	var t *Table
	var err error
	switch {
	case strings.HasSuffix(base, ".csv"):
		t, err = readText(s, csvFormat, o)
	case strings.HasSuffix(base, ".jsonl"):
		t, err = readText(s, jsonFormat, o)
	case strings.HasSuffix(path, ".parquet"):
		t, err = readParquet(fsys, path, o)
	default:
		return nil, &Error{File: path, Msg: "unknown format: extensions are " + strings.Join(Extensions(), ", ")}
	}
	return o.checked(t, err, path)
}

// ReadCSV reads a table from the bytes of a CSV file, as Read does; name stands for the path in errors. A program that
// only needs this does not carry the code for Parquet.
func ReadCSV(data []byte, name string, o Options) (*Table, error) {
	o = o.ready()
	t, err := readText(source{data: data, path: name}, csvFormat, o)
	return o.checked(t, err, name)
}

// ready fills in what depends on the machine, too.
func (o Options) ready() Options {
	o = o.withDefaults()
	if o.Workers <= 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	return o
}

// checked refuses what was read if it has no rows or lacks a column.
func (o Options) checked(t *Table, err error, path string) (*Table, error) {
	if err != nil {
		return nil, err
	}
	if t.Rows() == 0 || len(t.Columns) == 0 {
		return nil, &Error{File: path, Msg: "has no rows"}
	}
	if err := o.checkNames(t); err != nil {
		return nil, err
	}
	return t, nil
}

// A source opens a file as often as it is read.
type source struct {
	fsys   fs.FS
	data   []byte // instead of fsys
	path   string
	unpack unpack // nil where the file is not packed
}

// unpack is one way in which files are packed. What it returns is closed before the file.
type unpack func(io.Reader) (io.ReadCloser, error)

func gunzip(r io.Reader) (io.ReadCloser, error) { return gzip.NewReader(r) }

// unzstd takes a window of 128 MiB, which is what `zstd --long` needs; more only serves to fill memory.
func unzstd(r io.Reader) (io.ReadCloser, error) {
	d, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(128<<20))
	if err != nil {
		return nil, err
	}
	return d.IOReadCloser(), nil
}

// open gives the unpacked bytes and the number of packed ones.
func (s source) open() (io.Reader, func(), int64, error) {
	if s.fsys == nil {
		return bytes.NewReader(s.data), func() {}, int64(len(s.data)), nil
	}
	f, err := s.fsys.Open(s.path)
	if err != nil {
		return nil, nil, 0, &Error{File: s.path, Msg: "open", Err: pathCause(err)}
	}
	info, err := f.Stat()
	if err == nil && info.IsDir() {
		err = errors.New("is a folder")
	}
	if err != nil {
		_ = f.Close()
		return nil, nil, 0, &Error{File: s.path, Msg: "open", Err: pathCause(err)}
	}
	if s.unpack == nil {
		return f, func() { _ = f.Close() }, info.Size(), nil
	}
	r, err := s.unpack(f)
	if err != nil {
		_ = f.Close()
		return nil, nil, 0, &Error{File: s.path, Msg: "unpack", Err: err}
	}
	return r, func() { _, _ = r.Close(), f.Close() }, info.Size(), nil
}

// pathCause leaves out what the message says already.
func pathCause(err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err
	}
	return err
}

var (
	csvFormat  = textFormat{border: csvBorder, parse: parseCSV, header: readCSVHeader}
	jsonFormat = textFormat{border: jsonBorder, parse: parseJSON}
)

// readText reads a file once with kinds guessed from its beginning, and again if the guess did not hold to the end.
func readText(s source, f textFormat, o Options) (*Table, error) {
	var pl *plan
	for {
		m, err := readOnce(s, f, o, pl)
		if err != nil {
			return nil, err
		}
		next, settled := m.settle()
		if settled {
			return m.finish(), nil
		}
		if pl != nil {
			return nil, &Error{File: s.path, Msg: "changed while it was read"}
		}
		pl = next
	}
}

func readOnce(s source, f textFormat, o Options, pl *plan) (*merger, error) {
	r, closeAll, packed, err := s.open()
	if err != nil {
		return nil, err
	}
	defer closeAll()
	br := &blockReader{name: s.path, r: r, border: f.border, limit: o.MaxBytes, max: o.MaxBytes, record: max(maxRecord, 2*o.MaxCell)}
	br.pool = &sync.Pool{New: func() any { return make([]byte, 0, blockSize) }}
	first, err := br.next()
	if err != nil && !errors.Is(err, errLongRecord) {
		return nil, err
	}
	if bytes.HasPrefix(first, []byte("\xfe\xff")) || bytes.HasPrefix(first, []byte("\xff\xfe")) {
		return nil, &Error{File: s.path, Line: 1, Msg: "is UTF-16 text: save it as UTF-8"}
	}
	first = bytes.TrimPrefix(first, []byte("\xef\xbb\xbf"))
	line := 1
	header := newPlan(nil, o)
	if f.header != nil {
		names, size, lines, e := f.header(first, o)
		if e != nil {
			e.File = s.path
			if e.Line++; len(first) == 0 {
				e.Line = 0
			}
			return nil, e
		}
		header, first, line = newPlan(names, o), first[size:], 1+lines
	}
	if pl == nil {
		pl = f.guess(first, header, o)
	}
	m := newMerger(s.path, pl, line, o)
	if errors.Is(err, errLongRecord) {
		e := f.longRecord(first, br, pl)
		return nil, shiftError(e, line-1)
	}
	if s.unpack == nil && len(first) > 0 {
		rows := bytes.Count(first, []byte{'\n'}) + 1
		m.reserve(int(float64(packed)/float64(len(first))*float64(rows)*1.02) + 16)
	}
	return m, f.run(first, br, m, pl)
}

func shiftError(err error, lines int) error {
	var e *Error
	if errors.As(err, &e) && e.Line > 0 {
		e.Line += lines
	}
	return err
}

// guess finds the kinds that the first records allow. A mistake in them is left to the reading proper.
func (f textFormat) guess(first []byte, header *plan, o Options) *plan {
	sample := first[:min(len(first), guessSize)]
	if n := f.border(sample); n > 0 {
		sample = sample[:n]
	} else {
		sample = first
	}
	var p part
	f.parse(sample, header, &p)
	for _, n := range p.names {
		header.learn(n, o.kind(n))
	}
	for i := range header.kinds {
		if header.kinds[i] == 0 && i < len(p.columns) {
			header.kinds[i] = p.columns[i].can.kind()
		}
	}
	return header
}
