package attest

import (
	"bytes"
	"debug/buildinfo"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	cdx "github.com/CycloneDX/cyclonedx-go"
)

// The references within a bill of materials.
const (
	refImage      = "image"
	refModel      = "model"
	refTraining   = "data:training"
	refEvaluation = "data:evaluation"
)

// BOM lists what is in the image, as CycloneDX 1.6 in JSON: the model with its card, the data it was made of and judged
// on, by digest, and the Go modules of the server. It is the same for the same commit.
func BOM(a About) ([]byte, error) {
	bom := cdx.NewBOM()
	bom.SerialNumber = serialNumber(a.Digest)
	image := cdx.Component{
		BOMRef: refImage, Type: cdx.ComponentTypeContainer, Name: a.Image, Version: a.Digest,
		Hashes: hashes(a.Digest), Licenses: licenses(a.Licenses),
	}
	bom.Metadata = &cdx.Metadata{
		Timestamp: a.Created.UTC().Format(time.RFC3339), Component: &image,
		Tools: &cdx.ToolsChoice{Components: &[]cdx.Component{{Type: cdx.ComponentTypeApplication, Name: "weighlock", Version: a.Version}}},
	}
	components := []cdx.Component{modelComponent(a), dataComponent(refTraining, "training data", a.Report.Data.Digest), dataComponent(refEvaluation, "evaluation set", a.Report.Data.Evaluation.Digest)}
	modules, err := goModules(a.Servers)
	if err != nil {
		return nil, fmt.Errorf("write bill of materials: %w", err)
	}
	components = append(components, modules...)
	bom.Components = &components
	inImage := []string{refModel}
	for _, m := range modules {
		inImage = append(inImage, m.BOMRef)
	}
	bom.Dependencies = &[]cdx.Dependency{
		{Ref: refImage, Dependencies: &inImage},
		{Ref: refModel, Dependencies: &[]string{refTraining, refEvaluation}},
	}
	var out bytes.Buffer
	encoder := cdx.NewBOMEncoder(&out, cdx.BOMFileFormatJSON)
	if err := encoder.EncodeVersion(bom, cdx.SpecVersion1_6); err != nil {
		return nil, fmt.Errorf("write bill of materials: %w", err)
	}
	return bytes.TrimSpace(out.Bytes()), nil
}

// BOMStatement wraps a bill of materials as a claim about the image.
func BOMStatement(a About, bom []byte) ([]byte, error) {
	return statement(a.subjects(), BOMType, rawJSON(bom))
}

type rawJSON []byte

// MarshalJSON passes the document on.
func (r rawJSON) MarshalJSON() ([]byte, error) { return r, nil }

// serialNumber is a name-based UUID: the same image has the same bill of materials.
func serialNumber(digest string) string {
	h := (hexOf(digest) + strings.Repeat("0", 32))[:32]
	// version 8 (custom) and the variant of RFC 9562
	return "urn:uuid:" + h[:8] + "-" + h[8:12] + "-8" + h[13:16] + "-8" + h[17:20] + "-" + h[20:]
}

func hashes(digest string) *[]cdx.Hash {
	return &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: hexOf(digest)}}
}

func licenses(expression string) *cdx.Licenses {
	if expression == "" {
		return nil
	}
	return &cdx.Licenses{{Expression: expression}}
}

func dataComponent(ref, name, digest string) cdx.Component {
	return cdx.Component{
		BOMRef: ref, Type: cdx.ComponentTypeData, Name: name, Version: digest, Hashes: hashes(digest),
		Data: &[]cdx.ComponentData{{Type: cdx.ComponentDataTypeDataset, Name: name}},
	}
}

// goModules are the modules in the servers, each once: platforms differ in machine code and hardly in modules.
func goModules(servers map[string][]byte) ([]cdx.Component, error) {
	seen := map[string]bool{}
	var out []cdx.Component
	for _, platform := range sortedKeys(servers) {
		info, err := buildinfo.Read(bytes.NewReader(servers[platform]))
		if err != nil {
			return nil, fmt.Errorf("read build information of the server for %s: %w", platform, err)
		}
		modules := []*debug.Module{{Path: "std", Version: strings.TrimPrefix(info.GoVersion, "go")}, &info.Main}
		for _, m := range append(modules, info.Deps...) {
			if m.Replace != nil {
				m = m.Replace
			}
			purl := "pkg:golang/" + m.Path
			if m.Version != "" && m.Version != "(devel)" {
				purl += "@" + m.Version
			}
			if seen[purl] || m.Path == "" {
				continue
			}
			seen[purl] = true
			out = append(out, cdx.Component{BOMRef: purl, Type: cdx.ComponentTypeLibrary, Name: m.Path, Version: m.Version, PackageURL: purl})
		}
	}
	slices.SortFunc(out, func(a, b cdx.Component) int { return strings.Compare(a.BOMRef, b.BOMRef) })
	return out, nil
}
