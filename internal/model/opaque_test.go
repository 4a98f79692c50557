package model

import (
	"io"
	"io/fs"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/weighlock/weighlock/internal/dataset"
	"github.com/weighlock/weighlock/internal/metric"
)

func opaqueSpec() OpaqueSpec {
	return OpaqueSpec{
		Task: metric.Binary, Target: "good", ID: "id", Classes: []string{"no", "yes"}, Folder: ".", Format: "csv",
		Features: []Feature{{Name: "age", Kind: dataset.Number}}, Predict: []string{"python3", "predict.py"},
		Model:  asFS(map[string][]byte{"model.joblib": []byte("\x80\x04bytes"), "parts/a.npy": []byte("x")}),
		Source: map[string][]byte{"predict.py": []byte("print()\n")},
	}
}

func asFS(files map[string][]byte) fstest.MapFS {
	fsys := fstest.MapFS{}
	for name, content := range files {
		fsys[name] = &fstest.MapFile{Data: content, Mode: 0o444}
	}
	return fsys
}

func TestOpaqueRoundTrip(t *testing.T) {
	o, err := NewOpaque(opaqueSpec())
	if err != nil {
		t.Fatal(err)
	}
	if o.Kind() != "opaque (.joblib, .npy)" || o.Size() != 8 {
		t.Errorf("kind %q, size %d", o.Kind(), o.Size())
	}
	fsys := asFS(contents(t, o.FS()))
	if !IsOpaque(fsys) {
		t.Error("not recognised")
	}
	back, err := LoadOpaque(fsys)
	if err != nil {
		t.Fatal(err)
	}
	if back.Digest() != o.Digest() {
		t.Errorf("digest %s became %s", o.Digest(), back.Digest())
	}
	if diff := cmp.Diff(o.Spec(), back.Spec(), cmpopts.IgnoreFields(OpaqueSpec{}, "Model")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(contents(t, o.FS()), contents(t, back.FS())); diff != "" {
		t.Error(diff)
	}
}

// contents are all files of a file system.
func contents(t *testing.T, fsys fs.FS) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	err := fs.WalkDir(fsys, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		files[name], err = fs.ReadFile(fsys, name)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestOpaqueFS(t *testing.T) {
	o, err := NewOpaque(opaqueSpec())
	if err != nil {
		t.Fatal(err)
	}
	if err := fstest.TestFS(o.FS(), OpaqueFile, "model/model.joblib", "model/parts/a.npy", "source/predict.py"); err != nil {
		t.Error(err)
	}
	if err := fstest.TestFS(o.ModelFS(), "model.joblib", "parts/a.npy"); err != nil {
		t.Error(err)
	}
}

// The digest of a model that was weighed must stay what it was, in this version and the next: images name it.
func TestOpaqueDigestStays(t *testing.T) {
	o, err := NewOpaque(opaqueSpec())
	if err != nil {
		t.Fatal(err)
	}
	if want := "sha256:5215b42d80c257e04455dd4e3e9686ec8cfca462ee82e67a08dd6161041e622d"; o.Digest() != want {
		t.Errorf("digest %s, want %s", o.Digest(), want)
	}
}

// zeros is a file system of one file that no memory holds.
type zeros struct{ size int64 }

type zeroFile struct {
	io.Reader
	fs.FileInfo
}

func (f zeroFile) Stat() (fs.FileInfo, error) { return f.FileInfo, nil }
func (f zeroFile) Close() error               { return nil }

func (f zeroFile) Read(b []byte) (int, error) {
	n, err := f.Reader.Read(b)
	clear(b[:n])
	return n, err
}

func (z zeros) Open(name string) (fs.File, error) {
	if name == "." {
		return &opaqueFolder{opaqueInfo{".", 0, true}, []fs.DirEntry{fs.FileInfoToDirEntry(opaqueInfo{"w.bin", z.size, false})}}, nil
	}
	return zeroFile{io.LimitReader(rand.NewChaCha8([32]byte{}), z.size), opaqueInfo{"w.bin", z.size, false}}, nil
}

func TestOpaqueIsNeverHeldWhole(t *testing.T) {
	const size, most = 128 << 20, 4 << 20
	spec := opaqueSpec()
	spec.Model = zeros{size}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	o, err := NewOpaque(spec)
	if err != nil {
		t.Fatal(err)
	}
	f, err := o.FS().Open("model/w.bin")
	if err != nil {
		t.Fatal(err)
	}
	if n, err := io.Copy(io.Discard, f); n != size || o.Size() != size || err != nil {
		t.Errorf("read %d of %d bytes: %v", n, o.Size(), err)
	}
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; got > most {
		t.Errorf("%d bytes were allocated, want at most %d", got, most)
	}
}

func TestOpaqueFilesMustStay(t *testing.T) {
	for name, content := range map[string]string{"other bytes": "\x80\x04Bytes", "shorter": "\x80", "longer": "\x80\x04bytes and more", "empty": ""} {
		spec := opaqueSpec()
		o, err := NewOpaque(spec)
		if err != nil {
			t.Fatal(err)
		}
		spec.Model.(fstest.MapFS)["model.joblib"] = &fstest.MapFile{Data: []byte(content)}
		if got, err := fs.ReadFile(o.FS(), "model/model.joblib"); err == nil || !strings.Contains(err.Error(), "it changed") {
			t.Errorf("%s: read %q, %v", name, got, err)
		}
	}
}

func TestOpaqueDigestCoversEveryFile(t *testing.T) {
	base, err := NewOpaque(opaqueSpec())
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*OpaqueSpec){
		"model":   func(s *OpaqueSpec) { s.Model.(fstest.MapFS)["model.joblib"].Data = []byte("other") },
		"source":  func(s *OpaqueSpec) { s.Source["predict.py"] = []byte("other") },
		"command": func(s *OpaqueSpec) { s.Predict = []string{"python3", "other.py"} },
	} {
		spec := opaqueSpec()
		change(&spec)
		other, err := NewOpaque(spec)
		if err != nil {
			t.Fatal(err)
		}
		if other.Digest() == base.Digest() {
			t.Errorf("%s: the digest stayed", name)
		}
	}
}

func TestOpaqueRefusesWhatItCannotKeep(t *testing.T) {
	tests := map[string]struct {
		change func(*OpaqueSpec)
		want   string
	}{
		"no files":      {func(s *OpaqueSpec) { s.Model = nil }, "no files"},
		"empty folder":  {func(s *OpaqueSpec) { s.Model = fstest.MapFS{} }, "no files"},
		"path out":      {func(s *OpaqueSpec) { s.Source["../x"] = nil }, "plain relative path"},
		"line break":    {func(s *OpaqueSpec) { s.Model.(fstest.MapFS)["a\nb"] = &fstest.MapFile{} }, "plain relative path"},
		"much source":   {func(s *OpaqueSpec) { s.Source["x"] = make([]byte, maxSource) }, "of source are more"},
		"task":          {func(s *OpaqueSpec) { s.Task = "guess" }, "unknown task"},
		"classes":       {func(s *OpaqueSpec) { s.Classes = nil }, "0 classes"},
		"feature twice": {func(s *OpaqueSpec) { s.Features = append(s.Features, s.Features[0]) }, "taken"},
		"format":        {func(s *OpaqueSpec) { s.Format = "xml" }, "neither csv nor parquet"},
		"folder":        {func(s *OpaqueSpec) { s.Folder = "/etc" }, "plain relative path"},
	}
	for name, tt := range tests {
		spec := opaqueSpec()
		tt.change(&spec)
		if _, err := NewOpaque(spec); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %q", name, err, tt.want)
		}
	}
}

func TestLoadOpaqueRefusesDamage(t *testing.T) {
	o, err := NewOpaque(opaqueSpec())
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(fstest.MapFS){
		"edited": func(f fstest.MapFS) { f[OpaqueFile].Data = append([]byte(" "), f[OpaqueFile].Data...) },
		"cut":    func(f fstest.MapFS) { f[OpaqueFile].Data = f[OpaqueFile].Data[:20] },
		"newer": func(f fstest.MapFS) {
			f[OpaqueFile].Data = []byte(strings.Replace(string(f[OpaqueFile].Data), `"version":1`, `"version":2`, 1))
		},
		"symbolic link": func(f fstest.MapFS) {
			f["model/link"] = &fstest.MapFile{Data: []byte("/etc/passwd"), Mode: 0o777 | 1<<27}
		},
	} {
		fsys := asFS(contents(t, o.FS()))
		change(fsys)
		if _, err := LoadOpaque(fsys); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
