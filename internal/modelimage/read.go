package modelimage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/weighlock/weighlock/internal/registry"
)

const (
	// maxModel bounds a model that is read back: all that a run takes (64 GiB),
	// its description, and what the archive needs.
	maxModel  = 65 << 30
	maxConfig = 4 << 20
)

// ErrTooLarge says that a model is larger than what is read back, or than the room that there is; it comes with registry.ErrInvalid.
var ErrTooLarge = errors.New("too large to read back")

// Repository is where images are read from.
type Repository interface {
	// Manifest reads the manifest or index of a tag or a digest.
	Manifest(ctx context.Context, ref string) (registry.Manifest, error)
	// Blob reads a whole blob and checks it.
	Blob(ctx context.Context, d v1.Descriptor) ([]byte, error)
	// CopyBlob writes a blob to w as it comes, and checks it.
	CopyBlob(ctx context.Context, d v1.Descriptor, w io.Writer) error
}

// runnable reads the manifest of an image that can run: the one that was asked
// for, or of an index the first for a real platform. It also returns the top.
func runnable(ctx context.Context, r Repository, digest string) (image, top registry.Envelope, err error) {
	if _, err := v1.NewHash(digest); err != nil {
		return image, top, registry.Invalid("%q is not a digest", digest)
	}
	m, err := r.Manifest(ctx, digest)
	if err != nil {
		return image, top, err
	}
	if top, err = m.Parse(); err != nil || len(top.Layers) > 0 {
		return top, top, err
	}
	for _, d := range top.Manifests {
		if d.Platform == nil || d.Platform.OS == "unknown" || !d.MediaType.IsImage() {
			continue
		}
		if m, err = r.Manifest(ctx, d.Digest.String()); err != nil {
			return image, top, err
		}
		image, err = m.Parse()
		return image, top, err
	}
	return image, top, registry.Invalid("%s: it holds no image", digest)
}

// Model reads the files of the model in an image, by digest. Everything is
// checked against its digest, and only plain files below models/ are allowed;
// their paths start below that. A model of more than 64 MiB is held in a file
// of the temporary folder, which is gone with this process.
func Model(ctx context.Context, r Repository, digest string) (fs.FS, error) {
	files, err := readModel(ctx, r, digest, maxModel)
	if err != nil {
		return nil, fmt.Errorf("read model of %s: %w", digest, err)
	}
	return newSpanFS(files), nil
}

func readModel(ctx context.Context, r Repository, digest string, limit int64) (map[string]span, error) {
	image, _, err := runnable(ctx, r, digest)
	if err != nil {
		return nil, err
	}
	if len(image.Layers) == 0 {
		return nil, registry.Invalid("%s: the image has no layers", digest)
	}
	layer := image.Layers[len(image.Layers)-1]
	for _, l := range image.Layers {
		if l.Annotations[annotationContent] == contentModel {
			layer = l
		}
	}
	switch {
	case layer.MediaType != types.OCIUncompressedLayer && layer.MediaType != modelPackWeightType:
		return nil, registry.Invalid("%s: no model layer, the last is %s", digest, layer.MediaType)
	case layer.Size < 0:
		return nil, registry.Invalid("%s: the model has %d bytes", digest, layer.Size)
	case layer.Size > limit:
		return nil, fmt.Errorf("%s: the model has %d bytes, at most %d are read: %w: %w", digest, layer.Size, limit, ErrTooLarge, registry.ErrInvalid)
	}
	if layer.Size <= inMemoryLayer {
		raw, err := r.Blob(ctx, layer)
		if err != nil {
			return nil, err
		}
		return unpackModel(bytes.NewReader(raw), int64(len(raw)))
	}
	file, err := spool(func(w io.Writer) error { return r.CopyBlob(ctx, layer, w) })
	if err != nil {
		return nil, err
	}
	return unpackModel(file, layer.Size)
}

// ReadConfig reads what an image says about itself, by digest.
func ReadConfig(ctx context.Context, r Repository, digest string) (Config, error) {
	c, err := readConfig(ctx, r, digest)
	if err != nil {
		return Config{}, fmt.Errorf("read config of %s: %w", digest, err)
	}
	return c, nil
}

func readConfig(ctx context.Context, r Repository, digest string) (Config, error) {
	image, top, err := runnable(ctx, r, digest)
	if err != nil {
		return Config{}, err
	}
	if image.Config.Size < 0 || image.Config.Size > maxConfig {
		return Config{}, registry.Invalid("%s: the config has %d bytes, at most %d are read", digest, image.Config.Size, maxConfig)
	}
	raw, err := r.Blob(ctx, image.Config)
	if err != nil {
		return Config{}, err
	}
	file, err := v1.ParseConfigFile(bytes.NewReader(raw))
	if err != nil {
		return Config{}, registry.Invalid("%s: parse config: %v", digest, err)
	}
	c := Config{Labels: file.Config.Labels, Annotations: top.Annotations, Created: file.Created.Time}
	for _, d := range top.Manifests {
		if d.Platform != nil && d.Platform.OS != "unknown" {
			c.Platforms = append(c.Platforms, d.Platform.String())
		}
	}
	if len(top.Manifests) == 0 {
		c.Platforms = []string{file.OS + "/" + file.Architecture}
	}
	return c, nil
}
