package modelimage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/weighlock/weighlock/internal/registry"
)

// AnnotationBaseName and AnnotationBaseDigest say which image an opaque model's image stands on.
const (
	AnnotationBaseName   = "org.opencontainers.image.base.name"
	AnnotationBaseDigest = "org.opencontainers.image.base.digest"
)

// Base is the user's runtime image, below the server and the model: an opaque model needs its own interpreter.
type Base struct {
	// Name and Digest are the repository and the digest that were asked for.
	Name, Digest string
	platforms    map[string]basePlatform
}

// basePlatform is the image of one platform.
type basePlatform struct {
	layers  []v1.Descriptor
	diffIDs []v1.Hash
	env     []string
	blobs   []registry.Blob
}

// errNoBase says that the base has no image for a platform.
var errNoBase = errors.New("the base image is for other platforms")

// of is the base's image of a platform; a nil base has none.
func (b *Base) of(platform string) (basePlatform, bool) {
	if b == nil {
		return basePlatform{}, false
	}
	p, ok := b.platforms[platform]
	return p, ok
}

// ReadBase reads what a base image consists of, by digest. Its layers are read when they are written elsewhere; each
// then passes through memory.
func ReadBase(ctx context.Context, r Repository, name, digest string) (*Base, error) {
	base := &Base{Name: name, Digest: digest, platforms: map[string]basePlatform{}}
	if _, err := v1.NewHash(digest); err != nil {
		return nil, fmt.Errorf("read base image %s: %w", name, registry.Invalid("%q is not a digest", digest))
	}
	top, err := r.Manifest(ctx, digest)
	if err != nil {
		return nil, fmt.Errorf("read base image %s@%s: %w", name, digest, err)
	}
	parsed, err := top.Parse()
	if err != nil {
		return nil, fmt.Errorf("read base image %s@%s: %w", name, digest, err)
	}
	images := []registry.Envelope{parsed}
	for _, d := range parsed.Manifests {
		if d.Platform == nil || d.Platform.OS != "linux" || !d.MediaType.IsImage() {
			continue
		}
		m, err := r.Manifest(ctx, d.Digest.String())
		if err != nil {
			return nil, fmt.Errorf("read base image %s@%s: %w", name, digest, err)
		}
		image, err := m.Parse()
		if err != nil {
			return nil, fmt.Errorf("read base image %s@%s: %w", name, digest, err)
		}
		images = append(images, image)
	}
	for _, image := range images {
		if len(image.Layers) == 0 {
			continue
		}
		if err := base.add(ctx, r, image); err != nil {
			return nil, fmt.Errorf("read base image %s@%s: %w", name, digest, err)
		}
	}
	if len(base.platforms) == 0 {
		return nil, fmt.Errorf("read base image %s@%s: %w", name, digest, registry.Invalid("it holds no image for linux"))
	}
	return base, nil
}

func (b *Base) add(ctx context.Context, r Repository, image registry.Envelope) error {
	if image.Config.Size < 0 || image.Config.Size > maxConfig {
		return registry.Invalid("the config has %d bytes, at most %d are read", image.Config.Size, maxConfig)
	}
	raw, err := r.Blob(ctx, image.Config)
	if err != nil {
		return err
	}
	file, err := v1.ParseConfigFile(bytes.NewReader(raw))
	if err != nil {
		return registry.Invalid("parse config: %v", err)
	}
	if len(file.RootFS.DiffIDs) != len(image.Layers) || file.OS != "linux" {
		return registry.Invalid("its config does not fit its layers, or it is for %q", file.OS)
	}
	p := basePlatform{diffIDs: file.RootFS.DiffIDs, env: file.Config.Env}
	for _, d := range image.Layers {
		d.MediaType = asOCI(d.MediaType)
		d.Annotations, d.URLs, d.Data = nil, nil, nil
		p.layers = append(p.layers, d)
		p.blobs = append(p.blobs, registry.Blob{Digest: d.Digest, Size: d.Size, Open: func() (io.ReadCloser, error) {
			content, err := r.Blob(ctx, d)
			return io.NopCloser(bytes.NewReader(content)), err
		}})
	}
	b.platforms[file.OS+"/"+file.Architecture] = p
	return nil
}

// asOCI names a layer of Docker's older format as OCI does; the bytes are the same.
func asOCI(t types.MediaType) types.MediaType {
	if other, ok := map[types.MediaType]types.MediaType{
		types.DockerLayer: types.OCILayer, types.DockerUncompressedLayer: types.OCIUncompressedLayer,
	}[t]; ok {
		return other
	}
	return t
}

// environment is the base's own, with what the server needs.
func (p basePlatform) environment(own []string) []string {
	env := slices.DeleteFunc(slices.Clone(p.env), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return slices.ContainsFunc(own, func(o string) bool { return strings.HasPrefix(o, name+"=") })
	})
	return append(env, own...)
}
