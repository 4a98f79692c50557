package modelimage

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/klauspost/compress/gzip"
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

// tarEntry is one member of a layer; a directory when dir is set.
type tarEntry struct {
	name string
	mode int64
	dir  bool
	data []byte
}

// tarStream lays the members out as a tar archive without copying their
// content: headers, the files themselves, padding, and the end mark. The
// result opens any number of readers over it.
func tarStream(entries []tarEntry, mtime time.Time) (func() io.Reader, error) {
	var parts [][]byte
	for _, e := range entries {
		h := &tar.Header{
			Typeflag: tar.TypeReg, Name: e.name, Mode: e.mode, Size: int64(len(e.data)),
			ModTime: mtime.UTC().Truncate(time.Second), Format: tar.FormatUSTAR,
		}
		if e.dir {
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
		parts = append(parts, buf.Bytes())
		if len(e.data) > 0 {
			parts = append(parts, e.data)
			if pad := -len(e.data) & (tarBlock - 1); pad > 0 {
				parts = append(parts, make([]byte, pad))
			}
		}
	}
	parts = append(parts, make([]byte, 2*tarBlock))
	return func() io.Reader {
		readers := make([]io.Reader, len(parts))
		for i, p := range parts {
			readers[i] = bytes.NewReader(p)
		}
		return io.MultiReader(readers...)
	}, nil
}

// modelLayer is the uncompressed layer that every platform and every format
// share: its digest is also its diff id. Members are sorted, directories before
// what they hold, owned by root and readable by any user id.
func modelLayer(files map[string][]byte, mtime time.Time) (blob, error) {
	dirs := map[string]bool{modelRoot: true}
	folded := map[string]string{}
	var names []string
	for name := range files {
		if err := checkModelName(name); err != nil {
			return blob{}, err
		}
		if other, dup := folded[strings.ToLower(name)]; dup {
			pair := []string{name, other}
			slices.Sort(pair) // the same message whatever the map's order
			return blob{}, fmt.Errorf("write layer: %q and %q differ only in case", pair[0], pair[1])
		}
		folded[strings.ToLower(name)] = name
		full := modelRoot + "/" + name
		names = append(names, full)
		for d := path.Dir(full); d != "."; d = path.Dir(d) {
			dirs[d] = true
		}
	}
	for d := range dirs {
		if _, clash := files[strings.TrimPrefix(d, modelRoot+"/")]; clash {
			return blob{}, fmt.Errorf("write layer: %q is both a file and a directory", d)
		}
		names = append(names, d+"/")
	}
	slices.Sort(names)
	entries := make([]tarEntry, len(names))
	for i, n := range names {
		if strings.HasSuffix(n, "/") {
			entries[i] = tarEntry{name: n, mode: 0o755, dir: true}
			continue
		}
		entries[i] = tarEntry{name: n, mode: 0o444, data: files[strings.TrimPrefix(n, modelRoot+"/")]}
	}
	open, err := tarStream(entries, mtime)
	if err != nil {
		return blob{}, err
	}
	return newBlob(open)
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

// passwd names the user the image runs as, for programs that look it up.
const passwd = "root:x:0:0:root:/:/sbin/nologin\nweighlock:x:65532:65532:weighlock:/:/sbin/nologin\n"

// serverLayer holds the server and nothing that depends on the commit: its time
// is fixed, so that all images of one Weighlock share it and a push moves only
// the model. It returns the compressed blob and the diff id.
func serverLayer(server []byte) (blob, v1.Hash, error) {
	open, err := tarStream([]tarEntry{
		{name: "etc/", mode: 0o755, dir: true},
		{name: "etc/passwd", mode: 0o444, data: []byte(passwd)},
		{name: "weighlock", mode: 0o555, data: server},
	}, time.Unix(0, 0))
	if err != nil {
		return blob{}, v1.Hash{}, err
	}
	diffID, _, err := v1.SHA256(open())
	if err != nil {
		return blob{}, v1.Hash{}, fmt.Errorf("digest server layer: %w", err)
	}
	var buf bytes.Buffer
	// The zero gzip.Header carries no name and no time.
	zw, err := gzip.NewWriterLevel(&buf, gzipLevel)
	if err != nil {
		return blob{}, v1.Hash{}, fmt.Errorf("compress server layer: %w", err)
	}
	if _, err := io.Copy(zw, open()); err != nil {
		return blob{}, v1.Hash{}, fmt.Errorf("compress server layer: %w", err)
	}
	if err := zw.Close(); err != nil {
		return blob{}, v1.Hash{}, fmt.Errorf("compress server layer: %w", err)
	}
	return bytesBlob(buf.Bytes()), diffID, nil
}
