package modelimage

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/weighlock/weighlock/internal/registry"
)

const testRevision = "0123456789abcdef0123456789abcdef01234567"

func testFiles() map[string][]byte {
	return map[string][]byte{
		"model.json": []byte(`{"kind":"linear"}`), "weights.bin": bytes.Repeat([]byte{1, 2, 3}, 1000), "extra/a.txt": {},
	}
}

func testInput() Input {
	return Input{
		Model: "diabetes", Revision: testRevision, Created: time.Date(2026, 3, 4, 5, 6, 7, 890, time.FixedZone("", 7200)),
		Files:       newMemFS(testFiles()),
		Servers:     map[string][]byte{"linux/arm64": []byte("arm server"), "linux/amd64": bytes.Repeat([]byte("amd server "), 500)},
		Annotations: map[string]string{"dev.weighlock.gate.verdict": "passed"},
		Source:      "https://github.com/acme/diabetes", Version: "1.2.3", Title: "Diabetes", Description: "progression <of> disease", Licenses: "Apache-2.0",
	}
}

// add gives the model another file, or other content for one that it has.
func (in *Input) add(name string, data []byte) {
	files := testFiles()
	files[name] = data
	var err error
	if in.Files, err = Memory(files); err != nil {
		in.Files = unreadable{err}
	}
}

// unreadable is a file system that answers with an error.
type unreadable struct{ err error }

func (u unreadable) Open(string) (fs.File, error) { return nil, u.err }

func mustBuild(t testing.TB, in Input) *Image {
	t.Helper()
	img, err := Build(in)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

func (i *Image) blob(t testing.TB, h v1.Hash) []byte {
	t.Helper()
	for _, b := range i.Blobs {
		if b.Digest != h {
			continue
		}
		r, err := b.Open()
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = r.Close() }()
		out, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	t.Fatalf("the image has no blob %s", h)
	return nil
}

func TestBuildShape(t *testing.T) {
	img := mustBuild(t, testInput())
	var index v1.IndexManifest
	if err := json.Unmarshal(img.Top.Raw, &index); err != nil {
		t.Fatal(err)
	}
	var platforms []string
	var models []v1.Hash
	for n, d := range index.Manifests {
		platforms = append(platforms, d.Platform.String())
		if got := img.Children[n].Descriptor(); got.Digest != d.Digest || got.Size != d.Size {
			t.Errorf("child %d is %v, the index says %v", n, got, d)
		}
		m, err := img.Children[n].Parse()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(index.Annotations, m.Annotations); diff != "" {
			t.Errorf("child %d has other annotations:\n%s", n, diff)
		}
		models = append(models, m.Layers[len(m.Layers)-1].Digest)
	}
	if diff := cmp.Diff([]string{"linux/amd64", "linux/arm64", "unknown/unknown"}, platforms); diff != "" {
		t.Error(diff)
	}
	if models[0] != models[1] || models[1] != models[2] {
		t.Errorf("the model layer is not shared: %v", models)
	}
	if got := index.Manifests[2].ArtifactType; got != modelPackManifestType {
		t.Errorf("sibling has artifact type %q", got)
	}
	setDigest, err := SetDigest(testInput().Files)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"dev.weighlock.model": "diabetes", "dev.weighlock.gate.verdict": "passed",
		"dev.weighlock.model.set-digest":    setDigest,
		"org.opencontainers.image.revision": testRevision, "org.opencontainers.image.created": "2026-03-04T03:06:07Z",
		"org.opencontainers.image.source": "https://github.com/acme/diabetes", "org.opencontainers.image.version": "1.2.3",
		"org.opencontainers.image.title": "Diabetes", "org.opencontainers.image.description": "progression <of> disease",
		"org.opencontainers.image.licenses": "Apache-2.0",
	}
	if diff := cmp.Diff(want, index.Annotations); diff != "" {
		t.Error(diff)
	}
}

