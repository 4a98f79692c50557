package registry

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

const crashEnv = "WEIGHLOCK_TEST_PUSH_TO"

// pushForever is the child of TestKilledWriters: it pushes one image after the
// other until it is killed.
func pushForever(t *testing.T, dir string) {
	for n := 0; ; n++ {
		in := crashInput(fmt.Sprintf("%d-%d", os.Getpid(), n))
		r := mustOpen(t, "oci:"+dir, Options{})
		mustPush(t, r, mustBuild(t, in), PushOptions{Tags: []string{"sha-" + in.revision, "main"}, Attachments: testAttachments})
		fmt.Println("pushed") // on standard output, which the parent reads
	}
}

func crashInput(seed string) input {
	in := testInput()
	sum := BytesBlob([]byte(seed)).Digest.Hex
	in.revision = sum[:40]
	in.files = map[string]string{"model.json": seed, "weights.bin": strings.Repeat(sum, 5000)}
	return in
}

// TestKilledWriters kills two writers of one folder at random moments. Each
// time every file must be whole and everything that a tag names be there, and
// at the end a push works as if nothing had happened. WEIGHLOCK_TEST_KILLS sets
// how many kills.
func TestKilledWriters(t *testing.T) {
	if dir := os.Getenv(crashEnv); dir != "" {
		pushForever(t, dir)
	}
	t.Parallel()
	kills := 60
	if n, err := strconv.Atoi(os.Getenv("WEIGHLOCK_TEST_KILLS")); err == nil {
		kills = n
	}
	var dir string
	tagged := 0
	for n := 0; n < kills; n += 2 {
		if n%20 == 0 { // so that checking a folder stays quick
			dir = t.TempDir()
		}
		var children [2]*exec.Cmd
		var said [2]io.ReadCloser
		for i := range children {
			children[i] = exec.Command(os.Args[0], "-test.run=^TestKilledWriters$")
			children[i].Env = append(os.Environ(), crashEnv+"="+dir)
			var err error
			if said[i], err = children[i].StdoutPipe(); err != nil {
				t.Fatal(err)
			}
			if err := children[i].Start(); err != nil {
				t.Fatal(err)
			}
		}
		for i, c := range children {
			if n%4 == 0 { // half of them get through one push at least, however slow the machine is
				_, _ = io.ReadFull(said[i], make([]byte, len("pushed")))
			}
			time.Sleep(time.Duration(rand.IntN(60)) * time.Millisecond)
			if err := c.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = c.Wait() // it was killed, and says so
		}
		tagged += checkFolder(t, dir)
		if t.Failed() {
			t.Fatalf("after %d kills", n+2)
		}
	}
	if tagged == 0 {
		t.Error("no child ever got to a tag: the kills came too early to prove anything")
	}
	in := crashInput("after")
	r := mustOpen(t, "oci:"+dir, Options{})
	mustPush(t, r, mustBuild(t, in), PushOptions{Tags: []string{"sha-" + in.revision}, Attachments: testAttachments})
	checkFolder(t, dir)
	if left, _ := filepath.Glob(filepath.Join(dir, privateDir, "*.tmp")); len(left) > 0 {
		t.Errorf("leftovers %v", left)
	}
}

// checkFolder checks every file and every tag, and returns the number of tags.
func checkFolder(t *testing.T, dir string) int {
	t.Helper()
	err := filepath.WalkDir(filepath.Join(dir, "blobs"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if err == nil && BytesBlob(b).Digest.Hex != d.Name() {
			t.Errorf("%s is torn", path)
		}
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	r := mustOpen(t, "oci:"+dir, Options{})
	tags, err := r.Tags(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, tag := range tags {
		d, err := r.Resolve(t.Context(), tag)
		if err != nil {
			t.Error(err)
			continue
		}
		checkGraph(t, dir, d.Digest)
		if strings.HasSuffix(tag, testSuffix) {
			continue
		}
		if as, err := r.Attachments(t.Context(), d.Digest, ""); err != nil || len(as) != len(testAttachments) {
			t.Errorf("%s has %d attachments, %v", tag, len(as), err)
		}
	}
	return len(tags)
}

// checkGraph checks that everything a manifest names is there.
func checkGraph(t *testing.T, dir, digest string) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "blobs", strings.Replace(digest, ":", string(filepath.Separator), 1)))
	if err != nil {
		t.Error(err)
		return
	}
	var e Envelope
	if err := json.Unmarshal(b, &e); err != nil {
		t.Errorf("%s: %v", digest, err)
	}
	for _, d := range e.Manifests {
		checkGraph(t, dir, d.Digest.String())
	}
	if len(e.Manifests) > 0 {
		return
	}
	for _, d := range append([]v1.Descriptor{e.Config}, e.Layers...) {
		info, err := os.Stat(filepath.Join(dir, "blobs", d.Digest.Algorithm, d.Digest.Hex))
		if err != nil || info.Size() != d.Size {
			t.Errorf("%s names %s: %v", digest, d.Digest, err)
		}
	}
}

// What a folder can hold that we did not write.
func TestDamagedFolder(t *testing.T) {
	for name, damage := range map[string]func(t *testing.T, dir string, img Content) error{
		"index.json is no JSON": func(_ *testing.T, dir string, _ Content) error {
			return os.WriteFile(filepath.Join(dir, indexFile), []byte("{"), 0o644)
		},
		"the index is another": func(_ *testing.T, dir string, img Content) error {
			return os.WriteFile(filepath.Join(dir, "blobs/sha256", img.Top.Digest().Hex), []byte("{}"), 0o644)
		},
		"a folder in the place of a blob": func(_ *testing.T, dir string, img Content) error {
			path := filepath.Join(dir, "blobs/sha256", img.Top.Digest().Hex)
			return errors.Join(os.Remove(path), os.Mkdir(path, 0o755))
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			img := mustBuild(t, testInput())
			r := mustOpen(t, "oci:"+dir, Options{})
			mustPush(t, r, img, PushOptions{Tags: []string{"main"}})
			if err := damage(t, dir, img); err != nil {
				t.Fatal(err)
			}
			_, err := r.Resolve(t.Context(), "main")
			wantKind(t, err, ErrInvalid)
		})
	}
	t.Run("not a folder", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			t.Fatal(err)
		}
		r := mustOpen(t, "oci:"+path, Options{})
		_, err := r.Resolve(t.Context(), "main")
		wantKind(t, err, ErrUnavailable)
		_, err = r.Push(t.Context(), mustBuild(t, testInput()), PushOptions{})
		wantKind(t, err, ErrUnavailable)
	})
}
