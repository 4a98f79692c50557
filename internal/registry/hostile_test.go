package registry

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	testUser  = "robot"
	testToken = "canary-token-4711"
)

// witness is a server that must not be asked, or not with credentials.
type witness struct {
	*httptest.Server
	mu      sync.Mutex
	asked   []string
	secrets []string
	answer  http.HandlerFunc
}

func newWitness(t *testing.T) *witness {
	w := &witness{}
	w.Server = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.mu.Lock()
		w.asked = append(w.asked, r.Method+" "+r.URL.Path)
		if r.Header.Get("Authorization") != "" || strings.Contains(string(body)+r.URL.String(), testToken) {
			w.secrets = append(w.secrets, r.URL.Path)
		}
		w.mu.Unlock()
		if w.answer != nil {
			w.answer(rw, r)
		}
	}))
	t.Cleanup(w.Close)
	return w
}

// challenge answers every request that has no bearer token with this realm.
func challenge(realm string) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool {
		if strings.HasPrefix(r.Header.Get("Authorization"), "Bearer good") || r.URL.Path == "/token" {
			return false
		}
		w.Header().Set("WWW-Authenticate", `Bearer realm="`+realm+`",service="test"`)
		w.WriteHeader(http.StatusUnauthorized)
		return true
	}
}

// A registry that sends us for a token where no token server of it can be.
func TestHostileRealms(t *testing.T) {
	evil := newWitness(t)
	host := strings.TrimPrefix(evil.URL, "http://")
	for _, realm := range []string{
		evil.URL + "/token", "http://localhost:" + host[strings.LastIndex(host, ":")+1:] + "/token", "https://" + host + "/token",
		"http://169.254.169.254/latest/meta-data", "https://169.254.169.254/token", "http://[fd00:ec2::254]/token",
		"http://2852039166/token", "http://0xa9fea9fe/token", "http://metadata.google.internal/token", "http://10.0.0.1/token",
		"https://192.168.0.1/token", "file:///etc/passwd", "gopher://" + host, "http://user:pw@" + host + "/token", "//" + host + "/token", "", ":",
	} {
		t.Run(realm, func(t *testing.T) {
			reg := newTestRegistry(t, true)
			reg.set(challenge(realm))
			r := hurry(reg.open(t, Options{Username: testUser, Password: testToken, Budget: 3 * time.Second}))
			_, err := r.Resolve(t.Context(), "main")
			if err == nil || strings.Contains(err.Error(), testToken) {
				t.Errorf("got %v", err)
			}
			if len(evil.asked) > 0 {
				t.Errorf("asked %v", evil.asked)
			}
		})
	}
}

// A token server that sends the credentials on.
func TestTokenRedirect(t *testing.T) {
	evil := newWitness(t)
	for _, to := range []string{evil.URL + "/token", "http://169.254.169.254/", "/elsewhere"} {
		reg := newTestRegistry(t, true)
		ask := challenge(reg.URL + "/token")
		reg.set(func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path == "/token" {
				http.Redirect(w, r, to, http.StatusTemporaryRedirect)
				return true
			}
			return ask(w, r)
		})
		_, err := reg.open(t, Options{Username: testUser, Password: testToken}).Resolve(t.Context(), "main")
		wantKind(t, err, ErrRefused)
		if len(evil.asked) > 0 || reg.count("GET /elsewhere") > 0 {
			t.Errorf("%s: followed to %v", to, evil.asked)
		}
	}
}

