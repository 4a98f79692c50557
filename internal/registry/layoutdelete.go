package registry

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

func (l *layout) openBlob(_ context.Context, d v1.Descriptor) (io.ReadCloser, error) {
	// A pipe in the place of a file would block for ever.
	if ok, err := l.hasBlob(context.Background(), d.Digest); err != nil || !ok {
		return nil, errors.Join(err, notFound(d.Digest.String()))
	}
	f, err := os.Open(l.blobPath(d.Digest))
	if err != nil {
		return nil, folderError(err)
	}
	return f, nil
}

// deleteRef takes a tag away, or a manifest with all its tags. It expects the lock to be held.
func (l *layout) deleteRef(_ context.Context, ref string) error {
	h, err := v1.NewHash(ref)
	if err != nil {
		if _, err := l.digest(ref); err != nil {
			return err
		}
		return l.rewriteIndex(func(idx *v1.IndexManifest) {
			drop(idx, func(d v1.Descriptor) bool { return d.Annotations[refName] == ref })
		})
	}
	if err := l.rewriteIndex(func(idx *v1.IndexManifest) { drop(idx, func(d v1.Descriptor) bool { return d.Digest == h }) }); err != nil {
		return err
	}
	if err := os.Remove(l.blobPath(h)); errors.Is(err, fs.ErrNotExist) {
		return notFound(ref)
	} else if err != nil {
		return folderError(err)
	}
	return nil
}

func drop(idx *v1.IndexManifest, gone func(v1.Descriptor) bool) {
	kept := []v1.Descriptor{}
	for _, d := range idx.Manifests {
		if !gone(d) {
			kept = append(kept, d)
		}
	}
	idx.Manifests = kept
}

// sweep deletes what nothing names. It expects the lock to be held.
func (l *layout) sweep(ctx context.Context, keep map[v1.Hash]bool) (int64, error) {
	var freed int64
	entries, err := os.ReadDir(l.path("blobs", "sha256"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, folderError(err)
	}
	for _, e := range entries {
		h, err := v1.NewHash("sha256:" + e.Name())
		if ctx.Err() != nil {
			return freed, ended(ctx, nil)
		}
		if err != nil || keep[h] || !e.Type().IsRegular() {
			continue // not ours, or needed
		}
		info, err := e.Info()
		if err != nil {
			return freed, folderError(err)
		}
		if err := os.Remove(l.blobPath(h)); err != nil {
			return freed, folderError(err)
		}
		freed += info.Size()
	}
	return freed, nil
}