func TestBuildConfig(t *testing.T) {
	img := mustBuild(t, testInput())
	m, err := img.Children[0].Parse()
	if err != nil {
		t.Fatal(err)
	}
	var c v1.ConfigFile
	if err := json.Unmarshal(img.blob(t, m.Config.Digest), &c); err != nil {
		t.Fatal(err)
	}
	want := v1.Config{
		Entrypoint: []string{"/weighlock"}, Cmd: []string{"serve"}, User: "65532:65532", WorkingDir: "/",
		StopSignal: "SIGTERM", ExposedPorts: map[string]struct{}{"8080/tcp": {}},
		Env: []string{"PATH=/", "MODEL_DIR=/models", "MODEL_NAME=diabetes"}, Labels: m.Annotations,
	}
	if diff := cmp.Diff(want, c.Config); diff != "" {
		t.Error(diff)
	}
	if m.Layers[0].MediaType != types.OCILayer || m.Layers[1].MediaType != types.OCIUncompressedLayer {
		t.Errorf("layers are %s, %s", m.Layers[0].MediaType, m.Layers[1].MediaType)
	}
	zr, err := gzip.NewReader(bytes.NewReader(img.blob(t, m.Layers[0].Digest)))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(zr)
	if err != nil {
		t.Fatal(err)
	}
	if got := []v1.Hash{registry.BytesBlob(plain).Digest, m.Layers[1].Digest}; !cmp.Equal(got, c.RootFS.DiffIDs) {
		t.Errorf("diff ids are %v, want %v", c.RootFS.DiffIDs, got)
	}
	if len(c.History) != 2 || !c.Created.Equal(time.Date(2026, 3, 4, 3, 6, 7, 0, time.UTC)) {
		t.Errorf("history %v, created %v", c.History, c.Created)
	}
	wantTar := []string{"etc/ 755 0 1970-01-01", "etc/passwd 444 82 1970-01-01", "weighlock 555 5500 1970-01-01"}
	if diff := cmp.Diff(wantTar, listTar(t, plain)); diff != "" {
		t.Error(diff)
	}
}

func TestModelLayer(t *testing.T) {
	img := mustBuild(t, testInput())
	raw := img.blob(t, img.Blobs[0].Digest)
	want := []string{
		"models/ 755 0 2026-03-04", "models/extra/ 755 0 2026-03-04", "models/extra/a.txt 444 0 2026-03-04",
		"models/model.json 444 17 2026-03-04", "models/weights.bin 444 3000 2026-03-04",
	}
	if diff := cmp.Diff(want, listTar(t, raw)); diff != "" {
		t.Error(diff)
	}
	files, err := unpackBytes(raw)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(testFiles(), files); diff != "" {
		t.Error(diff)
	}
}

func listTar(t *testing.T, raw []byte) []string {
	t.Helper()
	var out []string
	for tr := tar.NewReader(bytes.NewReader(raw)); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Uid != 0 || h.Gid != 0 || h.Uname != "" || h.Format != tar.FormatUSTAR {
			t.Errorf("%s: owner %d:%d %q, format %v", h.Name, h.Uid, h.Gid, h.Uname, h.Format)
		}
		out = append(out, strings.Join([]string{
			h.Name, fmtOctal(h.Mode), fmtInt(h.Size), h.ModTime.UTC().Format(time.DateOnly),
		}, " "))
	}
}

func fmtOctal(n int64) string {
	var b []byte
	for ; n > 0; n /= 8 {
		b = append([]byte{byte('0' + n%8)}, b...)
	}
	return string(b)
}

func fmtInt(n int64) string { out, _ := json.Marshal(n); return string(out) }

// wantDigest pins the bytes of testInput's image. It changes only when the
// image's shape or the compressor does, and that is news for the changelog.
const wantDigest = "sha256:c6eadf098e21521cf05ac5663b7ad35d471b8aad0e1b0f25574bd92e79ae1279"

func TestBuildIsReproducible(t *testing.T) {
	if os.Getenv("WEIGHLOCK_TEST_BUILD") != "" {
		img, err := Build(testInput())
		if err != nil {
			t.Fatal(err)
		}
		_, _ = os.Stdout.WriteString("digest=" + img.Digest() + "\n")
		return
	}
	want := mustBuild(t, testInput()).Digest()
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for n := range 20 {
		runtime.GOMAXPROCS(1 + n%4)
		if got := mustBuild(t, testInput()).Digest(); got != want {
			t.Fatalf("rebuild %d is %s, the first was %s", n, got, want)
		}
	}
	for _, zone := range []string{"UTC", "Asia/Kolkata", "America/St_Johns"} {
		cmd := exec.Command(os.Args[0], "-test.run=^TestBuildIsReproducible$")
		cmd.Dir = t.TempDir()
		cmd.Env = append(os.Environ(), "WEIGHLOCK_TEST_BUILD=1", "TZ="+zone, "GOMAXPROCS=1", "LC_ALL=C", "HOME="+cmd.Dir)
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("in %s: %v", zone, err)
		}
		if !strings.Contains(string(out), "digest="+want+"\n") {
			t.Errorf("in %s: %s, want %s", zone, out, want)
		}
	}
	if want != wantDigest {
		t.Errorf("digest %s, it used to be %s", want, wantDigest)
	}
}

