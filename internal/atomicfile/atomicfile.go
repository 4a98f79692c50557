// Package atomicfile writes files that appear whole or not at all.
package atomicfile

import (
	"io"
	"os"
	"path/filepath"
)

// Pending is a file that nobody sees yet. Whoever made it defers Cleanup, which does nothing after the replacement.
type Pending interface {
	io.Writer
	// CloseAtomicallyReplace puts the file, safe on the disk, in the place of what stood under its name.
	CloseAtomicallyReplace() error
	// Cleanup removes the file where it has not replaced anything.
	Cleanup() error
}

// pending has what stands under the name in the meantime, too.
type pending interface {
	Pending
	Sync() error
	Name() string
}

// Create begins a file that is to have that name. One that it replaces leaves its permissions to it; the umask is heeded.
func Create(name string, perm os.FileMode) (Pending, error) { return create(name, perm, "") }

// WriteFile writes content to the file of that name and replaces what stood there.
func WriteFile(name string, content []byte, perm os.FileMode) error {
	file, err := create(name, perm, "")
	if err != nil {
		return err
	}
	defer func() { _ = file.Cleanup() }()
	if _, err := file.Write(content); err != nil {
		return err
	}
	return file.CloseAtomicallyReplace()
}

// WriteNew writes content to a file that is not there yet; where one is, the error is fs.ErrExist.
func WriteNew(name string, content []byte, perm os.FileMode) error {
	file, err := create(name, perm, filepath.Dir(name))
	if err != nil {
		return err
	}
	defer func() { _ = file.Cleanup() }()
	if _, err := file.Write(content); err != nil {
		return err
	}
	if err := file.Sync(); err != nil {
		return err
	}
	return os.Link(file.Name(), name) // unlike a rename, a link replaces nothing
}
