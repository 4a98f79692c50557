package modelimage

import (
	"context"
	"errors"
	"io/fs"
	"time"
)

// Options say how to reach a repository. The zero value is usable.
type Options struct {
	// Dir is what a relative "oci:PATH" starts from; the working directory when empty.
	Dir string
	// Insecure allows plain HTTP to a registry that is not on this machine.
	Insecure bool
	// Username and Password win over every other source of credentials.
	Username, Password string
	// AuthHosts are further hosts that may issue tokens or take uploads.
	AuthHosts []string
	// Log takes one line about each retry; nil for silence.
	Log func(line string)
	// Budget bounds one operation, retries and waiting included; 5 minutes when zero.
	Budget time.Duration
	// MaxModelBytes bounds a model that is read; 4 GiB when zero.
	MaxModelBytes int64
}

// Repository is a place with images: one repository of a registry, or a folder.
type Repository struct{ name string }

// Open names a repository without reaching it.
func Open(ctx context.Context, name string, o Options) (*Repository, error) {
	return nil, errors.New("open repository: not yet")
}

// Name is what Open was given, without credentials.
func (r *Repository) Name() string { return r.name }

// Resolve finds what a tag points to.
func (r *Repository) Resolve(ctx context.Context, tag string) (Descriptor, error) {
	return Descriptor{}, errors.New("resolve: not yet")
}

// ResolveMany finds the first of the tags that exists, in their order.
func (r *Repository) ResolveMany(ctx context.Context, tags []string) (Descriptor, error) {
	return Descriptor{}, errors.New("resolve: not yet")
}

// Model reads the files of the model in an image.
func (r *Repository) Model(ctx context.Context, digest string) (fs.FS, error) {
	return nil, errors.New("read model: not yet")
}

// Config reads what an image says about itself.
func (r *Repository) Config(ctx context.Context, digest string) (Config, error) {
	return Config{}, errors.New("read config: not yet")
}

// Attachments reads what is attached to an image, all types when artifactType is empty.
func (r *Repository) Attachments(ctx context.Context, digest, artifactType string) ([]Attachment, error) {
	return nil, errors.New("read attachments: not yet")
}

// Attach adds documents to an image that is already there.
func (r *Repository) Attach(ctx context.Context, digest string, as []Attachment) error {
	return errors.New("attach: not yet")
}

// Tags lists the tags, sorted.
func (r *Repository) Tags(ctx context.Context) ([]string, error) {
	return nil, errors.New("list tags: not yet")
}
