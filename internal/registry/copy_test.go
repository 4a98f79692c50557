package registry

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// A source that is not what its manifests say is not copied, fills no disk, and leaves no tag.
func TestCopyFromHostileSource(t *testing.T) {
	img := mustBuild(t, testInput())
	deep := img
	for range maxDepth + 1 { // a list of a list of a list
		top := mustManifest(t, v1.IndexManifest{
			SchemaVersion: 2, MediaType: types.OCIImageIndex, Manifests: []v1.Descriptor{deep.Top.Descriptor()},
		}, types.OCIImageIndex)
		deep = Content{Top: top, Children: append(deep.Children, deep.Top), Blobs: deep.Blobs}
	}
	negative := mustManifest(t, v1.Manifest{
		SchemaVersion: 2, MediaType: types.OCIManifestSchema1, Config: img.Blobs[1].Descriptor(types.OCIConfigJSON),
		Layers: []v1.Descriptor{{MediaType: testLayer, Digest: img.Blobs[0].Digest, Size: -1}},
	}, types.OCIManifestSchema1)
	blobs := func(answer http.HandlerFunc) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, r *http.Request) bool {
			if r.Method != http.MethodGet || !strings.Contains(r.URL.Path, "/blobs/") {
				return false
			}
			answer(w, r)
			return true
		}
	}
	for name, c := range map[string]struct {
		content Content
		spoil   func(http.ResponseWriter, *http.Request) bool
	}{
		"other bytes": {img, blobs(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, img.Blobs[0].Size)) })},
		"endless": {img, blobs(func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				if _, err := w.Write(make([]byte, 1<<20)); err != nil {
					return
				}
			}
		})},
		"breaks off":         {img, blobs(truncate)},
		"lists within lists": {deep, nil},
		"a negative size":    {Content{Top: negative, Blobs: img.Blobs[:2]}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			reg := newTestRegistry(t, true)
			mustPush(t, reg.open(t, Options{}), c.content, PushOptions{})
			reg.set(c.spoil)
			from := hurry(reg.open(t, Options{Budget: 5 * time.Second}))
			to := mustOpen(t, "oci:"+t.TempDir(), Options{})
			if err := Copy(t.Context(), from, to, c.content.Digest(), CopyOptions{Tags: []string{"main"}}); err == nil {
				t.Error("it was copied")
			}
			_, err := to.Resolve(t.Context(), "main")
			wantKind(t, err, ErrNotFound)
		})
	}
}

// A blob that breaks off again and again is read on from where it was, whether or not the registry knows ranges.
func TestCopyGoesOn(t *testing.T) {
	in := testInput()
	in.files["weights"] = strings.Repeat("0123456789", 100_000)
	img := mustBuild(t, in)
	whole := mustJSON(t, in.files)
	for _, ranges := range []bool{true, false} {
		t.Run(fmt.Sprintf("ranges %v", ranges), func(t *testing.T) {
			reg := newTestRegistry(t, true)
			mustPush(t, reg.open(t, Options{}), img, PushOptions{})
			var mu sync.Mutex
			var asked []string
			reg.set(func(w http.ResponseWriter, r *http.Request) bool {
				if r.Method != http.MethodGet || !strings.HasSuffix(r.URL.Path, img.Blobs[0].Digest.String()) {
					return false
				}
				mu.Lock()
				asked = append(asked, r.Header.Get("Range"))
				n := len(asked)
				mu.Unlock()
				from := 0
				if ranges && r.Header.Get("Range") != "" {
					if _, err := fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-", &from); err != nil {
						t.Error(err)
					}
				}
				w.Header().Set("Content-Length", fmt.Sprint(len(whole)-from))
				if from > 0 {
					w.WriteHeader(http.StatusPartialContent)
				}
				// A little further each time, and then it breaks.
				_, _ = w.Write(whole[from:min(len(whole), n*300_000)])
				return true
			})
			to := mustOpen(t, "oci:"+t.TempDir(), Options{})
			if err := Copy(t.Context(), hurry(reg.open(t, Options{})), to, img.Digest(), CopyOptions{Tags: []string{"main"}}); err != nil {
				t.Fatal(err)
			}
			wantFiles(t, to, img.Digest(), in.files)
			if len(asked) < 3 || asked[0] != "" || asked[1] == "" {
				t.Errorf("asked for the ranges %q", asked)
			}
		})
	}
}
