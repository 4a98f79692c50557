package registry

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// layout is a repository in a folder: an OCI image layout. Content is there
// before anything names it, every file appears whole or not at all, and
// index.json, which holds the tags, is replaced last. A writer that is killed
// leaves content without a name at worst.
type layout struct {
	root string
}

const (
	layoutFile = "oci-layout"
	indexFile  = "index.json"
	// privateDir holds the lock and unfinished files, out of the way of other
	// programs that read the layout.
	privateDir = ".weighlock"
	refName    = "org.opencontainers.image.ref.name"
	maxIndex   = 64 << 20
)

func (l *layout) path(elem ...string) string {
	return filepath.Join(append([]string{l.root}, elem...)...)
}

func (l *layout) blobPath(h v1.Hash) string { return l.path("blobs", h.Algorithm, h.Hex) }

// folderError is an error of the file system. The folder is the registry here.
func folderError(err error) error {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		return unavailable("%s %s: %v", pe.Op, pe.Path, pe.Err)
	}
	return unavailable("%v", err)
}

// hold takes the lock of the folder, which ends with the process that has it,
// and clears away what a killed writer left unfinished.
func (l *layout) hold(ctx context.Context) (func(), error) {
	for _, dir := range []string{l.path("blobs", "sha256"), l.path(privateDir)} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, folderError(err)
		}
	}
	f, err := os.OpenFile(l.path(privateDir, "lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, folderError(err)
	}
	for {
		ok, err := tryLock(f)
		if err != nil {
			_ = f.Close()
			return nil, folderError(err)
		}
		if ok {
			break
		}
		if sleep(ctx, 10*time.Millisecond) != nil {
			_ = f.Close()
			return nil, ended(ctx, errors.New("another process is writing to "+l.root))
		}
	}
	release := func() { _ = f.Close() } // closing is what unlocks
	left, _ := filepath.Glob(l.path(privateDir, "*.tmp"))
	for _, name := range left {
		_ = os.Remove(name) // a leftover that stays does no harm
	}
	if _, err := os.Stat(l.path(layoutFile)); err != nil {
		if err := l.replace(l.path(layoutFile), strings.NewReader(`{"imageLayoutVersion":"1.0.0"}`)); err != nil {
			release()
			return nil, err
		}
	}
	return release, nil
}

// replace makes path hold what r yields: whole and on the disk, or not at all.
func (l *layout) replace(path string, r io.Reader) (err error) {
	f, err := os.CreateTemp(l.path(privateDir), "*.tmp")
	if err != nil {
		return folderError(err)
	}
	defer func() {
		if err != nil {
			_ = f.Close()
			_ = os.Remove(f.Name())
			if !errors.Is(err, ErrInvalid) {
				err = folderError(err)
			}
		}
	}()
	if _, err = io.Copy(f, r); err != nil {
		return err
	}
	if err = f.Chmod(0o644); err != nil {
		return err
	}
	if err = f.Sync(); err != nil {
		return err
	}
	if err = f.Close(); err != nil {
		return err
	}
	if err = os.Rename(f.Name(), path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// readFile reads a regular file of at most limit bytes.
func readFile(path string, limit int64) ([]byte, error) {
	// A pipe in the place of a file would block for ever.
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > limit {
		return nil, Invalid("read %s: not a file of at most %d bytes", path, limit)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	out := bytes.NewBuffer(make([]byte, 0, info.Size()+bytes.MinRead))
	if n, err := out.ReadFrom(io.LimitReader(f, limit+1)); err != nil || n > limit {
		return nil, errors.Join(err, Invalid("read %s: it grew", path))
	}
	return out.Bytes(), nil
}

// index reads index.json; a folder without one is empty.
func (l *layout) index() (v1.IndexManifest, error) {
	idx := v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex, Manifests: []v1.Descriptor{}}
	raw, err := readFile(l.path(indexFile), maxIndex)
	if errors.Is(err, fs.ErrNotExist) {
		return idx, nil
	}
	if errors.Is(err, ErrInvalid) {
		return idx, err
	}
	if err != nil {
		return idx, folderError(err)
	}
	if err := json.Unmarshal(raw, &idx); err != nil {
		return idx, Invalid("parse %s: %v", l.path(indexFile), err)
	}
	return idx, nil
}

// digest finds what a tag points to, or takes a digest as it is.
func (l *layout) digest(ref string) (v1.Hash, error) {
	if h, err := v1.NewHash(ref); err == nil {
		return h, nil
	}
	idx, err := l.index()
	if err != nil {
		return v1.Hash{}, err
	}
	for _, d := range idx.Manifests {
		if d.Annotations[refName] == ref {
			return d.Digest, nil
		}
	}
	return v1.Hash{}, notFound(ref)
}

func (l *layout) hasBlob(_ context.Context, h v1.Hash) (bool, error) {
	info, err := os.Stat(l.blobPath(h))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, folderError(err)
	}
	return info.Mode().IsRegular(), nil
}

func (l *layout) readBlob(_ context.Context, d v1.Descriptor) ([]byte, error) {
	b, err := l.read(d.Digest, d.Size)
	if err != nil {
		return nil, err
	}
	if int64(len(b)) != d.Size {
		return nil, Invalid("%s: it has %d bytes, not %d", d.Digest, len(b), d.Size)
	}
	return b, nil
}

// read reads content of at most limit bytes and checks its digest.
func (l *layout) read(h v1.Hash, limit int64) ([]byte, error) {
	b, err := readFile(l.blobPath(h), limit)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, notFound(h.String())
	case errors.Is(err, ErrInvalid):
		return nil, err
	case err != nil:
		return nil, folderError(err)
	}
	if got := BytesBlob(b); got.Digest != h {
		return nil, Invalid("%s: the folder holds %s in its place", h, got.Digest)
	}
	return b, nil
}

