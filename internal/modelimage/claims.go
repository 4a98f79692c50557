package modelimage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/weighlock/weighlock/internal/attest"
	"github.com/weighlock/weighlock/internal/registry"
	"github.com/weighlock/weighlock/internal/signing"
)

const (
	// ModelPackSuffix ends the tag of the ModelPack sibling beside an image's.
	ModelPackSuffix = modelPackSuffix
	// StatementType is the artifact type of a claim that nobody signed.
	StatementType = signing.PayloadType
	// BOMType is the artifact type of a bill of materials.
	BOMType = "application/vnd.cyclonedx+json"

	// signatureSuffix ends the tag under which cosign looked for signatures
	// before there were referrers; admission controllers still do.
	signatureSuffix     = ".sig"
	annotationSignature = "dev.cosignproject.cosign/signature"
)

// Sealed is what is pushed beside an image so that others can judge it.
type Sealed struct {
	Attachments []registry.Attachment
	Beside      map[string]registry.Content
}

// Manifests are the digests of the manifests in the image, by platform; the
// ModelPack sibling is "modelpack".
func (i *Image) Manifests() map[string]string {
	out := map[string]string{}
	index, err := v1.ParseIndexManifest(bytes.NewReader(i.Top.Raw))
	if err != nil {
		return out // Build wrote it
	}
	for _, d := range index.Manifests {
		name := "modelpack"
		if d.Platform != nil && d.Platform.OS != "unknown" {
			name = d.Platform.String()
		}
		out[name] = d.Digest.String()
	}
	return out
}

// Seal makes verdict, provenance and bill of materials of an image, and signs
// them and the image where there is a key. Without one the claims are attached
// as they are: to be read, and not to be relied on.
func Seal(a attest.About, key *signing.PrivateKey) (Sealed, error) {
	var out Sealed
	bom, err := attest.BOM(a)
	if err != nil {
		return out, err
	}
	claims := map[string]func() ([]byte, error){
		attest.VerdictType:    func() ([]byte, error) { return attest.Verdict(a) },
		attest.ProvenanceType: func() ([]byte, error) { return attest.Provenance(a) },
	}
	kinds := []string{attest.VerdictType, attest.ProvenanceType}
	if key != nil {
		claims[attest.SignatureType] = func() ([]byte, error) { return attest.Signature(a.Digest) }
		claims[attest.BOMType] = func() ([]byte, error) { return attest.BOMStatement(a, bom) }
		kinds = append(kinds, attest.BOMType, attest.SignatureType)
	}
	for _, kind := range kinds {
		statement, err := claims[kind]()
		if err != nil {
			return out, err
		}
		attachment, err := sealStatement(statement, kind, a.Created, key)
		if err != nil {
			return out, err
		}
		out.Attachments = append(out.Attachments, attachment)
	}
	out.Attachments = append(out.Attachments, registry.Attachment{ArtifactType: BOMType, Data: bom})
	if key == nil {
		return out, nil
	}
	simple, err := simpleSignature(a, key)
	out.Beside = map[string]registry.Content{signatureSuffix: simple}
	return out, err
}

// SealSeeds signs the spread over training seeds of an image that was made of a
// commit at the time created.
func SealSeeds(digest string, spread []byte, created time.Time, key *signing.PrivateKey) (registry.Attachment, error) {
	statement, err := attest.Seeds(digest, spread)
	if err != nil {
		return registry.Attachment{}, err
	}
	return sealStatement(statement, attest.SeedsType, created, key)
}

func sealStatement(statement []byte, kind string, created time.Time, key *signing.PrivateKey) (registry.Attachment, error) {
	if key == nil {
		return registry.Attachment{
			ArtifactType: StatementType, Data: statement, Annotations: map[string]string{"in-toto.io/predicate-type": kind},
		}, nil
	}
	sealed, err := key.Seal(statement)
	return registry.Attachment{ArtifactType: signing.BundleType, Data: sealed, Annotations: map[string]string{
		"dev.sigstore.bundle.content": "dsse-envelope", "dev.sigstore.bundle.predicateType": kind,
		AnnotationCreated: created.UTC().Format(time.RFC3339),
	}}, err
}

