//go:build !noparquet

package evaluation

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

var errPage = errors.New("the file is damaged: a page does not fit its column")

// checkPages walks over the headers of a column chunk's pages: the library reserves whatever memory a header asks for,
// up to 2 GiB, before it finds that the page is not there. It returns how many unpacked bytes are still allowed.
func checkPages(content []byte, chunk *format.ColumnMetaData, left int64) (int64, error) {
	start, length, size := chunk.DataPageOffset, chunk.TotalCompressedSize, int64(len(content))
	if d := chunk.DictionaryPageOffset; d > 0 && d < start {
		start = d
	}
	if start < 0 || length < 0 || start > size || length > size-start {
		return 0, errPage
	}
	rest, values := content[start:start+length], int64(0)
	for len(rest) > 0 {
		counted := bytes.NewReader(rest)
		var h format.PageHeader
		protocol := new(thrift.CompactProtocol)
		if err := thrift.NewDecoder(protocol.NewReader(counted)).Decode(&h); err != nil {
			return 0, fmt.Errorf("the file is damaged: page header: %w", err)
		}
		rest = rest[len(rest)-counted.Len():]
		if h.CompressedPageSize < 0 || h.UncompressedPageSize < 0 || int64(h.CompressedPageSize) > int64(len(rest)) {
			return 0, errPage
		}
		rest = rest[h.CompressedPageSize:]
		if left -= int64(h.UncompressedPageSize); left < 0 || h.UncompressedPageSize > maxPageBytes {
			return 0, fmt.Errorf("it unpacks to more than %d bytes, or to %d in one page", int64(MaxPredictionBytes), maxPageBytes)
		}
		n := int64(0)
		switch {
		case h.DataPageHeader.Valid:
			n = int64(h.DataPageHeader.V.NumValues)
		case h.DataPageHeaderV2.Valid:
			n = int64(h.DataPageHeaderV2.V.NumValues)
		}
		if values += n; n < 0 || values > chunk.NumValues {
			return 0, errPage
		}
	}
	if values != chunk.NumValues {
		return 0, errPage
	}
	return left, nil
}
