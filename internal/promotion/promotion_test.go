package promotion

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	mathrand "math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	ggcr "github.com/google/go-containerregistry/pkg/registry"

	"github.com/weighlock/weighlock/internal/attest"
	"github.com/weighlock/weighlock/internal/evaluation"
	"github.com/weighlock/weighlock/internal/gate"
	"github.com/weighlock/weighlock/internal/metric"
	"github.com/weighlock/weighlock/internal/modelimage"
	"github.com/weighlock/weighlock/internal/registry"
	"github.com/weighlock/weighlock/internal/report"
	"github.com/weighlock/weighlock/internal/signing"
)

var testNow = time.Date(2026, 11, 27, 0, 0, 0, 0, time.UTC)

// line is a history in which each commit has one parent; side commits belong to no branch.
type line struct {
	mu      sync.Mutex
	commits []string // the oldest first
}

func (l *line) grow(commit string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.commits = append(l.commits, commit)
}

func (l *line) FetchBranch(context.Context, string) (string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.commits[len(l.commits)-1], nil
}

func (l *line) FirstParents(_ context.Context, rev string, n int) ([]string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	at := slices.Index(l.commits, rev)
	out := slices.Clone(l.commits[:at+1])
	slices.Reverse(out)
	return out[:min(n, len(out))], nil
}

func (l *line) IsAncestor(_ context.Context, a, b string) (bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	at := slices.Index(l.commits, a)
	return at >= 0 && at <= slices.Index(l.commits, b), nil
}

func (l *line) FetchBranches(context.Context) error { return nil }

func (l *line) Branches(context.Context) (map[string]string, error) {
	tip, err := l.FetchBranch(context.Background(), "main")
	return map[string]string{"refs/heads/main": tip}, err
}

func (l *line) MergeBase(_ context.Context, a, _ string) (string, error) { return a, nil }

// commitOf is a commit's name by number.
func commitOf(n int) string { return fmt.Sprintf("%040x", n+1) }