// simpleSignature signs the image the way cosign did before version 3.
func simpleSignature(a attest.About, key *signing.PrivateKey) (registry.Content, error) {
	payload, sig, err := key.SealSimple(a.Image, a.Digest)
	if err != nil {
		return registry.Content{}, err
	}
	layer := registry.BytesBlob(payload)
	config, err := registry.NewManifest(v1.ConfigFile{
		Created: v1.Time{Time: a.Created.UTC().Truncate(time.Second)}, RootFS: v1.RootFS{Type: "layers", DiffIDs: []v1.Hash{layer.Digest}},
	}, types.OCIConfigJSON)
	if err != nil {
		return registry.Content{}, err
	}
	described := layer.Descriptor(signing.SimpleType)
	described.Annotations = map[string]string{annotationSignature: sig}
	top, err := registry.NewManifest(v1.Manifest{
		SchemaVersion: 2, MediaType: types.OCIManifestSchema1, Config: config.Descriptor(), Layers: []v1.Descriptor{described},
	}, types.OCIManifestSchema1)
	return registry.Content{Top: top, Blobs: []registry.Blob{layer, registry.BytesBlob(config.Raw)}}, err
}

// Attachments is where claims are read from.
type Attachments interface {
	// Attachments reads what of an artifact type is attached to a digest.
	Attachments(ctx context.Context, digest, artifactType string) ([]registry.Attachment, error)
}

// Claims reads the statements about an image that this key signed. What others
// signed, or nobody, is left out; the number of such attachments is returned.
func Claims(ctx context.Context, r Attachments, digest string, key *signing.PublicKey) (signed []attest.Statement, others int, err error) {
	attached, err := r.Attachments(ctx, digest, signing.BundleType)
	if err != nil {
		return nil, 0, fmt.Errorf("read claims about %s: %w", digest, err)
	}
	for _, a := range attached {
		payload, err := key.Open(a.Data)
		if err != nil {
			others++
			continue
		}
		s, err := attest.Parse(payload)
		if err != nil {
			return nil, 0, fmt.Errorf("read claims about %s: %s: %w: %w", digest, a.Digest, err, registry.ErrInvalid)
		}
		signed = append(signed, s)
	}
	return signed, others, nil
}

// UnverifiedClaims reads the statements about an image whoever made them. They
// say what the image is meant to be, and prove nothing.
func UnverifiedClaims(ctx context.Context, r Attachments, digest string) ([]attest.Statement, error) {
	attached, err := r.Attachments(ctx, digest, "")
	if err != nil {
		return nil, fmt.Errorf("read claims about %s: %w", digest, err)
	}
	var out []attest.Statement
	for _, a := range attached {
		payload := a.Data
		switch a.ArtifactType {
		case StatementType:
		case signing.BundleType:
			if payload, err = signing.Unverified(a.Data); err != nil {
				continue
			}
		default:
			continue
		}
		if s, err := attest.Parse(payload); err == nil {
			out = append(out, s)
		}
	}
	return out, nil
}

// ModelPack is the digest of the ModelPack sibling in an image, or "" when it
// has none.
func ModelPack(ctx context.Context, r Repository, digest string) (string, error) {
	m, err := r.Manifest(ctx, digest)
	if err != nil {
		return "", fmt.Errorf("read image %s: %w", digest, err)
	}
	e, err := m.Parse()
	if err != nil {
		return "", fmt.Errorf("read image %s: %w", digest, err)
	}
	for _, d := range e.Manifests {
		if d.ArtifactType == modelPackManifestType {
			return d.Digest.String(), nil
		}
	}
	return "", nil
}

// ErrUnsigned says that an image has no signature by the key that is asked for.
var ErrUnsigned = errors.New("not signed by this key")

// CheckSignature makes sure that the key signed this digest. The error is
// ErrUnsigned when it did not.
func CheckSignature(ctx context.Context, r Attachments, digest string, key *signing.PublicKey) error {
	signed, others, err := Claims(ctx, r, digest, key)
	if err != nil {
		return err
	}
	for _, s := range signed {
		if s.PredicateType == attest.SignatureType && s.IsAbout(digest) {
			return nil
		}
	}
	return fmt.Errorf("check signature of %s: %d statements by this key, %d by others: %w", digest, len(signed), others, ErrUnsigned)
}
