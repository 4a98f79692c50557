package forge

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weighlock/weighlock/internal/forge/forgetest"
)

// waits opens a client that writes down how long it would have waited.
func waits(t *testing.T, s *forgetest.Server, waited *[]time.Duration) *Client {
	return open(t, s, func(o *Options) {
		o.Sleep = func(ctx context.Context, d time.Duration) error {
			*waited = append(*waited, d)
			return ctx.Err()
		}
	})
}

// failing makes the first n requests after the identity fail.
func failing(n int, f forgetest.Fault) func(*http.Request) *forgetest.Fault {
	return func(*http.Request) *forgetest.Fault {
		if n == 0 {
			return nil
		}
		n--
		one := f
		return &one
	}
}

func TestTransportHonoursWhatGitHubAsks(t *testing.T) {
	soon := func(d time.Duration) string { return strconv.FormatInt(time.Now().Add(d).Unix(), 10) }
	tests := []struct {
		name      string
		fault     forgetest.Fault
		low, high time.Duration
	}{
		{"429 with seconds", forgetest.Fault{Status: 429, Header: map[string]string{"Retry-After": "17"}}, 17 * time.Second, 17 * time.Second},
		{"429 with a date", forgetest.Fault{Status: 429, Header: map[string]string{"Retry-After": time.Now().Add(20 * time.Second).UTC().Format(http.TimeFormat)}}, 17 * time.Second, 20 * time.Second},
		{"429 without a word", forgetest.Fault{Status: 429}, time.Minute, time.Minute},
		{"403 with a used up limit", forgetest.Fault{Status: 403, Header: map[string]string{"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": soon(30 * time.Second)}}, 29 * time.Second, 32 * time.Second},
		{"403 secondary", forgetest.Fault{Status: 403, Body: `{"message":"You have exceeded a secondary rate limit. Please wait."}`}, time.Minute, time.Minute},
		{"502", forgetest.Fault{Status: 502}, time.Second, 2 * time.Second},
		{"a cut answer", forgetest.Fault{Status: 200, Body: `{"number":7,"head":{"sha":`}, time.Second, 2 * time.Second},
		{"a stranger's page", forgetest.Fault{Status: 200, Body: "<html>Sign in</html>"}, time.Second, 2 * time.Second},
		{"cut connection", forgetest.Fault{Drop: true}, time.Second, 2 * time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, _ := start(t)
			addPull(s, headA)
			var waited []time.Duration
			c := waits(t, s, &waited)
			s.Fault = failing(1, tt.fault)
			if _, err := c.Pull(t.Context(), 7); err != nil {
				t.Fatal(err)
			}
			if len(waited) != 1 || waited[0] < tt.low || waited[0] > tt.high {
				t.Errorf("waited %v, want once between %s and %s", waited, tt.low, tt.high)
			}
		})
	}
}

func TestTransportGivesUpWhereTheWaitIsLongerThanItsBudget(t *testing.T) {
	s, c := start(t)
	addPull(s, headA)
	s.Fault = failing(1, forgetest.Fault{Status: 429, Header: map[string]string{"Retry-After": "3600"}})
	_, err := c.Pull(t.Context(), 7)
	if !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), "1h0m0s") {
		t.Fatalf("got %v, want unavailable with the time that was asked", err)
	}
}

func TestTransportTellsAWeakTokenFromALimit(t *testing.T) {
	s, _ := start(t)
	addPull(s, headA)
	s.ReadOnly["test-token"] = true
	var waited []time.Duration
	c := waits(t, s, &waited)
	if _, err := c.Speak(t.Context(), saying(headA, 1, "x")); !errors.Is(err, ErrDenied) {
		t.Fatalf("got %v, want denied", err)
	}
	if len(waited) > 0 {
		t.Errorf("waited %v for a token that will never be stronger", waited)
	}
}

func TestTransportDoesNotRepeatAPostOfUnknownOutcome(t *testing.T) {
	s, c := start(t)
	addPull(s, headA)
	posts := 0
	s.Fault = func(r *http.Request) *forgetest.Fault {
		if r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/comments") {
			posts++
			return &forgetest.Fault{Status: 500}
		}
		return nil
	}
	if _, err := c.Speak(t.Context(), saying(headA, 1, "x")); !errors.Is(err, ErrUnavailable) {
		t.Fatalf("got %v", err)
	}
	if posts != 2 {
		t.Errorf("posted %d times, want twice: once more after nothing was found", posts)
	}
}

func TestTransportEndsWithItsContext(t *testing.T) {
	s, _ := start(t)
	addPull(s, headA)
	c := open(t, s, func(o *Options) { o.Sleep = nil })
	s.Fault = failing(5, forgetest.Fault{Status: 429, Header: map[string]string{"Retry-After": "60"}})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	begun := time.Now()
	if _, err := c.Pull(ctx, 7); err == nil {
		t.Fatal("no error")
	}
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("it took %s to give up", took)
	}
}