func TestBuildChangesWithInput(t *testing.T) {
	base := mustBuild(t, testInput())
	for name, change := range map[string]func(*Input){
		"file":       func(in *Input) { in.add("model.json", []byte("{}")) },
		"created":    func(in *Input) { in.Created = in.Created.Add(time.Second) },
		"annotation": func(in *Input) { in.Annotations["dev.weighlock.x"] = "y" },
		"server":     func(in *Input) { in.Servers["linux/amd64"] = []byte("other") },
	} {
		in := testInput()
		change(&in)
		if got := mustBuild(t, in); got.Digest() == base.Digest() {
			t.Errorf("%s: the digest stayed", name)
		}
	}
	// Another commit moves the model and nothing else of weight.
	in := testInput()
	in.Created = in.Created.Add(time.Hour)
	m0, _ := base.Children[0].Parse()
	m1, _ := mustBuild(t, in).Children[0].Parse()
	if m0.Layers[0].Digest != m1.Layers[0].Digest {
		t.Error("the server layer depends on the commit")
	}
}

func TestBuildRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Input)
		want   string
	}{
		"no name":         {func(in *Input) { in.Model = "" }, "model name"},
		"name with slash": {func(in *Input) { in.Model = "a/b" }, "model name"},
		"short revision":  {func(in *Input) { in.Revision = "abc" }, "40 hex"},
		"no time":         {func(in *Input) { in.Created = time.Time{} }, "commit time"},
		"no files":        {func(in *Input) { in.Files = nil }, "no files"},
		"no server":       {func(in *Input) { in.Servers = nil }, "no server"},
		"empty server":    {func(in *Input) { in.Servers["linux/amd64"] = nil }, "empty"},
		"bad platform":    {func(in *Input) { in.Servers["Linux"] = []byte("x") }, "platform"},
		"climbing":        {func(in *Input) { in.add("../x", nil) }, "plain relative path"},
		"absolute":        {func(in *Input) { in.add("/x", nil) }, "plain relative path"},
		"backslash":       {func(in *Input) { in.add(`a\b`, nil) }, "plain relative path"},
		"long":            {func(in *Input) { in.add(strings.Repeat("x", 99), nil) }, "longer"},
		"not ASCII":       {func(in *Input) { in.add("größe", nil) }, "ASCII"},
		"whiteout":        {func(in *Input) { in.add("a/.wh.b", nil) }, "whiteout"},
		"case":            {func(in *Input) { in.add("Model.json", nil) }, "differ only in case"},
		"file and dir":    {func(in *Input) { in.add("model.json/x", nil) }, "both a file and a directory"},
		"run id":          {func(in *Input) { in.Annotations["dev.weighlock.run"] = "1" }, "attach it"},
		"other revision":  {func(in *Input) { in.Annotations[AnnotationRevision] = "x" }, "not the computed"},
	} {
		t.Run(name, func(t *testing.T) {
			in := testInput()
			c.change(&in)
			if _, err := Build(in); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestCutKeepsCharacters(t *testing.T) {
	if got := cut("aé", 2); got != "a" {
		t.Errorf("got %q", got)
	}
	if got := cut("abc", 3); got != "abc" {
		t.Errorf("got %q", got)
	}
}

// The config schema of ModelPack v0.0.7 allows these fields and no other.
func TestModelPackConfig(t *testing.T) {
	img := mustBuild(t, testInput())
	m, err := img.Companions[modelPackSuffix].Parse()
	if err != nil {
		t.Fatal(err)
	}
	if m.ArtifactType != modelPackManifestType || m.Layers[0].Annotations["org.cncf.model.filepath"] != "models" {
		t.Errorf("manifest is %s", img.Companions[modelPackSuffix].Raw)
	}
	want := `{"descriptor":{"createdAt":"2026-03-04T03:06:07Z","name":"diabetes","version":"1.2.3","revision":"` + testRevision +
		`","sourceURL":"https://github.com/acme/diabetes","licenses":["Apache-2.0"],"title":"Diabetes","description":"progression \u003cof\u003e disease"},` +
		`"modelfs":{"type":"layers","diffIds":["` + m.Layers[0].Digest.String() + `"]},"config":{"format":"weighlock"}}`
	if got := string(img.blob(t, m.Config.Digest)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
