package registry

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

const (
	testRevision = "0123456789abcdef0123456789abcdef01234567"
	testTag      = "sha-" + testRevision
	testSuffix   = "-sibling"
	testLayer    = types.MediaType("application/vnd.weighlock.test.layer")
)

// input decides the bytes of a small content that has the shape of a model image: an index over two images that share
// a layer, and a companion.
type input struct {
	revision string
	created  time.Time
	files    map[string]string
}

func testInput() input {
	return input{testRevision, time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC), map[string]string{"model.json": `{"kind":"linear"}`}}
}

func mustBuild(t testing.TB, in input) Content {
	t.Helper()
	layer := BytesBlob(mustJSON(t, in.files))
	c := Content{Blobs: []Blob{layer}}
	annotations := map[string]string{"org.opencontainers.image.revision": in.revision, annotationCreated: in.created.Format(time.RFC3339)}
	var listed []v1.Descriptor
	for _, arch := range []string{"amd64", "arm64", "unknown"} {
		config := BytesBlob(mustJSON(t, v1.ConfigFile{Architecture: arch, OS: "linux"}))
		m := mustManifest(t, v1.Manifest{
			SchemaVersion: 2, MediaType: types.OCIManifestSchema1, Config: config.Descriptor(types.OCIConfigJSON),
			Layers: []v1.Descriptor{layer.Descriptor(testLayer)}, Annotations: annotations,
		}, types.OCIManifestSchema1)
		c.Blobs, c.Children = append(c.Blobs, config), append(c.Children, m)
		listed = append(listed, m.Descriptor())
	}
	c.Companions = map[string]Manifest{testSuffix: c.Children[2]}
	c.Top = mustManifest(t, v1.IndexManifest{
		SchemaVersion: 2, MediaType: types.OCIImageIndex, Manifests: listed, Annotations: annotations,
	}, types.OCIImageIndex)
	return c
}

func mustManifest(t testing.TB, v any, mediaType types.MediaType) Manifest {
	t.Helper()
	m, err := NewManifest(v, mediaType)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func mustJSON(t testing.TB, v any) []byte {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// readFiles reads back what an input was made of.
func readFiles(t testing.TB, r *Repository, digest string) (map[string]string, error) {
	t.Helper()
	m, err := r.Manifest(t.Context(), digest)
	if err != nil {
		return nil, err
	}
	e, err := m.Parse()
	if err != nil {
		return nil, err
	}
	if len(e.Manifests) > 0 {
		return readFiles(t, r, e.Manifests[0].Digest.String())
	}
	raw, err := r.Blob(t.Context(), e.Layers[0])
	if err != nil {
		return nil, err
	}
	var files map[string]string
	return files, json.Unmarshal(raw, &files)
}

func wantFiles(t *testing.T, r *Repository, digest string, want map[string]string) {
	t.Helper()
	got, err := readFiles(t, r, digest)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
