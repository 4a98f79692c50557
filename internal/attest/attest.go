// Package attest is what is claimed about a model image: its verdict, its provenance, its bill of materials.
//
// Claims are in-toto statements (github.com/in-toto/attestation, spec/v1). They are built from what a run and a push
// know, and checked against each other and against the image that they name; signing them is package signing's.
package attest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/weighlock/weighlock/internal/evaluation"
	"github.com/weighlock/weighlock/internal/model"
	"github.com/weighlock/weighlock/internal/report"
)

// The kinds of claims. Each but the last is a standard of its own, and its name says where that is; seeds are what training
// with other seeds did to the rules.
const (
	SignatureType  = "https://sigstore.dev/cosign/sign/v1"
	VerdictType    = "https://in-toto.io/attestation/test-result/v0.1"
	ProvenanceType = "https://slsa.dev/provenance/v1"
	BOMType        = "https://cyclonedx.org/bom"
	SeedsType      = "https://weighlock.dev/seeds/v1"
)

// BuildType names how a model is built from a commit; docs/deploy.md describes its parameters.
const BuildType = "https://weighlock.dev/buildtypes/model/v1"

const statementType = "https://in-toto.io/Statement/v1"

// Subject is something that a claim is about.
type Subject struct {
	Name   string            `json:"name,omitempty"`
	Digest map[string]string `json:"digest"`
}

// Statement is one claim; Predicate depends on PredicateType.
type Statement struct {
	Type          string          `json:"_type"`
	Subject       []Subject       `json:"subject"`
	PredicateType string          `json:"predicateType"`
	Predicate     json.RawMessage `json:"predicate"`
}

// resource is in-toto's ResourceDescriptor, as far as it is used here.
type resource struct {
	URI         string            `json:"uri,omitempty"`
	Name        string            `json:"name,omitempty"`
	Digest      map[string]string `json:"digest,omitempty"`
	Annotations map[string]any    `json:"annotations,omitempty"`
}

// About is everything that claims are made from.
type About struct {
	// Image is the repository's name, Digest the index's; Manifests are the digests of what the index lists, by platform.
	Image, Digest string
	Manifests     map[string]string
	// Source is the URL of the repository, Created the time of the commit.
	Source  string
	Created time.Time

	Report     *report.Report
	Evaluation evaluation.Evaluation
	Model      model.Description
	// Train is how the model was made, as the configuration says it.
	Train map[string]any
	// Documents are the digests of what is attached to the image, by name.
	Documents map[string]string
	// Servers are the programs in the image, by platform.
	Servers map[string][]byte

	// Builder names the system that ran the build, Invocation this run of it; Finished is when. They are the only part
	// that differs when the same commit is pushed twice.
	Builder, Invocation string
	Finished            time.Time
	// Version is the version of Weighlock.
	Version string

	// Uses, Limits and Licenses are the owner's words on what the model is for and what it is not for.
	Uses, Limits []string
	Licenses     string
}

// hexOf cuts "sha256:" off a digest.
func hexOf(digest string) string {
	_, hex, _ := strings.Cut(digest, ":")
	return hex
}

func sha256Digest(digest string) map[string]string { return map[string]string{"sha256": hexOf(digest)} }

// subjects are the index and every manifest in it, so that a claim is found by the digest of either.
func (a About) subjects() []Subject {
	out := []Subject{{Name: a.Image, Digest: sha256Digest(a.Digest)}}
	for _, platform := range sortedKeys(a.Manifests) {
		out = append(out, Subject{Name: a.Image + " (" + platform + ")", Digest: sha256Digest(a.Manifests[platform])})
	}
	return out
}

func statement(subjects []Subject, predicateType string, predicate any) ([]byte, error) {
	raw, err := json.Marshal(predicate)
	if err != nil {
		return nil, fmt.Errorf("write statement %s: %w", predicateType, err)
	}
	return json.Marshal(Statement{statementType, subjects, predicateType, raw})
}

// Signature is the claim that cosign makes when it signs an image: this digest, and nothing more.
func Signature(digest string) ([]byte, error) {
	return statement([]Subject{{Digest: sha256Digest(digest)}}, SignatureType, struct{}{})
}

// Seeds is the claim that training the image's commit with other seeds did this, a JSON document.
func Seeds(digest string, spread json.RawMessage) ([]byte, error) {
	return statement([]Subject{{Digest: sha256Digest(digest)}}, SeedsType, spread)
}

// Parse reads a statement.
func Parse(raw []byte) (Statement, error) {
	var s Statement
	if err := json.Unmarshal(raw, &s); err != nil {
		return s, fmt.Errorf("read statement: %w", err)
	}
	if s.Type != statementType && s.Type != "https://in-toto.io/Statement/v0.1" {
		return s, fmt.Errorf("read statement: its type is %q, want %s", s.Type, statementType)
	}
	return s, nil
}

// IsAbout reports whether a digest ("sha256:" and hex) is among the subjects.
func (s Statement) IsAbout(digest string) bool {
	return slices.ContainsFunc(s.Subject, func(one Subject) bool {
		return one.Digest["sha256"] == hexOf(digest) && strings.HasPrefix(digest, "sha256:")
	})
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
