//go:build noparquet

package dataset

import (
	"errors"
	"io"
	"io/fs"
)

// The server inside an image answers requests and reads no files of rows. Parquet would be a third of it.
const noParquet = "this program was built without Parquet"

func readParquet(_ fs.FS, path string, _ Options) (*Table, error) {
	return nil, &Error{File: path, Msg: noParquet}
}

func writeParquet(io.Writer, *Table) error { return errors.New(noParquet) }
