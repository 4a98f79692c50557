package modelimage

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// blob is content that knows its digest and can be read any number of times,
// so that an upload can be tried again.
type blob struct {
	digest v1.Hash
	size   int64
	open   func() io.Reader
}

// newBlob describes what open yields by reading it once.
func newBlob(open func() io.Reader) (blob, error) {
	h, n, err := v1.SHA256(open())
	if err != nil {
		return blob{}, fmt.Errorf("digest blob: %w", err)
	}
	return blob{digest: h, size: n, open: open}, nil
}

// bytesBlob is a blob over b, which must not change afterwards.
func bytesBlob(b []byte) blob {
	h, n, _ := v1.SHA256(bytes.NewReader(b)) // reading from memory cannot fail
	return blob{digest: h, size: n, open: func() io.Reader { return bytes.NewReader(b) }}
}

func (b blob) descriptor(mediaType types.MediaType) v1.Descriptor {
	return v1.Descriptor{MediaType: mediaType, Size: b.size, Digest: b.digest}
}

// manifest is the bytes of a manifest or an index, as they are stored.
type manifest struct {
	raw       []byte
	mediaType types.MediaType
}

// newManifest encodes v. Struct fields keep their order and maps are sorted by
// encoding/json, so equal values have equal bytes.
func newManifest(v any, mediaType types.MediaType) (manifest, error) {
	raw, err := json.Marshal(v)
	if err != nil {
		return manifest{}, fmt.Errorf("encode manifest: %w", err)
	}
	return manifest{raw: raw, mediaType: mediaType}, nil
}

func (m manifest) digest() v1.Hash {
	h, _, _ := v1.SHA256(bytes.NewReader(m.raw)) // reading from memory cannot fail
	return h
}

func (m manifest) descriptor() v1.Descriptor {
	return v1.Descriptor{MediaType: m.mediaType, Size: int64(len(m.raw)), Digest: m.digest()}
}

// envelope reads what index and image manifest have in common, and both lists.
type envelope struct {
	MediaType    types.MediaType   `json:"mediaType"`
	ArtifactType string            `json:"artifactType"`
	Config       v1.Descriptor     `json:"config"`
	Layers       []v1.Descriptor   `json:"layers"`
	Manifests    []v1.Descriptor   `json:"manifests"`
	Subject      *v1.Descriptor    `json:"subject"`
	Annotations  map[string]string `json:"annotations"`
}

func (m manifest) parse() (envelope, error) {
	var e envelope
	if err := json.Unmarshal(m.raw, &e); err != nil {
		return e, invalid("parse manifest %s: %v", m.digest(), err)
	}
	if len(e.Manifests) > 0 && len(e.Layers) > 0 {
		// One client would read an index, another an image: CVE-2021-41190.
		return e, invalid("parse manifest %s: both an index and an image", m.digest())
	}
	return e, nil
}
