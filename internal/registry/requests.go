package registry

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// acceptManifests asks for the manifest as it was pushed.
var acceptManifests = map[string]string{"Accept": strings.Join([]string{
	string(types.OCIImageIndex), string(types.OCIManifestSchema1),
	string(types.DockerManifestList), string(types.DockerManifestSchema2),
}, ", ")}

// maxPages bounds a listing whose links never end.
const maxPages = 1000

func (c *remote) hasBlob(ctx context.Context, h v1.Hash) (bool, error) {
	err := c.send(ctx, call{
		method: http.MethodHead, path: "blobs/" + h.String(), scope: transport.PullScope, want: []int{http.StatusOK},
	})
	if errors.Is(err, ErrNotFound) || errors.Is(err, errLost) {
		return false, nil
	}
	return err == nil, err
}

func (c *remote) readBlob(ctx context.Context, d v1.Descriptor) ([]byte, error) {
	var out []byte
	err := c.send(ctx, call{
		method: http.MethodGet, path: "blobs/" + d.Digest.String(), scope: transport.PullScope, size: d.Size,
		want: []int{http.StatusOK},
		read: func(resp *http.Response) (err error) {
			out, err = c.body(resp, d.Size)
			if err != nil {
				return err
			}
			return checkDigest(out, d)
		},
	})
	if errors.Is(err, errLost) {
		return nil, notFound(d.Digest.String())
	}
	return out, err
}

// body reads an answer of at most limit bytes. One that breaks off is tried again.
func (c *remote) body(resp *http.Response, limit int64) ([]byte, error) {
	var buf bytes.Buffer
	n, err := buf.ReadFrom(io.LimitReader(resp.Body, limit+1))
	switch {
	case err != nil:
		return nil, networkSetback(c.repo.RegistryStr(), err)
	case n > limit:
		return nil, Invalid("answer of %s: more than the %d bytes that it may have", c.repo.RegistryStr(), limit)
	}
	return buf.Bytes(), nil
}

// checkDigest compares what was read with what was asked for.
func checkDigest(b []byte, d v1.Descriptor) error {
	h, n, _ := v1.SHA256(bytes.NewReader(b)) // reading from memory cannot fail
	if n != d.Size || h != d.Digest {
		return &setback{err: Invalid("%s, %d bytes: the answer is %s, %d bytes", d.Digest, d.Size, h, n), again: true, tries: 3}
	}
	return nil
}

func (c *remote) writeBlob(ctx context.Context, b Blob, wrote func(int64)) error {
	there, err := c.hasBlob(ctx, b.Digest)
	if err != nil {
		return err
	}
	if there {
		wrote(b.Size)
		return nil
	}
	// Begin and finish are one try: the place that the registry opens for an
	// upload does not outlive a failure.
	err = c.retry.do(ctx, "upload to "+c.repo.RegistryStr(), func(ctx context.Context) error {
		return c.upload(ctx, b)
	})
	if err == nil {
		wrote(b.Size)
	}
	return err
}

func (c *remote) upload(ctx context.Context, b Blob) error {
	var place string
	err := c.try(ctx, call{
		method: http.MethodPost, path: "blobs/uploads/", scope: transport.PushScope,
		want: []int{http.StatusAccepted},
		read: func(resp *http.Response) (err error) {
			place, err = c.location(resp)
			return err
		},
	})
	if err != nil {
		return err
	}
	u, err := url.Parse(place)
	if err != nil {
		return refusal("%s names a place that is not a URL", c.repo.RegistryStr())
	}
	q := u.Query()
	q.Set("digest", b.Digest.String())
	u.RawQuery = q.Encode()
	err = c.try(ctx, call{
		method: http.MethodPut, url: u.String(), scope: transport.PushScope,
		header: map[string]string{"Content-Type": "application/octet-stream"},
		body:   b.Open, size: b.Size, want: []int{http.StatusCreated, http.StatusNoContent},
	})
	if errors.Is(err, errLost) || errors.Is(err, ErrNotFound) {
		return &setback{err: unavailable("%s lost an upload that it began", c.repo.RegistryStr()), again: true, tries: fewTries}
	}
	return err
}

// location is where the registry wants the upload; guard decides whether it
// gets it there.
func (c *remote) location(resp *http.Response) (string, error) {
	u, err := resp.Location()
	if err != nil {
		return "", &setback{err: unavailable("%s names no place for an upload", c.repo.RegistryStr()), again: true, tries: fewTries}
	}
	return u.String(), nil
}

func (c *remote) readManifest(ctx context.Context, ref string) (Manifest, error) {
	var m Manifest
	err := c.send(ctx, call{
		method: http.MethodGet, path: "manifests/" + ref, scope: transport.PullScope, header: acceptManifests,
		want: []int{http.StatusOK},
		read: func(resp *http.Response) (err error) {
			m.MediaType = types.MediaType(resp.Header.Get("Content-Type"))
			m.Raw, err = c.body(resp, maxManifest)
			if err != nil {
				return err
			}
			if want, err := v1.NewHash(ref); err == nil {
				return checkDigest(m.Raw, v1.Descriptor{Digest: want, Size: int64(len(m.Raw))})
			}
			return nil
		},
	})
	return m, err
}

func (c *remote) writeManifest(ctx context.Context, ref string, m Manifest) (bool, error) {
	listed := false
	err := c.send(ctx, call{
		method: http.MethodPut, path: "manifests/" + ref, scope: transport.PushScope,
		header: map[string]string{"Content-Type": string(m.MediaType)},
		body:   BytesBlob(m.Raw).Open, size: int64(len(m.Raw)),
		want: []int{http.StatusCreated, http.StatusOK, http.StatusAccepted},
		read: func(resp *http.Response) error {
			listed = resp.Header.Get("OCI-Subject") != ""
			return nil
		},
	})
	// A manifest that the registry does not know is one of those it lists.
	if errors.Is(err, ErrNotFound) {
		return false, &failure{errLost, err.Error()}
	}
	return listed, err
}

