package modelimage

import (
	"context"
	"errors"
	"io/fs"
	"maps"
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
