package registry

import (
	"context"
	"errors"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Delete deletes a tag, or a manifest by its digest. ErrUnsupported says that
// the registry deletes nothing by this way.
func (r *Repository) Delete(ctx context.Context, ref string) error {
	ctx, cancel := r.begin(ctx)
	defer cancel()
	release, err := r.store.hold(ctx)
	if err != nil {
		return r.wrap("delete", ref, err)
	}
	defer release()
	return r.wrap("delete", ref, r.store.deleteRef(ctx, ref))
}

// Forget deletes a manifest, what is attached to it, and the tags that are made
// of its digest. What is gone already is no error.
func (r *Repository) Forget(ctx context.Context, digest string) error {
	ctx, cancel := r.begin(ctx)
	defer cancel()
	release, err := r.store.hold(ctx)
	if err != nil {
		return r.wrap("delete", digest, err)
	}
	defer release()
	attached, err := r.listReferrers(ctx, digest)
	if err != nil {
		return r.wrap("delete", digest, err)
	}
	// The image goes first: half of this leaves documents without an image, and
	// never an image that has lost its verdict.
	gone := []string{digest}
	for _, d := range attached {
		gone = append(gone, d.Digest.String())
	}
	for _, suffix := range append([]string{""}, besideSuffixes...) {
		gone = append(gone, fallbackTag(digest)+suffix)
	}
	for _, ref := range gone {
		if err := r.forgetRef(ctx, ref); err != nil && !errors.Is(err, ErrNotFound) {
			return r.wrap("delete", ref, err)
		}
	}
	return nil
}

// forgetRef deletes a tag, or what it names where the registry deletes by digest alone.
func (r *Repository) forgetRef(ctx context.Context, ref string) error {
	err := r.store.deleteRef(ctx, ref)
	if _, notDigest := v1.NewHash(ref); notDigest == nil || !errors.Is(err, ErrUnsupported) {
		return err
	}
	digest, err := r.store.stat(ctx, ref)
	if err != nil {
		return err
	}
	return r.store.deleteRef(ctx, digest)
}

// Sweep deletes everything that no tag leads to, and returns the bytes that
// were freed. A registry does that on its own, which is ErrUnsupported.
func (r *Repository) Sweep(ctx context.Context) (int64, error) {
	ctx, cancel := r.begin(ctx)
	defer cancel()
	release, err := r.store.hold(ctx)
	if err != nil {
		return 0, r.wrap("sweep", "", err)
	}
	defer release()
	tags, err := r.store.tags(ctx)
	if err != nil {
		return 0, r.wrap("sweep", "", err)
	}
	keep := map[v1.Hash]bool{}
	for _, t := range tags {
		if err := r.mark(ctx, t, keep); err != nil {
			return 0, r.wrap("sweep", "", err)
		}
	}
	freed, err := r.store.sweep(ctx, keep)
	return freed, r.wrap("sweep", "", err)
}

// mark keeps a manifest, what it names, and what is attached to it.
func (r *Repository) mark(ctx context.Context, ref string, keep map[v1.Hash]bool) error {
	m, err := r.store.readManifest(ctx, ref)
	if err != nil {
		return err
	}
	if keep[m.Digest()] {
		return nil
	}
	keep[m.Digest()] = true
	e, err := m.Parse()
	if err != nil {
		return err
	}
	for _, d := range append(e.Layers, e.Config) {
		keep[d.Digest] = true
	}
	attached, err := r.listReferrers(ctx, m.Digest().String())
	if err != nil {
		return err
	}
	for _, d := range append(e.Manifests, attached...) {
		// What a list names and the store lacks cannot be kept, and is no reason to keep nothing.
		if err := r.mark(ctx, d.Digest.String(), keep); err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
	}
	return nil
}
