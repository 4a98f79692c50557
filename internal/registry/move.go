package registry

import (
	"context"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// SetTag makes a tag name content that is there already, by its digest, and
// reads it back. A write-once tag that names other content is ErrConflict.
func (r *Repository) SetTag(ctx context.Context, tag, digest string) error {
	ctx, cancel := r.begin(ctx)
	defer cancel()
	release, err := r.store.hold(ctx)
	if err != nil {
		return r.wrap("tag", digest, err)
	}
	defer release()
	if !tagRE.MatchString(tag) || strings.HasPrefix(tag, fallbackPrefix) {
		return r.wrap("tag", digest, Invalid("%q cannot be a tag", tag))
	}
	if _, err := v1.NewHash(digest); err != nil {
		return r.wrap("tag", "", Invalid("%q is not a digest", digest))
	}
	m, err := r.store.readManifest(ctx, digest)
	if err != nil {
		return r.wrap("tag", digest, err)
	}
	return r.wrap("tag as "+tag, digest, r.setTag(ctx, target{tag, m}))
}

// Put stores a small document under a moving tag of its own, such as a note
// about another tag.
func (r *Repository) Put(ctx context.Context, tag string, a Attachment) error {
	ctx, cancel := r.begin(ctx)
	defer cancel()
	release, err := r.store.hold(ctx)
	if err != nil {
		return r.wrap("write", tag, err)
	}
	defer release()
	m, blobs, err := document(a, nil)
	if err != nil {
		return r.wrap("write", tag, err)
	}
	if err := r.pushBlobs(ctx, blobs, func(int64) {}); err != nil {
		return r.wrap("write", tag, err)
	}
	return r.wrap("write", tag, r.setTag(ctx, target{tag, m}))
}

// Get reads the document under a tag; ErrNotFound.
func (r *Repository) Get(ctx context.Context, tag string) (Attachment, error) {
	ctx, cancel := r.begin(ctx)
	defer cancel()
	m, err := r.store.readManifest(ctx, tag)
	if err != nil {
		return Attachment{}, r.wrap("read", tag, err)
	}
	a, err := r.readDocument(ctx, m)
	return a, r.wrap("read", tag, err)
}
