package registry

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// remote is a repository of an OCI registry. The library finds credentials and
// exchanges tokens; the requests are our own, because every one of them needs
// a deadline, the server's wish to wait, and headers that the library drops.
type remote struct {
	repo    name.Repository
	options Options
	retry   retrier

	meter *answers

	mu      sync.Mutex
	clients map[string]*http.Client // by scope
}

func newRemote(text string, o Options) (*remote, error) {
	var opts []name.Option
	if o.Insecure {
		opts = append(opts, name.Insecure)
	}
	repo, err := name.NewRepository(text, opts...)
	if err != nil || strings.Contains(text, "//") {
		return nil, fmt.Errorf("not the name of a repository, such as ghcr.io/acme/diabetes")
	}
	guard := newGuard(repo.Registry, o)
	return &remote{
		repo: repo, options: o, meter: &answers{next: guard},
		retry: retrier{log: o.Log, sleep: sleep}, clients: map[string]*http.Client{},
	}, nil
}

// call is one request and what to do with its answer.
type call struct {
	method, path string
	query        string // raw
	url          string // instead of path, where the registry named a place
	scope        string // transport.PullScope or PushScope
	header       map[string]string
	body         func() (io.ReadCloser, error)
	size         int64 // of the body, or of the answer that is awaited
	want         []int
	// read takes the answer within the try: what it cannot read is tried again.
	read func(*http.Response) error
}

// send makes the call until it works or is final.
func (c *remote) send(ctx context.Context, k call) error {
	return c.retry.do(ctx, k.method+" "+c.repo.RegistryStr(), func(ctx context.Context) error {
		return c.try(ctx, k)
	})
}

// try makes the call once.
func (c *remote) try(ctx context.Context, k call) error {
	ctx, cancel := context.WithTimeout(ctx, tryTime+time.Duration(k.size/slowest)*time.Second)
	defer cancel()
	client, err := c.client(ctx, k.scope)
	if err != nil {
		return err
	}
	req, err := c.request(ctx, k)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return c.judge(err)
	}
	defer func() { _ = resp.Body.Close() }()
	for _, code := range k.want {
		if resp.StatusCode != code {
			continue
		}
		if k.read == nil {
			_, _ = io.CopyN(io.Discard, resp.Body, 64<<10) // so that the connection is used again
			return nil
		}
		return k.read(resp)
	}
	return c.status(resp)
}

func (c *remote) request(ctx context.Context, k call) (*http.Request, error) {
	target := k.url
	if target == "" {
		target = c.repo.Scheme() + "://" + c.repo.RegistryStr() + "/v2/" + c.repo.RepositoryStr() + "/" + k.path
		if k.query != "" {
			target += "?" + k.query
		}
	}
	var body io.Reader
	if k.body != nil {
		opened, err := k.body()
		if err != nil {
			return nil, err
		}
		body = opened // the client closes it
	}
	req, err := http.NewRequestWithContext(ctx, k.method, target, body)
	if err != nil {
		return nil, refusal("%s names a place that is not a URL", c.repo.RegistryStr())
	}
	if k.body != nil {
		req.ContentLength = k.size
		// One re-authentication, and HTTP/2, send the body a second time.
		req.GetBody = k.body
	}
	for name, value := range k.header {
		req.Header.Set(name, value)
	}
	return req, nil
}

// client is an HTTP client that is logged in for scope. The login itself is
// one try among the others: when it fails the next one starts anew.
func (c *remote) client(ctx context.Context, scope string) (*http.Client, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if client, ok := c.clients[scope]; ok {
		return client, nil
	}
	auth, err := credentials(ctx, c.options, c.repo)
	if err != nil {
		return nil, err
	}
	t, err := transport.NewWithContext(ctx, c.repo.Registry, auth, transport.NewUserAgent(c.meter, "weighlock"), []string{c.repo.Scope(scope)})
	var te *transport.Error
	if err != nil && !errors.As(err, &te) && !errors.As(err, new(*url.Error)) && !errors.As(err, new(*failure)) {
		// Not the network: the library did not like where the token is to come from.
		return nil, refusal("%s wants a login in a way that is not acceptable", c.repo.RegistryStr())
	}
	if err != nil {
		return nil, c.judge(err)
	}
	client := &http.Client{Transport: t}
	c.clients[scope] = client
	return client, nil
}

// answers remembers how long the last answer asked to wait, because the login
// of the library does not tell.
type answers struct {
	next http.RoundTripper
	mu   sync.Mutex
	last time.Duration
}

func (a *answers) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := a.next.RoundTrip(req)
	if err == nil {
		a.mu.Lock()
		a.last = retryAfter(resp.Header, time.Now())
		a.mu.Unlock()
	}
	return resp, err
}

func (a *answers) wait() time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.last
}

// judge turns an error of the client into a setback or a final error. An
// answer among them is one to a login.
func (c *remote) judge(err error) error {
	if te, ok := errors.AsType[*transport.Error](err); ok {
		return c.refused(te.StatusCode, codes(te), c.meter.wait())
	}
	return networkSetback(c.repo.RegistryStr(), err)
}

// status turns an answer that was not wanted into a setback or a final error.
func (c *remote) status(resp *http.Response) error {
	body, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10)) // half an explanation is better than none
	var e transport.Error
	_ = json.Unmarshal(body, &e) // not every server explains itself in JSON
	return c.refused(resp.StatusCode, codes(&e), retryAfter(resp.Header, time.Now()))
}

// codes are the error codes of an answer, cleaned: a registry does not write
// into our log.
func codes(e *transport.Error) string {
	var out []string
	for _, d := range e.Errors {
		code := strings.Map(func(r rune) rune {
			if r == '_' || r < unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r)) {
				return r
			}
			return -1
		}, string(d.Code))
		if code != "" && len(code) <= 40 && len(out) < 4 {
			out = append(out, code)
		}
	}
	return strings.Join(out, ", ")
}

// refused is the meaning of a status code.
func (c *remote) refused(code int, why string, wait time.Duration) error {
	text := fmt.Sprintf("%s answered %d %s", c.repo.RegistryStr(), code, strings.ToLower(http.StatusText(code)))
	if why != "" {
		text += " (" + why + ")"
	}
	switch {
	case code == http.StatusUnauthorized:
		return &failure{ErrDenied, text + ": " + ErrDenied.Error() + ": no credentials, or they are not accepted"}
	case code == http.StatusForbidden && wait == 0:
		return &failure{ErrDenied, text + ": " + ErrDenied.Error() + ": the account may not do this here"}
	case code == http.StatusNotFound && (strings.Contains(why, "BLOB_UNKNOWN") || strings.Contains(why, "BLOB_UPLOAD_UNKNOWN")),
		code == http.StatusBadRequest && strings.Contains(why, "BLOB_UNKNOWN"):
		return &failure{errLost, text}
	case code == http.StatusNotFound:
		return &failure{ErrNotFound, text + ": " + ErrNotFound.Error()}
	case code == http.StatusRequestTimeout, code == http.StatusTooEarly, code == http.StatusTooManyRequests,
		code == http.StatusForbidden, code >= 500:
		return &setback{err: unavailable("%s", text), again: code != http.StatusNotImplemented, after: wait}
	}
	return unavailable("%s", text)
}

// errLost: the registry does not know content that it took a moment ago, or an
// upload that it began. Pushing the whole again cures it.
var errLost = errors.New("the registry lost content")

func isCertificate(err error) bool {
	var verify *tls.CertificateVerificationError
	var authority x509.UnknownAuthorityError
	var host x509.HostnameError
	return errors.As(err, &verify) || errors.As(err, &authority) || errors.As(err, &host)
}
