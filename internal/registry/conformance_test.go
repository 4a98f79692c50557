package registry

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// TestConformance is what every kind of repository does alike.
func TestConformance(t *testing.T) {
	kinds := map[string]func(t *testing.T) *Repository{
		"folder": func(t *testing.T) *Repository {
			return mustOpen(t, "oci:images", Options{Dir: filepath.Join(t.TempDir(), "new")})
		},
		"registry with referrers":    func(t *testing.T) *Repository { return newTestRegistry(t, true).open(t, Options{}) },
		"registry without referrers": func(t *testing.T) *Repository { return newTestRegistry(t, false).open(t, Options{}) },
	}
	for kind, open := range kinds {
		for name, check := range conformance {
			t.Run(kind+"/"+name, func(t *testing.T) { check(t, open(t)) })
		}
	}
}

// TestDistribution is the same against the CNCF's registry in processes of its own: the one that Debian packages (2.8),
// and version 3 where WEIGHLOCK_TEST_DISTRIBUTION names it (make interop does).
func TestDistribution(t *testing.T) {
	programs := map[string]string{"version 3": os.Getenv("WEIGHLOCK_TEST_DISTRIBUTION")}
	programs["Debian"], _ = exec.LookPath("docker-registry")
	for which, program := range programs {
		t.Run(which, func(t *testing.T) {
			if program == "" {
				t.Skip("not installed: Debian package docker-registry, or WEIGHLOCK_TEST_DISTRIBUTION")
			}
			host := startDistribution(t, program)
			for name, check := range conformance {
				t.Run(name, func(t *testing.T) {
					check(t, mustOpen(t, host+"/acme/"+strings.ReplaceAll(name, " ", "-"), Options{}))
				})
			}
		})
	}
}

var testAttachments = []Attachment{
	{ArtifactType: "application/vnd.weighlock.test.a+json", Data: []byte(`{"version":1}`), Annotations: map[string]string{"dev.weighlock.rows": "442"}},
	{ArtifactType: "application/vnd.weighlock.test.b", Data: []byte("PAR1 PAR1")},
	{ArtifactType: "application/vnd.dev.sigstore.bundle.v0.3+json", Data: []byte(`{"bundle":1}`)},
}

