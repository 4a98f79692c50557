package git

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
)

// CopyTree writes the working tree as it stands into an empty folder: what git tracks, and what it neither tracks nor
// ignores. Symbolic links stay links; submodules, sockets and devices are left out, and so is .git.
func (r *Repo) CopyTree(ctx context.Context, folder string) error {
	out, err := r.run(ctx, "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate")
	if err != nil {
		return fmt.Errorf("list working tree: %w", err)
	}
	from, err := os.OpenRoot(r.Dir)
	if err != nil {
		return fmt.Errorf("copy working tree: %w", err)
	}
	defer func() { _ = from.Close() }()
	to, err := os.OpenRoot(folder)
	if err != nil {
		return fmt.Errorf("copy working tree: %w", err)
	}
	defer func() { _ = to.Close() }()
	for name := range bytes.SplitSeq(bytes.TrimSuffix(out, []byte{0}), []byte{0}) {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := copyEntry(from, to, string(name)); err != nil {
			return fmt.Errorf("copy working tree: %w", err)
		}
	}
	return nil
}

// copyEntry copies one file or link. A file that is tracked but deleted is not there; that is no error.
func copyEntry(from, to *os.Root, name string) error {
	if !fs.ValidPath(name) {
		return nil // an untracked repository inside this one, listed with a slash at its end
	}
	info, err := from.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := to.MkdirAll(path.Dir(name), 0o755); err != nil {
		return err
	}
	switch {
	case info.Mode()&fs.ModeSymlink != 0:
		target, err := from.Readlink(name)
		if err != nil {
			return err
		}
		return to.Symlink(filepath.FromSlash(target), name)
	case info.Mode().IsRegular():
		return copyFile(from, to, name, info.Mode().Perm()|0o444)
	}
	return nil
}

func copyFile(from, to *os.Root, name string, mode fs.FileMode) error {
	source, err := from.Open(name)
	if err != nil {
		return err
	}
	defer func() { _ = source.Close() }()
	target, err := to.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(target, source)
	return errors.Join(err, target.Close())
}
