package modelimage

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/weighlock/weighlock/internal/registry"
)

const (
	modelRoot = "models"

	annotationDescription = "org.opencontainers.image.description"
	annotationContent     = "dev.weighlock.content"
	contentModel          = "model"
	contentServer         = "server"
)

// maxDescription and maxLicenses are what ghcr.io shows of these annotations.
const (
	maxDescription = 512
	maxLicenses    = 256
)

var (
	revisionRE = regexp.MustCompile(`^(?:[0-9a-f]{40}|[0-9a-f]{64})$`)
	platformRE = regexp.MustCompile(`^[a-z0-9]+/[a-z0-9]+(?:/[a-z0-9]+)?$`)
	modelRE    = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$`)
)

// Image is a built image, ready to push. It does not change after Build.
type Image struct {
	registry.Content
	revision string
}

// Revision is the commit that the image was built from.
func (i *Image) Revision() string { return i.revision }

// Build makes the image: an index over one manifest for each platform and a
// ModelPack sibling, all sharing one uncompressed model layer. It is a pure
// function of in: the same input has the same digest on any machine.
func Build(in Input) (*Image, error) {
	if err := in.check(); err != nil {
		return nil, fmt.Errorf("build image: %w", err)
	}
	annotations, err := annotate(in)
	if err != nil {
		return nil, fmt.Errorf("build image: %w", err)
	}
	model, err := modelLayer(in.Files, in.Created)
	if err != nil {
		return nil, fmt.Errorf("build image: %w", err)
	}
	img := &Image{Content: registry.Content{Blobs: []registry.Blob{model}}, revision: in.Revision}
	var listed []v1.Descriptor
	for _, platform := range slices.Sorted(maps.Keys(in.Servers)) {
		d, err := img.addPlatform(in, platform, model, annotations)
		if errors.Is(err, errNoBase) {
			continue // the base decides where the image runs
		}
		if err != nil {
			return nil, fmt.Errorf("build image: %s: %w", platform, err)
		}
		listed = append(listed, d)
	}
	if len(listed) == 0 {
		return nil, fmt.Errorf("build image: %w: it has none of the platforms of the servers", errNoBase)
	}
	sibling, config, err := modelPack(in, model, annotations)
	if err != nil {
		return nil, fmt.Errorf("build image: %w", err)
	}
	img.Blobs = append(img.Blobs, config)
	img.Children = append(img.Children, sibling)
	img.Companions = map[string]registry.Manifest{modelPackSuffix: sibling}
	d := sibling.Descriptor()
	d.ArtifactType = modelPackManifestType
	// No runtime picks this platform, so the sibling is never run by mistake.
	d.Platform = &v1.Platform{OS: "unknown", Architecture: "unknown"}
	img.Top, err = registry.NewManifest(v1.IndexManifest{
		SchemaVersion: 2, MediaType: types.OCIImageIndex, Manifests: append(listed, d), Annotations: annotations,
	}, types.OCIImageIndex)
	if err != nil {
		return nil, fmt.Errorf("build image: %w", err)
	}
	return img, nil
}

func (in Input) check() error {
	switch {
	case !modelRE.MatchString(in.Model):
		return fmt.Errorf("model name %q: want letters, digits, '.', '_' or '-', at most 128", in.Model)
	case !revisionRE.MatchString(in.Revision):
		return fmt.Errorf("revision %q: want the full commit, 40 hex digits", in.Revision)
	case in.Created.IsZero():
		return errors.New("created: the commit time is missing")
	case in.Files == nil:
		return errors.New("the model has no files")
	case len(in.Servers) == 0:
		return errors.New("no server binary for any platform")
	}
	for p, b := range in.Servers {
		if !platformRE.MatchString(p) {
			return fmt.Errorf("platform %q: want a form like linux/amd64", p)
		}
		if len(b) == 0 {
			return fmt.Errorf("platform %s: the server binary is empty", p)
		}
	}
	return nil
}

// addPlatform adds the image of one platform and returns its descriptor.
func (i *Image) addPlatform(in Input, platform string, model registry.Blob, annotations map[string]string) (v1.Descriptor, error) {
	base, found := in.Base.of(platform)
	if in.Base != nil && !found {
		return v1.Descriptor{}, errNoBase
	}
	server, diffID, err := serverLayer(in.Servers[platform], in.Base == nil)
	if err != nil {
		return v1.Descriptor{}, err
	}
	p, err := v1.ParsePlatform(platform)
	if err != nil {
		return v1.Descriptor{}, fmt.Errorf("parse platform: %w", err)
	}
	raw, err := json.Marshal(imageConfig(in, *p, base, append(slices.Clone(base.diffIDs), diffID, model.Digest), annotations))
	if err != nil {
		return v1.Descriptor{}, fmt.Errorf("encode config: %w", err)
	}
	config := registry.BytesBlob(raw)
	serverDesc, modelDesc := server.Descriptor(types.OCILayer), model.Descriptor(types.OCIUncompressedLayer)
	serverDesc.Annotations = map[string]string{annotationContent: contentServer}
	modelDesc.Annotations = map[string]string{annotationContent: contentModel}
	m, err := registry.NewManifest(v1.Manifest{
		SchemaVersion: 2, MediaType: types.OCIManifestSchema1, Config: config.Descriptor(types.OCIConfigJSON),
		Layers: append(slices.Clone(base.layers), serverDesc, modelDesc), Annotations: annotations,
	}, types.OCIManifestSchema1)
	if err != nil {
		return v1.Descriptor{}, err
	}
	for _, b := range append(slices.Clone(base.blobs), server, config) {
		i.addBlob(b)
	}
	i.Children = append(i.Children, m)
	d := m.Descriptor()
	d.Platform = p
	return d, nil
}

func (i *Image) addBlob(b registry.Blob) {
	if !slices.ContainsFunc(i.Blobs, func(o registry.Blob) bool { return o.Digest == b.Digest }) {
		i.Blobs = append(i.Blobs, b)
	}
}

func imageConfig(in Input, p v1.Platform, base basePlatform, diffIDs []v1.Hash, labels map[string]string) v1.ConfigFile {
	env := []string{"MODEL_DIR=/" + modelRoot, "MODEL_NAME=" + in.Model}
	history := make([]v1.History, 0, len(base.layers)+2)
	for range base.layers {
		history = append(history, v1.History{CreatedBy: "base image"})
	}
	if in.Base == nil {
		env = append([]string{"PATH=/"}, env...)
	}
	at := v1.Time{Time: in.Created.UTC().Truncate(time.Second)}
	return v1.ConfigFile{
		Architecture: p.Architecture, OS: p.OS, Variant: p.Variant, Created: at,
		History: append(history, v1.History{Created: at, CreatedBy: "weighlock: server"},
			v1.History{Created: at, CreatedBy: "weighlock: model " + in.Model}),
		RootFS: v1.RootFS{Type: "layers", DiffIDs: diffIDs},
		Config: v1.Config{
			// SageMaker replaces the argument by serve, KServe by a shell
			// script; both land in this entrypoint (facts/oci.md 0.1, 2.3).
			Entrypoint: []string{"/weighlock"}, Cmd: []string{"serve"},
			User: "65532:65532", WorkingDir: "/", StopSignal: "SIGTERM",
			ExposedPorts: map[string]struct{}{"8080/tcp": {}},
			Env:          base.environment(env),
			Labels:       labels,
		},
	}
}

func created(in Input) string { return in.Created.UTC().Truncate(time.Second).Format(time.RFC3339) }

// annotate computes the annotations that stand everywhere and adds in.Annotations.
func annotate(in Input) (map[string]string, error) {
	setDigest, err := SetDigest(in.Files)
	if err != nil {
		return nil, err
	}
	out := map[string]string{
		AnnotationModel:     in.Model,
		AnnotationSetDigest: setDigest,
		AnnotationRevision:  in.Revision,
		AnnotationCreated:   created(in),
	}
	if in.Base != nil {
		out[AnnotationBaseName], out[AnnotationBaseDigest] = in.Base.Name, in.Base.Digest
	}
	for key, value := range map[string]string{
		"org.opencontainers.image.source":   in.Source,
		"org.opencontainers.image.version":  in.Version,
		"org.opencontainers.image.title":    in.Title,
		"org.opencontainers.image.licenses": cut(in.Licenses, maxLicenses),
		annotationDescription:               cut(in.Description, maxDescription),
	} {
		if value != "" {
			out[key] = value
		}
	}
	for _, key := range slices.Sorted(maps.Keys(in.Annotations)) {
		value := in.Annotations[key]
		if key == "dev.weighlock.run" || key == "dev.weighlock.pr" {
			return nil, fmt.Errorf("annotation %s: it differs between equal images, attach it instead", key)
		}
		if key == "" || strings.ContainsAny(key, " \t\r\n=") || !utf8.ValidString(value) {
			return nil, fmt.Errorf("annotation %q: not a plain key and text", key)
		}
		if old, ok := out[key]; ok && old != value {
			return nil, fmt.Errorf("annotation %s: %q is not the computed %q", key, value, old)
		}
		out[key] = value
	}
	return out, nil
}

// cut shortens s to at most n bytes without breaking a character.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// SetDigest names a set of files whatever packs them: the SHA-256 of the lines
// that sha256sum prints for them, sorted by name.
func SetDigest(files fs.FS) (string, error) {
	names, err := listFiles(files)
	if err != nil {
		return "", err
	}
	h := sha256.New()
	for _, name := range names {
		sum, err := fileSum(files, name)
		if err != nil {
			return "", err
		}
		_, _ = fmt.Fprintf(h, "%x  %s\n", sum, name)
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil)), nil
}

func fileSum(files fs.FS, name string) ([]byte, error) {
	f, err := files.Open(name)
	if err != nil {
		return nil, fmt.Errorf("read model: %w", err)
	}
	defer func() { _ = f.Close() }()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return nil, fmt.Errorf("read model: %s: %w", name, err)
	}
	return h.Sum(nil), nil
}

// listFiles names all files, sorted; anything but plain files and folders is an error.
func listFiles(files fs.FS) ([]string, error) {
	var names []string
	err := fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return fmt.Errorf("read model: %w", err)
		case entry.IsDir():
			return nil
		case !entry.Type().IsRegular():
			return fmt.Errorf("read model: %q is not a plain file", name)
		}
		names = append(names, name)
		return nil
	})
	slices.Sort(names)
	return names, err
}