func newKey(t testing.TB) *signing.PrivateKey {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	key, err := signing.ParsePrivate(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), "")
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// publish pushes a small image of a commit with its claims and returns its digest.
func publish(t testing.TB, images *registry.Repository, commit string, key *signing.PrivateKey, change ...func(*attest.About)) string {
	t.Helper()
	files, err := modelimage.Memory(map[string][]byte{"model.json": []byte(commit)})
	if err != nil {
		t.Fatal(err)
	}
	digestOf := func(s string) string { return registry.BytesBlob([]byte(s)).Digest.String() }
	r := &report.Report{
		Version: 1, Tool: "weighlock test", Model: "diabetes", Task: metric.Regression, Decision: gate.Passed, Head: report.Head{Commit: commit},
		Policy: report.Policy{Digest: digestOf("policy"), Commit: commit}, FirstRun: true,
		Data:      report.Data{Digest: digestOf("data"), Rows: 442, Evaluation: report.Evaluation{Digest: digestOf("rows"), Rows: 133}},
		ModelFile: report.ModelFile{Digest: digestOf(commit), Kind: "linear", Bytes: 40},
		Rules:     []report.Rule{{Metric: "rmse", Verdict: gate.Unchanged}},
	}
	created := testNow.AddDate(0, 0, -100)
	img, err := modelimage.Build(modelimage.Input{
		Model: "diabetes", Revision: commit, Created: created, Files: files, Servers: map[string][]byte{"linux/amd64": []byte("server")},
		Annotations: map[string]string{
			modelimage.AnnotationDecision: string(r.Decision), "dev.weighlock.policy.digest": r.Policy.Digest,
			"dev.weighlock.evaluation.digest": r.Data.Evaluation.Digest,
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	about := attest.About{
		Image: "acme/diabetes", Digest: img.Digest(), Manifests: img.Manifests(), Created: created, Report: r,
		Evaluation: evaluation.Evaluation{Task: metric.Regression}, Builder: "test", Version: "test", Servers: nil,
	}
	for _, c := range change {
		c(&about)
	}
	sealed, err := modelimage.Seal(about, key)
	if err != nil {
		t.Fatal(err)
	}
	_, err = images.Push(t.Context(), img.Content, registry.PushOptions{Tags: []string{"sha-" + commit}, Attachments: sealed.Attachments, Beside: sealed.Beside})
	if err != nil {
		t.Fatal(err)
	}
	return img.Digest()
}

func open(t testing.TB, name string) *registry.Repository {
	t.Helper()
	images, err := registry.Open(t.Context(), name, registry.Options{Budget: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	return images
}

// newServer is an in-process registry, or a second door into one whose requests can be held up.
func newServer(t testing.TB, inner http.Handler, hold func(*http.Request)) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if hold != nil {
			hold(r)
		}
		inner.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

func newRegistry(referrers bool) http.Handler {
	return ggcr.New(ggcr.WithReferrersSupport(referrers), ggcr.Logger(log.New(io.Discard, "", 0)))
}

func newDesk(images *registry.Repository, history History) Desk {
	return Desk{Images: images, History: history, Branch: "main", By: "tester", Now: func() time.Time { return testNow }}
}

// everywhere runs a story in a folder and in registries with and without a list of referrers.
func everywhere(t *testing.T, story func(t *testing.T, images *registry.Repository)) {
	t.Run("folder", func(t *testing.T) { story(t, open(t, "oci:"+t.TempDir())) })
	for _, referrers := range []bool{true, false} {
		t.Run(fmt.Sprintf("registry, referrers %v", referrers), func(t *testing.T) {
			story(t, open(t, newServer(t, newRegistry(referrers), nil)+"/acme/diabetes"))
		})
	}
}

func wantTag(t *testing.T, images *registry.Repository, tag, digest string) {
	t.Helper()
	found, err := images.Resolve(t.Context(), tag)
	if err != nil || found.Digest != digest {
		t.Errorf("%s is %s, want %s: %v", tag, found.Digest, digest, err)
	}
}

func TestPromoteRollbackUnpin(t *testing.T) {
	everywhere(t, func(t *testing.T, images *registry.Repository) {
		key := newKey(t)
		history := &line{}
		desk := newDesk(images, history)
		desk.Key = key.Public()
		var digests []string
		for n := range 3 {
			history.grow(commitOf(n))
			digests = append(digests, publish(t, images, commitOf(n), key))
			move, err := desk.Promote(t.Context(), Approved)
			if err != nil || move.To != digests[n] || move.Revision != commitOf(n) {
				t.Fatalf("%+v, %v", move, err)
			}
			wantTag(t, images, Approved, digests[n])
		}
		wantTag(t, images, Previous, digests[1])
		if move, err := desk.Promote(t.Context(), Approved); err != nil || move.From != move.To {
			t.Errorf("promoting again moves: %+v, %v", move, err)
		}
		// A commit without an image leaves the newest that has one.
		history.grow(commitOf(7))
		if move, err := desk.Promote(t.Context(), Approved); err != nil || move.To != digests[2] {
			t.Errorf("%+v, %v", move, err)
		}
		move, err := desk.Rollback(t.Context(), Approved, "", "latency")
		if err != nil || move.To != digests[1] || !move.Pinned {
			t.Errorf("rollback: %+v, %v", move, err)
		}
		// A merge after the rollback does not undo it.
		history.grow(commitOf(8))
		newest := publish(t, images, commitOf(8), key)
		if move, err := desk.Promote(t.Context(), Approved); err != nil || move.To != digests[1] || !move.Pinned {
			t.Errorf("pinned: %+v, %v", move, err)
		}
		wantTag(t, images, Approved, digests[1])
		if _, err := desk.Promote(t.Context(), "main"); err != nil {
			t.Error(err)
		}
		wantTag(t, images, "main", newest) // another tag is not pinned
		if _, err := desk.Rollback(t.Context(), Approved, digests[0], "older still"); err != nil {
			t.Error(err)
		}
		wantTag(t, images, Approved, digests[0])
		if move, err := desk.Unpin(t.Context(), Approved); err != nil || move.To != newest {
			t.Errorf("unpin: %+v, %v", move, err)
		}
		wantTag(t, images, Approved, newest)
		past, err := Recall(t.Context(), images, Approved)
		if err != nil || len(past.Events) != 6 || len(past.Pins) != 0 {
			t.Errorf("%d events, %v, %v", len(past.Events), past.Pins, err)
		}
		for _, e := range past.Events {
			if e.By != "tester" || e.To == "" || e.Action == "" {
				t.Errorf("event %+v", e)
			}
		}
	})
}

func TestVersions(t *testing.T) {
	everywhere(t, func(t *testing.T, images *registry.Repository) {
		history := &line{}
		desk := newDesk(images, history)
		history.grow(commitOf(0))
		first := publish(t, images, commitOf(0), nil)
		for range 2 {
			if _, err := desk.Promote(t.Context(), "v1.4.0"); err != nil {
				t.Fatal(err)
			}
		}
		history.grow(commitOf(1))
		publish(t, images, commitOf(1), nil)
		if _, err := desk.Promote(t.Context(), "v1.4.0"); !errors.Is(err, registry.ErrConflict) {
			t.Errorf("a version moved: %v", err)
		}
		wantTag(t, images, "v1.4.0", first)
	})
}

// What may not be promoted, and that nothing moves then.
func TestRefused(t *testing.T) {
	key, other := newKey(t), newKey(t)
	for name, c := range map[string]struct {
		key    *signing.PrivateKey
		change func(*attest.About)
		want   string
	}{
		"not signed":     {nil, func(*attest.About) {}, "signature"},
		"another's key":  {other, func(*attest.About) {}, "signature"},
		"failed verdict": {key, func(a *attest.About) { a.Report.Decision = gate.Blocked }, "FAILED"},
		"another policy": {key, func(a *attest.About) { a.Report.Policy.Digest = "sha256:" + strings.Repeat("0", 64) }, "policy"},
		"another commit": {key, func(a *attest.About) { a.Report.Head.Commit = commitOf(99) }, "commit"},
		"another digest": {key, func(a *attest.About) { a.Digest, a.Manifests = "sha256:"+strings.Repeat("0", 64), nil }, "statements"},
	} {
		t.Run(name, func(t *testing.T) {
			images := open(t, "oci:"+t.TempDir())
			history := &line{}
			desk := newDesk(images, history)
			desk.Key = key.Public()
			history.grow(commitOf(0))
			good := publish(t, images, commitOf(0), key)
			if _, err := desk.Promote(t.Context(), Approved); err != nil {
				t.Fatal(err)
			}
			history.grow(commitOf(1))
			bad := publish(t, images, commitOf(1), c.key, c.change)
			_, err := desk.Promote(t.Context(), Approved)
			if !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
			if _, err := desk.Promote(t.Context(), "v1.0.0"); !errors.Is(err, ErrRefused) {
				t.Errorf("as a version: %v", err)
			}
			if _, err := desk.Rollback(t.Context(), Approved, bad, ""); !errors.Is(err, ErrRefused) {
				t.Errorf("by a rollback: %v", err)
			}
			wantTag(t, images, Approved, good)
		})
	}
	t.Run("a tag of something else", func(t *testing.T) {
		images := open(t, "oci:"+t.TempDir())
		history := &line{}
		desk := newDesk(images, history)
		stranger := publish(t, images, commitOf(5), nil) // of no commit that main holds
		if err := images.SetTag(t.Context(), Approved, stranger); err != nil {
			t.Fatal(err)
		}
		history.grow(commitOf(0))
		publish(t, images, commitOf(0), nil)
		if _, err := desk.Promote(t.Context(), Approved); !errors.Is(err, ErrRefused) {
			t.Errorf("got %v", err)
		}
		wantTag(t, images, Approved, stranger)
		// A person may say which image of the branch it is from now on: the way out after a branch was rewritten.
		if _, err := desk.Rollback(t.Context(), Approved, "sha-"+commitOf(0), "main was rewritten"); err != nil {
			t.Fatal(err)
		}
		if _, err := desk.Unpin(t.Context(), Approved); err != nil {
			t.Fatal(err)
		}
		history.grow(commitOf(1))
		next := publish(t, images, commitOf(1), nil)
		if _, err := desk.Promote(t.Context(), Approved); err != nil {
			t.Fatal(err)
		}
		wantTag(t, images, Approved, next)
	})
	for _, tag := range []string{"", "sha-" + commitOf(0), "a/b", "x-pin", "x-modelpack", "previous", "sha256-abc"} {
		if _, err := newDesk(nil, nil).Promote(t.Context(), tag); err == nil {
			t.Errorf("%q is a tag that moves", tag)
		}
	}
}

// Pairs of merges whose promotions overlap in every way, writers that are held up between their check and their write
// included. Whoever writes last: the newer image is what stays. WEIGHLOCK_TEST_PAIRS sets how many pairs; make interop
// runs 1,000.
func TestNewerWins(t *testing.T) {
	const repositories = 10
	each := 5
	if n, err := strconv.Atoi(os.Getenv("WEIGHLOCK_TEST_PAIRS")); err == nil {
		each = (n + repositories - 1) / repositories
	}
	held := 0
	var wg sync.WaitGroup
	var mu sync.Mutex
	for n := range repositories {
		wg.Go(func() {
			inner := newRegistry(n%2 == 0)
			base := newServer(t, inner, nil)
			images := open(t, base+"/acme/diabetes")
			older, newer := publish(t, images, commitOf(0), nil), publish(t, images, commitOf(1), nil)
			for pair := range each {
				rng := mathrand.New(mathrand.NewPCG(uint64(n), uint64(pair)))
				if overlap(t, inner, fmt.Sprintf("t%d", pair), rng) {
					mu.Lock()
					held++
					mu.Unlock()
				}
				found, err := images.Resolve(t.Context(), fmt.Sprintf("t%d", pair))
				if err != nil || found.Digest != newer {
					t.Errorf("repository %d, pair %d: the tag is %s, older is %s, newer is %s: %v", n, pair, found.Digest, older, newer, err)
				}
			}
		})
	}
	wg.Wait()
	t.Logf("%d pairs, in %d of them a stale write came after the newer one", repositories*each, held)
	if held == 0 {
		t.Error("no writer was ever held up: the test shows nothing")
	}
}

// overlap promotes a tag by two writers at once, each through a door of its own. In most pairs the writer of the older
// merge is held up just before it sets the tag until the newer one is done; it reports whether that happened.
func overlap(t *testing.T, inner http.Handler, tag string, rng *mathrand.Rand) bool {
	history := &line{}
	history.grow(commitOf(0))
	reached, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	stale := false
	hold := rng.IntN(4) > 0
	slow := newServer(t, inner, func(r *http.Request) {
		if hold && r.Method == http.MethodPut && strings.HasSuffix(r.URL.Path, "/manifests/"+tag) {
			once.Do(func() {
				stale = true
				close(reached)
				<-release
			})
		}
	})
	fast := newServer(t, inner, nil)
	promote := func(host string) {
		if _, err := newDesk(open(t, host+"/acme/diabetes"), history).Promote(t.Context(), tag); err != nil {
			t.Error(err)
		}
	}
	var wg sync.WaitGroup
	wg.Go(func() { promote(slow) })
	if hold {
		<-reached
	}
	history.grow(commitOf(1)) // the second merge
	wg.Go(func() {
		promote(fast)
		if hold {
			close(release)
		}
	})
	wg.Wait()
	return stale
}