// The token of a registry that works, and that expires in between.
func TestTokens(t *testing.T) {
	reg := newTestRegistry(t, true)
	var mu sync.Mutex
	issued, uses := 0, map[string]int{}
	reg.set(func(w http.ResponseWriter, r *http.Request) bool {
		mu.Lock()
		defer mu.Unlock()
		if r.URL.Path == "/token" {
			if u, p, _ := r.BasicAuth(); u != testUser || p != testToken {
				w.WriteHeader(http.StatusUnauthorized)
				return true
			}
			issued++
			uses[fmt.Sprintf("Bearer good-%d", issued)] = 5
			_, _ = fmt.Fprintf(w, `{"token":"good-%d"}`, issued)
			return true
		}
		if token := r.Header.Get("Authorization"); uses[token] > 0 {
			uses[token]--
			return false
		}
		w.Header().Set("WWW-Authenticate", `Bearer realm="`+reg.URL+`/token",service="test"`)
		w.WriteHeader(http.StatusUnauthorized)
		return true
	})
	r := reg.open(t, Options{Username: testUser, Password: testToken})
	img := mustBuild(t, testInput())
	mustPush(t, r, img, PushOptions{Tags: []string{"main"}, Attachments: testAttachments})
	wantFiles(t, r, img.Digest(), testInput().files)
	if issued < 3 {
		t.Errorf("%d tokens, the first cannot have been enough", issued)
	}
	wrong := reg.open(t, Options{Username: testUser, Password: "wrong-" + testToken})
	_, err := wrong.Resolve(t.Context(), "main")
	wantKind(t, err, ErrDenied)
	if strings.Contains(err.Error(), testToken) {
		t.Errorf("the error tells the password: %v", err)
	}
}

func TestDenied(t *testing.T) {
	for _, status := range []int{http.StatusUnauthorized, http.StatusForbidden} {
		reg := newTestRegistry(t, true)
		reg.set(func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path == "/v2/" {
				return false
			}
			w.WriteHeader(status)
			_, _ = io.WriteString(w, `{"errors":[{"code":"DENIED","message":"`+testToken+`\n::set-output"}]}`)
			return true
		})
		_, err := reg.open(t, Options{}).Resolve(t.Context(), "main")
		wantKind(t, err, ErrDenied)
		if strings.Contains(err.Error(), testToken) || strings.Contains(err.Error(), "\n") {
			t.Errorf("the registry wrote into the error: %v", err)
		}
		if n := reg.count("GET /v2/acme"); n != 1 {
			t.Errorf("asked %d times", n)
		}
	}
}

// Content may live elsewhere; the credentials stay at home.
func TestBlobRedirect(t *testing.T) {
	reg := newTestRegistry(t, true)
	img := mustBuild(t, testInput())
	mustPush(t, reg.open(t, Options{}), img, PushOptions{Tags: []string{"main"}})
	storage := newWitness(t)
	storage.answer = func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(mustJSON(t, testInput().files)) }
	to := storage.URL + "/storage"
	reg.set(func(w http.ResponseWriter, r *http.Request) bool {
		if _, p, _ := r.BasicAuth(); p != testToken {
			w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
			w.WriteHeader(http.StatusUnauthorized)
			return true
		}
		if r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/blobs/") {
			http.Redirect(w, r, to, http.StatusTemporaryRedirect)
			return true
		}
		return false
	})
	r := hurry(reg.open(t, Options{Username: testUser, Password: testToken}))
	wantFiles(t, r, img.Digest(), testInput().files)
	if len(storage.asked) != 1 || len(storage.secrets) != 0 {
		t.Errorf("storage was asked %v, with credentials %v", storage.asked, storage.secrets)
	}
	for _, to = range []string{"http://169.254.169.254/latest", "http://[fe80::1]/", "http://100.100.100.200/", "ftp://example.com/"} {
		_, err := readFiles(t, r, img.Digest())
		if err == nil {
			t.Errorf("%s: followed", to)
		}
	}
}

// Nothing but content lives elsewhere.
func TestOtherRedirects(t *testing.T) {
	evil := newWitness(t)
	img := mustBuild(t, testInput())
	for name, match := range map[string]func(*http.Request) bool{
		"manifest": func(r *http.Request) bool { return strings.Contains(r.URL.Path, "/manifests/") },
		"ping":     func(r *http.Request) bool { return r.URL.Path == "/v2/" },
		"tags":     func(r *http.Request) bool { return strings.Contains(r.URL.Path, "/tags/") },
		"upload":   func(r *http.Request) bool { return r.Method == http.MethodPost },
	} {
		reg := newTestRegistry(t, true)
		reg.set(func(w http.ResponseWriter, r *http.Request) bool {
			if match(r) {
				http.Redirect(w, r, evil.URL, http.StatusTemporaryRedirect)
			}
			return match(r)
		})
		r := hurry(reg.open(t, Options{Username: testUser, Password: testToken}))
		_, err := r.Tags(t.Context())
		_, err2 := r.Push(t.Context(), img, PushOptions{Tags: []string{"main"}})
		if err == nil && err2 == nil || len(evil.asked) > 0 {
			t.Errorf("%s: %v, %v, asked %v", name, err, err2, evil.asked)
		}
	}
}

