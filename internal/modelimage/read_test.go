package modelimage

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"hash"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weighlock/weighlock/internal/registry"
)

// pushed puts an image into a folder and returns where it is.
func pushed(t testing.TB, img *Image) *registry.Repository {
	t.Helper()
	r, err := registry.Open(t.Context(), "oci:images", registry.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Push(t.Context(), img.Content, registry.PushOptions{Tags: []string{"sha-" + testRevision}}); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestReadBack(t *testing.T) {
	img := mustBuild(t, testInput())
	r := pushed(t, img)
	sibling, err := r.Resolve(t.Context(), "sha-"+testRevision+modelPackSuffix)
	if err != nil {
		t.Fatal(err)
	}
	for _, digest := range []string{img.Digest(), sibling.Digest} {
		files, err := Model(t.Context(), r, digest)
		if err != nil {
			t.Fatal(err)
		}
		got := map[string][]byte{}
		names, err := listFiles(files)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			if got[name], err = fs.ReadFile(files, name); err != nil {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff(testFiles(), got); diff != "" {
			t.Errorf("%s: %s", digest, diff)
		}
	}
	c, err := ReadConfig(t.Context(), r, img.Digest())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"linux/amd64", "linux/arm64"}, c.Platforms); diff != "" {
		t.Error(diff)
	}
	if c.Labels[AnnotationRevision] != testRevision || !maps.Equal(c.Labels, c.Annotations) {
		t.Errorf("labels are %v", c.Labels)
	}
}

// WEIGHLOCK_TEST_BIG sets the model's size in MiB. The registry is a folder, so that its memory does not count.
func TestBigModelIsReadBackFromAFile(t *testing.T) {
	mib := int64(96)
	if n, err := strconv.ParseInt(os.Getenv("WEIGHLOCK_TEST_BIG"), 10, 64); err == nil {
		mib = n
	}
	in := testInput()
	in.Files = generated{mib << 20}
	img := mustBuild(t, in)
	dir := t.TempDir()
	r, err := registry.Open(t.Context(), "oci:images", registry.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Push(t.Context(), img.Content, registry.PushOptions{Tags: []string{"main"}}); err != nil {
		t.Fatal(err)
	}
	kept := t.TempDir()
	t.Setenv("TMPDIR", kept)
	files, err := Model(t.Context(), r, img.Digest())
	if err != nil {
		t.Fatal(err)
	}
	got, want := sha256.New(), sha256.New()
	for h, fsys := range map[hash.Hash]fs.FS{got: files, want: in.Files} {
		f, err := fsys.Open("weights.bin")
		if err != nil {
			t.Fatal(err)
		}
		if n, err := io.Copy(h, f); err != nil || n != mib<<20 {
			t.Errorf("read %d bytes, %v", n, err)
		}
		_ = f.Close()
	}
	if !bytes.Equal(got.Sum(nil), want.Sum(nil)) {
		t.Error("another model came back")
	}
	if left, err := os.ReadDir(kept); err != nil || len(left) > 0 {
		t.Errorf("left in the temporary folder: %v, %v", left, err)
	}
	peak := peakMemory(t)
	t.Logf("%d MiB model: read back with a peak memory of %d MiB", mib, peak)
	if peak > 256 && !raceEnabled {
		t.Errorf("peak memory is %d MiB, want at most 256", peak)
	}

	blob := filepath.Join(dir, "images", "blobs", "sha256", img.Blobs[0].Digest.Hex)
	raw, err := os.OpenFile(blob, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = raw.WriteAt([]byte{1}, 50<<20)
	if err := errors.Join(err, raw.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := Model(t.Context(), r, img.Digest()); !errors.Is(err, registry.ErrInvalid) {
		t.Errorf("a damaged model was read: %v", err)
	}
	t.Setenv("TMPDIR", filepath.Join(kept, "missing"))
	if _, err := Model(t.Context(), r, img.Digest()); err == nil {
		t.Error("there is no folder to keep it in")
	}
}

func TestReadRefuses(t *testing.T) {
	img := mustBuild(t, testInput())
	r := pushed(t, img)
	if _, err := readModel(t.Context(), r, img.Digest(), 1000); !errors.Is(err, registry.ErrInvalid) || !errors.Is(err, ErrTooLarge) {
		t.Errorf("over the limit: %v", err)
	}
	if _, err := Model(t.Context(), r, "sha256:"+strings.Repeat("0", 64)); !errors.Is(err, registry.ErrNotFound) {
		t.Errorf("not there: %v", err)
	}
	if _, err := Model(t.Context(), r, "sha-"+testRevision); !errors.Is(err, registry.ErrInvalid) {
		t.Errorf("a tag, which can move between two reads: %v", err)
	}
	if _, err := ReadConfig(t.Context(), r, "main"); !errors.Is(err, registry.ErrInvalid) {
		t.Errorf("a tag: %v", err)
	}
}

// growing is a file system whose only file is longer or shorter each time it is opened.
type growing struct {
	fs.FS
	opened *int
}

func (g growing) Open(name string) (fs.File, error) {
	if name == "model.json" {
		*g.opened++
		return newMemFS(map[string][]byte{name: []byte(strings.Repeat("x", *g.opened))}).Open(name)
	}
	return g.FS.Open(name)
}

// A model that changes while it is packed is no model.
func TestChangingFiles(t *testing.T) {
	in := testInput()
	in.Files = growing{in.Files, new(int)}
	if _, err := Build(in); err == nil {
		t.Error("a file that grew was packed")
	}
	// Changed after Build, with the same length: the digest catches it.
	files := testFiles()
	in.Files = newMemFS(files)
	img := mustBuild(t, in)
	files["model.json"][0] ^= 1
	r, err := registry.Open(t.Context(), "oci:images", registry.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	_, err = r.Push(context.Background(), img.Content, registry.PushOptions{Tags: []string{"main"}})
	if !errors.Is(err, registry.ErrInvalid) {
		t.Errorf("pushed what was not built: %v", err)
	}
	if _, err := r.Resolve(t.Context(), "main"); !errors.Is(err, registry.ErrNotFound) {
		t.Errorf("there is a tag: %v", err)
	}
}
