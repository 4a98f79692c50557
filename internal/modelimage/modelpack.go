package modelimage

import (
	"encoding/json"
	"fmt"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/weighlock/weighlock/internal/registry"
)

// The media types of the CNCF ModelPack specification, v0.0.7.
const (
	modelPackManifestType = "application/vnd.cncf.model.manifest.v1+json"
	modelPackConfigType   = types.MediaType("application/vnd.cncf.model.config.v1+json")
	modelPackWeightType   = types.MediaType("application/vnd.cncf.model.weight.v1.tar")
	modelPackFilepath     = "org.cncf.model.filepath"
)

// modelPackSuffix ends the tag of the sibling: modctl and KitOps resolve a
// manifest and cannot pick one from an index.
const modelPackSuffix = "-modelpack"

// modelPackConfig is the config of the ModelPack specification; its schema
// allows no other field.
type modelPackConfig struct {
	Descriptor modelPackDescriptor `json:"descriptor"`
	ModelFS    modelPackFS         `json:"modelfs"`
	Config     modelPackModel      `json:"config"`
}

type modelPackDescriptor struct {
	CreatedAt   string   `json:"createdAt"`
	Name        string   `json:"name"`
	Version     string   `json:"version,omitempty"`
	Revision    string   `json:"revision"`
	SourceURL   string   `json:"sourceURL,omitempty"`
	Licenses    []string `json:"licenses,omitempty"`
	Title       string   `json:"title,omitempty"`
	Description string   `json:"description,omitempty"`
}

type modelPackFS struct {
	Type    string   `json:"type"`
	DiffIDs []string `json:"diffIds"`
}

type modelPackModel struct {
	Format string `json:"format"`
}

// modelPack makes the sibling manifest over the model layer and returns it with
// its config.
func modelPack(in Input, layer registry.Blob, annotations map[string]string) (registry.Manifest, registry.Blob, error) {
	c := modelPackConfig{
		Descriptor: modelPackDescriptor{
			CreatedAt: created(in), Name: in.Model, Version: in.Version, Revision: in.Revision,
			SourceURL: in.Source, Title: in.Title, Description: annotations[annotationDescription],
		},
		ModelFS: modelPackFS{Type: "layers", DiffIDs: []string{layer.Digest.String()}},
		Config:  modelPackModel{Format: "weighlock"},
	}
	if in.Licenses != "" {
		c.Descriptor.Licenses = []string{in.Licenses}
	}
	raw, err := json.Marshal(c)
	if err != nil {
		return registry.Manifest{}, registry.Blob{}, fmt.Errorf("encode ModelPack config: %w", err)
	}
	config := registry.BytesBlob(raw)
	weight := layer.Descriptor(modelPackWeightType)
	weight.Annotations = map[string]string{modelPackFilepath: modelRoot, annotationContent: contentModel}
	m, err := registry.NewManifest(v1.Manifest{
		SchemaVersion: 2, MediaType: types.OCIManifestSchema1, ArtifactType: modelPackManifestType,
		Config: config.Descriptor(modelPackConfigType), Layers: []v1.Descriptor{weight}, Annotations: annotations,
	}, types.OCIManifestSchema1)
	return m, config, err
}
