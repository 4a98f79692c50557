//go:build !noparquet

package dataset

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

var errPage = errors.New("is damaged: a page is longer than its column")

// checkPages walks over the headers of a column chunk's pages: the library reserves whatever memory a header asks for,
// up to 2 GiB, before it finds that the page is not there, and unpacks without a limit.
func checkPages(r io.ReaderAt, file *parquet.File, chunk *format.ColumnMetaData, limit int64) error {
	if err := checkCodec(chunk.Codec); err != nil {
		return err
	}
	start := chunk.DataPageOffset
	if d := chunk.DictionaryPageOffset; d > 0 && d < start {
		start = d
	}
	left, unpacked := chunk.TotalCompressedSize, int64(0)
	if start < 0 || left < 0 || start > file.Size() || left > file.Size()-start {
		return errPage
	}
	at := start
	for values := int64(0); at < start+left; {
		section := bufio.NewReaderSize(io.NewSectionReader(r, at, start+left-at), 4096)
		counted := &countingReader{r: section}
		var h format.PageHeader
		protocol := new(thrift.CompactProtocol)
		if err := thrift.NewDecoder(protocol.NewReader(counted)).Decode(&h); err != nil {
			return fmt.Errorf("is damaged: page header: %w", err)
		}
		at += counted.n
		size := int64(h.CompressedPageSize)
		if size < 0 || h.UncompressedPageSize < 0 || size > start+left-at {
			return errPage
		}
		if err := checkUnpacked(io.NewSectionReader(r, at, size), chunk.Codec, &h); err != nil {
			return err
		}
		at += size
		if unpacked += int64(h.UncompressedPageSize); unpacked > limit {
			return fmt.Errorf("holds more than %d bytes", limit)
		}
		n := int64(0)
		switch {
		case h.DataPageHeader.Valid:
			n = int64(h.DataPageHeader.V.NumValues)
		case h.DataPageHeaderV2.Valid:
			n = int64(h.DataPageHeaderV2.V.NumValues)
		}
		if n < 0 || values+n > chunk.NumValues {
			return errPage
		}
		values += n
	}
	return nil
}

type countingReader struct {
	r *bufio.Reader
	n int64
}

func (c *countingReader) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	c.n += int64(n)
	return n, err
}

func (c *countingReader) ReadByte() (byte, error) {
	b, err := c.r.ReadByte()
	if err == nil {
		c.n++
	}
	return b, err
}
