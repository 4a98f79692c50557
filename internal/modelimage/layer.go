package modelimage

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/klauspost/compress/gzip"

	"github.com/weighlock/weighlock/internal/registry"
)

const (
	tarBlock = 512
	// maxUSTARName is what a USTAR header holds at the least favourable split
	// of a name; a longer one would need an extension header, which the reader
	// refuses.
	maxUSTARName = 100
	// gzipLevel is part of the digest of every server layer: do not change it.
	// So is the compressor: a module with a version, and not the toolchain's.
	gzipLevel = 8
)

// tarEntry is one member of a layer; a directory when open is nil.
type tarEntry struct {
	name string
	mode int64
	size int64
	open func() (io.ReadCloser, error)
}

// inMemory is a member whose content is at hand.
func inMemory(name string, mode int64, data []byte) tarEntry {
	return tarEntry{name, mode, int64(len(data)), func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }}
}

// tarStream lays the members out as a tar archive without reading their
// content: headers, the files themselves, padding, and the end mark. The result
// opens any number of readers over it, each of which opens a file at a time.
func tarStream(entries []tarEntry, mtime time.Time) (func() (io.ReadCloser, error), error) {
	var parts []tarEntry
	for _, e := range entries {
		h := &tar.Header{
			Typeflag: tar.TypeReg, Name: e.name, Mode: e.mode, Size: e.size,
			ModTime: mtime.UTC().Truncate(time.Second), Format: tar.FormatUSTAR,
		}
		if e.open == nil {
			h.Typeflag = tar.TypeDir
		}
		// The size field of USTAR ends at 8 GiB; GNU's goes on, and scanners
		// misread the PAX one (facts/oci.md 2.2).
		if h.Size >= 1<<33 {
			h.Format = tar.FormatGNU
		}
		var buf bytes.Buffer
		if err := tar.NewWriter(&buf).WriteHeader(h); err != nil {
			return nil, fmt.Errorf("write layer: %s: %w", e.name, err)
		}
		parts = append(parts, inMemory(e.name, 0, buf.Bytes()))
		if e.size > 0 {
			parts = append(parts, e)
			if pad := -e.size & (tarBlock - 1); pad > 0 {
				parts = append(parts, inMemory(e.name, 0, make([]byte, pad)))
			}
		}
	}
	parts = append(parts, inMemory("end", 0, make([]byte, 2*tarBlock)))
	return func() (io.ReadCloser, error) { return &partsReader{parts: parts}, nil }, nil
}

// partsReader reads parts one after the other, each exactly as long as it was said to be.
type partsReader struct {
	parts   []tarEntry
	current io.ReadCloser
	left    int64 // of the current part
}

// Read reads on; a file that got shorter or longer since it was listed is an error.
func (p *partsReader) Read(b []byte) (int, error) {
	for p.left == 0 {
		if err := p.next(); err != nil {
			return 0, err
		}
	}
	n, err := p.current.Read(b[:min(int64(len(b)), p.left)])
	p.left -= int64(n)
	if errors.Is(err, io.EOF) {
		err = nil
		if p.left > 0 {
			err = fmt.Errorf("read model: %s became shorter while it was read", p.parts[0].name)
		}
	}
	return n, err
}

// next goes to the part after the current one.
func (p *partsReader) next() error {
	if p.current != nil {
		var more [1]byte
		if n, _ := p.current.Read(more[:]); n > 0 {
			return fmt.Errorf("read model: %s became longer while it was read", p.parts[0].name)
		}
		_ = p.current.Close()
		p.current, p.parts = nil, p.parts[1:]
	}
	if len(p.parts) == 0 {
		return io.EOF
	}
	opened, err := p.parts[0].open()
	if err != nil {
		return fmt.Errorf("read model: %w", err)
	}
	p.current, p.left = opened, p.parts[0].size
	return nil
}

// Close ends reading early.
func (p *partsReader) Close() error {
	if p.current == nil {
		return nil
	}
	return p.current.Close()
}

