package dataset

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// packed writes one column of text in the given compression.
func packed(t *testing.T, codec compress.Codec, text string) []byte {
	t.Helper()
	type row struct {
		C string `parquet:"c"`
	}
	var b bytes.Buffer
	w := parquet.NewGenericWriter[row](&b, parquet.Compression(codec))
	for range 100 {
		if _, err := w.Write([]row{{text}, {"b"}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestParquetCompressions(t *testing.T) {
	for _, c := range []struct {
		codec compress.Codec
		want  string
	}{
		{&parquet.Uncompressed, ""},
		{&parquet.Snappy, ""},
		{&parquet.Gzip, ""},
		{&parquet.Zstd, ""},
		{&parquet.Brotli, "a.parquet, column 1 (c): is compressed with BROTLI: write it with snappy, gzip or zstd"},
		{&parquet.Lz4Raw, "a.parquet, column 1 (c): is compressed with LZ4_RAW: write it with snappy, gzip or zstd"},
	} {
		table, err := Read(files("a.parquet", string(packed(t, c.codec, "abc"))), "a.parquet", Options{})
		switch {
		case c.want != "" && (err == nil || err.Error() != c.want):
			t.Errorf("%s: %v, want %s", c.codec, err, c.want)
		case c.want == "" && err != nil:
			t.Errorf("%s: %v", c.codec, err)
		case c.want == "" && (table.Rows() != 200 || table.Columns[0].Text(198) != "abc"):
			t.Errorf("%s: %d rows", c.codec, table.Rows())
		}
	}
}

// A page that says it holds 100 bytes and unpacks to more is refused before the library unpacks it.
func TestParquetPageBomb(t *testing.T) {
	for name, codec := range map[string]compress.Codec{"snappy": &parquet.Snappy, "gzip": &parquet.Gzip, "zstd": &parquet.Zstd} {
		content := packed(t, codec, strings.Repeat("x", 1<<14))
		at, header := firstPage(t, content)
		var rewritten bytes.Buffer
		header.UncompressedPageSize = 100
		protocol := new(thrift.CompactProtocol)
		if err := thrift.NewEncoder(protocol.NewWriter(&rewritten)).Encode(&header); err != nil {
			t.Fatal(err)
		}
		// the header shrinks by the digits of its size; a page that begins earlier keeps the column readable
		size := len(headerBytes(t, content[at:]))
		head := append([]byte(nil), rewritten.Bytes()...)
		if len(head) > size {
			t.Fatalf("the header grew from %d to %d bytes", size, len(head))
		}
		start := at + size - len(head)
		copy(content[start:], head)
		content = moveColumn(t, content, int64(start))
		_, err := Read(files("a.parquet", string(content)), "a.parquet", Options{})
		if err == nil || !strings.Contains(err.Error(), "unpacks to more bytes than it says") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// firstPage finds the header of the first page of the only column.
func firstPage(t *testing.T, content []byte) (at int, h format.PageHeader) {
	t.Helper()
	file, err := parquet.OpenFile(bytes.NewReader(content), int64(len(content)))
	if err != nil {
		t.Fatal(err)
	}
	chunk := &file.Metadata().RowGroups[0].Columns[0].MetaData
	start := chunk.DataPageOffset
	if d := chunk.DictionaryPageOffset; d > 0 && d < start {
		start = d
	}
	protocol := new(thrift.CompactProtocol)
	if err := thrift.NewDecoder(protocol.NewReader(bytes.NewReader(content[start:]))).Decode(&h); err != nil {
		t.Fatal(err)
	}
	return int(start), h
}

// headerBytes is the page header that b begins with.
func headerBytes(t *testing.T, b []byte) []byte {
	t.Helper()
	r := bytes.NewReader(b)
	var h format.PageHeader
	protocol := new(thrift.CompactProtocol)
	if err := thrift.NewDecoder(protocol.NewReader(r)).Decode(&h); err != nil {
		t.Fatal(err)
	}
	return b[:len(b)-r.Len()]
}

// moveColumn writes the footer again with the only column beginning at start.
func moveColumn(t *testing.T, content []byte, start int64) []byte {
	t.Helper()
	footer := int(binary.LittleEndian.Uint32(content[len(content)-8:]))
	body, raw := content[:len(content)-8-footer], content[len(content)-8-footer:len(content)-8]
	var meta format.FileMetaData
	protocol := new(thrift.CompactProtocol)
	if err := thrift.NewDecoder(protocol.NewReader(bytes.NewReader(raw))).Decode(&meta); err != nil {
		t.Fatal(err)
	}
	chunk := &meta.RowGroups[0].Columns[0].MetaData
	end := max(chunk.DataPageOffset, chunk.DictionaryPageOffset)
	if chunk.DictionaryPageOffset > 0 && chunk.DictionaryPageOffset < end {
		chunk.TotalCompressedSize += chunk.DictionaryPageOffset - start
		chunk.DictionaryPageOffset = start
	} else {
		chunk.TotalCompressedSize += chunk.DataPageOffset - start
		chunk.DataPageOffset = start
	}
	var b bytes.Buffer
	if err := thrift.NewEncoder(protocol.NewWriter(&b)).Encode(&meta); err != nil {
		t.Fatal(err)
	}
	out := append(append([]byte(nil), body...), b.Bytes()...)
	out = binary.LittleEndian.AppendUint32(out, uint32(b.Len()))
	return append(out, "PAR1"...)
}
