package attest

import (
	"strconv"
	"time"
)

// provenance is the predicate https://slsa.dev/provenance/v1.
type provenance struct {
	BuildDefinition buildDefinition `json:"buildDefinition"`
	RunDetails      runDetails      `json:"runDetails"`
}

type buildDefinition struct {
	BuildType            string         `json:"buildType"`
	ExternalParameters   map[string]any `json:"externalParameters"`
	InternalParameters   map[string]any `json:"internalParameters,omitempty"`
	ResolvedDependencies []resource     `json:"resolvedDependencies"`
}

type runDetails struct {
	Builder    builder       `json:"builder"`
	Metadata   buildMetadata `json:"metadata"`
	Byproducts []resource    `json:"byproducts"`
}

type builder struct {
	ID      string            `json:"id"`
	Version map[string]string `json:"version"`
}

type buildMetadata struct {
	InvocationID string `json:"invocationId,omitempty"`
	StartedOn    string `json:"startedOn,omitempty"`
	FinishedOn   string `json:"finishedOn,omitempty"`
}

// gitCommit is the digest algorithm in-toto names a commit by.
const gitCommit = "gitCommit"

// Provenance claims how the image was made: from which commit and rows, with which settings, compared with which
// baseline, by whom.
func Provenance(a About) ([]byte, error) {
	r := a.Report
	source := a.Source
	if source == "" {
		source = "git" // a repository without a remote has no URL; its commits still have names
	} else {
		source = "git+" + source
	}
	p := provenance{
		BuildDefinition: buildDefinition{
			BuildType: BuildType,
			ExternalParameters: map[string]any{
				"model": r.Model, "task": r.Task, "train": a.Train,
				"source": map[string]any{"uri": source, "digest": map[string]string{gitCommit: r.Head.Commit}},
			},
			InternalParameters: map[string]any{"tool": r.Tool, "trainRows": r.Measured.TrainRows},
			ResolvedDependencies: []resource{
				{Name: "source", URI: source, Digest: map[string]string{gitCommit: r.Head.Commit}},
				{Name: "data", Digest: sha256Digest(r.Data.Digest), Annotations: map[string]any{"rows": r.Data.Rows}},
				{Name: configEvaluation, Digest: sha256Digest(r.Data.Evaluation.Digest), Annotations: map[string]any{"rows": r.Data.Evaluation.Rows}},
				{Name: configPolicy, Digest: sha256Digest(r.Policy.Digest), Annotations: map[string]any{"commit": r.Policy.Commit}},
			},
		},
		RunDetails: runDetails{
			Builder:  builder{ID: a.Builder, Version: map[string]string{"weighlock": a.Version}},
			Metadata: buildMetadata{InvocationID: a.Invocation}, Byproducts: []resource{},
		},
	}
	if !r.FirstRun {
		baseline := resource{Name: "baseline", URI: r.Base.Image, Digest: map[string]string{gitCommit: r.Base.Commit}}
		p.BuildDefinition.ResolvedDependencies = append(p.BuildDefinition.ResolvedDependencies, baseline)
	}
	if !a.Finished.IsZero() {
		p.RunDetails.Metadata.FinishedOn = a.Finished.UTC().Format(time.RFC3339)
	}
	for _, name := range sortedKeys(a.Documents) {
		p.RunDetails.Byproducts = append(p.RunDetails.Byproducts, resource{Name: name, Digest: sha256Digest(a.Documents[name])})
	}
	return statement(a.subjects(), ProvenanceType, p)
}

// number is the shortest decimal that reads back as v.
func number(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }
