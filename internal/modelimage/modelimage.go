// Package modelimage is a weighed model as an OCI image, to and from registries and OCI layout folders.
//
// Build makes the image as a pure function of its input: the same input has
// the same digest on any machine. Open names where images live, and the methods
// of Repository push, find and read them. Only this package knows the registry
// library; nothing of it is visible in the exported API.
package modelimage

import "time"

// The media types that Weighlock itself defines for what it attaches to an image.
const (
	EvaluationType  = "application/vnd.weighlock.evaluation.v1+json"
	PredictionsType = "application/vnd.weighlock.predictions.v1+parquet"
)

// The annotation keys that Build computes. They stand on the index, on every
// manifest, and as labels in every image config.
const (
	AnnotationModel     = "dev.weighlock.model"
	AnnotationSetDigest = "dev.weighlock.model.set-digest"
	AnnotationRevision  = "org.opencontainers.image.revision"
	AnnotationCreated   = "org.opencontainers.image.created"
)

// Input is everything that decides the bytes of an image.
type Input struct {
	// Model is the model's name: MODEL_NAME in the image, and a label.
	Model string
	// Revision is the full commit the model was trained at, 40 hex digits
	// (64 in a SHA-256 repository).
	Revision string
	// Created is the time of that commit. Never the wall clock.
	Created time.Time
	// Files are the model's files by slash-separated path; they stand under models/.
	Files map[string][]byte
	// Servers are static server binaries by platform, such as "linux/amd64".
	Servers map[string][]byte
	// Annotations are added to the computed ones. A run id, a pull request or
	// a wall clock has no place here: it would change the digest of equal content.
	Annotations map[string]string
	// Source is the URL of the repository; Version, Title, Description and
	// Licenses (an SPDX expression) are the fields of the same name in
	// org.opencontainers.image.*. Each may be empty.
	Source, Version, Title, Description, Licenses string
}

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
	// Created is the commit time that the image carries; zero when it carries none.
	Created time.Time
}

// Attachment is a document that belongs to an image and is stored beside it,
// as a referrer of its index.
type Attachment struct {
	ArtifactType string
	// MediaType is that of the document; ArtifactType when empty.
	MediaType   string
	Data        []byte
	Annotations map[string]string
	// Digest is that of the attachment's manifest; set when it was read or written.
	Digest string
}

// Config is what an image says about itself.
type Config struct {
	Labels      map[string]string
	Annotations map[string]string
	Created     time.Time
	// Platforms are those that it runs on, such as "linux/amd64".
	Platforms []string
}