func (l *layout) writeBlob(ctx context.Context, b Blob, wrote func(int64)) error {
	if ctx.Err() != nil {
		return ended(ctx, nil)
	}
	// A file of another size was damaged by something else; ours are whole.
	if info, err := os.Stat(l.blobPath(b.Digest)); err != nil || info.Size() != b.Size {
		r, err := b.Open()
		if err != nil {
			return err
		}
		defer func() { _ = r.Close() }()
		if err := l.replace(l.blobPath(b.Digest), newChecked(r, b)); err != nil {
			return err
		}
	}
	wrote(b.Size)
	return nil
}

func (l *layout) readManifest(_ context.Context, ref string) (Manifest, error) {
	h, err := l.digest(ref)
	if err != nil {
		return Manifest{}, err
	}
	raw, err := l.read(h, maxManifest)
	if err != nil {
		return Manifest{}, err
	}
	m := Manifest{Raw: raw}
	e, err := m.Parse()
	m.MediaType = e.MediaType
	return m, err
}

// writeManifest expects the lock to be held. The folder keeps no list of
// subjects; the fallback tag serves, which every reader of layouts understands.
func (l *layout) writeManifest(ctx context.Context, ref string, m Manifest) (bool, error) {
	if err := l.writeBlob(ctx, BytesBlob(m.Raw), func(int64) {}); err != nil {
		return false, err
	}
	if _, err := v1.NewHash(ref); err == nil {
		return false, nil
	}
	d := m.Descriptor()
	d.Annotations = map[string]string{refName: ref}
	return false, l.rewriteIndex(func(idx *v1.IndexManifest) {
		idx.Manifests = slices.DeleteFunc(idx.Manifests, func(o v1.Descriptor) bool { return o.Annotations[refName] == ref })
		idx.Manifests = append(idx.Manifests, d)
	})
}

// rewriteIndex changes index.json and expects the lock to be held.
func (l *layout) rewriteIndex(change func(*v1.IndexManifest)) error {
	idx, err := l.index()
	if err != nil {
		return err
	}
	change(&idx)
	slices.SortStableFunc(idx.Manifests, func(a, b v1.Descriptor) int {
		return strings.Compare(a.Annotations[refName], b.Annotations[refName])
	})
	raw, err := json.Marshal(idx)
	if err != nil {
		return Invalid("encode %s: %v", indexFile, err)
	}
	return l.replace(l.path(indexFile), bytes.NewReader(raw))
}

func (l *layout) referrers(context.Context, string) ([]v1.Descriptor, error) {
	return nil, notFound("referrers")
}

func (l *layout) stat(ctx context.Context, ref string) (string, error) {
	h, err := l.digest(ref)
	if err != nil {
		return "", err
	}
	if ok, err := l.hasBlob(ctx, h); err != nil || !ok {
		return "", errors.Join(err, notFound(h.String()))
	}
	return h.String(), nil
}

func (l *layout) tags(context.Context) ([]string, error) {
	idx, err := l.index()
	var out []string
	for _, d := range idx.Manifests {
		if tag := d.Annotations[refName]; tag != "" {
			out = append(out, tag)
		}
	}
	return out, err
}

func (l *layout) first(ctx context.Context, tags []string) (string, error) {
	have, err := l.tags(ctx)
	if err != nil {
		return "", err
	}
	set := make(map[string]bool, len(have))
	for _, t := range have {
		set[t] = true
	}
	for _, t := range tags {
		if set[t] {
			return t, nil
		}
	}
	return "", notFound("none of the tags")
}
