package forge

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	// tryTimeout bounds one attempt, its answer's body included.
	tryTimeout = 30 * time.Second
	// maxAnswer bounds one answer. GitHub hands out blobs of up to 100 MB in base64.
	maxAnswer = 160 << 20
	// maxTries bounds the attempts of one request.
	maxTries = 6
	// freeWrites follow each other at once: a check, a comment. What is more than that keeps its distance.
	freeWrites = 3
	// secondaryWait is what GitHub asks to wait after a secondary limit that names no time.
	secondaryWait = 60 * time.Second
)

// transport is the one way out. go-github v60 neither waits nor knows 429, and it refuses later calls on its own once a
// limit was seen; here every answer is classified, waits are honoured as long as they fit the budget, and a request that
// may have been carried out is never blindly repeated.
type transport struct {
	next   http.RoundTripper
	token  string
	host   string
	scheme string
	log    func(string)
	sleep  func(context.Context, time.Duration) error
	gap    time.Duration

	// timeout bounds one attempt.
	timeout time.Duration

	mu sync.Mutex
	// left is what remains of the budget.
	left time.Duration
	// lastWrite is when the last write began, writes how many there were.
	lastWrite time.Time
	writes    int
}

func newTransport(o Options, api *url.URL) *transport {
	t := &transport{
		next: http.DefaultTransport, token: o.Token, host: api.Host, scheme: api.Scheme, log: o.Log, sleep: o.Sleep, gap: o.WriteGap, left: o.Budget,
		timeout: tryTimeout,
	}
	if t.left == 0 {
		t.left = 2 * time.Minute
	}
	if t.gap == 0 {
		t.gap = time.Second
	}
	if t.log == nil {
		t.log = func(string) {}
	}
	if t.sleep == nil {
		t.sleep = sleep
	}
	return t
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// repeatable marks a POST that does no harm when it is carried out twice.
type repeatable struct{}

func withRepeat(ctx context.Context) context.Context {
	return context.WithValue(ctx, repeatable{}, true)
}

// verdict is what one attempt came to.
type verdict int

const (
	done verdict = iota
	// limited means that the request was turned away before it was carried out, so that it may be repeated.
	limited
	// broken means that the answer was lost or says nothing.
	broken
)

// RoundTrip sends one request, several times if need be. What it returns has its whole body in memory.
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	var body []byte
	if req.Body != nil {
		var err error
		if body, err = io.ReadAll(req.Body); err != nil {
			return nil, err
		}
		_ = req.Body.Close()
	}
	safe := req.Method != http.MethodPost || req.Context().Value(repeatable{}) != nil
	for try := 1; ; try++ {
		if err := t.pace(req); err != nil {
			return nil, err
		}
		began := time.Now()
		resp, err := t.once(req, body)
		if req.Context().Err() != nil {
			return nil, req.Context().Err()
		}
		kind, wait := classify(resp, err, try)
		if kind == done {
			forgetLimits(resp)
			return resp, err
		}
		if kind == broken { // a host that is silent costs time as one does that asks to wait
			t.charge(time.Since(began))
		}
		if kind == broken && !safe && !neverSent(err) {
			return nil, fmt.Errorf("%s: %w", summary(resp, err), errAmbiguous)
		}
		if try == maxTries {
			return nil, fmt.Errorf("%s, %d times: %w", summary(resp, err), try, ErrUnavailable)
		}
		if err := t.spend(req.Context(), wait, summary(resp, err)); err != nil {
			return nil, err
		}
	}
}

// once makes one attempt within its deadline.
func (t *transport) once(req *http.Request, body []byte) (*http.Response, error) {
	ctx, cancel := context.WithTimeout(req.Context(), t.timeout)
	defer cancel()
	out := req.Clone(ctx)
	if body != nil {
		out.Body = io.NopCloser(bytes.NewReader(body))
		out.ContentLength = int64(len(body))
	}
	out.Header.Del("Authorization")
	if out.URL.Host == t.host && out.URL.Scheme == t.scheme {
		out.Header.Set("Authorization", "Bearer "+t.token)
	}
	resp, err := t.next.RoundTrip(out)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	content, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return nil, err
	}
	if len(content) > maxAnswer {
		return nil, fmt.Errorf("the answer is longer than %d bytes", maxAnswer)
	}
	if garbled(resp, content) && (len(content) > 0 || req.Method == http.MethodGet) { // some writes answer with nothing
		return nil, errors.New("the answer is no JSON")
	}
	resp.Body = io.NopCloser(bytes.NewReader(content))
	return resp, nil
}

