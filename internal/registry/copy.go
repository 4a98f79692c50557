package registry

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

const (
	// maxDepth bounds what is attached to what is attached, and lists within lists.
	maxDepth = 4
	// maxCopied bounds the manifests of one copy.
	maxCopied = 10_000
)

// besideSuffixes end the tags under which cosign used to keep things beside an image.
var besideSuffixes = []string{".att", ".sbom", ".sig"}

// CopyOptions say what is copied.
type CopyOptions struct {
	// Tags are set in the target last, each after its companions.
	Tags []string
	// Companions are the digests of children that get a tag TAG+suffix, by suffix.
	Companions map[string]string
	// Progress is told of bytes written so far and in all; it may be nil.
	Progress func(done, total int64)
}

// Copy brings content, everything that it lists, and everything that is
// attached to any of it into another repository. Digests stay as they are, so
// signatures hold there too. Blobs are streamed and need not fit into memory.
func Copy(ctx context.Context, from, to *Repository, digest string, o CopyOptions) error {
	c := copier{from: from, to: to, seen: map[string]bool{}, blobs: map[v1.Hash]bool{}}
	if err := c.copy(ctx, digest, o); err != nil {
		return from.wrap("copy", digest, err)
	}
	return nil
}

type copier struct {
	from, to *Repository
	seen     map[string]bool // attached manifests
	blobs    map[v1.Hash]bool
	read     int // manifests so far
}

func (c *copier) copy(ctx context.Context, digest string, o CopyOptions) error {
	if _, err := v1.NewHash(digest); err != nil {
		return Invalid("%q is not a digest", digest)
	}
	content, err := c.content(ctx, digest, 0)
	if err != nil {
		return err
	}
	content.Companions = map[string]Manifest{}
	for suffix, child := range o.Companions {
		for _, m := range content.Children {
			if m.Digest().String() == child {
				content.Companions[suffix] = m
			}
		}
	}
	// The tags come last, when what is attached is there.
	if _, err := c.to.Push(ctx, content, PushOptions{Progress: o.Progress}); err != nil {
		return err
	}
	for _, m := range append(slices.Clone(content.Children), content.Top) {
		if err := c.attached(ctx, m.Digest().String(), 0); err != nil {
			return err
		}
	}
	_, err = c.to.Push(ctx, content, PushOptions{Tags: o.Tags})
	return err
}

// content describes what a manifest of the source stands for.
func (c *copier) content(ctx context.Context, ref string, depth int) (Content, error) {
	if c.read++; depth > maxDepth || c.read > maxCopied {
		return Content{}, Invalid("%s: more than %d manifests, or %d lists within lists", ref, maxCopied, maxDepth)
	}
	top, err := c.from.Manifest(ctx, ref)
	if err != nil {
		return Content{}, err
	}
	e, err := top.Parse()
	if err != nil {
		return Content{}, err
	}
	out := Content{Top: top}
	if err := c.addBlobs(ctx, &out, e); err != nil {
		return Content{}, err
	}
	for _, d := range e.Manifests {
		child, err := c.content(ctx, d.Digest.String(), depth+1)
		if err != nil {
			return Content{}, err
		}
		out.Children = append(append(out.Children, child.Children...), child.Top)
		out.Blobs = append(out.Blobs, child.Blobs...)
	}
	return out, nil
}

// addBlobs adds what a manifest names, each once.
func (c *copier) addBlobs(ctx context.Context, out *Content, e Envelope) error {
	layers := e.Layers
	if e.Config.Size > 0 {
		layers = append(layers, e.Config)
	}
	for _, d := range layers {
		if c.blobs[d.Digest] {
			continue
		}
		if d.Size < 0 {
			return Invalid("%s: it has %d bytes", d.Digest, d.Size)
		}
		c.blobs[d.Digest] = true
		out.Blobs = append(out.Blobs, Blob{Digest: d.Digest, Size: d.Size, Open: func() (io.ReadCloser, error) { return c.from.store.openBlob(ctx, d) }})
	}
	return nil
}

// attached copies what is attached to a digest, and what is attached to that.
func (c *copier) attached(ctx context.Context, digest string, depth int) error {
	if depth > maxDepth {
		return Invalid("%s: attachments of attachments, more than %d deep", digest, maxDepth)
	}
	listed, err := c.from.Referrers(ctx, digest)
	if err != nil {
		return err
	}
	var found []Manifest
	for _, d := range listed {
		if c.seen[d.Digest.String()] {
			continue
		}
		c.seen[d.Digest.String()] = true
		content, err := c.content(ctx, d.Digest.String(), 0)
		if errors.Is(err, ErrNotFound) {
			continue // listed, and gone
		}
		if err != nil {
			return err
		}
		if _, err := c.to.Push(ctx, content, PushOptions{}); err != nil {
			return err
		}
		found = append(found, content.Top)
	}
	if err := c.to.list(ctx, digest, found); err != nil {
		return err
	}
	for _, m := range found {
		if err := c.attached(ctx, m.Digest().String(), depth+1); err != nil {
			return err
		}
	}
	return c.beside(ctx, digest)
}

// beside copies what is found by a tag made of the digest.
func (c *copier) beside(ctx context.Context, digest string) error {
	for _, suffix := range besideSuffixes {
		content, err := c.content(ctx, strings.Replace(digest, ":", "-", 1)+suffix, 0)
		if errors.Is(err, ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		if err := c.to.putBeside(ctx, fallbackTag(digest)+suffix, content); err != nil {
			return err
		}
	}
	return nil
}
