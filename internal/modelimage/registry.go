package modelimage

import (
	"context"
	"fmt"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

const (
	defaultBudget   = 5 * time.Minute
	defaultMaxModel = 4 << 30
	maxConfig       = 4 << 20
	layoutPrefix    = "oci:"
)

var tagRE = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$`)

// Options say how to reach a repository. The zero value is usable.
type Options struct {
	// Dir is what a relative "oci:PATH" starts from; the working directory when empty.
	Dir string
	// Insecure allows plain HTTP to a registry that is not on this machine.
	Insecure bool
	// Username and Password win over every other source of credentials: the
	// configuration of docker or podman with its helpers, and GITHUB_TOKEN for
	// ghcr.io.
	Username, Password string
	// AuthHosts are further hosts that may issue tokens or take uploads. Content
	// may come from anywhere, since its digest is checked.
	AuthHosts []string
	// Log takes one line about each retry; nil for silence.
	Log func(line string)
	// Budget bounds one operation, retries and waiting included; 5 minutes when zero.
	Budget time.Duration
	// MaxModelBytes bounds a model that is read; 4 GiB when zero.
	MaxModelBytes int64
}

// Repository is a place with images: one repository of a registry, or a folder.
// It is safe for concurrent use.
type Repository struct {
	name    string
	options Options
	store   store
}

// Open names a repository without reaching it: "ghcr.io/acme/diabetes", or
// "oci:PATH" for a folder with an OCI image layout, which need not exist. An
// error means that the name is wrong.
func Open(_ context.Context, name string, o Options) (*Repository, error) {
	if o.Budget <= 0 {
		o.Budget = defaultBudget
	}
	if o.MaxModelBytes <= 0 {
		o.MaxModelBytes = defaultMaxModel
	}
	if o.Log == nil {
		o.Log = func(string) {}
	}
	r := &Repository{name: name, options: o}
	if path, ok := strings.CutPrefix(name, layoutPrefix); ok {
		if path == "" {
			return nil, fmt.Errorf("open repository %q: the folder is missing, want oci:PATH", name)
		}
		if !filepath.IsAbs(path) {
			path = filepath.Join(o.Dir, path)
		}
		r.store = &layout{root: path}
		return r, nil
	}
	remote, err := newRemote(name, o)
	if err != nil {
		return nil, fmt.Errorf("open repository %q: %w", name, err)
	}
	r.store = remote
	return r, nil
}

// Name is what Open was given.
func (r *Repository) Name() string { return r.name }

// begin gives an operation its budget.
func (r *Repository) begin(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, r.options.Budget)
}

// wrap says what was being done; it keeps nil.
func (r *Repository) wrap(verb, ref string, err error) error {
	if err == nil {
		return nil
	}
	where := r.name
	switch {
	case strings.HasPrefix(ref, "sha256:"):
		where += "@" + ref
	case ref != "":
		where += ":" + ref
	}
	return fmt.Errorf("%s %s: %w", verb, where, err)
}

// Resolve finds what a tag or a digest points to. It is ErrNotFound when the
// repository answered and has none, ErrUnavailable when it did not answer, and
// ErrDenied when it wants other credentials.
func (r *Repository) Resolve(ctx context.Context, tag string) (Descriptor, error) {
	ctx, cancel := r.begin(ctx)
	defer cancel()
	d, err := r.resolve(ctx, tag)
	return d, r.wrap("resolve", tag, err)
}

func (r *Repository) resolve(ctx context.Context, tag string) (Descriptor, error) {
	if _, err := v1.NewHash(tag); err != nil && !tagRE.MatchString(tag) {
		return Descriptor{}, invalid("%q is neither a tag nor a digest", tag)
	}
	m, err := r.store.readManifest(ctx, tag)
	if err != nil {
		return Descriptor{}, err
	}
	e, err := m.parse()
	if err != nil {
		return Descriptor{}, err
	}
	d := Descriptor{Digest: m.digest().String(), MediaType: string(m.mediaType), Annotations: e.Annotations}
	if d.Digest != tag {
		d.Tag = tag
	}
	// A time that does not parse is one that the image does not carry.
	d.Created, _ = time.Parse(time.RFC3339, e.Annotations[AnnotationCreated])
	return d, nil
}

// ResolveMany finds the first of the tags that exists, in their order. An
// answer that is missing is an error: a later tag is not the first.
func (r *Repository) ResolveMany(ctx context.Context, tags []string) (Descriptor, error) {
	ctx, cancel := r.begin(ctx)
	defer cancel()
	for _, t := range tags {
		if !tagRE.MatchString(t) {
			return Descriptor{}, r.wrap("resolve", "", invalid("%q is not a tag", t))
		}
	}
	tag, err := r.store.first(ctx, tags)
	if err != nil {
		return Descriptor{}, r.wrap("resolve", tag, err)
	}
	d, err := r.resolve(ctx, tag)
	return d, r.wrap("resolve", tag, err)
}

// Tags lists the tags, sorted, without those that only list attachments.
func (r *Repository) Tags(ctx context.Context) ([]string, error) {
	ctx, cancel := r.begin(ctx)
	defer cancel()
	tags, err := r.store.tags(ctx)
	tags = slices.DeleteFunc(tags, func(t string) bool { return strings.HasPrefix(t, "sha256-") })
	slices.Sort(tags)
	return slices.Compact(tags), r.wrap("list tags of", "", err)
}

// runnable reads the manifest of an image that can run: the one that was asked
// for, or of an index the first for a real platform. It also returns the top.
func (r *Repository) runnable(ctx context.Context, digest string) (image, top envelope, err error) {
	if _, err := v1.NewHash(digest); err != nil {
		return image, top, invalid("%q is not a digest", digest)
	}
	m, err := r.store.readManifest(ctx, digest)
	if err != nil {
		return image, top, err
	}
	if top, err = m.parse(); err != nil || len(top.Layers) > 0 {
		return top, top, err
	}
	for _, d := range top.Manifests {
		if d.Platform == nil || d.Platform.OS == "unknown" || !d.MediaType.IsImage() {
			continue
		}
		if m, err = r.store.readManifest(ctx, d.Digest.String()); err != nil {
			return image, top, err
		}
		image, err = m.parse()
		return image, top, err
	}
	return image, top, invalid("%s: it holds no image", digest)
}

// Model reads the files of the model in an image, by digest. Everything is
// checked against its digest, and only plain files below models/ are allowed;
// their paths start below that. The model is held in memory.
func (r *Repository) Model(ctx context.Context, digest string) (fs.FS, error) {
	ctx, cancel := r.begin(ctx)
	defer cancel()
	files, err := r.model(ctx, digest)
	if err != nil {
		return nil, r.wrap("read model of", digest, err)
	}
	return newMemFS(files), nil
}

func (r *Repository) model(ctx context.Context, digest string) (map[string][]byte, error) {
	image, _, err := r.runnable(ctx, digest)
	if err != nil {
		return nil, err
	}
	if len(image.Layers) == 0 {
		return nil, invalid("%s: the image has no layers", digest)
	}
	layer := image.Layers[len(image.Layers)-1]
	for _, l := range image.Layers {
		if l.Annotations[annotationContent] == contentModel {
			layer = l
		}
	}
	switch {
	case layer.MediaType != types.OCIUncompressedLayer && layer.MediaType != modelPackWeightType:
		return nil, invalid("%s: no model layer, the last is %s", digest, layer.MediaType)
	case layer.Size < 0 || layer.Size > r.options.MaxModelBytes:
		return nil, invalid("%s: the model has %d bytes, at most %d are read", digest, layer.Size, r.options.MaxModelBytes)
	}
	raw, err := r.store.readBlob(ctx, layer)
	if err != nil {
		return nil, err
	}
	return unpackModel(raw)
}

// Config reads what an image says about itself, by digest.
func (r *Repository) Config(ctx context.Context, digest string) (Config, error) {
	ctx, cancel := r.begin(ctx)
	defer cancel()
	c, err := r.config(ctx, digest)
	return c, r.wrap("read config of", digest, err)
}

func (r *Repository) config(ctx context.Context, digest string) (Config, error) {
	image, top, err := r.runnable(ctx, digest)
	if err != nil {
		return Config{}, err
	}
	if image.Config.Size < 0 || image.Config.Size > maxConfig {
		return Config{}, invalid("%s: the config has %d bytes, at most %d are read", digest, image.Config.Size, maxConfig)
	}
	raw, err := r.store.readBlob(ctx, image.Config)
	if err != nil {
		return Config{}, err
	}
	file, err := v1.ParseConfigFile(strings.NewReader(string(raw)))
	if err != nil {
		return Config{}, invalid("%s: parse config: %v", digest, err)
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