// garbled finds an answer that says yes and is cut short, or a page of somebody in between: what it was is not known.
func garbled(resp *http.Response, content []byte) bool {
	kind := resp.Header.Get("Content-Type")
	if resp.StatusCode < 200 || resp.StatusCode > 299 || resp.StatusCode == http.StatusNoContent {
		return false
	}
	return (strings.Contains(kind, "json") || strings.Contains(kind, "html")) && !json.Valid(content)
}

// classify says what an attempt came to, and how long to wait before the next. An answer's body can be read again.
func classify(resp *http.Response, err error, try int) (verdict, time.Duration) {
	backoff := time.Duration(1<<(try-1)) * time.Second
	backoff += time.Duration(rand.Int64N(int64(backoff)/2 + 1))
	if err != nil {
		return broken, backoff
	}
	asked, names := askedWait(resp.Header, time.Now())
	switch {
	case resp.StatusCode == http.StatusTooManyRequests, resp.StatusCode == http.StatusForbidden && (names || isSecondary(resp)):
		if !names {
			asked = secondaryWait << (try - 1)
		}
		return limited, asked
	case resp.StatusCode >= 500:
		return broken, max(asked, backoff)
	}
	return done, 0
}

// askedWait reads Retry-After, and else the reset of a limit that is used up.
func askedWait(h http.Header, now time.Time) (time.Duration, bool) {
	if after := h.Get("Retry-After"); after != "" {
		if seconds, err := strconv.Atoi(after); err == nil && seconds >= 0 {
			return time.Duration(seconds) * time.Second, true
		}
		if date, err := http.ParseTime(after); err == nil {
			return max(0, date.Sub(now)), true
		}
	}
	if h.Get("X-Ratelimit-Remaining") == "0" {
		if unix, err := strconv.ParseInt(h.Get("X-Ratelimit-Reset"), 10, 64); err == nil {
			return max(0, time.Unix(unix, 0).Sub(now)) + time.Second, true
		}
	}
	return 0, false
}

// isSecondary knows a secondary limit by its words, the only sign where no header says so.
func isSecondary(resp *http.Response) bool {
	content, err := io.ReadAll(resp.Body)
	resp.Body = io.NopCloser(bytes.NewReader(content))
	if err != nil {
		return false
	}
	text := strings.ToLower(string(content[:min(len(content), 4096)]))
	return strings.Contains(text, "secondary rate limit") || strings.Contains(text, "secondary-rate-limit") || strings.Contains(text, "abuse")
}

// forgetLimits keeps go-github from refusing later calls by itself: waiting is done here.
func forgetLimits(resp *http.Response) {
	if resp == nil {
		return
	}
	for _, name := range []string{"X-Ratelimit-Remaining", "X-Ratelimit-Reset", "X-Ratelimit-Limit"} {
		resp.Header.Del(name)
	}
}

// neverSent says that a connection was not even made.
func neverSent(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}

// pace keeps the gap between writes.
func (t *transport) pace(req *http.Request) error {
	if req.Method == http.MethodGet || req.Method == http.MethodHead {
		return nil
	}
	t.mu.Lock()
	wait := time.Duration(0)
	if t.writes++; t.writes > freeWrites {
		wait = t.gap - time.Since(t.lastWrite)
	}
	t.lastWrite = time.Now().Add(max(0, wait))
	t.mu.Unlock()
	if wait <= 0 {
		return nil
	}
	return t.sleep(req.Context(), wait)
}

// charge takes time that is gone from the budget.
func (t *transport) charge(d time.Duration) {
	t.mu.Lock()
	t.left = max(0, t.left-d)
	t.mu.Unlock()
}

// spend waits if the budget allows.
func (t *transport) spend(ctx context.Context, wait time.Duration, why string) error {
	t.mu.Lock()
	left := t.left
	if wait <= left {
		t.left -= wait
	}
	t.mu.Unlock()
	if wait > left {
		return fmt.Errorf("%s: it asks to wait %s, and %s is the most that is left: %w", why, wait.Round(time.Second), left.Round(time.Second), ErrUnavailable)
	}
	t.log(fmt.Sprintf("%s; waiting %s", why, wait.Round(100*time.Millisecond)))
	return t.sleep(ctx, wait)
}

// summary is what went wrong without an address or a header in it.
func summary(resp *http.Response, err error) string {
	if err != nil {
		var op *net.OpError
		switch {
		case errors.Is(err, context.DeadlineExceeded):
			return "the code host did not answer in time"
		case errors.As(err, &op):
			return "the connection to the code host failed (" + op.Op + ")"
		}
		return "the code host's answer broke off"
	}
	return fmt.Sprintf("the code host answered %d", resp.StatusCode)
}
