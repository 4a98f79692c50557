package promotion

import (
	"context"
	"fmt"

	"github.com/weighlock/weighlock/internal/attest"
	"github.com/weighlock/weighlock/internal/modelimage"
	"github.com/weighlock/weighlock/internal/registry"
)

// Wishes are what a deployer asks of an image beyond that its claims hold; the zero value asks for nothing more.
type Wishes = attest.Demands

// Proof is what an image could show for itself.
type Proof struct {
	Image  string `json:"image"`
	Digest string `json:"digest"`
	// Signed says that a key vouches for the findings; without one they are only what somebody wrote.
	Signed   bool             `json:"signed"`
	Findings []attest.Finding `json:"findings"`
}

// Holds reports whether nothing failed.
func (p Proof) Holds() bool { return len(p.failures()) == 0 }

// Broken reports whether the image is not what it claims to be.
func (p Proof) Broken() bool {
	for _, f := range p.Findings {
		if !f.Holds && f.Broken {
			return true
		}
	}
	return false
}

func (p Proof) failures() []string {
	var out []string
	for _, f := range p.Findings {
		if !f.Holds {
			out = append(out, f.Check+": "+f.Says)
		}
	}
	return out
}

// Prove reads what is attached to an image and holds it against the image, the desk's key and the wishes. An error means
// that it could not be read; whatever does not hold is a finding.
func (d Desk) Prove(ctx context.Context, digest string, wishes Wishes) (Proof, error) {
	found, err := d.Images.Resolve(ctx, digest)
	if err != nil {
		return Proof{}, err
	}
	if found.Digest != digest {
		return Proof{}, registry.Invalid("prove %s: not a digest, and a tag may move meanwhile", digest)
	}
	proof := Proof{Image: d.Images.Name(), Digest: found.Digest, Signed: d.Key != nil}
	img := attest.Image{Digest: found.Digest, Annotations: found.Annotations, Created: found.Created}
	decision := found.Annotations[modelimage.AnnotationDecision]
	proof.Findings = []attest.Finding{{
		Check: "decision", Holds: decision == "passed", Says: fmt.Sprintf("the image says %q", decision), Broken: decision != "passed",
	}}
	var all []attest.Statement
	if d.Key != nil {
		if all, _, err = modelimage.Claims(ctx, d.Images, digest, d.Key); err != nil {
			return proof, err
		}
		proof.Findings = append(proof.Findings, attest.Check(img, all)...)
	} else {
		if all, err = modelimage.UnverifiedClaims(ctx, d.Images, digest); err != nil {
			return proof, err
		}
		all = onlyAbout(all, digest)
		proof.Findings = append(proof.Findings, attest.Agree(img, all)...)
	}
	proof.Findings = append(proof.Findings, wishes.Demand(img, all, d.Now())...)
	return proof, nil
}

// onlyAbout leaves out what anybody may have attached to confuse.
func onlyAbout(all []attest.Statement, digest string) []attest.Statement {
	var out []attest.Statement
	for _, s := range all {
		if s.IsAbout(digest) {
			out = append(out, s)
		}
	}
	return out
}
