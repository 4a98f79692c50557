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
	maxOpaque     = 2 << 30
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
	// Model are the files that training left, by slash-separated path, Source those of the repository.
	Model  map[string][]byte `json:"-"`
	Source map[string][]byte `json:"-"`
}

// Opaque is a trained model whose files Weighlock does not open: pickle, joblib, .pt, .h5, .keras and the like run code
// when they are read, so only the user's own program in a sandbox or in its image does that.
type Opaque struct {
	spec   OpaqueSpec
	files  map[string][]byte
	digest string
}

// opaqueDocument is opaque.json.
type opaqueDocument struct {
	Magic   string `json:"weighlock"`
	Version int    `json:"version"`
	OpaqueSpec
}

// NewOpaque checks and keeps a spec.
func NewOpaque(spec OpaqueSpec) (*Opaque, error) {
	if err := spec.check(); err != nil {
		return nil, fmt.Errorf("keep opaque model: %w", err)
	}
	document, err := json.Marshal(opaqueDocument{opaqueFormat, opaqueVersion, spec})
	if err != nil {
		return nil, fmt.Errorf("keep opaque model: %w", err)
	}
	o := &Opaque{spec: spec, files: map[string][]byte{OpaqueFile: append(document, '\n')}}
	for folder, files := range map[string]map[string][]byte{opaqueModel: spec.Model, opaqueSource: spec.Source} {
		for name, content := range files {
			o.files[folder+"/"+name] = content
		}
	}
	h := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(o.files)) {
		_, _ = fmt.Fprintf(h, "%x  %s\n", sha256.Sum256(o.files[name]), name)
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
	if len(s.Model) == 0 {
		return errors.New("it has no files")
	}
	var size, count int
	for _, files := range []map[string][]byte{s.Model, s.Source} {
		for name, content := range files {
			if !fs.ValidPath(name) || name == "." || strings.ContainsAny(name, "\\\x00\n") {
				return fmt.Errorf("file %q is not a plain relative path", name)
			}
			size += len(content)
			count++
		}
	}
	if size > maxOpaque || count > maxOpaqueList {
		return fmt.Errorf("%d files of %d bytes are more than %d of %d", count, size, maxOpaqueList, maxOpaque)
	}
	return nil
}

// Spec is what the model was made of. Its maps and lists must not be changed.
func (o *Opaque) Spec() OpaqueSpec { return o.spec }

// Kind names what the files are, by their extensions, such as "opaque (.joblib)".
func (o *Opaque) Kind() string {
	kinds := map[string]bool{}
	for name := range o.spec.Model {
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
	for _, content := range o.spec.Model {
		n += int64(len(content))
	}
	return n
}

// Files are the files to keep, by slash-separated path.
func (o *Opaque) Files() map[string][]byte { return maps.Clone(o.files) }

// IsOpaque reports whether fsys holds an opaque model.
func IsOpaque(fsys fs.FS) bool {
	_, err := fs.Stat(fsys, OpaqueFile)
	return err == nil
}

// LoadOpaque reads what Files gave. It opens none of the model's own files as anything but bytes.
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
	budget := int64(maxOpaque)
	if spec.Model, err = readTree(fsys, opaqueModel, &budget); err != nil {
		return nil, err
	}
	if spec.Source, err = readTree(fsys, opaqueSource, &budget); err != nil {
		return nil, err
	}
	o, err := NewOpaque(spec)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(o.files[OpaqueFile], text) {
		return nil, fmt.Errorf("%s: not as weighlock writes it: it was edited or damaged", OpaqueFile)
	}
	return o, nil
}

// readTree reads all regular files below a folder; anything else there is an error.
func readTree(fsys fs.FS, folder string, budget *int64) (map[string][]byte, error) {
	files := map[string][]byte{}
	err := fs.WalkDir(fsys, folder, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			if errors.Is(err, fs.ErrNotExist) && name == folder {
				return nil
			}
			return err
		}
		if entry.IsDir() {
			return nil
		}
		if len(files) >= maxOpaqueList {
			return fmt.Errorf("%s: more than %d files", folder, maxOpaqueList)
		}
		content, err := readFile(fsys, name, *budget)
		if err != nil {
			return err
		}
		*budget -= int64(len(content))
		files[strings.TrimPrefix(name, folder+"/")] = content
		return nil
	})
	if err != nil || len(files) == 0 {
		return nil, err
	}
	return files, nil
}
