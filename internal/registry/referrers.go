package registry

import (
	"context"
	"errors"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

const (
	emptyType = types.MediaType("application/vnd.oci.empty.v1+json")
	ownTypes  = "application/vnd.weighlock."
	// emptyConfig is the config of a manifest that has none.
	emptyConfig = "{}"
	// maxAttachment and maxAttachments bound what is read.
	maxAttachment  = 256 << 20
	maxAttachments = 1000
	// attachTries: how often the fallback tag is written again when another
	// writer, whom nothing keeps out, overwrote it in between.
	attachTries = 5
)

// fallbackPrefix begins the tags that only list attachments or hold signatures.
const fallbackPrefix = "sha256-"

// fallbackTag lists the referrers of a digest where the registry does not.
func fallbackTag(digest string) string { return strings.Replace(digest, ":", "-", 1) }

// Attach adds documents to an image that is already there. Attaching the same
// document again changes nothing.
func (r *Repository) Attach(ctx context.Context, digest string, as []Attachment) error {
	ctx, cancel := r.begin(ctx)
	defer cancel()
	release, err := r.store.hold(ctx)
	if err != nil {
		return r.wrap("attach to", digest, err)
	}
	defer release()
	return r.wrap("attach to", digest, r.attach(ctx, digest, as, func(int64) {}))
}

// attach writes the documents and then what lists them.
func (r *Repository) attach(ctx context.Context, digest string, as []Attachment, wrote func(int64)) error {
	if len(as) == 0 {
		return nil
	}
	top, err := r.store.readManifest(ctx, digest)
	if err != nil {
		return err
	}
	subject := top.Descriptor()
	var unlisted []v1.Descriptor
	for _, a := range as {
		d, listed, err := r.writeAttachment(ctx, a, subject, wrote)
		if err != nil {
			return err
		}
		if !listed {
			unlisted = append(unlisted, d)
		}
	}
	return r.listUnlisted(ctx, digest, unlisted)
}

// listUnlisted puts manifests that the registry does not list under the
// fallback tag, and reads them back.
func (r *Repository) listUnlisted(ctx context.Context, digest string, unlisted []v1.Descriptor) error {
	if len(unlisted) == 0 {
		return nil
	}
	have, err := r.store.referrers(ctx, digest)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	unlisted = missing(unlisted, have)
	for try := 0; len(unlisted) > 0; try++ {
		if try == attachTries {
			return unavailable("other writers keep overwriting the tag %s", fallbackTag(digest))
		}
		if err := r.extendFallback(ctx, digest, unlisted); err != nil {
			return err
		}
		var lost []v1.Descriptor
		err := r.visible(ctx, func() (bool, error) {
			now, err := r.fallback(ctx, digest)
			lost = missing(unlisted, now)
			return len(lost) == 0, err
		})
		if err != nil && !errors.Is(err, ErrNotVisible) {
			return err
		}
		unlisted = lost
	}
	return nil
}

// missing are those of want that are not in have.
func missing(want, have []v1.Descriptor) []v1.Descriptor {
	return slices.DeleteFunc(slices.Clone(want), func(w v1.Descriptor) bool {
		return slices.ContainsFunc(have, func(h v1.Descriptor) bool { return h.Digest == w.Digest })
	})
}

// writeAttachment stores a document with its manifest.
func (r *Repository) writeAttachment(ctx context.Context, a Attachment, subject v1.Descriptor, wrote func(int64)) (v1.Descriptor, bool, error) {
	m, blobs, err := document(a, &subject)
	if err != nil {
		return v1.Descriptor{}, false, err
	}
	for _, b := range blobs {
		if err := r.store.writeBlob(ctx, b, wrote); err != nil {
			return v1.Descriptor{}, false, err
		}
	}
	listed, err := r.store.writeManifest(ctx, m.Digest().String(), m)
	d := m.Descriptor()
	d.ArtifactType, d.Annotations = a.ArtifactType, a.Annotations
	return d, listed, err
}

// document makes the manifest of a document, and its blobs.
func document(a Attachment, subject *v1.Descriptor) (Manifest, []Blob, error) {
	if a.ArtifactType == "" {
		return Manifest{}, nil, Invalid("an attachment has no artifact type")
	}
	// With the empty config type, registries and tools that derive the type
	// from the config find nothing (facts/oci.md 2.5). Types of others keep it,
	// because their readers expect it.
	configType := emptyType
	if strings.HasPrefix(a.ArtifactType, ownTypes) {
		configType = types.MediaType(a.ArtifactType)
	}
	layerType := a.MediaType
	if layerType == "" {
		layerType = a.ArtifactType
	}
	config, data := BytesBlob([]byte(emptyConfig)), BytesBlob(a.Data)
	m, err := NewManifest(v1.Manifest{
		SchemaVersion: 2, MediaType: types.OCIManifestSchema1, ArtifactType: a.ArtifactType,
		Config: config.Descriptor(configType), Layers: []v1.Descriptor{data.Descriptor(types.MediaType(layerType))},
		Subject: subject, Annotations: a.Annotations,
	}, types.OCIManifestSchema1)
	return m, []Blob{config, data}, err
}

// list makes sure that manifests which are there and have the digest for their
// subject are found from it.
func (r *Repository) list(ctx context.Context, digest string, found []Manifest) error {
	ctx, cancel := r.begin(ctx)
	defer cancel()
	release, err := r.store.hold(ctx)
	if err != nil {
		return err
	}
	defer release()
	var descriptors []v1.Descriptor
	for _, m := range found {
		e, err := m.Parse()
		if err != nil {
			return err
		}
		d := m.Descriptor()
		d.ArtifactType, d.Annotations = e.ArtifactType, e.Annotations
		if d.ArtifactType == "" {
			d.ArtifactType = string(e.Config.MediaType)
		}
		descriptors = append(descriptors, d)
	}
	return r.listUnlisted(ctx, digest, descriptors)
}

// putBeside stores content under a tag that belongs to other content.
func (r *Repository) putBeside(ctx context.Context, tag string, c Content) error {
	ctx, cancel := r.begin(ctx)
	defer cancel()
	release, err := r.store.hold(ctx)
	if err != nil {
		return err
	}
	defer release()
	return r.writeBeside(ctx, tag, c, func(int64) {})
}

// Referrers lists the manifests that are attached to a digest, in the order of
// their digests.
func (r *Repository) Referrers(ctx context.Context, digest string) ([]v1.Descriptor, error) {
	ctx, cancel := r.begin(ctx)
	defer cancel()
	found, err := r.listReferrers(ctx, digest)
	return found, r.wrap("list attachments of", digest, err)
}

// extendFallback adds descriptors to the list under the fallback tag and keeps
// what others wrote there.
func (r *Repository) extendFallback(ctx context.Context, digest string, add []v1.Descriptor) error {
	have, err := r.fallback(ctx, digest)
	if err != nil {
		return err
	}
	m, err := NewManifest(v1.IndexManifest{
		SchemaVersion: 2, MediaType: types.OCIImageIndex, Manifests: append(have, missing(add, have)...),
	}, types.OCIImageIndex)
	if err != nil {
		return err
	}
	_, err = r.store.writeManifest(ctx, fallbackTag(digest), m)
	return err
}

// fallback reads the list under the fallback tag; none is an empty list.
func (r *Repository) fallback(ctx context.Context, digest string) ([]v1.Descriptor, error) {
	m, err := r.store.readManifest(ctx, fallbackTag(digest))
	if errors.Is(err, ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	e, err := m.Parse()
	if err != nil {
		return nil, err
	}
	// GitLab takes the tag for the digest and answers with the subject itself
	// (oras-go#1396). That is no list.
	if m.Digest().String() == digest || e.MediaType != types.OCIImageIndex {
		return nil, nil
	}
	return e.Manifests, nil
}

// listReferrers joins what the registry lists with what the fallback tag does:
// a registry that learned the API late has both.
func (r *Repository) listReferrers(ctx context.Context, digest string) ([]v1.Descriptor, error) {
	listed, err := r.store.referrers(ctx, digest)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return nil, err
	}
	more, err := r.fallback(ctx, digest)
	if err != nil {
		return nil, err
	}
	all := append(listed, missing(more, listed)...)
	if len(all) > maxAttachments {
		return nil, Invalid("%d attachments, at most %d are read", len(all), maxAttachments)
	}
	slices.SortFunc(all, func(a, b v1.Descriptor) int { return strings.Compare(a.Digest.Hex, b.Digest.Hex) })
	return all, nil
}

// Attachments reads what is attached to a digest: those of one artifact type,
// or all when it is empty. They come in the order of their digests; an image
// without any has none, which is no error.
func (r *Repository) Attachments(ctx context.Context, digest, artifactType string) ([]Attachment, error) {
	ctx, cancel := r.begin(ctx)
	defer cancel()
	out, err := r.attachments(ctx, digest, artifactType)
	return out, r.wrap("read attachments of", digest, err)
}

func (r *Repository) attachments(ctx context.Context, digest, artifactType string) ([]Attachment, error) {
	if _, err := v1.NewHash(digest); err != nil {
		return nil, Invalid("%q is not a digest", digest)
	}
	listed, err := r.listReferrers(ctx, digest)
	if err != nil {
		return nil, err
	}
	var out []Attachment
	for _, d := range listed {
		// Some writers leave the type out or put the config's there; the
		// manifest decides. A type that is clearly another is not fetched.
		if artifactType != "" && d.ArtifactType != artifactType && d.ArtifactType != "" && d.ArtifactType != string(emptyType) {
			continue
		}
		a, ok, err := r.readAttachment(ctx, d, digest)
		if err != nil {
			return nil, err
		}
		if ok && (artifactType == "" || a.ArtifactType == artifactType) {
			out = append(out, a)
		}
	}
	return out, nil
}

// readAttachment reads one; it is not ok when it belongs to something else.
func (r *Repository) readAttachment(ctx context.Context, d v1.Descriptor, subject string) (Attachment, bool, error) {
	m, err := r.store.readManifest(ctx, d.Digest.String())
	if err != nil {
		return Attachment{}, false, err
	}
	e, err := m.Parse()
	if err != nil {
		return Attachment{}, false, err
	}
	if e.Subject == nil || e.Subject.Digest.String() != subject || len(e.Layers) != 1 {
		return Attachment{}, false, nil
	}
	a, err := r.readDocument(ctx, m)
	return a, err == nil, err
}

// readDocument reads what document made.
func (r *Repository) readDocument(ctx context.Context, m Manifest) (Attachment, error) {
	e, err := m.Parse()
	if err != nil {
		return Attachment{}, err
	}
	if len(e.Layers) != 1 {
		return Attachment{}, Invalid("%s: it has %d layers, want the one of a document", m.Digest(), len(e.Layers))
	}
	a := Attachment{
		ArtifactType: e.ArtifactType, MediaType: string(e.Layers[0].MediaType),
		Annotations: e.Annotations, Digest: m.Digest().String(),
	}
	if a.ArtifactType == "" {
		a.ArtifactType = string(e.Config.MediaType)
	}
	if n := e.Layers[0].Size; n < 0 || n > maxAttachment {
		return a, Invalid("%s: it has %d bytes, at most %d are read", m.Digest(), n, maxAttachment)
	}
	a.Data, err = r.store.readBlob(ctx, e.Layers[0])
	return a, err
}
