package registry

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Blob is content that knows its digest and can be read any number of times,
// so that an upload can be tried again. It need not fit into memory.
type Blob struct {
	Digest v1.Hash
	// Size is in bytes.
	Size int64
	// Open starts reading from the beginning.
	Open func() (io.ReadCloser, error)
}

// NewBlob describes what open yields by reading it once.
func NewBlob(open func() (io.ReadCloser, error)) (Blob, error) {
	r, err := open()
	if err != nil {
		return Blob{}, fmt.Errorf("digest blob: %w", err)
	}
	defer func() { _ = r.Close() }()
	h, n, err := v1.SHA256(r)
	if err != nil {
		return Blob{}, fmt.Errorf("digest blob: %w", err)
	}
	return Blob{Digest: h, Size: n, Open: open}, nil
}

// BytesBlob is a blob over b, which must not change afterwards.
func BytesBlob(b []byte) Blob {
	h, n, _ := v1.SHA256(bytes.NewReader(b)) // reading from memory cannot fail
	return Blob{Digest: h, Size: n, Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil }}
}

// checked fails at the end of content that is not what it was described to be:
// a file that changed after it was weighed is not stored.
type checked struct {
	from io.Reader
	hash hash.Hash
	blob Blob
}

func newChecked(from io.Reader, b Blob) *checked { return &checked{from, sha256.New(), b} }

// Read passes content on and judges it at its end.
func (c *checked) Read(p []byte) (int, error) {
	n, err := c.from.Read(p)
	_, _ = c.hash.Write(p[:n]) // a hash never fails
	if errors.Is(err, io.EOF) && hex.EncodeToString(c.hash.Sum(nil)) != c.blob.Digest.Hex {
		return n, Invalid("%s: it changed while it was written", c.blob.Digest)
	}
	return n, err
}

// Descriptor names the blob as content of a media type.
func (b Blob) Descriptor(mediaType types.MediaType) v1.Descriptor {
	return v1.Descriptor{MediaType: mediaType, Size: b.Size, Digest: b.Digest}
}

// Manifest is the bytes of a manifest or an index, as they are stored.
type Manifest struct {
	Raw       []byte
	MediaType types.MediaType
}

// NewManifest encodes v. Struct fields keep their order and maps are sorted by
// encoding/json, so equal values have equal bytes.
func NewManifest(v any, mediaType types.MediaType) (Manifest, error) {
	raw, err := json.Marshal(v)
	if err != nil {
		return Manifest{}, fmt.Errorf("encode manifest: %w", err)
	}
	return Manifest{Raw: raw, MediaType: mediaType}, nil
}

// Digest is the name of the manifest.
func (m Manifest) Digest() v1.Hash {
	h, _, _ := v1.SHA256(bytes.NewReader(m.Raw)) // reading from memory cannot fail
	return h
}

// Descriptor names the manifest in an index.
func (m Manifest) Descriptor() v1.Descriptor {
	return v1.Descriptor{MediaType: m.MediaType, Size: int64(len(m.Raw)), Digest: m.Digest()}
}

// Envelope reads what index and image manifest have in common, and both lists.
type Envelope struct {
	MediaType    types.MediaType   `json:"mediaType"`
	ArtifactType string            `json:"artifactType"`
	Config       v1.Descriptor     `json:"config"`
	Layers       []v1.Descriptor   `json:"layers"`
	Manifests    []v1.Descriptor   `json:"manifests"`
	Subject      *v1.Descriptor    `json:"subject"`
	Annotations  map[string]string `json:"annotations"`
}

// Parse reads the manifest; ErrInvalid when it is damaged or can be read in two ways.
func (m Manifest) Parse() (Envelope, error) {
	var e Envelope
	if err := json.Unmarshal(m.Raw, &e); err != nil {
		return e, Invalid("parse Manifest %s: %v", m.Digest(), err)
	}
	if len(e.Manifests) > 0 && len(e.Layers) > 0 {
		// One client would read an index, another an image: CVE-2021-41190.
		return e, Invalid("parse Manifest %s: both an index and an image", m.Digest())
	}
	return e, nil
}

// Content is everything that Push writes for one digest.
type Content struct {
	// Top is what tags name: an index or an image.
	Top Manifest
	// Children are the manifests that Top lists.
	Children []Manifest
	// Blobs are what the manifests name, each once.
	Blobs []Blob
	// Companions are tagged TAG+suffix beside Top's TAG, by suffix, for readers
	// that resolve a manifest and cannot pick one from an index.
	Companions map[string]Manifest
}

// Digest is that of Top: "sha256:" and 64 hex digits.
func (c Content) Digest() string { return c.Top.Digest().String() }

// Size is the number of bytes of all blobs, each counted once.
func (c Content) Size() int64 {
	var n int64
	for _, b := range c.Blobs {
		n += b.Size
	}
	return n
}
