package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// hurry makes waiting short; the order and number of tries stay.
func hurry(r *Repository) *Repository {
	r.store.(*remote).retry.sleep = func(ctx context.Context, _ time.Duration) error { return sleep(ctx, time.Millisecond) }
	return r
}

// oncePer answers the first n requests of each method and path by answer.
func oncePer(n int, answer http.HandlerFunc) func(http.ResponseWriter, *http.Request) bool {
	var mu sync.Mutex
	seen := map[string]int{}
	return func(w http.ResponseWriter, r *http.Request) bool {
		what := r.Method + r.URL.Path
		if at := strings.Index(what, "/uploads/"); at >= 0 {
			what = what[:at] // each upload has a path of its own
		}
		mu.Lock()
		seen[what]++
		spoiled := seen[what] <= n
		mu.Unlock()
		if spoiled {
			answer(w, r)
		}
		return spoiled
	}
}

func code(status int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }
}

func reset(w http.ResponseWriter, _ *http.Request) {
	if c, _, err := w.(http.Hijacker).Hijack(); err == nil {
		_ = c.Close()
	}
}

// truncate takes a request to read, promises an answer and breaks off in it.
func truncate(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet {
		reset(w, r)
		return
	}
	_, _ = io.Copy(io.Discard, r.Body)
	c, buf, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	_, _ = buf.WriteString("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
	_ = buf.Flush()
	_ = c.Close()
}

// Every request of a push and of reading it back meets the fault, and then works.
func TestFaultsPass(t *testing.T) {
	for name, spoil := range map[string]func(http.ResponseWriter, *http.Request) bool{
		"429":               oncePer(2, code(http.StatusTooManyRequests)),
		"500":               oncePer(1, code(http.StatusInternalServerError)),
		"502 503 504":       oncePer(1, code(http.StatusGatewayTimeout)),
		"reset":             oncePer(1, reset),
		"truncated answers": oncePer(1, truncate),
	} {
		for _, referrers := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, referrers %v", name, referrers), func(t *testing.T) {
				reg := newTestRegistry(t, referrers)
				reg.set(spoil)
				r := hurry(reg.open(t, Options{Budget: time.Hour}))
				img := mustBuild(t, testInput())
				mustPush(t, r, img, PushOptions{Tags: []string{testTag}, Attachments: testAttachments})
				d, err := r.ResolveMany(t.Context(), []string{"none", testTag})
				if err != nil || d.Digest != img.Digest() {
					t.Errorf("got %v, %v", d.Digest, err)
				}
				wantFiles(t, r, img.Digest(), testInput().files)
				if as, err := r.Attachments(t.Context(), img.Digest(), ""); err != nil || len(as) != 3 {
					t.Errorf("%d attachments, %v", len(as), err)
				}
			})
		}
	}
}

func TestRetryAfterIsKept(t *testing.T) {
	t.Parallel()
	date := func() string { return time.Now().Add(2 * time.Second).UTC().Format(http.TimeFormat) }
	for name, c := range map[string]struct {
		status   int
		header   func() string
		min, max time.Duration
	}{
		"429 seconds": {http.StatusTooManyRequests, func() string { return "1" }, time.Second, 1200 * time.Millisecond},
		"503 seconds": {http.StatusServiceUnavailable, func() string { return "1" }, time.Second, 1200 * time.Millisecond},
		// A date has no fractions: two seconds from now are one to two.
		"429 date":       {http.StatusTooManyRequests, date, time.Second, 2400 * time.Millisecond},
		"403 rate limit": {http.StatusForbidden, func() string { return "1" }, time.Second, 1200 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			reg := newTestRegistry(t, true)
			r := reg.open(t, Options{})
			mustPush(t, r, mustBuild(t, testInput()), PushOptions{Tags: []string{"main"}})
			asked := false
			reg.set(func(w http.ResponseWriter, req *http.Request) bool {
				if asked || !strings.Contains(req.URL.Path, "/manifests/") {
					return false
				}
				asked = true
				w.Header().Set("Retry-After", c.header())
				w.WriteHeader(c.status)
				return true
			})
			start := time.Now()
			if _, err := r.Resolve(t.Context(), "main"); err != nil {
				t.Fatal(err)
			}
			// The slack is for a machine that is busy with other tests.
			if took := time.Since(start); took < c.min || took > c.max+time.Second {
				t.Errorf("waited %s, want %s to %s", took, c.min, c.max)
			}
		})
	}
}

func TestRetryAfterBeyondTheBudget(t *testing.T) {
	reg := newTestRegistry(t, true)
	reg.set(func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Retry-After", "600")
		w.WriteHeader(http.StatusTooManyRequests)
		return true
	})
	start := time.Now()
	_, err := reg.open(t, Options{Budget: 30 * time.Second}).Resolve(t.Context(), "main")
	wantKind(t, err, ErrUnavailable)
	if took := time.Since(start); took > 5*time.Second || !strings.Contains(err.Error(), "asks to wait") {
		t.Errorf("after %s: %v", took, err)
	}
}

