// Package modelimage is a weighed model as an OCI image: what it is made of, and how it is read back.
//
// Build makes the image as a pure function of its input: the same input has
// the same digest on any machine. Package registry takes it to where images
// live; Model and ReadConfig read it from there.
package modelimage

import (
	"io/fs"
	"time"
)

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
	// AnnotationDecision is what the gate decided; only "passed" is ever pushed.
	AnnotationDecision = "dev.weighlock.decision"
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
	// Files are the model's files; they stand under models/. They are read when
	// they are needed and need not fit into memory; Memory makes them of bytes.
	Files fs.FS
	// Servers are static server binaries by platform, such as "linux/amd64".
	Servers map[string][]byte
	// Base is the image below server and model, for a model that needs an interpreter; nil for none.
	Base *Base
	// Annotations are added to the computed ones. A run id, a pull request or
	// a wall clock has no place here: it would change the digest of equal content.
	Annotations map[string]string
	// Source is the URL of the repository; Version, Title, Description and
	// Licenses (an SPDX expression) are the fields of the same name in
	// org.opencontainers.image.*. Each may be empty.
	Source, Version, Title, Description, Licenses string
}

// Config is what an image says about itself.
type Config struct {
	Labels      map[string]string
	Annotations map[string]string
	Created     time.Time
	// Platforms are those that it runs on, such as "linux/amd64".
	Platforms []string
}
