package model

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/weighlock/weighlock/internal/metric"
)

// OpaqueFile describes an opaque model; its own files stand below opaqueModel, and what its predict command needs of the
// repository below opaqueSource.
const (
	OpaqueFile   = "opaque.json"
	opaqueModel  = "model"
	opaqueSource = "source"

	opaqueFormat  = "weighlock-opaque"
	opaqueVersion = 1
	maxOpaque     = 64 << 30
	maxSource     = 64 << 20
	maxOpaqueList = 20_000
)

// OpaqueSpec is everything that makes an opaque model.
type OpaqueSpec struct {
	Task   metric.Task `json:"task"`
	Target string      `json:"target"`
	// ID is the name of the column that tells rows apart in the tables that Predict reads and writes.
	ID string `json:"id"`
	// Classes are the names of the classes in the order of probabilities; nil unless the task classifies.
	Classes []string `json:"classes,omitempty"`
	// Features are the columns of the tables that Predict reads, besides ID.
	Features []Feature `json:"features"`
	// Predict is the command that scores rows, nil when there is none; Setup installs what it needs.
	Predict []string `json:"predict,omitempty"`
	Setup   []string `json:"setup,omitempty"`
	// Folder is where in Source the commands run, Format is that of the tables: csv or parquet.
	Folder string `json:"folder"`
	Format string `json:"format"`
	// Model holds the files that training left. They may be larger than memory, so they are read as a stream, whenever they
	// are needed: they stay there as long as the model is used. Source are the files of the repository, by slash-separated
	// path.
	Model  fs.FS             `json:"-"`
	Source map[string][]byte `json:"-"`
}

// Opaque is a trained model whose files Weighlock does not open: pickle, joblib, .pt, .h5, .keras and the like run code
// when they are read, so only the user's own program in a sandbox or in its image does that.
type Opaque struct {
	spec   OpaqueSpec
	files  map[string]opaqueEntry
	text   []byte // of OpaqueFile
	digest string
}

// opaqueDocument is opaque.json.
type opaqueDocument struct {
	Magic   string `json:"weighlock"`
	Version int    `json:"version"`
	OpaqueSpec
}

// NewOpaque checks and keeps a spec. It reads every file once, for its digest.
func NewOpaque(spec OpaqueSpec) (*Opaque, error) {
	o, err := newOpaque(spec)
	if err != nil {
		return nil, fmt.Errorf("keep opaque model: %w", err)
	}
	return o, nil
}

func newOpaque(spec OpaqueSpec) (*Opaque, error) {
	if err := spec.check(); err != nil {
		return nil, err
	}
	document, err := json.Marshal(opaqueDocument{opaqueFormat, opaqueVersion, spec})
	if err != nil {
		return nil, err
	}
	o := &Opaque{spec: spec, files: map[string]opaqueEntry{}, text: append(document, '\n')}
	o.files[OpaqueFile] = keptBytes(o.text)
	for name, content := range spec.Source {
		o.files[opaqueSource+"/"+name] = keptBytes(content)
	}
	if err := o.listModel(); err != nil {
		return nil, err
	}
	if len(o.files) > maxOpaqueList {
		return nil, fmt.Errorf("%d files are more than %d", len(o.files), maxOpaqueList)
	}
	h := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(o.files)) {
		_, _ = fmt.Fprintf(h, "%x  %s\n", o.files[name].digest, name)
	}
	o.digest = "sha256:" + hex.EncodeToString(h.Sum(nil))
	return o, nil
}

func (s OpaqueSpec) check() error {
	if !slices.Contains(metric.Tasks(), s.Task) {
		return fmt.Errorf("unknown task %q", s.Task)
	}
	if s.Target == "" || s.ID == "" || s.Target == s.ID {
		return errors.New("target and id are two names")
	}
	if s.Task.Classifies() != (len(s.Classes) > 0) || len(s.Classes) > maxClasses {
		return fmt.Errorf("a %s task with %d classes", s.Task, len(s.Classes))
	}
	if s.Format != "csv" && s.Format != "parquet" {
		return fmt.Errorf("table format %q is neither csv nor parquet", s.Format)
	}
	if !fs.ValidPath(s.Folder) {
		return fmt.Errorf("folder %q is not a plain relative path", s.Folder)
	}
	names := map[string]bool{s.ID: true, s.Target: true}
	for _, f := range s.Features {
		if f.Name == "" || names[f.Name] || !utf8.ValidString(f.Name) {
			return fmt.Errorf("feature %q has no name, or one that is taken", f.Name)
		}
		names[f.Name] = true
	}
	size := 0
	for name, content := range s.Source {
		if err := checkOpaqueName(name); err != nil {
			return err
		}
		size += len(content)
	}
	if size > maxSource {
		return fmt.Errorf("%d bytes of source are more than %d", size, maxSource)
	}
	return nil
}

