package modelimage

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/weighlock/weighlock/internal/registry"
)

// shelf is a repository in memory.
type shelf map[string][]byte

func (s shelf) put(b []byte) v1.Hash {
	h, _, _ := v1.SHA256(bytes.NewReader(b))
	s[h.String()] = b
	return h
}

func (s shelf) Manifest(_ context.Context, ref string) (registry.Manifest, error) {
	raw, ok := s[ref]
	if !ok {
		return registry.Manifest{}, fmt.Errorf("%s: %w", ref, registry.ErrNotFound)
	}
	var head struct {
		MediaType types.MediaType `json:"mediaType"`
	}
	err := json.Unmarshal(raw, &head)
	return registry.Manifest{Raw: raw, MediaType: head.MediaType}, err
}

func (s shelf) Blob(_ context.Context, d v1.Descriptor) ([]byte, error) {
	b, ok := s[d.Digest.String()]
	if !ok {
		return nil, fmt.Errorf("%s: %w", d.Digest, registry.ErrNotFound)
	}
	return b, nil
}

func (s shelf) CopyBlob(ctx context.Context, d v1.Descriptor, w io.Writer) error {
	b, err := s.Blob(ctx, d)
	if err != nil {
		return err
	}
	_, err = w.Write(b)
	return err
}

// base puts an image of one platform on the shelf, in Docker's older format, and returns its descriptor.
func (s shelf) base(t *testing.T, arch string) v1.Descriptor {
	t.Helper()
	layer := []byte("layer for " + arch)
	diff, _, _ := v1.SHA256(bytes.NewReader([]byte("unpacked layer for " + arch)))
	config, err := json.Marshal(v1.ConfigFile{
		OS: "linux", Architecture: arch, RootFS: v1.RootFS{Type: "layers", DiffIDs: []v1.Hash{diff}},
		Config: v1.Config{Env: []string{"PATH=/opt/python/bin:/usr/bin", "LANG=C.UTF-8", "MODEL_NAME=old"}, User: "root", Entrypoint: []string{"python3"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(v1.Manifest{
		SchemaVersion: 2, MediaType: types.DockerManifestSchema2,
		Config: v1.Descriptor{MediaType: types.DockerConfigJSON, Size: int64(len(config)), Digest: s.put(config)},
		Layers: []v1.Descriptor{{MediaType: types.DockerLayer, Size: int64(len(layer)), Digest: s.put(layer)}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return v1.Descriptor{
		MediaType: types.DockerManifestSchema2, Size: int64(len(raw)), Digest: s.put(raw), Platform: &v1.Platform{OS: "linux", Architecture: arch},
	}
}

func TestImageStandsOnItsBase(t *testing.T) {
	s := shelf{}
	amd := s.base(t, "amd64")
	raw, err := json.Marshal(v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex, Manifests: []v1.Descriptor{amd}})
	if err != nil {
		t.Fatal(err)
	}
	index := s.put(raw)
	for name, digest := range map[string]string{"index": index.String(), "image": amd.Digest.String()} {
		base, err := ReadBase(t.Context(), s, "ghcr.io/acme/python", digest)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		in := testInput()
		in.Base = base
		image, err := Build(in)
		if err != nil {
			t.Fatal(err)
		}
		var top v1.IndexManifest
		if err := json.Unmarshal(image.Top.Raw, &top); err != nil {
			t.Fatal(err)
		}
		if len(top.Manifests) != 2 || top.Annotations[AnnotationBaseDigest] != digest { // amd64 and the ModelPack sibling
			t.Errorf("%s: %d manifests, %v", name, len(top.Manifests), top.Annotations)
		}
		var m v1.Manifest
		if err := json.Unmarshal(image.Children[0].Raw, &m); err != nil {
			t.Fatal(err)
		}
		if len(m.Layers) != 3 || m.Layers[0].MediaType != types.OCILayer || string(s[m.Layers[0].Digest.String()]) != "layer for amd64" {
			t.Errorf("%s: layers %v", name, m.Layers)
		}
		i := slices.IndexFunc(image.Blobs, func(b registry.Blob) bool { return b.Digest == m.Config.Digest })
		r, err := image.Blobs[i].Open()
		if err != nil {
			t.Fatal(err)
		}
		file, err := v1.ParseConfigFile(r)
		if err != nil {
			t.Fatal(err)
		}
		if len(file.RootFS.DiffIDs) != 3 || len(file.History) != 3 || file.Config.User != "65532:65532" {
			t.Errorf("%s: config %+v", name, file)
		}
		want := []string{"PATH=/opt/python/bin:/usr/bin", "LANG=C.UTF-8", "MODEL_DIR=/models", "MODEL_NAME=diabetes"}
		if !slices.Equal(file.Config.Env, want) {
			t.Errorf("%s: environment %q, want %q", name, file.Config.Env, want)
		}
	}
}

func TestBaseThatCannotCarry(t *testing.T) {
	s := shelf{}
	riscv := s.base(t, "riscv64")
	base, err := ReadBase(t.Context(), s, "x", riscv.Digest.String())
	if err != nil {
		t.Fatal(err)
	}
	in := testInput()
	in.Base = base
	if _, err := Build(in); !errors.Is(err, errNoBase) {
		t.Errorf("another platform: %v", err)
	}
	if _, err := ReadBase(t.Context(), s, "x", "latest"); !errors.Is(err, registry.ErrInvalid) {
		t.Errorf("a tag: %v", err)
	}
	if _, err := ReadBase(t.Context(), s, "x", "sha256:"+testRevision+testRevision[:24]); !errors.Is(err, registry.ErrNotFound) {
		t.Errorf("not there: %v", err)
	}
}