func (c *remote) stat(ctx context.Context, ref string) (string, error) {
	var digest string
	err := c.send(ctx, call{
		method: http.MethodHead, path: "manifests/" + ref, scope: transport.PullScope, header: acceptManifests,
		want: []int{http.StatusOK},
		read: func(resp *http.Response) error {
			digest = resp.Header.Get("Docker-Content-Digest")
			return nil
		},
	})
	if err != nil {
		return "", err
	}
	if _, err := v1.NewHash(digest); err == nil {
		return digest, nil
	}
	// Not every registry sends the header; the content tells as well.
	m, err := c.readManifest(ctx, ref)
	if err != nil {
		return "", err
	}
	return m.Digest().String(), nil
}

func (c *remote) tags(ctx context.Context) ([]string, error) {
	var all []string
	list := call{path: "tags/list", query: "n=1000", want: []int{http.StatusOK}}
	err := c.pages(ctx, list, func(body []byte) error {
		var page struct {
			Tags []string `json:"tags"`
		}
		if err := json.Unmarshal(body, &page); err != nil {
			return Invalid("list tags: %v", err)
		}
		all = append(all, page.Tags...)
		return nil
	})
	return all, err
}

// firstBatch and mostAtOnce size the batches of first: the nearest ancestor
// nearly always has an image, and a registry counts requests.
const (
	firstBatch = 2
	mostAtOnce = 8
)

// first asks for the tags in growing batches, each batch at once.
func (c *remote) first(ctx context.Context, tags []string) (string, error) {
	for size := firstBatch; len(tags) > 0; size = min(2*size, mostAtOnce) {
		batch := tags[:min(size, len(tags))]
		tags = tags[len(batch):]
		errs := make([]error, len(batch))
		var wg sync.WaitGroup
		for i, tag := range batch {
			wg.Go(func() { _, errs[i] = c.stat(ctx, tag) })
		}
		wg.Wait()
		for i, err := range errs {
			if !errors.Is(err, ErrNotFound) {
				return batch[i], err
			}
		}
	}
	return "", notFound("none of the tags")
}

func (c *remote) referrers(ctx context.Context, subject string) ([]v1.Descriptor, error) {
	var all []v1.Descriptor
	// Those without this API answer in many ways; ghcr.io even leads elsewhere
	// (facts/oci.md 0.4), and some proxies answer 200 with a web page.
	list := call{path: "referrers/" + subject, want: []int{
		http.StatusOK, http.StatusBadRequest, http.StatusMethodNotAllowed, http.StatusNotAcceptable, http.StatusNotImplemented,
	}}
	err := c.pages(ctx, list, func(body []byte) error {
		var page Envelope
		if err := json.Unmarshal(body, &page); err != nil || page.MediaType != types.OCIImageIndex {
			return notFound("referrers")
		}
		all = append(all, page.Manifests...)
		return nil
	})
	if errors.Is(err, ErrRefused) {
		return nil, notFound("referrers")
	}
	return all, err
}

// pages reads a listing and follows its links, which stay at the same path.
func (c *remote) pages(ctx context.Context, list call, page func([]byte) error) error {
	list.method, list.scope = http.MethodGet, transport.PullScope
	list.header = map[string]string{"Accept": string(types.OCIImageIndex) + ", application/json"}
	for range maxPages {
		next := ""
		list.read = func(resp *http.Response) error {
			if resp.StatusCode != http.StatusOK {
				return notFound(list.path)
			}
			body, err := c.body(resp, maxManifest)
			if err != nil {
				return err
			}
			next = nextQuery(resp.Header.Get("Link"))
			return page(body)
		}
		if err := c.send(ctx, list); err != nil {
			return err
		}
		if next == "" || next == list.query {
			return nil
		}
		list.query = next
	}
	return Invalid("list %s: more than %d pages", list.path, maxPages)
}

// nextQuery is the query of the link to the next page; the rest of the link is
// ours to know.
func nextQuery(link string) string {
	target, rel, ok := strings.Cut(strings.TrimPrefix(strings.TrimSpace(link), "<"), ">")
	if !ok || !strings.Contains(rel, "next") {
		return ""
	}
	u, err := url.Parse(target)
	if err != nil {
		return ""
	}
	return u.RawQuery
}

// hold is of no use here: no registry can keep others out. What is written
// once has a digest for a name, and tags are read back.
func (c *remote) hold(context.Context) (func(), error) { return func() {}, nil }

// deleteRef takes "no" in the many ways in which registries say it.
func (c *remote) deleteRef(ctx context.Context, ref string) error {
	return c.send(ctx, call{
		method: http.MethodDelete, path: "manifests/" + ref, scope: transport.DeleteScope,
		want: []int{
			http.StatusAccepted, http.StatusOK, http.StatusNoContent,
			http.StatusBadRequest, http.StatusMethodNotAllowed, http.StatusNotImplemented,
		},
		read: func(resp *http.Response) error {
			if resp.StatusCode >= http.StatusBadRequest {
				return &failure{ErrUnsupported, "delete " + ref + ": " + ErrUnsupported.Error()}
			}
			return nil
		},
	})
}

// sweep is the registry's own business.
func (c *remote) sweep(context.Context, map[v1.Hash]bool) (int64, error) {
	return 0, &failure{ErrUnsupported, "sweep: " + ErrUnsupported.Error()}
}
