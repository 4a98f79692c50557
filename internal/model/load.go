package model

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"unicode/utf8"

	"github.com/weighlock/weighlock/internal/metric"
)

// Limits of a model's files. A linear model of a hundred thousand outputs stays far below.
const (
	maxDocument = 16 << 20
	maxWeights  = 256 << 20
	maxDepth    = 32
	maxClasses  = 10_000
)

// Load reads a model from the files model.json and weights.bin of fsys; other files are ignored. It accepts nothing but
// the very bytes that Files would write: a file that is damaged, truncated, too large, written by hand or written by a
// newer version is an error of one line that says which.
func Load(fsys fs.FS) (*Model, error) {
	m, err := load(fsys)
	if err != nil {
		return nil, fmt.Errorf("load model: %w", err)
	}
	return m, nil
}

func load(fsys fs.FS) (*Model, error) {
	text, err := readFile(fsys, DocumentFile, maxDocument)
	if err != nil {
		return nil, err
	}
	doc, err := parseDocument(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", DocumentFile, err)
	}
	packed, err := readFile(fsys, WeightsFile, maxWeights)
	if err != nil {
		return nil, err
	}
	weights, err := doc.Weights.open(packed)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", WeightsFile, err)
	}
	m, err := doc.model(weights)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", DocumentFile, err)
	}
	if !bytes.Equal(m.files[DocumentFile], text) {
		return nil, fmt.Errorf("%s: not as weighlock writes it: it was edited or damaged", DocumentFile)
	}
	return m, nil
}

// readFile reads a regular file of at most limit bytes.
func readFile(fsys fs.FS, name string, limit int64) ([]byte, error) {
	info, err := fs.Lstat(fsys, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w", name, fs.ErrNotExist)
	}
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: not a regular file", name)
	}
	if info.Size() > limit {
		return nil, fmt.Errorf("%s: %d bytes are more than the limit of %d", name, info.Size(), limit)
	}
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // nothing was written
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if int64(len(b)) > limit {
		return nil, fmt.Errorf("%s: more than the limit of %d bytes", name, limit)
	}
	return b, nil
}

// parseDocument reads model.json as far as it is the same for every kind.
func parseDocument(text []byte) (*document, error) {
	if !utf8.Valid(text) {
		return nil, errors.New("not valid UTF-8")
	}
	if err := checkJSON(text); err != nil {
		return nil, err
	}
	// The version is judged before the rest is understood, for a newer file may well have fields of which this program
	// knows nothing.
	var head struct {
		Format  string `json:"format"`
		Version int    `json:"version"`
	}
	if err := json.Unmarshal(text, &head); err != nil {
		return nil, jsonError(err)
	}
	switch {
	case head.Format != formatName:
		return nil, errors.New("not a weighlock model")
	case head.Version > formatVersion:
		return nil, fmt.Errorf("format version %d is newer than this weighlock, which reads version %d", head.Version, formatVersion)
	case head.Version < 1:
		return nil, fmt.Errorf("format version %d does not exist", head.Version)
	}
	doc := &document{}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(doc); err != nil {
		return nil, jsonError(err)
	}
	return doc, nil
}

// open checks weights.bin against the document.
func (w weightsEntry) open(packed []byte) ([]float64, error) {
	if w.Count < 0 || w.Count > maxWeights/8 || len(packed) != 8*w.Count {
		return nil, fmt.Errorf("%d bytes, %s announces %d numbers of 8", len(packed), DocumentFile, w.Count)
	}
	if sum := sha256.Sum256(packed); hex.EncodeToString(sum[:]) != w.SHA256 {
		return nil, fmt.Errorf("damaged: its SHA-256 is not the one in %s", DocumentFile)
	}
	weights := unpackWeights(packed)
	return weights, checkWeights(weights)
}

// model checks what the document says and makes a model of it.
func (doc *document) model(weights []float64) (*Model, error) {
	h := header{kind: doc.Kind, task: doc.Task, target: doc.Target, classes: doc.Classes, origin: doc.Origin, encoder: doc.Encoder}
	if err := h.check(); err != nil {
		return nil, err
	}
	k, err := findKind(doc.Kind)
	if err != nil {
		return nil, err
	}
	b, err := k.read(&h, doc.Body, weights)
	if err != nil {
		return nil, err
	}
	return assemble(h, b)
}

// check says what is wrong with the parts that every kind has.
func (h *header) check() error {
	if !slices.Contains(metric.Tasks(), h.task) {
		return fmt.Errorf("unknown task %q", h.task)
	}
	if h.target == "" || !utf8.ValidString(h.target) {
		return errors.New("no valid target")
	}
	if !h.task.Classifies() && h.classes != nil {
		return fmt.Errorf("a %s task has no classes", h.task)
	}
	if h.task.Classifies() && len(h.classes) == 0 {
		return errors.New("no classes")
	}
	if h.task == metric.Binary && len(h.classes) > 2 {
		return fmt.Errorf("%d classes in a binary task", len(h.classes))
	}
	if len(h.classes) > maxClasses {
		return fmt.Errorf("%d classes are more than %d", len(h.classes), maxClasses)
	}
	for i, c := range h.classes {
		if !utf8.ValidString(c) || (i > 0 && c <= h.classes[i-1]) {
			return errors.New("classes are not distinct, sorted texts")
		}
	}
	return nil
}