// A registry that wants the model to be sent to somebody else.
func TestUploadElsewhere(t *testing.T) {
	evil := newWitness(t)
	for _, to := range []string{evil.URL + "/upload", "http://169.254.169.254/upload", "https://user:pw@example.com/upload"} {
		reg := newTestRegistry(t, true)
		reg.set(func(w http.ResponseWriter, r *http.Request) bool {
			if r.Method != http.MethodPost {
				return false
			}
			w.Header().Set("Location", to)
			w.WriteHeader(http.StatusAccepted)
			return true
		})
		_, err := reg.open(t, Options{}).Push(t.Context(), mustBuild(t, testInput()), PushOptions{Tags: []string{"main"}})
		wantKind(t, err, ErrRefused)
		if len(evil.asked) > 0 {
			t.Errorf("asked %v", evil.asked)
		}
	}
}

// The state of an upload is a secret of the registry.
func TestNoUploadStateInErrors(t *testing.T) {
	reg := newTestRegistry(t, true)
	reg.set(func(w http.ResponseWriter, r *http.Request) bool {
		switch r.Method {
		case http.MethodPost:
			w.Header().Set("Location", "/v2/acme/diabetes/blobs/uploads/1?_state="+testToken)
			w.WriteHeader(http.StatusAccepted)
			return true
		case http.MethodPut:
			reset(w, r)
			return true
		}
		return false
	})
	var lines []string
	var mu sync.Mutex
	r := hurry(reg.open(t, Options{Log: func(l string) { mu.Lock(); lines = append(lines, l); mu.Unlock() }}))
	_, err := r.Push(t.Context(), mustBuild(t, testInput()), PushOptions{Tags: []string{"main"}})
	wantKind(t, err, ErrUnavailable)
	mu.Lock()
	defer mu.Unlock()
	if all := err.Error() + strings.Join(lines, "\n"); strings.Contains(all, testToken) || len(lines) == 0 {
		t.Errorf("secret in %q", all)
	}
}

