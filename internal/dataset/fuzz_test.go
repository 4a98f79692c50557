package dataset

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
)

// checkReadable asserts of any input: an error names the file, a table is sound and can be written and read again.
func checkReadable(t *testing.T, name string, content []byte) *Table {
	t.Helper()
	o := Options{MaxCell: 1 << 12, MaxRows: 1 << 12, MaxBytes: 1 << 20, Workers: 2}
	table, err := Read(files(name, string(content)), name, o)
	if err != nil {
		if !strings.HasPrefix(err.Error(), name) {
			t.Fatalf("error without a file: %v", err)
		}
		return nil
	}
	if table.Rows() == 0 || len(table.Lines) != table.Rows() {
		t.Fatalf("%d rows, %d lines", table.Rows(), len(table.Lines))
	}
	for _, c := range table.Columns {
		if c.Len() != table.Rows() {
			t.Fatalf("column %q has %d rows of %d", c.Name, c.Len(), table.Rows())
		}
	}
	again, err := Read(files("x.csv", written(t, table, "csv")), "x.csv", Options{Schema: table.Schema()})
	if err != nil {
		t.Fatal(err)
	}
	if table.Digest(nil) != again.Digest(nil) {
		t.Fatal("digests differ")
	}
	return table
}

func FuzzCSV(f *testing.F) {
	for _, s := range []string{"a,b\n1,x\n", "a\n\"x\"\"y\n\"\n", "\xef\xbb\xbfa\r\n1\r\n", "a,b\n2024-01-01,true\n,\n", "a\n007\n", "a\n\"\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) { checkReadable(t, "f.csv", b) })
}

func FuzzJSONL(f *testing.F) {
	for _, s := range []string{`{"a":1,"b":"x"}`, "{\"a\":null}\n{\"b\":-0.5e3}\n", `{"a":"\ud83d\ude00\n"}`, `{"a":true} `, `{}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if checkReadable(t, "f.jsonl", b) == nil {
			return
		}
		for line := range strings.Lines(string(b)) {
			if s := strings.TrimRight(line, "\r\n\t "); strings.TrimLeft(s, "\t\r ") != "" && !json.Valid([]byte(s)) {
				t.Fatalf("encoding/json refuses %q", s)
			}
		}
	})
}

func FuzzParquet(f *testing.F) {
	for _, s := range []string{"a,b\n1,x\n2,\n", "d,e\n2024-01-01,true\n2024-01-01T10:00:00Z,false\n"} {
		f.Add([]byte(written(f, mustRead(f, "a.csv", s, Options{}), "parquet")))
	}
	f.Fuzz(func(t *testing.T, b []byte) { checkReadable(t, "f.parquet", b) })
}

// benchmarkTable is the shape of facts/performance.md 2a at a tenth of its rows: 20 columns of "%.6f".
func benchmarkTable(rows int) string {
	rng := rand.New(rand.NewPCG(5, 6))
	var b strings.Builder
	for j := range 20 {
		fmt.Fprintf(&b, "%sc%d", []string{"", ","}[min(j, 1)], j)
	}
	line := make([]byte, 0, 256)
	for range rows {
		line = append(line[:0], '\n')
		for j := range 20 {
			if j > 0 {
				line = append(line, ',')
			}
			line = strconv.AppendFloat(line, rng.NormFloat64(), 'f', 6, 64)
		}
		b.Write(line)
	}
	return b.String()
}

func BenchmarkReadCSV(b *testing.B) {
	content := benchmarkTable(100_000)
	fsys := files("a.csv", content)
	for _, workers := range []int{1, 2} {
		b.Run(fmt.Sprintf("workers=%d", workers), func(b *testing.B) {
			b.SetBytes(int64(len(content)))
			for b.Loop() {
				if _, err := Read(fsys, "a.csv", Options{Workers: workers}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