func TestNoTokenInAnyErrorOrLog(t *testing.T) {
	const secret = "ghs_thisMustNeverBeSeen"
	var said []string
	for _, fault := range []forgetest.Fault{
		{Status: 401}, {Status: 403}, {Status: 404}, {Status: 422}, {Status: 500}, {Drop: true}, {Status: 429, Header: map[string]string{"Retry-After": "99999"}},
	} {
		s, _ := start(t)
		s.Tokens[secret] = forgetest.Bot
		addPull(s, headA)
		c := open(t, s, func(o *Options) {
			o.Token = secret
			o.Log = func(line string) { said = append(said, line) }
		})
		s.Fault = failing(100, fault)
		_, err := c.Pull(t.Context(), 7)
		if err == nil {
			t.Fatalf("%+v: no error", fault)
		}
		said = append(said, err.Error())
		_, err = c.Speak(t.Context(), saying(headA, 1, "x"))
		said = append(said, err.Error())
	}
	for _, line := range said {
		if strings.Contains(line, secret) || strings.Contains(line, "127.0.0.1") {
			t.Errorf("leaks: %s", line)
		}
	}
}

func TestOpenSendsTheTokenNowhereElse(t *testing.T) {
	tests := []struct {
		name   string
		change func(*Options)
		want   string
	}{
		{"plain http", func(o *Options) { o.APIURL, o.ServerURL = "http://api.github.com", "https://github.com" }, "not https"},
		{"another host", func(o *Options) { o.APIURL, o.ServerURL = "https://evil.example/api/v3", "https://github.com" }, "does not belong"},
		{"loopback beside a real server", func(o *Options) { o.ServerURL = "https://github.com" }, "does not belong"},
		{"user information", func(o *Options) { o.APIURL = "https://u:p@api.github.com" }, "not a URL"},
		{"GraphQL elsewhere", func(o *Options) { o.GraphQLURL = "https://evil.example/graphql" }, "does not belong"},
		{"no token", func(o *Options) { o.Token = "" }, "no token"},
		{"repository with a path", func(o *Options) { o.Repository = "acme/model/../other" }, "OWNER/NAME"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := Options{APIURL: "http://127.0.0.1:1/api/v3", ServerURL: "http://127.0.0.1:1", Repository: "acme/model", Token: "x"}
			tt.change(&o)
			if _, err := Open(o); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("got %v, want %q", err, tt.want)
			}
		})
	}
	for _, o := range []Options{
		{APIURL: "https://api.github.com", GraphQLURL: "https://api.github.com/graphql", ServerURL: "https://github.com"},
		{APIURL: "https://ghes.example/api/v3", GraphQLURL: "https://ghes.example/api/graphql", ServerURL: "https://ghes.example"},
		{APIURL: "https://api.acme.ghe.com", ServerURL: "https://acme.ghe.com"},
	} {
		o.Repository, o.Token = "acme/model", "x"
		if _, err := Open(o); err != nil {
			t.Errorf("%s: %v", o.APIURL, err)
		}
	}
}

func TestManyWritesKeepTheirDistance(t *testing.T) {
	s, _ := start(t)
	var waited []time.Duration
	c := open(t, s, func(o *Options) {
		o.WriteGap = time.Second
		o.Sleep = func(ctx context.Context, d time.Duration) error {
			waited = append(waited, d)
			return ctx.Err()
		}
	})
	for range 6 {
		if err := c.SetStatus(t.Context(), headA, "x", Pending, "x", ""); err != nil {
			t.Fatal(err)
		}
	}
	if len(waited) != 3 || waited[0] < 500*time.Millisecond {
		t.Errorf("six writes waited %v, want three times about a second", waited)
	}
}

// TestASilentHostUsesTheBudgetUp: one that takes every connection and never answers costs the time of each attempt, too.
func TestASilentHostUsesTheBudgetUp(t *testing.T) {
	var attempts atomic.Int64
	silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		attempts.Add(1)
		<-r.Context().Done()
	}))
	defer silent.Close()
	var waited time.Duration
	c, err := Open(Options{
		APIURL: silent.URL, ServerURL: silent.URL, Repository: "acme/model", Token: "test-token", Budget: time.Hour,
		Sleep: func(ctx context.Context, d time.Duration) error {
			waited += d
			return ctx.Err()
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	way, ok := c.http.Transport.(*transport)
	if !ok {
		t.Fatal("the client has another transport")
	}
	way.timeout = 20 * time.Millisecond
	if _, err := c.Pull(t.Context(), 7); !errors.Is(err, ErrUnavailable) {
		t.Errorf("got %v", err)
	}
	if most := time.Hour - waited - time.Duration(attempts.Load())*way.timeout; way.left > most || attempts.Load() < 2 {
		t.Errorf("%s of the budget are left after %d attempts, want at most %s", way.left, attempts.Load(), most)
	}
}
