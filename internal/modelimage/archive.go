package modelimage

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/weighlock/weighlock/internal/registry"
)

// ErrNoPlatform says that the image does not run on the platform that is asked for.
var ErrNoPlatform = errors.New("the image does not run on this platform")

// Model reads the model back out of the image's own layer.
func (i *Image) Model() (fs.FS, error) {
	raw, err := readAll(i.Blobs[0]) // Build puts the model first
	if err != nil {
		return nil, err
	}
	files, err := unpackModel(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		return nil, err
	}
	return newSpanFS(files), nil
}

func readAll(b registry.Blob) ([]byte, error) {
	r, err := b.Open()
	if err != nil {
		return nil, err
	}
	defer func() { _ = r.Close() }()
	return io.ReadAll(r)
}

// Archive is one platform of the image in the form that `docker load` reads, under a tag. It is held in memory.
func (i *Image) Archive(platform, tag string) (io.Reader, error) {
	m, err := i.platform(platform)
	if err != nil {
		return nil, err
	}
	e, err := m.Parse()
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	tw := tar.NewWriter(&out)
	add := func(name string, content []byte) error {
		if err := tw.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: int64(len(content))}); err != nil {
			return err
		}
		_, err := tw.Write(content)
		return err
	}
	description := []map[string]any{{"Config": e.Config.Digest.Hex + ".json", "RepoTags": []string{tag}}}
	var layers []string
	for _, d := range append([]v1.Descriptor{e.Config}, e.Layers...) {
		name := e.Config.Digest.Hex + ".json"
		if d.Digest != e.Config.Digest {
			name = d.Digest.Hex + "/layer.tar"
			layers = append(layers, name)
		}
		content, err := i.content(d.Digest)
		if err != nil {
			return nil, err
		}
		if err := add(name, content); err != nil {
			return nil, fmt.Errorf("write archive: %w", err)
		}
	}
	description[0]["Layers"] = layers
	raw, err := json.Marshal(description)
	if err != nil {
		return nil, fmt.Errorf("write archive: %w", err)
	}
	if err := errors.Join(add("manifest.json", raw), tw.Close()); err != nil {
		return nil, fmt.Errorf("write archive: %w", err)
	}
	return &out, nil
}

func (i *Image) platform(platform string) (registry.Manifest, error) {
	digest := i.Manifests()[platform]
	for _, m := range i.Children {
		if m.Digest().String() == digest {
			return m, nil
		}
	}
	return registry.Manifest{}, fmt.Errorf("%s: %w", platform, ErrNoPlatform)
}

func (i *Image) content(h v1.Hash) ([]byte, error) {
	for _, b := range i.Blobs {
		if b.Digest == h {
			return readAll(b)
		}
	}
	return nil, fmt.Errorf("read image: it has no %s", h)
}