var conformance = map[string]func(t *testing.T, r *Repository){
	"empty": func(t *testing.T, r *Repository) {
		ctx := t.Context()
		_, err := r.Resolve(ctx, "main")
		wantKind(t, err, ErrNotFound)
		_, err = r.ResolveMany(ctx, []string{"a", "b"})
		wantKind(t, err, ErrNotFound)
		_, err = r.ResolveMany(ctx, nil)
		wantKind(t, err, ErrNotFound)
		_, err = readFiles(t, r, "sha256:"+strings.Repeat("0", 64))
		wantKind(t, err, ErrNotFound)
		_, err = r.Resolve(ctx, "no tag!")
		wantKind(t, err, ErrInvalid)
		wantKind(t, r.Attach(ctx, "sha256:"+strings.Repeat("0", 64), testAttachments), ErrNotFound)
	},
	"push and read": func(t *testing.T, r *Repository) {
		img := mustBuild(t, testInput())
		mustPush(t, r, img, PushOptions{Tags: []string{testTag, "main"}, Attachments: testAttachments})
		for _, ref := range []string{testTag, "main", img.Digest()} {
			d, err := r.Resolve(t.Context(), ref)
			if err != nil {
				t.Fatal(err)
			}
			if d.Digest != img.Digest() || d.Annotations["org.opencontainers.image.revision"] != testRevision || !d.Created.Equal(testInput().created) {
				t.Errorf("%s leads to %+v", ref, d)
			}
		}
		wantFiles(t, r, img.Digest(), testInput().files)
		sibling, err := r.Resolve(t.Context(), testTag+"-sibling")
		if err != nil {
			t.Fatal(err)
		}
		wantFiles(t, r, sibling.Digest, testInput().files)
	},
	"read as a stream": func(t *testing.T, r *Repository) {
		content := bytes.Repeat([]byte("weights "), 200_000)
		img := mustBuild(t, testInput())
		blob := BytesBlob(content)
		img.Blobs = append(img.Blobs, blob)
		mustPush(t, r, img, PushOptions{Tags: []string{testTag}})
		var got bytes.Buffer
		if err := r.CopyBlob(t.Context(), blob.Descriptor(testLayer), &got); err != nil || !bytes.Equal(got.Bytes(), content) {
			t.Errorf("%d bytes of %d came, %v", got.Len(), len(content), err)
		}
		for _, size := range []int64{blob.Size - 1, blob.Size + 1} {
			wrong := blob.Descriptor(testLayer)
			wrong.Size = size
			if err := r.CopyBlob(t.Context(), wrong, io.Discard); err == nil {
				t.Errorf("a blob of %d bytes was taken for one of %d", blob.Size, size)
			}
		}
		wantKind(t, r.CopyBlob(t.Context(), BytesBlob([]byte("other")).Descriptor(testLayer), io.Discard), ErrNotFound)
	},
	"tags": func(t *testing.T, r *Repository) {
		mustPush(t, r, mustBuild(t, testInput()), PushOptions{Tags: []string{"main", "approved"}, Attachments: testAttachments})
		tags, err := r.Tags(t.Context())
		if diff := cmp.Diff([]string{"approved", "approved-sibling", "main", "main-sibling"}, tags); diff != "" || err != nil {
			t.Error(diff, err)
		}
	},
	"first of many": func(t *testing.T, r *Repository) {
		img := mustBuild(t, testInput())
		mustPush(t, r, img, PushOptions{Tags: []string{"t30", "t49"}})
		var tags []string
		for n := range 50 {
			tags = append(tags, fmt.Sprintf("t%d", n))
		}
		d, err := r.ResolveMany(t.Context(), tags)
		if err != nil || d.Tag != "t30" || d.Digest != img.Digest() {
			t.Errorf("got %+v, %v", d, err)
		}
	},
	"attachments": func(t *testing.T, r *Repository) {
		img := mustBuild(t, testInput())
		mustPush(t, r, img, PushOptions{Tags: []string{testTag}, Attachments: testAttachments[:1]})
		for range 2 { // the second time changes nothing
			if err := r.Attach(t.Context(), img.Digest(), testAttachments[1:]); err != nil {
				t.Fatal(err)
			}
		}
		all, err := r.Attachments(t.Context(), img.Digest(), "")
		if err != nil || len(all) != 3 {
			t.Errorf("%d attachments: %v", len(all), err)
		}
		for _, want := range testAttachments {
			got, err := r.Attachments(t.Context(), img.Digest(), want.ArtifactType)
			if err != nil {
				t.Fatal(err)
			}
			if len(got) != 1 || got[0].Digest == "" {
				t.Fatalf("%s: got %+v", want.ArtifactType, got)
			}
			want.MediaType, want.Digest = want.ArtifactType, got[0].Digest
			if diff := cmp.Diff(want, got[0]); diff != "" {
				t.Error(diff)
			}
		}
		none, err := r.Attachments(t.Context(), img.Digest(), "application/x-other")
		if len(none) != 0 || err != nil {
			t.Errorf("got %v, %v", none, err)
		}
		none, err = r.Attachments(t.Context(), "sha256:"+strings.Repeat("1", 64), "")
		if len(none) != 0 || err != nil {
			t.Errorf("got %v, %v", none, err)
		}
	},
	"push again": func(t *testing.T, r *Repository) {
		img := mustBuild(t, testInput())
		for range 3 {
			mustPush(t, r, img, PushOptions{Tags: []string{testTag}, Attachments: testAttachments})
		}
		got, err := r.Attachments(t.Context(), img.Digest(), "")
		if len(got) != 3 || err != nil {
			t.Errorf("%d attachments, %v", len(got), err)
		}
	},
	"write-once tag": func(t *testing.T, r *Repository) {
		img := mustBuild(t, testInput())
		mustPush(t, r, img, PushOptions{Tags: []string{testTag, "main"}})
		in := testInput()
		in.files["model.json"] = "{}"
		other := mustBuild(t, in)
		_, err := r.Push(t.Context(), other, PushOptions{Tags: []string{testTag, "main"}})
		wantKind(t, err, ErrConflict)
		for _, tag := range []string{testTag, "main"} {
			if d, err := r.Resolve(t.Context(), tag); err != nil || d.Digest != img.Digest() {
				t.Errorf("%s moved: %v, %v", tag, d.Digest, err)
			}
		}
		_, err = r.Resolve(t.Context(), other.Digest())
		wantKind(t, err, ErrNotFound) // refused before anything was written
		mustPush(t, r, other, PushOptions{Tags: []string{"main"}})
		if d, err := r.Resolve(t.Context(), "main"); err != nil || d.Digest != other.Digest() {
			t.Errorf("main did not move: %v, %v", d.Digest, err)
		}
	},
	"set tag": func(t *testing.T, r *Repository) {
		one, in := mustBuild(t, testInput()), testInput()
		in.files["model.json"] = "{}"
		two := mustBuild(t, in)
		mustPush(t, r, one, PushOptions{Tags: []string{"main", "v1.2.3"}})
		mustPush(t, r, two, PushOptions{Tags: []string{testTag}})
		for _, want := range []Content{two, one, two} {
			if err := r.SetTag(t.Context(), "main", want.Digest()); err != nil {
				t.Fatal(err)
			}
			if d, err := r.Resolve(t.Context(), "main"); err != nil || d.Digest != want.Digest() {
				t.Errorf("main is %s, want %s: %v", d.Digest, want.Digest(), err)
			}
		}
		wantKind(t, r.SetTag(t.Context(), testTag, one.Digest()), ErrConflict)
		wantKind(t, r.SetTag(t.Context(), "v1.2.3", two.Digest()), ErrConflict)
		wantKind(t, r.SetTag(t.Context(), "main", "sha256:"+strings.Repeat("0", 64)), ErrNotFound)
		wantKind(t, r.SetTag(t.Context(), "main", "approved"), ErrInvalid)
		wantKind(t, r.SetTag(t.Context(), "sha256-abc", one.Digest()), ErrInvalid)
	},
	"put and get": func(t *testing.T, r *Repository) {
		_, err := r.Get(t.Context(), "main-pin")
		wantKind(t, err, ErrNotFound)
		for _, text := range []string{`{"a":1}`, `{"a":2}`} {
			if err := r.Put(t.Context(), "main-pin", Attachment{ArtifactType: "application/vnd.weighlock.test.pin+json", Data: []byte(text)}); err != nil {
				t.Fatal(err)
			}
			got, err := r.Get(t.Context(), "main-pin")
			if err != nil || string(got.Data) != text || got.ArtifactType != "application/vnd.weighlock.test.pin+json" {
				t.Errorf("got %+v, %v", got, err)
			}
		}
	},
	"copy": func(t *testing.T, r *Repository) {
		c := mustBuild(t, testInput())
		beside := Content{Top: mustManifest(t, v1.Manifest{
			SchemaVersion: 2, MediaType: types.OCIManifestSchema1, Config: c.Blobs[1].Descriptor(types.OCIConfigJSON),
			Layers: []v1.Descriptor{c.Blobs[0].Descriptor(testLayer)},
		}, types.OCIManifestSchema1), Blobs: c.Blobs[:2]}
		mustPush(t, r, c, PushOptions{Tags: []string{testTag}, Attachments: testAttachments, Beside: map[string]Content{".sig": beside}})
		attached, err := r.Attachments(t.Context(), c.Digest(), "")
		if err != nil || len(attached) != 3 {
			t.Fatal(len(attached), err)
		}
		// Something that is attached to what is attached, and to a child, comes along.
		deep := []Attachment{{ArtifactType: "application/vnd.weighlock.test.deep", Data: []byte("deep")}}
		for _, to := range []string{attached[0].Digest, c.Children[0].Digest().String()} {
			if err := r.Attach(t.Context(), to, deep); err != nil {
				t.Fatal(err)
			}
		}
		to := mustOpen(t, "oci:"+t.TempDir(), Options{})
		back := newTestRegistry(t, false).open(t, Options{})
		for _, step := range [][2]*Repository{{r, to}, {to, back}, {to, back}} {
			err := Copy(t.Context(), step[0], step[1], c.Digest(), CopyOptions{Tags: []string{"main"}, Companions: map[string]string{testSuffix: c.Companions[testSuffix].Digest().String()}})
			if err != nil {
				t.Fatal(err)
			}
			wantFiles(t, step[1], c.Digest(), testInput().files)
			if d, err := step[1].Resolve(t.Context(), "main"); err != nil || d.Digest != c.Digest() {
				t.Errorf("main is %s: %v", d.Digest, err)
			}
			if d, err := step[1].Resolve(t.Context(), "main"+testSuffix); err != nil || d.Digest != c.Companions[testSuffix].Digest().String() {
				t.Errorf("the companion is %s: %v", d.Digest, err)
			}
			got, err := step[1].Attachments(t.Context(), c.Digest(), "")
			if diff := cmp.Diff(attached, got); diff != "" || err != nil {
				t.Error(diff, err)
			}
			for _, at := range []string{attached[0].Digest, c.Children[0].Digest().String()} {
				if got, err := step[1].Attachments(t.Context(), at, ""); err != nil || len(got) != 1 || string(got[0].Data) != "deep" {
					t.Errorf("attached to %s: %v, %v", at, got, err)
				}
			}
			if d, err := step[1].Resolve(t.Context(), fallbackTag(c.Digest())+".sig"); err != nil || d.Digest != beside.Digest() {
				t.Errorf("the signature beside it is %s: %v", d.Digest, err)
			}
		}
		wantKind(t, Copy(t.Context(), r, to, "sha256:"+strings.Repeat("0", 64), CopyOptions{}), ErrNotFound)
	},
	"delete": func(t *testing.T, r *Repository) {
		one, in := mustBuild(t, testInput()), testInput()
		in.files["model.json"] = "{}"
		two := mustBuild(t, in)
		mustPush(t, r, one, PushOptions{Tags: []string{"one"}, Attachments: testAttachments})
		mustPush(t, r, two, PushOptions{Tags: []string{"two"}, Attachments: testAttachments})
		err := r.Delete(t.Context(), "one")
		if errors.Is(err, ErrUnsupported) {
			t.Log("this registry deletes no tags")
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		_, err = r.Resolve(t.Context(), "one")
		wantKind(t, err, ErrNotFound)
		wantKind(t, r.Delete(t.Context(), "one"), ErrNotFound)
		freed, err := r.Sweep(t.Context())
		if !errors.Is(err, ErrUnsupported) {
			// The list of what is attached does not keep what it is attached to.
			if err != nil || freed == 0 {
				t.Errorf("freed %d, %v", freed, err)
			}
			_, err = r.Resolve(t.Context(), one.Digest())
			wantKind(t, err, ErrNotFound)
		}
		wantFiles(t, r, two.Digest(), in.files)
		if as, err := r.Attachments(t.Context(), two.Digest(), ""); err != nil || len(as) != 3 {
			t.Errorf("what stays has %d attachments, %v", len(as), err)
		}
	},
	"bad tags": func(t *testing.T, r *Repository) {
		for _, tag := range []string{"", "a/b", "-a", strings.Repeat("a", 125), "sha256-abc"} {
			_, err := r.Push(t.Context(), mustBuild(t, testInput()), PushOptions{Tags: []string{tag}})
			wantKind(t, err, ErrInvalid)
		}
	},
	"progress": func(t *testing.T, r *Repository) {
		img := mustBuild(t, testInput())
		var last, all int64
		mustPush(t, r, img, PushOptions{Attachments: testAttachments, Progress: func(done, total int64) {
			if done < last || done > total {
				t.Errorf("%d after %d of %d", done, last, total)
			}
			last, all = done, total
		}})
		if last != all || all < img.Size() {
			t.Errorf("ended at %d of %d", last, all)
		}
	},
	"cancelled": func(t *testing.T, r *Repository) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := r.Push(ctx, mustBuild(t, testInput()), PushOptions{Tags: []string{"main"}})
		wantKind(t, err, context.Canceled)
		if errors.Is(err, ErrUnavailable) {
			t.Errorf("%v blames the registry", err)
		}
	},
	"concurrent pushes": func(t *testing.T, r *Repository) {
		var wg sync.WaitGroup
		images := make([]Content, 6)
		for n := range images {
			in := testInput()
			in.revision = strings.Repeat(fmt.Sprint(n), 40)
			images[n] = mustBuild(t, in)
			wg.Go(func() {
				if _, err := r.Push(t.Context(), images[n], PushOptions{Tags: []string{"sha-" + in.revision}, Attachments: testAttachments}); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		for n, img := range images {
			d, err := r.Resolve(t.Context(), "sha-"+strings.Repeat(fmt.Sprint(n), 40))
			if err != nil || d.Digest != img.Digest() {
				t.Errorf("%d: %v, %v", n, d.Digest, err)
			}
			if as, err := r.Attachments(t.Context(), img.Digest(), ""); err != nil || len(as) != 3 {
				t.Errorf("%d: %d attachments, %v", n, len(as), err)
			}
		}
	},
}

func mustPush(t *testing.T, r *Repository, img Content, p PushOptions) {
	t.Helper()
	digest, err := r.Push(t.Context(), img, p)
	if err != nil {
		t.Fatal(err)
	}
	if digest != img.Digest() {
		t.Errorf("pushed %s as %s", img.Digest(), digest)
	}
}

func wantKind(t *testing.T, err, kind error) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Errorf("got %v, want %v", err, kind)
	}
}