// modelLayer is the uncompressed layer that every platform and every format
// share: its digest is also its diff id. Members are sorted, directories before
// what they hold, owned by root and readable by any user id.
func modelLayer(files fs.FS, mtime time.Time) (registry.Blob, error) {
	list, err := listFiles(files)
	if err != nil {
		return registry.Blob{}, err
	}
	if len(list) == 0 {
		return registry.Blob{}, errors.New("the model has no files")
	}
	dirs := map[string]bool{modelRoot: true}
	folded := map[string]string{}
	var names []string
	for _, name := range list {
		if err := checkModelName(name); err != nil {
			return registry.Blob{}, err
		}
		if other, dup := folded[strings.ToLower(name)]; dup {
			return registry.Blob{}, fmt.Errorf("write layer: %q and %q differ only in case", other, name)
		}
		folded[strings.ToLower(name)] = name
		full := modelRoot + "/" + name
		names = append(names, full)
		for d := path.Dir(full); d != "."; d = path.Dir(d) {
			dirs[d] = true
		}
	}
	for d := range dirs {
		names = append(names, d+"/")
	}
	slices.Sort(names)
	entries := make([]tarEntry, len(names))
	for i, n := range names {
		if strings.HasSuffix(n, "/") {
			entries[i] = tarEntry{name: n, mode: 0o755}
			continue
		}
		if entries[i], err = modelFile(files, n); err != nil {
			return registry.Blob{}, err
		}
	}
	open, err := tarStream(entries, mtime)
	if err != nil {
		return registry.Blob{}, err
	}
	return registry.NewBlob(open)
}

// modelFile is the member of a layer that holds a file of the model.
func modelFile(files fs.FS, full string) (tarEntry, error) {
	name := strings.TrimPrefix(full, modelRoot+"/")
	info, err := fs.Stat(files, name)
	if err != nil {
		return tarEntry{}, fmt.Errorf("read model: %w", err)
	}
	return tarEntry{full, 0o444, info.Size(), func() (io.ReadCloser, error) { return files.Open(name) }}, nil
}

func checkModelName(name string) error {
	switch {
	case !fs.ValidPath(name) || name == "." || strings.ContainsAny(name, "\\\x00"):
		return fmt.Errorf("write layer: %q is not a plain relative path", name)
	case len(modelRoot)+1+len(name) > maxUSTARName:
		return fmt.Errorf("write layer: %q is longer than %d bytes", name, maxUSTARName-len(modelRoot)-1)
	}
	for _, r := range name {
		if r < ' ' || r > '~' {
			return fmt.Errorf("write layer: %q: only printable ASCII can be in a file name", name)
		}
	}
	// Container runtimes read these prefixes as "delete what is below".
	if strings.HasPrefix(path.Base(name), ".wh.") {
		return fmt.Errorf("write layer: %q is a whiteout name", name)
	}
	return nil
}

// userFile names the user the image runs as, for programs that look it up.
const userFile = "root:x:0:0:root:/:/sbin/nologin\nweighlock:x:65532:65532:weighlock:/:/sbin/nologin\n"

// serverLayer holds the server and nothing that depends on the commit: its time
// is fixed, so that all images of one Weighlock share it and a push moves only
// the model. It returns the compressed blob and the diff id. An image that stands
// on another one keeps that one's users.
func serverLayer(server []byte, alone bool) (registry.Blob, v1.Hash, error) {
	entries := []tarEntry{inMemory("weighlock", 0o555, server)}
	if alone {
		entries = append([]tarEntry{{name: "etc/", mode: 0o755}, inMemory("etc/passwd", 0o444, []byte(userFile))}, entries...)
	}
	open, err := tarStream(entries, time.Unix(0, 0))
	if err != nil {
		return registry.Blob{}, v1.Hash{}, err
	}
	plain, err := registry.NewBlob(open)
	if err != nil {
		return registry.Blob{}, v1.Hash{}, err
	}
	archive, err := open()
	if err != nil {
		return registry.Blob{}, v1.Hash{}, err
	}
	defer func() { _ = archive.Close() }()
	var buf bytes.Buffer
	// The zero gzip.Header carries no name and no time.
	zw, err := gzip.NewWriterLevel(&buf, gzipLevel)
	if err != nil {
		return registry.Blob{}, v1.Hash{}, fmt.Errorf("compress server layer: %w", err)
	}
	if _, err := io.Copy(zw, archive); err != nil {
		return registry.Blob{}, v1.Hash{}, fmt.Errorf("compress server layer: %w", err)
	}
	if err := zw.Close(); err != nil {
		return registry.Blob{}, v1.Hash{}, fmt.Errorf("compress server layer: %w", err)
	}
	return registry.BytesBlob(buf.Bytes()), plain.Digest, nil
}
