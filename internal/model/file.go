package model

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/weighlock/weighlock/internal/metric"
)

// The names of a model's files.
const (
	DocumentFile = "model.json"
	WeightsFile  = "weights.bin"
)

// formatName and formatVersion open every model.json. The version grows when a reader of the version before would
// misread the file.
const (
	formatName    = "weighlock-model"
	formatVersion = 1
)

// document is model.json: one line of JSON whose keys are sorted at every level and whose numbers are as short as they
// can be, so that the same model has the same bytes. The fields of all its structs stand in the order of their keys.
type document struct {
	Body    json.RawMessage `json:"body"`
	Classes []string        `json:"classes,omitempty"`
	Encoder *Encoder        `json:"encoder,omitempty"`
	Format  string          `json:"format"`
	Kind    string          `json:"kind"`
	Origin  Origin          `json:"origin"`
	Target  string          `json:"target"`
	Task    metric.Task     `json:"task"`
	Version int             `json:"version"`
	Weights weightsEntry    `json:"weights"`
}

// weightsEntry ties weights.bin to the document.
type weightsEntry struct {
	Count  int    `json:"count"`
	SHA256 string `json:"sha256"`
}

// Files gives the model's files by name. The same model has the same bytes; nothing in them is executable.
func (m *Model) Files() (map[string][]byte, error) {
	out := make(map[string][]byte, len(m.files))
	for name, content := range m.files {
		out[name] = slices.Clone(content)
	}
	return out, nil
}

// Digest names the model whatever packs its files: "sha256:" and the SHA-256 of the lines that sha256sum prints for
// them, sorted by name.
func (m *Model) Digest() string { return m.digest }

// Size is the number of bytes of all files.
func (m *Model) Size() int64 {
	n := int64(0)
	for _, content := range m.files {
		n += int64(len(content))
	}
	return n
}

// assemble makes a model of checked parts.
func assemble(h header, b body) (*Model, error) {
	if err := h.check(); err != nil {
		return nil, fmt.Errorf("make %s model: %w", h.kind, err)
	}
	m := &Model{header: h, body: b}
	part, weights := b.write()
	raw, err := marshal(part)
	if err != nil {
		return nil, fmt.Errorf("make %s model: %w", h.kind, err)
	}
	packed := packWeights(weights)
	sum := sha256.Sum256(packed)
	text, err := marshal(document{
		Body: bytes.TrimSpace(raw), Classes: h.classes, Encoder: h.encoder, Format: formatName, Kind: h.kind, Origin: h.origin,
		Target: h.target, Task: h.task, Version: formatVersion,
		Weights: weightsEntry{Count: len(weights), SHA256: hex.EncodeToString(sum[:])},
	})
	if err != nil {
		return nil, fmt.Errorf("make %s model: %w", h.kind, err)
	}
	m.files = map[string][]byte{DocumentFile: text, WeightsFile: packed}
	m.digest = digest(m.files)
	return m, nil
}

// digest is modelimage's set digest of the same files.
func digest(files map[string][]byte) string {
	h := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		h.Write(fmt.Appendf(nil, "%x  %s\n", sha256.Sum256(files[name]), name))
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}

// marshal writes one line of JSON without HTML escapes.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("write model: %w", err)
	}
	return b.Bytes(), nil
}

// packWeights writes numbers as little-endian float64, one after the other.
func packWeights(v []float64) []byte {
	out := make([]byte, 0, 8*len(v))
	for _, x := range v {
		out = binary.LittleEndian.AppendUint64(out, math.Float64bits(x))
	}
	return out
}

func unpackWeights(b []byte) []float64 {
	out := make([]float64, len(b)/8)
	for i := range out {
		out[i] = math.Float64frombits(binary.LittleEndian.Uint64(b[8*i:]))
	}
	return out
}

// checkWeights refuses what no fitted model holds.
func checkWeights(v []float64) error {
	for i, x := range v {
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return fmt.Errorf("weight %d of %d is not a finite number", i+1, len(v))
		}
	}
	return nil
}
