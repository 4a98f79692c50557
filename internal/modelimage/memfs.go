package modelimage

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"time"
)

// memFS is a read-only file system over parts of memory or of one file, by slash-separated path.
type memFS struct {
	files map[string]span
	dirs  map[string][]fs.DirEntry // children, sorted
}

// Memory is a file system over files in memory, by slash-separated path. The
// error names a path that no model can have.
func Memory(files map[string][]byte) (fs.FS, error) {
	for name := range files {
		if err := checkModelName(name); err != nil {
			return nil, err
		}
		for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
			if _, clash := files[dir]; clash {
				return nil, fmt.Errorf("write layer: %q is both a file and a directory", dir)
			}
		}
	}
	return newMemFS(files), nil
}

func newMemFS(files map[string][]byte) *memFS {
	spans := make(map[string]span, len(files))
	for name, data := range files {
		spans[name] = span{bytes.NewReader(data), 0, int64(len(data))}
	}
	return newSpanFS(spans)
}

func newSpanFS(files map[string]span) *memFS {
	m := &memFS{files: files, dirs: map[string][]fs.DirEntry{".": nil}}
	seen := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		info := memInfo{name: path.Base(name), size: files[name].size}
		for child := name; child != "." && !seen[child]; child = path.Dir(child) {
			seen[child] = true
			parent := path.Dir(child)
			m.dirs[parent] = append(m.dirs[parent], fs.FileInfoToDirEntry(info))
			info = memInfo{name: path.Base(parent), dir: true}
		}
	}
	for _, entries := range m.dirs {
		slices.SortFunc(entries, func(a, b fs.DirEntry) int {
			return bytes.Compare([]byte(a.Name()), []byte(b.Name()))
		})
	}
	return m
}

func (m *memFS) Open(name string) (fs.File, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	if data, ok := m.files[name]; ok {
		info := memInfo{name: path.Base(name), size: data.size}
		return &memFile{SectionReader: data.open(), info: info}, nil
	}
	if entries, ok := m.dirs[name]; ok {
		return &memDir{info: memInfo{name: path.Base(name), dir: true}, entries: entries}, nil
	}
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}

type memInfo struct {
	name string
	size int64
	dir  bool
}

func (i memInfo) Name() string       { return i.name }
func (i memInfo) Size() int64        { return i.size }
func (i memInfo) ModTime() time.Time { return time.Time{} }
func (i memInfo) IsDir() bool        { return i.dir }
func (i memInfo) Sys() any           { return nil }
func (i memInfo) Mode() fs.FileMode {
	if i.dir {
		return fs.ModeDir | 0o555
	}
	return 0o444
}

type memFile struct {
	*io.SectionReader
	info memInfo
}

func (f *memFile) Stat() (fs.FileInfo, error) { return f.info, nil }
func (f *memFile) Close() error               { return nil }

type memDir struct {
	info    memInfo
	entries []fs.DirEntry
}

func (d *memDir) Stat() (fs.FileInfo, error) { return d.info, nil }
func (d *memDir) Close() error               { return nil }
func (d *memDir) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: d.info.name, Err: fs.ErrInvalid}
}

// ReadDir returns the next n entries as fs.ReadDirFile asks.
func (d *memDir) ReadDir(n int) ([]fs.DirEntry, error) {
	if n <= 0 {
		n = len(d.entries)
	} else if len(d.entries) == 0 {
		return nil, io.EOF
	}
	n = min(n, len(d.entries))
	out := slices.Clone(d.entries[:n])
	d.entries = d.entries[n:]
	return out, nil
}
