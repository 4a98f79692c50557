package dataset

import (
	"errors"
	"io"
	"io/fs"
)

// Read reads a table.
func Read(fsys fs.FS, path string, o Options) (*Table, error) { return nil, errors.New("not yet") }

// Write writes a table.
func Write(w io.Writer, t *Table, format string) error { return errors.New("not yet") }
