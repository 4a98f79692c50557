//go:build !noparquet

package dataset

import (
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go/format"
)

var errUnpacked = errors.New("is damaged: a page unpacks to more bytes than it says")

// checkCodec refuses compressions for which nobody can say beforehand how much memory a page will take: of these, the
// library doubles its buffer for LZ4 until the page fits, damaged or not.
func checkCodec(c format.CompressionCodec) error {
	switch c {
	case format.Uncompressed, format.Snappy, format.Gzip, format.Zstd:
		return nil
	case format.LZO, format.Brotli, format.Lz4, format.Lz4Raw:
	}
	return fmt.Errorf("is compressed with %s: write it with snappy, gzip or zstd", c)
}

// checkUnpacked unpacks a page into nothing and refuses more bytes than its header announces: the library unpacks
// without a limit, so that a kilobyte could fill the memory.
func checkUnpacked(r io.Reader, codec format.CompressionCodec, h *format.PageHeader) error {
	announced := int64(h.UncompressedPageSize)
	if h.DataPageHeaderV2.Valid {
		v2 := &h.DataPageHeaderV2.V
		if v2.IsCompressed.Valid && !v2.IsCompressed.V {
			return nil
		}
		levels := int64(v2.RepetitionLevelsByteLength) + int64(v2.DefinitionLevelsByteLength) // which are never compressed
		if v2.RepetitionLevelsByteLength < 0 || v2.DefinitionLevelsByteLength < 0 || levels > int64(h.CompressedPageSize) || levels > announced {
			return errPage
		}
		if _, err := io.CopyN(io.Discard, r, levels); err != nil {
			return errPage
		}
		announced -= levels
	}
	switch codec {
	case format.Uncompressed, format.LZO, format.Brotli, format.Lz4, format.Lz4Raw:
		return nil
	case format.Snappy:
		return checkSnappy(r, announced)
	case format.Gzip:
		z, err := gzip.NewReader(r)
		if err != nil {
			return fmt.Errorf("is damaged: %w", err)
		}
		return checkLength(z, announced)
	case format.Zstd:
		z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(128<<20))
		if err != nil {
			return fmt.Errorf("is damaged: %w", err)
		}
		defer z.Close()
		return checkLength(z, announced)
	}
	return nil
}

// checkSnappy reads the length that a block of Snappy begins with.
func checkSnappy(r io.Reader, announced int64) error {
	var head [binary.MaxVarintLen64]byte
	n, err := io.ReadFull(r, head[:])
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return err
	}
	if length, read := binary.Uvarint(head[:n]); n > 0 && (read <= 0 || length > uint64(announced)) {
		return errUnpacked
	}
	return nil
}

func checkLength(r io.Reader, announced int64) error {
	n, err := io.CopyN(io.Discard, r, announced+1)
	switch {
	case n > announced:
		return errUnpacked
	case errors.Is(err, io.EOF):
		return nil
	}
	return fmt.Errorf("is damaged: %w", err)
}
