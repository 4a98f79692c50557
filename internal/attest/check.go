package attest

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The annotations of an image that claims are held against. They are part of the image's digest.
const (
	annotationRevision   = "org.opencontainers.image.revision"
	annotationPolicy     = "dev.weighlock.policy.digest"
	annotationEvaluation = "dev.weighlock.evaluation.digest"
	// AnnotationMetric and a metric's name hold its value over all rows.
	AnnotationMetric = "dev.weighlock.metric."
)

// Image is what is known of an image before any claim is read.
type Image struct {
	Digest      string
	Annotations map[string]string
	Created     time.Time
}

// Finding is one thing that was checked.
type Finding struct {
	// Check names it in a word or two.
	Check string `json:"check"`
	Holds bool   `json:"holds"`
	// Says is what was found, in a phrase.
	Says string `json:"says"`
	// Broken says that the image is not what it claims to be, and not merely less than what a rule asks for.
	Broken bool `json:"broken,omitempty"`
}

type findings []Finding

func (f *findings) trust(check string, holds bool, format string, args ...any) {
	*f = append(*f, Finding{check, holds, fmt.Sprintf(format, args...), !holds})
}

func (f *findings) ask(check string, holds bool, format string, args ...any) {
	*f = append(*f, Finding{check, holds, fmt.Sprintf(format, args...), false})
}

// Check holds signed statements against the image that they are attached to and against each other: there must be a
// signature, and all that Agree asks for. Every failure is a finding.
func Check(img Image, signed []Statement) []Finding {
	var f findings
	signatures := about(img, signed, SignatureType)
	f.trust("signature", len(signatures) > 0, "%d signatures of the image", len(signatures))
	return append(f, Agree(img, signed)...)
}

// Agree holds statements, whoever made them, against the image: a verdict and a provenance must be there, be about this
// digest, and name the same policy, rows and commit as the image.
func Agree(img Image, all []Statement) []Finding {
	var f findings
	others := slices.DeleteFunc(slices.Clone(all), func(s Statement) bool { return s.IsAbout(img.Digest) })
	f.trust("statements", len(others) == 0, "%d of %d statements name this digest", len(all)-len(others), len(all))
	f.verdicts(img, about(img, all, VerdictType))
	f.provenances(img, about(img, all, ProvenanceType))
	return f
}

// about picks the statements of one kind that name the image.
func about(img Image, all []Statement, kind string) []Statement {
	return slices.DeleteFunc(slices.Clone(all), func(s Statement) bool { return s.PredicateType != kind || !s.IsAbout(img.Digest) })
}

// verdicts: there must be one, and the worst counts.
func (f *findings) verdicts(img Image, all []Statement) {
	f.trust("verdict", len(all) > 0, "%d verdicts about this digest", len(all))
	for _, s := range all {
		var t testResult
		if err := json.Unmarshal(s.Predicate, &t); err != nil {
			f.trust("verdict", false, "cannot be read: %v", err)
			continue
		}
		f.ask("verdict", t.Result == ResultPassed || t.Result == ResultWarned, "%s: %d tests passed, %d warned, %d failed",
			t.Result, len(t.PassedTests), len(t.WarnedTests), len(t.FailedTests))
		for name, annotation := range map[string]string{configPolicy: annotationPolicy, configEvaluation: annotationEvaluation} {
			f.same(name, t.Configuration, img.Annotations[annotation])
		}
	}
}

// same: what a claim lists under a name must have the digest that the image is annotated with.
func (f *findings) same(name string, listed []resource, want string) {
	got := ""
	for _, r := range listed {
		if r.Name == name && r.Digest["sha256"] != "" {
			got = "sha256:" + r.Digest["sha256"]
		}
	}
	f.trust(name, got == want && want != "", "claim names %s, image %s", orNothing(got), orNothing(want))
}

func orNothing(s string) string {
	if s == "" {
		return "nothing"
	}
	return s
}

// provenances: there must be one, and each must name the image's commit.
func (f *findings) provenances(img Image, all []Statement) {
	f.trust("provenance", len(all) > 0, "%d provenances of this digest", len(all))
	for _, s := range all {
		p, err := readProvenance(s)
		if err != nil {
			f.trust("provenance", false, "cannot be read: %v", err)
			continue
		}
		f.trust("provenance", p.BuildDefinition.BuildType == BuildType, "build type %s", p.BuildDefinition.BuildType)
		want := img.Annotations[annotationRevision]
		f.trust("commit", p.commit() == want && want != "", "claim names %s, image %s", orNothing(p.commit()), orNothing(want))
	}
}

func readProvenance(s Statement) (provenance, error) {
	var p provenance
	err := json.Unmarshal(s.Predicate, &p)
	return p, err
}

func (p provenance) source() resource {
	for _, d := range p.BuildDefinition.ResolvedDependencies {
		if d.Name == "source" {
			return d
		}
	}
	return resource{}
}

func (p provenance) commit() string { return p.source().Digest[gitCommit] }

// Demand holds an image and its verified statements against a deployer's own rules.
func (d Demands) Demand(img Image, signed []Statement, now time.Time) []Finding {
	var f findings
	if len(d.Policies) > 0 {
		f.ask("accepted policy", slices.Contains(d.Policies, img.Annotations[annotationPolicy]), "judged by policy %s", orNothing(img.Annotations[annotationPolicy]))
	}
	if d.MaxAgeDays > 0 {
		days := int(now.Sub(img.Created).Hours() / 24)
		f.ask("age", !img.Created.IsZero() && days <= d.MaxAgeDays, "its commit is %d days old, at most %d are wanted", days, d.MaxAgeDays)
	}
	for _, name := range slices.Sorted(maps.Keys(d.Metrics)) {
		f.bound(name, d.Metrics[name], img.Annotations[AnnotationMetric+name])
	}
	for _, s := range signed {
		if !s.IsAbout(img.Digest) {
			continue
		}
		switch s.PredicateType {
		case ProvenanceType:
			p, err := readProvenance(s)
			if err != nil {
				continue // Check has told already
			}
			uri := strings.TrimPrefix(p.source().URI, "git+")
			if len(d.Sources) > 0 {
				f.ask("accepted source", slices.Contains(d.Sources, uri), "built from %s", uri)
			}
			if len(d.Builders) > 0 {
				f.ask("accepted builder", slices.Contains(d.Builders, p.RunDetails.Builder.ID), "built by %s", p.RunDetails.Builder.ID)
			}
		case VerdictType:
			var t testResult
			if json.Unmarshal(s.Predicate, &t) == nil && d.NoWarnings {
				f.ask("no warnings", t.Result == ResultPassed, "the verdict is %s: %s", t.Result, strings.Join(t.WarnedTests, ", "))
			}
		}
	}
	return f
}

func (f *findings) bound(name string, b Bound, text string) {
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		f.ask(name, false, "the image does not say")
		return
	}
	if b.Min != nil {
		f.ask(name, v >= *b.Min, "%s, at least %s is wanted", text, number(*b.Min))
	}
	if b.Max != nil {
		f.ask(name, v <= *b.Max, "%s, at most %s is wanted", text, number(*b.Max))
	}
}
