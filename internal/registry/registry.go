// Package registry reaches repositories of content: of an OCI registry, or in a folder.
//
// Open names a repository; the methods of Repository push, find, read, copy and
// delete what is in it. Everything is checked against its digest, a tag is set
// only on content that is complete, and every request has a deadline and
// another try. What the content means is not known here.
package registry

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

const (
	// defaultBudget leaves a job that waits for a registry an answer within two minutes.
	defaultBudget = 100 * time.Second
	layoutPrefix  = "oci:"
	// annotationCreated is the time that content says it was made.
	annotationCreated = "org.opencontainers.image.created"
)

var tagRE = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$`)

// Descriptor is what a tag points to.
type Descriptor struct {
	// Digest is "sha256:" and 64 hex digits.
	Digest string
	// MediaType is that of the manifest or index.
	MediaType string
	// Tag is the name that led here; empty when it was a digest.
	Tag string
	// Annotations are those of the index or manifest.
	Annotations map[string]string
	// Created is the time that the content carries; zero when it carries none.
	Created time.Time
}

// Attachment is a document that belongs to other content and is stored beside
// it, as its referrer.
type Attachment struct {
	ArtifactType string
	// MediaType is that of the document; ArtifactType when empty.
	MediaType   string
	Data        []byte
	Annotations map[string]string
	// Digest is that of the attachment's manifest; set when it was read or written.
	Digest string
}

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
	// GitHubToken is for ghcr.io and goes nowhere else; it stands in for the variable GITHUB_TOKEN where a program has
	// taken that out of its environment.
	GitHubToken string
	// AuthHosts are further hosts that may issue tokens or take uploads. Content
	// may come from anywhere, since its digest is checked.
	AuthHosts []string
	// Log takes one line about each retry; nil for silence.
	Log func(line string)
	// Budget bounds one operation, retries and waiting included; 100 s when zero. A
	// push or a copy has besides it the time that its bytes need at 2 MB/s.
	Budget time.Duration
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
		return Descriptor{}, Invalid("%q is neither a tag nor a digest", tag)
	}
	m, err := r.store.readManifest(ctx, tag)
	if err != nil {
		return Descriptor{}, err
	}
	e, err := m.Parse()
	if err != nil {
		return Descriptor{}, err
	}
	d := Descriptor{Digest: m.Digest().String(), MediaType: string(m.MediaType), Annotations: e.Annotations}
	if d.Digest != tag {
		d.Tag = tag
	}
	// A time that does not parse is one that the image does not carry.
	d.Created, _ = time.Parse(time.RFC3339, e.Annotations[annotationCreated])
	return d, nil
}

// ResolveMany finds the first of the tags that exists, in their order. An
// answer that is missing is an error: a later tag is not the first.
func (r *Repository) ResolveMany(ctx context.Context, tags []string) (Descriptor, error) {
	ctx, cancel := r.begin(ctx)
	defer cancel()
	for _, t := range tags {
		if !tagRE.MatchString(t) {
			return Descriptor{}, r.wrap("resolve", "", Invalid("%q is not a tag", t))
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
	tags = slices.DeleteFunc(tags, func(t string) bool { return strings.HasPrefix(t, fallbackPrefix) })
	slices.Sort(tags)
	return slices.Compact(tags), r.wrap("list tags of", "", err)
}

// Manifest reads the manifest or index of a tag or a digest.
func (r *Repository) Manifest(ctx context.Context, ref string) (Manifest, error) {
	ctx, cancel := r.begin(ctx)
	defer cancel()
	m, err := r.store.readManifest(ctx, ref)
	return m, r.wrap("read", ref, err)
}

// CopyBlob writes a blob of any size to w as it comes, and checks it. What was
// written before an error is not the blob.
func (r *Repository) CopyBlob(ctx context.Context, d v1.Descriptor, w io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, r.options.Budget+time.Duration(d.Size/decentRate)*time.Second)
	defer cancel()
	return r.wrap("read", d.Digest.String(), r.copyBlob(ctx, d, w))
}

func (r *Repository) copyBlob(ctx context.Context, d v1.Descriptor, w io.Writer) error {
	from, err := r.store.openBlob(ctx, d)
	if err != nil {
		return err
	}
	defer func() { _ = from.Close() }()
	h := sha256.New()
	n, err := io.Copy(io.MultiWriter(w, h), io.LimitReader(from, d.Size+1))
	switch got := hex.EncodeToString(h.Sum(nil)); {
	case ctx.Err() != nil:
		return ended(ctx, err)
	case err != nil:
		return err
	case n != d.Size || got != d.Digest.Hex:
		return Invalid("%s, %d bytes: the answer is sha256:%s, %d bytes", d.Digest, d.Size, got, n)
	}
	return nil
}

// Blob reads a whole blob, of at most the size that d states, and checks it.
func (r *Repository) Blob(ctx context.Context, d v1.Descriptor) ([]byte, error) {
	ctx, cancel := r.begin(ctx)
	defer cancel()
	b, err := r.store.readBlob(ctx, d)
	return b, r.wrap("read", d.Digest.String(), err)
}
