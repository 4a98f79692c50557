package registry

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	ggcr "github.com/google/go-containerregistry/pkg/registry"
)

// testRegistry is a registry in this process whose answers can be spoiled.
type testRegistry struct {
	*httptest.Server
	mu    sync.Mutex
	spoil func(w http.ResponseWriter, r *http.Request) bool // true when it answered
	seen  []string                                          // "METHOD path"
	times []time.Time
}

func newTestRegistry(t testing.TB, referrers bool) *testRegistry {
	t.Helper()
	inner := ggcr.New(ggcr.WithReferrersSupport(referrers), ggcr.Logger(log.New(io.Discard, "", 0)))
	reg := &testRegistry{}
	reg.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		reg.mu.Lock()
		reg.seen = append(reg.seen, r.Method+" "+r.URL.Path)
		reg.times = append(reg.times, time.Now())
		spoil := reg.spoil
		reg.mu.Unlock()
		if spoil == nil || !spoil(w, r) {
			inner.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(reg.Close)
	return reg
}

func (g *testRegistry) set(spoil func(w http.ResponseWriter, r *http.Request) bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.spoil, g.seen, g.times = spoil, nil, nil
}

func (g *testRegistry) requests() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return append([]string(nil), g.seen...)
}

func (g *testRegistry) count(prefix string) int {
	n := 0
	for _, s := range g.requests() {
		if strings.HasPrefix(s, prefix) {
			n++
		}
	}
	return n
}

func (g *testRegistry) host() string { return strings.TrimPrefix(g.URL, "http://") }

// open opens a repository of the registry.
func (g *testRegistry) open(t testing.TB, o Options) *Repository {
	t.Helper()
	return mustOpen(t, g.host()+"/acme/diabetes", o)
}

// TestMain keeps the credentials of whoever runs the tests out of them.
func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "weighlock-test-")
	if err != nil {
		panic(err)
	}
	for _, name := range []string{"DOCKER_CONFIG", "XDG_RUNTIME_DIR", "HOME"} {
		_ = os.Setenv(name, dir)
	}
	_ = os.Unsetenv("REGISTRY_AUTH_FILE")
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

func mustOpen(t testing.TB, name string, o Options) *Repository {
	t.Helper()
	if o.Log == nil {
		o.Log = func(line string) { t.Log(line) }
	}
	if o.Budget == 0 {
		o.Budget = 20 * time.Second
	}
	r, err := Open(t.Context(), name, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}
