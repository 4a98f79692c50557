package dataset

import (
	"bytes"
	"io/fs"
	"time"
)

// ReadBytes reads a table that is in memory already; the extension of name says how, and messages show name.
func ReadBytes(content []byte, name string, o Options) (*Table, error) {
	return Read(memory(content), name, o)
}

// memory is a tree in which every name is the same file.
type memory []byte

// Open gives the content from its beginning.
func (m memory) Open(name string) (fs.File, error) {
	return memoryFile{bytes.NewReader(m), memoryInfo{name, int64(len(m))}}, nil
}

type memoryFile struct {
	*bytes.Reader
	info memoryInfo
}

func (f memoryFile) Stat() (fs.FileInfo, error) { return f.info, nil }
func (memoryFile) Close() error                 { return nil }

type memoryInfo struct {
	name string
	size int64
}

func (i memoryInfo) Name() string     { return i.name }
func (i memoryInfo) Size() int64      { return i.size }
func (memoryInfo) Mode() fs.FileMode  { return 0o444 }
func (memoryInfo) ModTime() time.Time { return time.Time{} }
func (memoryInfo) IsDir() bool        { return false }
func (memoryInfo) Sys() any           { return nil }