func checkOpaqueName(name string) error {
	if !fs.ValidPath(name) || name == "." || strings.ContainsAny(name, "\\\x00\n") {
		return fmt.Errorf("file %q is not a plain relative path", name)
	}
	return nil
}

// Spec is what the model was made of. Its maps and lists must not be changed.
func (o *Opaque) Spec() OpaqueSpec { return o.spec }

// Kind names what the files are, by their extensions, such as "opaque (.joblib)".
func (o *Opaque) Kind() string {
	kinds := map[string]bool{}
	for name := range o.files {
		if !strings.HasPrefix(name, opaqueModel+"/") {
			continue
		}
		if ext := path.Ext(name); len(ext) > 1 && len(ext) < 12 {
			kinds[strings.ToLower(ext)] = true
		}
	}
	found := slices.Sorted(maps.Keys(kinds))
	if len(found) == 0 || len(found) > 5 {
		return "opaque"
	}
	return "opaque (" + strings.Join(found, ", ") + ")"
}

// Digest identifies the model by all of its files.
func (o *Opaque) Digest() string { return o.digest }

// Size is the number of bytes of the files that training left.
func (o *Opaque) Size() int64 {
	var n int64
	for name, entry := range o.files {
		if strings.HasPrefix(name, opaqueModel+"/") {
			n += entry.size
		}
	}
	return n
}

// IsOpaque reports whether fsys holds an opaque model.
func IsOpaque(fsys fs.FS) bool {
	_, err := fs.Stat(fsys, OpaqueFile)
	return err == nil
}

// LoadOpaque reads what FS gave. It opens none of the model's own files as anything but bytes, and holds none in memory:
// fsys has to stay as long as the model is used.
func LoadOpaque(fsys fs.FS) (*Opaque, error) {
	o, err := loadOpaque(fsys)
	if err != nil {
		return nil, fmt.Errorf("load opaque model: %w", err)
	}
	return o, nil
}

func loadOpaque(fsys fs.FS) (*Opaque, error) {
	text, err := readFile(fsys, OpaqueFile, maxDocument)
	if err != nil {
		return nil, err
	}
	if !utf8.Valid(text) {
		return nil, fmt.Errorf("%s: not valid UTF-8", OpaqueFile)
	}
	if err := checkJSON(text); err != nil {
		return nil, fmt.Errorf("%s: %w", OpaqueFile, err)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	var document opaqueDocument
	if err := d.Decode(&document); err != nil {
		return nil, fmt.Errorf("%s: %w", OpaqueFile, jsonError(err))
	}
	if document.Magic != opaqueFormat || document.Version != opaqueVersion {
		return nil, fmt.Errorf("%s: it is %q of version %d, this weighlock reads %q of version %d", OpaqueFile, document.Magic, document.Version, opaqueFormat, opaqueVersion)
	}
	spec := document.OpaqueSpec
	if spec.Model, err = fs.Sub(fsys, opaqueModel); err != nil {
		return nil, err
	}
	if spec.Source, err = readSource(fsys); err != nil {
		return nil, err
	}
	o, err := NewOpaque(spec)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(o.text, text) {
		return nil, fmt.Errorf("%s: not as weighlock writes it: it was edited or damaged", OpaqueFile)
	}
	return o, nil
}

// readSource reads all regular files below opaqueSource; anything else there is an error.
func readSource(fsys fs.FS) (map[string][]byte, error) {
	var files map[string][]byte
	budget := int64(maxSource)
	err := eachRegular(fsys, opaqueSource, func(name string) error {
		if len(files) >= maxOpaqueList {
			return fmt.Errorf("%s: more than %d files", opaqueSource, maxOpaqueList)
		}
		content, err := readFile(fsys, name, budget)
		if err != nil {
			return err
		}
		if files == nil {
			files = map[string][]byte{}
		}
		budget -= int64(len(content))
		files[strings.TrimPrefix(name, opaqueSource+"/")] = content
		return nil
	})
	return files, err
}
