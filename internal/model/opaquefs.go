package model

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"
)

// opaqueEntry is one file of an opaque model as it was when its digest was taken.
type opaqueEntry struct {
	size   int64
	digest [sha256.Size]byte
	open   func() (io.ReadCloser, error)
}

func keptBytes(content []byte) opaqueEntry {
	return opaqueEntry{int64(len(content)), sha256.Sum256(content), func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(content)), nil
	}}
}

// listModel takes size and digest of all files that training left.
func (o *Opaque) listModel() error {
	if o.spec.Model == nil {
		return errors.New("it has no files")
	}
	found, budget := false, int64(maxOpaque)
	err := eachRegular(o.spec.Model, ".", func(name string) error {
		if err := checkOpaqueName(name); err != nil {
			return err
		}
		if found = true; len(o.files) >= maxOpaqueList {
			return fmt.Errorf("more than %d files", maxOpaqueList)
		}
		entry, err := streamed(o.spec.Model, name, budget)
		if err != nil {
			return err
		}
		budget -= entry.size
		o.files[opaqueModel+"/"+name] = entry
		return nil
	})
	if err == nil && !found {
		err = errors.New("it has no files")
	}
	return err
}

// streamed reads a file of at most limit bytes for its digest.
func streamed(fsys fs.FS, name string, limit int64) (opaqueEntry, error) {
	entry := opaqueEntry{open: func() (io.ReadCloser, error) { return fsys.Open(name) }}
	f, err := entry.open()
	if err != nil {
		return entry, err
	}
	defer func() { _ = f.Close() }()
	h := sha256.New()
	if entry.size, err = io.Copy(h, io.LimitReader(f, limit+1)); err != nil {
		return entry, fmt.Errorf("read %s: %w", name, err)
	}
	if entry.size > limit {
		return entry, fmt.Errorf("%s: the model's files are larger than %d bytes", name, int64(maxOpaque))
	}
	h.Sum(entry.digest[:0])
	return entry, nil
}

// eachRegular calls do for every file below a folder, which need not exist; any but a regular file is an error.
func eachRegular(fsys fs.FS, folder string, do func(name string) error) error {
	return fs.WalkDir(fsys, folder, func(name string, entry fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist) && name == folder:
			return nil
		case err != nil:
			return err
		case entry.IsDir():
			return nil
		case !entry.Type().IsRegular():
			return fmt.Errorf("%s: not a regular file", name)
		}
		return do(name)
	})
}

// FS holds the files to keep: the description, the model's own files and those of the repository. It reads them where they
// are. The last read of one that is no longer what its digest was taken of is an error.
func (o *Opaque) FS() fs.FS { return opaqueFS{o.files} }

// ModelFS is the part of FS that training left.
func (o *Opaque) ModelFS() fs.FS {
	below := map[string]opaqueEntry{}
	for name, entry := range o.files {
		if short, ok := strings.CutPrefix(name, opaqueModel+"/"); ok {
			below[short] = entry
		}
	}
	return opaqueFS{below}
}

type opaqueFS struct{ files map[string]opaqueEntry }

// Open opens a file or a folder.
func (f opaqueFS) Open(name string) (fs.File, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	if entry, ok := f.files[name]; ok {
		opened, err := entry.open()
		if err != nil {
			return nil, err
		}
		return &opaqueFile{opened, opaqueInfo{path.Base(name), entry.size, false}, entry, 0, sha256.New()}, nil
	}
	children := f.children(name)
	if children == nil && name != "." {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return &opaqueFolder{opaqueInfo{path.Base(name), 0, true}, children}, nil
}

// children are the entries of a folder, sorted; nil where there is none.
func (f opaqueFS) children(folder string) []fs.DirEntry {
	found := map[string]opaqueInfo{}
	for name, entry := range f.files {
		if folder != "." {
			below, ok := strings.CutPrefix(name, folder+"/")
			if !ok {
				continue
			}
			name = below
		}
		first, _, deeper := strings.Cut(name, "/")
		if found[first] = (opaqueInfo{first, entry.size, false}); deeper {
			found[first] = opaqueInfo{first, 0, true}
		}
	}
	var entries []fs.DirEntry
	for _, info := range found {
		entries = append(entries, fs.FileInfoToDirEntry(info))
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return entries
}

type opaqueInfo struct {
	name   string
	size   int64
	folder bool
}

func (i opaqueInfo) Name() string       { return i.name }
func (i opaqueInfo) Size() int64        { return i.size }
func (i opaqueInfo) ModTime() time.Time { return time.Time{} }
func (i opaqueInfo) IsDir() bool        { return i.folder }
func (i opaqueInfo) Sys() any           { return nil }
func (i opaqueInfo) Mode() fs.FileMode {
	if i.folder {
		return fs.ModeDir | 0o555
	}
	return 0o444
}

// opaqueFile hashes what is read of it.
type opaqueFile struct {
	io.ReadCloser
	info opaqueInfo
	want opaqueEntry
	read int64
	hash hash.Hash
}

// Stat describes the file as it was when its digest was taken.
func (f *opaqueFile) Stat() (fs.FileInfo, error) { return f.info, nil }

// Read reads on; with the last byte, what was read must be what the digest was taken of.
func (f *opaqueFile) Read(b []byte) (int, error) {
	n, err := f.ReadCloser.Read(b)
	_, _ = f.hash.Write(b[:n])
	f.read += int64(n)
	ended := f.read >= f.want.size || errors.Is(err, io.EOF)
	if ended && !bytes.Equal(f.hash.Sum(nil), f.want.digest[:]) {
		return n, fmt.Errorf("read %s: it changed since its digest was taken", f.info.name)
	}
	return n, err
}

type opaqueFolder struct {
	info    opaqueInfo
	entries []fs.DirEntry
}

// Stat describes the folder.
func (d *opaqueFolder) Stat() (fs.FileInfo, error) { return d.info, nil }

// Close does nothing.
func (d *opaqueFolder) Close() error { return nil }

// Read refuses: a folder has no bytes.
func (d *opaqueFolder) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: d.info.name, Err: fs.ErrInvalid}
}

// ReadDir returns the next n entries as fs.ReadDirFile asks.
func (d *opaqueFolder) ReadDir(n int) ([]fs.DirEntry, error) {
	if n > 0 && len(d.entries) == 0 {
		return nil, io.EOF
	}
	if n <= 0 || n > len(d.entries) {
		n = len(d.entries)
	}
	out := slices.Clone(d.entries[:n])
	d.entries = d.entries[n:]
	return out, nil
}
