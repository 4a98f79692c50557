package dataset

import (
	"bytes"
	"compress/gzip"
	"io"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/klauspost/compress/zstd"
	"pgregory.net/rapid"
)

func files(name, content string) fs.FS { return fstest.MapFS{name: {Data: []byte(content)}} }

func mustRead(t testing.TB, name, content string, o Options) *Table {
	t.Helper()
	table, err := Read(files(name, content), name, o)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func gzipped(s string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = io.WriteString(w, s)
	_ = w.Close()
	return b.String()
}

func zstded(s string) string {
	e, err := zstd.NewWriter(nil)
	if err != nil {
		panic(err)
	}
	return string(e.EncodeAll([]byte(s), nil))
}

// endless is a file that gives one piece of text over and over, up to a size.
type endless struct {
	head, piece string
	left, read  int64
}

func (e *endless) Open(string) (fs.File, error) { return e, nil }
func (e *endless) Stat() (fs.FileInfo, error)   { return e, nil }
func (e *endless) Close() error                 { return nil }
func (e *endless) Name() string                 { return "endless.csv" }
func (e *endless) Size() int64                  { return e.left }
func (e *endless) Mode() fs.FileMode            { return 0 }
func (e *endless) ModTime() (t time.Time)       { return t }
func (e *endless) IsDir() bool                  { return false }
func (e *endless) Sys() any                     { return nil }
func (e *endless) Read(b []byte) (int, error) {
	if e.head != "" {
		n := copy(b, e.head)
		e.head = e.head[n:]
		return n, nil
	}
	if e.left <= 0 {
		return 0, io.EOF
	}
	n := 0
	for n < len(b) && e.left > 0 {
		k := copy(b[n:], e.piece[:min(int64(len(e.piece)), e.left)])
		n, e.left, e.read = n+k, e.left-int64(k), e.read+int64(k)
	}
	return n, nil
}

// anyTable draws tables of every kind, awkward names, texts and values included.
func anyTable(t *rapid.T) *Table {
	rows := rapid.IntRange(1, 20).Draw(t, "rows")
	text := rapid.OneOf(rapid.SampledFrom([]string{"a", "b", "", "NA", "007", "1.50", `q"q`, "x,y", "l\nl", "r\r\n", "é", " s ", "\ufeff"}), rapid.String())
	names := rapid.SliceOfNDistinct(text.Filter(func(s string) bool { return s != "" }), 1, 6, rapid.ID[string]).Draw(t, "names")
	var columns []*Column
	for _, n := range names {
		kind := rapid.SampledFrom(Kinds()).Draw(t, "kind")
		if kind == Category {
			columns = append(columns, NewTexts(n, rapid.SliceOfN(text, rows, rows).Draw(t, "texts")))
			continue
		}
		value := map[Kind]*rapid.Generator[float64]{
			Number:  rapid.Float64().Filter(func(f float64) bool { return f-f == 0 }),
			Boolean: rapid.SampledFrom([]float64{0, 1}),
			Date: rapid.Custom(func(t *rapid.T) float64 {
				if rapid.Bool().Draw(t, "day") {
					return float64(rapid.Int64Range(-719162, 2932896).Draw(t, "days")) * 86400
				}
				return float64(rapid.Int64Range(-8e9, 8e9).Draw(t, "s")) + float64(rapid.Int64Range(0, 999999).Draw(t, "us"))/1e6
			}),
		}[kind]
		v := rapid.SliceOfN(value, rows, rows).Draw(t, "values")
		for i := range v {
			if rapid.IntRange(0, 4).Draw(t, "missing") == 0 {
				v[i], _ = parseCell(Number, nil)
			}
		}
		c, err := NewFloats(n, kind, v)
		if err != nil {
			t.Fatal(err)
		}
		columns = append(columns, c)
	}
	out, err := New("t", columns...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func written(t interface{ Fatal(...any) }, table *Table, format string) string {
	var b strings.Builder
	if err := Write(&b, table, format); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