func TestRetryAfterHeader(t *testing.T) {
	now := time.Date(2026, 11, 24, 10, 0, 0, 500e6, time.UTC)
	for header, want := range map[string]time.Duration{
		"": 0, "7": 7 * time.Second, " 7 ": 7 * time.Second, "-3": 0, "soon": 0, "1.5": 0,
		"99999999999999": (1 << 30) * time.Second, "Tue, 24 Nov 2026 10:00:10 GMT": 9500 * time.Millisecond,
		"Tue, 24 Nov 2026 09:00:00 GMT": 0,
	} {
		if got := retryAfter(http.Header{"Retry-After": {header}}, now); got != want {
			t.Errorf("%q: %s, want %s", header, got, want)
		}
	}
	// A server whose clock is an hour ahead means its own hour.
	ahead := http.Header{"Retry-After": {"Tue, 24 Nov 2026 11:00:10 GMT"}, "Date": {"Tue, 24 Nov 2026 11:00:00 GMT"}}
	if got := retryAfter(ahead, now); got != 10*time.Second {
		t.Errorf("with another clock: %s", got)
	}
}

func FuzzRetryAfter(f *testing.F) {
	f.Add("7", "")
	f.Add("Tue, 24 Nov 2026 10:00:10 GMT", "Tue, 24 Nov 2026 10:00:00 GMT")
	f.Fuzz(func(t *testing.T, after, date string) {
		if d := retryAfter(http.Header{"Retry-After": {after}, "Date": {date}}, time.Unix(0, 0)); d < 0 {
			t.Errorf("%q, %q: %s", after, date, d)
		}
	})
}

func TestUnavailable(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(http.ResponseWriter, *http.Request) bool{
		"black hole":   func(_ http.ResponseWriter, r *http.Request) bool { return hole(r) },
		"drip":         func(w http.ResponseWriter, r *http.Request) bool { return drip(w, r) },
		"500 always":   oncePer(1e9, code(http.StatusInternalServerError)),
		"reset always": oncePer(1e9, reset),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			reg := newTestRegistry(t, true)
			r := reg.open(t, Options{Budget: 400 * time.Millisecond})
			reg.set(spoil)
			start := time.Now()
			_, err := r.Resolve(t.Context(), "main")
			wantKind(t, err, ErrUnavailable)
			_, err = r.Push(t.Context(), mustBuild(t, testInput()), PushOptions{Tags: []string{"main"}})
			wantKind(t, err, ErrUnavailable)
			if took := time.Since(start); took > 4*time.Second {
				t.Errorf("took %s", took)
			}
		})
	}
	t.Run("nobody listens", func(t *testing.T) {
		reg := newTestRegistry(t, true)
		r := reg.open(t, Options{Budget: time.Second})
		reg.Close()
		_, err := r.Resolve(t.Context(), "main")
		wantKind(t, err, ErrUnavailable)
	})
	t.Run("cancelled while waiting", func(t *testing.T) {
		reg := newTestRegistry(t, true)
		reg.set(oncePer(1e9, code(http.StatusServiceUnavailable)))
		r := reg.open(t, Options{})
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		time.AfterFunc(200*time.Millisecond, cancel)
		_, err := r.Resolve(ctx, "main")
		wantKind(t, err, context.Canceled)
	})
}

// hole takes a request and says nothing.
func hole(r *http.Request) bool {
	select {
	case <-r.Context().Done():
	case <-time.After(2 * time.Second):
	}
	return true
}

// drip answers a byte at a time for ever.
func drip(w http.ResponseWriter, r *http.Request) bool {
	w.Header().Set("Content-Type", "application/vnd.oci.image.index.v1+json")
	// The end of a request whose body was not read goes unnoticed here.
	for range 100 {
		if _, err := w.Write([]byte(" ")); err != nil || r.Context().Err() != nil {
			break
		}
		w.(http.Flusher).Flush()
		time.Sleep(20 * time.Millisecond)
	}
	return true
}

// A registry that acknowledges a manifest and shows it later.
func TestLagAfterPut(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		hidden int
		kind   error
	}{"short": {3, nil}, "too long": {1e9, ErrNotVisible}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			reg := newTestRegistry(t, false)
			var mu sync.Mutex
			left := map[string]int{}
			reg.set(func(w http.ResponseWriter, r *http.Request) bool {
				mu.Lock()
				defer mu.Unlock()
				if r.Method == http.MethodPut {
					left[r.URL.Path] = c.hidden
					return false
				}
				if strings.Contains(r.URL.Path, "/manifests/") && left[r.URL.Path] > 0 {
					left[r.URL.Path]--
					w.WriteHeader(http.StatusNotFound)
					return true
				}
				return false
			})
			r := reg.open(t, Options{Budget: 3 * time.Second})
			_, err := r.Push(t.Context(), mustBuild(t, testInput()), PushOptions{Tags: []string{"main"}})
			if !errors.Is(err, c.kind) {
				t.Errorf("got %v, want %v", err, c.kind)
			}
			if c.kind != nil {
				wantKind(t, err, ErrUnavailable)
			}
		})
	}
}

