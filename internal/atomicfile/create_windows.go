package atomicfile

import (
	"errors"
	"os"
	"path/filepath"
)

// renamed is a file beside its place. renameio does not do Windows, where os.Rename replaces a file in one step as well
// (MoveFileEx), unless somebody has it open.
type renamed struct {
	*os.File
	name string
	done bool
}

// create puts the file beside its place. Windows has one permission, to write, which every such file has.
func create(name string, _ os.FileMode, _ string) (pending, error) {
	temp, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+"-*")
	if err != nil {
		return nil, err
	}
	return &renamed{File: temp, name: name}, nil
}

func (r *renamed) CloseAtomicallyReplace() error {
	if err := errors.Join(r.Sync(), r.Close()); err != nil {
		return err
	}
	if err := os.Rename(r.File.Name(), r.name); err != nil {
		return err
	}
	r.done = true
	return nil
}

func (r *renamed) Cleanup() error {
	if r.done {
		return nil
	}
	_ = r.Close() // it may be closed already
	return os.Remove(r.File.Name())
}