// The odd answers that are known of registries without a referrers API
// (facts/oci.md 0.4, 5): attaching and reading back works with each.
func TestOddReferrersAnswers(t *testing.T) {
	elsewhere := newWitness(t)
	elsewhere.answer = code(http.StatusTooManyRequests)
	empty := `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}`
	for name, answer := range map[string]http.HandlerFunc{
		"303 to a web page": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, elsewhere.URL, http.StatusSeeOther) },
		"always empty":      func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, empty) },
		"web page":          func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") },
		"400":               code(http.StatusBadRequest), "405": code(http.StatusMethodNotAllowed), "501": code(http.StatusNotImplemented),
	} {
		t.Run(name, func(t *testing.T) {
			reg := newTestRegistry(t, false)
			reg.set(func(w http.ResponseWriter, r *http.Request) bool {
				if strings.Contains(r.URL.Path, "/referrers/") {
					answer(w, r)
					return true
				}
				return false
			})
			r := reg.open(t, Options{})
			img := mustBuild(t, testInput())
			mustPush(t, r, img, PushOptions{Tags: []string{"main"}, Attachments: testAttachments})
			got, err := r.Attachments(t.Context(), img.Digest(), "application/vnd.weighlock.test.b")
			if err != nil || len(got) != 1 || string(got[0].Data) != "PAR1 PAR1" {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
	if len(elsewhere.asked) > 0 {
		t.Errorf("asked %v", elsewhere.asked)
	}
	t.Run("GitLab takes the tag for the digest", func(t *testing.T) {
		reg := newTestRegistry(t, false)
		r := reg.open(t, Options{})
		img := mustBuild(t, testInput())
		mustPush(t, r, img, PushOptions{Tags: []string{"main"}})
		reg.set(func(w http.ResponseWriter, r *http.Request) bool {
			if strings.HasSuffix(r.URL.Path, fallbackTag(img.Digest())) && r.Method == http.MethodGet {
				w.Header().Set("Content-Type", string(img.Top.MediaType))
				_, _ = w.Write(img.Top.Raw)
				return true
			}
			return false
		})
		got, err := r.Attachments(t.Context(), img.Digest(), "")
		if len(got) != 0 || err != nil {
			t.Errorf("got %v, %v", got, err)
		}
	})
}

func TestListLinksStay(t *testing.T) {
	evil := newWitness(t)
	reg := newTestRegistry(t, true)
	reg.set(func(w http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, "/tags/list") {
			w.Header().Set("Link", `<`+evil.URL+`/v2/x/tags/list?n=1000&last=b>; rel="next"`)
			if r.URL.Query().Get("last") == "b" {
				w.Header().Del("Link")
			}
			_, _ = io.WriteString(w, `{"tags":["`+r.URL.Query().Get("last")+`x"]}`)
			return true
		}
		return false
	})
	tags, err := reg.open(t, Options{}).Tags(t.Context())
	if err != nil || strings.Join(tags, " ") != "bx x" || len(evil.asked) > 0 {
		t.Errorf("got %v, %v, asked %v", tags, err, evil.asked)
	}
}

func TestAddresses(t *testing.T) {
	for address, want := range map[string][3]bool{ // allowed beside a public, a private, a loopback registry
		"93.184.216.34:443": {true, true, true}, "[2606:2800:220:1::1]:443": {true, true, true},
		"10.1.2.3:443": {false, true, true}, "192.168.1.1:80": {false, true, true}, "100.64.0.1:443": {false, true, true},
		"[fd12::1]:443": {false, true, true}, "127.0.0.1:80": {false, false, true}, "[::1]:80": {false, false, true},
		"[::ffff:127.0.0.1]:80": {false, false, true}, "0.0.0.0:80": {false, false, true},
		"169.254.169.254:80": {}, "[::ffff:169.254.169.254]:80": {}, "[fe80::1%eth0]:80": {}, "[fd00:ec2::254]:80": {},
		"168.63.129.16:80": {}, "100.100.100.200:80": {}, "192.0.0.192:80": {}, "224.0.0.1:80": {}, "unix": {},
	} {
		for n, near := range []int32{nearPublic, nearPrivate, nearLoopback} {
			g := &guard{}
			g.near.Store(near)
			if err := g.checkAddress(address, false); (err == nil) != want[n] {
				t.Errorf("%s beside %d: %v", address, near, err)
			}
		}
	}
	if err := new(guard).checkAddress("169.254.169.254:80", true); err == nil {
		t.Error("a registry may not be a metadata service")
	}
}

func TestPlainHTTP(t *testing.T) {
	for host, want := range map[string]bool{"127.0.0.1:5000": true, "localhost:5000": true, "10.0.0.1:5000": false, "registry.example": false} {
		r := mustOpen(t, host+"/acme/x", Options{})
		g := r.store.(*remote).meter.next.(*guard)
		if g.plain != want {
			t.Errorf("%s: plain HTTP is %v", host, g.plain)
		}
	}
	r := mustOpen(t, "10.255.255.1:1/acme/x", Options{Username: "a", Password: "b", Budget: time.Second})
	g := r.store.(*remote).meter.next.(*guard)
	req, _ := http.NewRequest(http.MethodGet, "http://10.255.255.1:1/v2/", nil)
	_, err := g.RoundTrip(req)
	wantKind(t, err, ErrRefused)
}

func TestOpenRefuses(t *testing.T) {
	for _, name := range []string{"", "oci:", "https://ghcr.io/a/b", "ghcr.io/A/B", "ghcr.io/a/b:tag", "ghcr.io/a/b@sha256:00", "user:pw@ghcr.io/a/b"} {
		if _, err := Open(t.Context(), name, Options{}); err == nil {
			t.Errorf("%q was opened", name)
		}
	}
}