// A registry that forgets a blob which it took: the whole is pushed again.
func TestLostBlob(t *testing.T) {
	reg := newTestRegistry(t, true)
	forgot := 0
	reg.set(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/manifests/sha256:") && forgot < 2 {
			forgot++
			w.WriteHeader(http.StatusBadRequest + 4*(forgot%2))
			_, _ = io.WriteString(w, `{"errors":[{"code":"MANIFEST_BLOB_UNKNOWN"}]}`)
			return true
		}
		return false
	})
	mustPush(t, hurry(reg.open(t, Options{})), mustBuild(t, testInput()), PushOptions{Tags: []string{"main"}})
	if forgot != 2 {
		t.Errorf("forgot %d times", forgot)
	}
}

// Whatever fails and whenever: no tag without everything that it names.
func TestNoTagOnHalfAnImage(t *testing.T) {
	img := mustBuild(t, testInput())
	// A push that works tells how many requests there are to break.
	reg := newTestRegistry(t, false)
	mustPush(t, reg.open(t, Options{}), img, PushOptions{Tags: []string{"main"}, Attachments: testAttachments})
	total := len(reg.requests())
	for n := range total {
		reg := newTestRegistry(t, false)
		r := hurry(reg.open(t, Options{Log: func(string) {}}))
		var mu sync.Mutex
		left := n
		reg.set(func(w http.ResponseWriter, _ *http.Request) bool {
			mu.Lock()
			defer mu.Unlock()
			if left > 0 {
				left--
				return false
			}
			w.WriteHeader(http.StatusBadRequest) // final, so that nothing is tried again
			return true
		})
		_, err := r.Push(t.Context(), img, PushOptions{Tags: []string{"main"}, Attachments: testAttachments})
		wantKind(t, err, ErrUnavailable)
		reg.set(nil)
		after := reg.open(t, Options{})
		d, err := after.Resolve(t.Context(), "main")
		if errors.Is(err, ErrNotFound) {
			continue
		}
		if err != nil || d.Digest != img.Digest() {
			t.Fatalf("broken at request %d: %v, %v", n, d.Digest, err)
		}
		wantFiles(t, after, d.Digest, testInput().files)
		if as, err := after.Attachments(t.Context(), d.Digest, ""); err != nil || len(as) != 3 {
			t.Errorf("broken at request %d: tagged with %d attachments, %v", n, len(as), err)
		}
	}
}

func TestDamagedContent(t *testing.T) {
	reg := newTestRegistry(t, true)
	r := hurry(reg.open(t, Options{}))
	img := mustBuild(t, testInput())
	mustPush(t, r, img, PushOptions{Tags: []string{"main"}})
	t.Run("another blob", func(t *testing.T) {
		reg.set(func(w http.ResponseWriter, r *http.Request) bool {
			if strings.Contains(r.URL.Path, "/blobs/") {
				_, _ = w.Write(make([]byte, img.Blobs[0].Size))
				return true
			}
			return false
		})
		_, err := readFiles(t, r, img.Digest())
		wantKind(t, err, ErrInvalid)
	})
	t.Run("another manifest", func(t *testing.T) {
		reg.set(func(w http.ResponseWriter, r *http.Request) bool {
			if strings.Contains(r.URL.Path, "/manifests/") {
				_, _ = io.WriteString(w, `{"schemaVersion":2}`)
				return true
			}
			return false
		})
		_, err := r.Manifest(t.Context(), img.Digest())
		wantKind(t, err, ErrInvalid)
	})
	t.Run("endless", func(t *testing.T) {
		reg.set(func(w http.ResponseWriter, r *http.Request) bool {
			if !strings.Contains(r.URL.Path, "/manifests/") {
				return false
			}
			for range 64 {
				if _, err := w.Write(make([]byte, 1<<20)); err != nil {
					break
				}
			}
			return true
		})
		_, err := r.Resolve(t.Context(), "main")
		wantKind(t, err, ErrInvalid)
	})
}

// One answer is all it takes when the first of the ancestors has an image, and
// few round trips when none has.
func TestResolveManyIsQuick(t *testing.T) {
	reg := newTestRegistry(t, true)
	r := reg.open(t, Options{})
	mustPush(t, r, mustBuild(t, testInput()), PushOptions{Tags: []string{"t0"}})
	var tags []string
	for n := range 50 {
		tags = append(tags, "t"+strconv.Itoa(n))
	}
	reg.set(nil)
	if _, err := r.ResolveMany(t.Context(), tags); err != nil {
		t.Fatal(err)
	}
	if n := len(reg.requests()); n > 3 {
		t.Errorf("%d requests when the first is there", n)
	}
	reg.set(func(_ http.ResponseWriter, _ *http.Request) bool {
		time.Sleep(20 * time.Millisecond)
		return false
	})
	start := time.Now()
	_, err := r.ResolveMany(t.Context(), tags[1:])
	wantKind(t, err, ErrNotFound)
	if took := time.Since(start); took > 900*time.Millisecond { // 49 in turn
		t.Errorf("49 tags took %s", took)
	}
}
