package modelimage

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weighlock/weighlock/internal/registry"
)

// generated is a file system with one file that is made while it is read.
type generated struct{ size int64 }

func (g generated) Open(name string) (fs.File, error) {
	switch name {
	case ".":
		return &memDir{info: memInfo{name: ".", dir: true}, entries: []fs.DirEntry{fs.FileInfoToDirEntry(g.info())}}, nil
	case "weights.bin":
		source := rand.NewChaCha8([32]byte{1})
		return &generatedFile{Reader: io.LimitReader(source, g.size), info: g.info()}, nil
	}
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}

func (g generated) info() bigInfo { return bigInfo{memInfo{name: "weights.bin"}, g.size} }

type bigInfo struct {
	memInfo
	size int64
}

func (i bigInfo) Size() int64 { return i.size }

type generatedFile struct {
	io.Reader
	info bigInfo
}

func (f *generatedFile) Stat() (fs.FileInfo, error) { return f.info, nil }
func (f *generatedFile) Close() error               { return nil }

// sink is a registry that checks what it is sent and keeps manifests and the digests of blobs alone.
type sink struct {
	mu        sync.Mutex
	blobs     map[string]int64
	manifests map[string][]byte
}

func (s *sink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	last := path.Base(r.URL.Path)
	switch {
	case r.URL.Path == "/v2/":
	case r.Method == http.MethodPost:
		w.Header().Set("Location", r.URL.Path+"1")
		w.WriteHeader(http.StatusAccepted)
	case r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/uploads/"):
		h := sha256.New()
		n, err := io.Copy(h, r.Body)
		want := r.URL.Query().Get("digest")
		if err != nil || "sha256:"+hex.EncodeToString(h.Sum(nil)) != want {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		s.mu.Lock()
		s.blobs[want] = n
		s.mu.Unlock()
		w.WriteHeader(http.StatusCreated)
	case r.Method == http.MethodPut:
		raw, _ := io.ReadAll(r.Body)
		sum := sha256.Sum256(raw)
		s.mu.Lock()
		s.manifests[last], s.manifests["sha256:"+hex.EncodeToString(sum[:])] = raw, raw
		s.mu.Unlock()
		w.WriteHeader(http.StatusCreated)
	default:
		s.get(w, r, last)
	}
}

func (s *sink) get(w http.ResponseWriter, r *http.Request, last string) {
	s.mu.Lock()
	raw, isManifest := s.manifests[last]
	_, isBlob := s.blobs[last]
	s.mu.Unlock()
	switch {
	case isManifest && strings.Contains(r.URL.Path, "/manifests/"):
		var m struct {
			MediaType string `json:"mediaType"`
		}
		_ = json.Unmarshal(raw, &m)
		w.Header().Set("Content-Type", m.MediaType)
		_, _ = w.Write(raw)
	case isBlob:
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

// TestBigModel builds and pushes a model that does not fit into the memory that it is allowed, registry included.
// WEIGHLOCK_TEST_BIG sets its size in MiB; make interop takes 10,240.
func TestBigModel(t *testing.T) {
	mib := int64(64)
	if n, err := strconv.ParseInt(os.Getenv("WEIGHLOCK_TEST_BIG"), 10, 64); err == nil {
		mib = n
	}
	s := &sink{blobs: map[string]int64{}, manifests: map[string][]byte{}}
	server := httptest.NewServer(s)
	defer server.Close()
	in := testInput()
	in.Files = generated{mib << 20}
	begun := time.Now()
	img := mustBuild(t, in)
	built := time.Since(begun)
	r, err := registry.Open(t.Context(), strings.TrimPrefix(server.URL, "http://")+"/acme/big", registry.Options{})
	if err != nil {
		t.Fatal(err)
	}
	begun = time.Now()
	if _, err := r.Push(t.Context(), img.Content, registry.PushOptions{Tags: []string{"main"}}); err != nil {
		t.Fatal(err)
	}
	if got := s.blobs[img.Blobs[0].Digest.String()]; got < mib<<20 {
		t.Errorf("the registry got %d bytes of the model, want at least %d", got, mib<<20)
	}
	peak := peakMemory(t)
	t.Logf("%d MiB model: built in %s, pushed in %s, peak memory %d MiB", mib, built.Round(time.Millisecond), time.Since(begun).Round(time.Millisecond), peak)
	if peak > 256 && !raceEnabled {
		t.Errorf("peak memory is %d MiB, want at most 256", peak)
	}
}

// peakMemory is the most memory that this process ever held, in MiB, as the kernel counts it.
func peakMemory(t *testing.T) int64 {
	t.Helper()
	raw, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Skip("no /proc here: peak memory cannot be read")
	}
	for line := range strings.Lines(string(raw)) {
		var kib int64
		if n, _ := fmt.Sscanf(line, "VmHWM: %d kB", &kib); n == 1 {
			return kib >> 10
		}
	}
	t.Fatal("/proc/self/status has no VmHWM")
	return 0
}
