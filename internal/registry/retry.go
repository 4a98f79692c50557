package registry

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	firstWait = 500 * time.Millisecond
	longWait  = 30 * time.Second
	// maxTries ends a loop whose budget is very long.
	maxTries = 12
	// fewTries is for failures that rarely go away: no such host, nobody listens.
	fewTries = 4
	// slowest is the transfer rate below which a try is given up.
	slowest = 50_000 // bytes a second
	// tryTime bounds one try, besides the transfer itself.
	tryTime = 30 * time.Second
)

// setback is one try that did not work, and what may be done about it.
type setback struct {
	err   error         // what the caller sees when it was the last
	again bool          // trying again may help
	after time.Duration // how long the server asked to wait; 0 when it did not
	tries int           // the most tries for this kind; 0 for maxTries
}

func (s *setback) Error() string { return s.err.Error() }
func (s *setback) Unwrap() error { return s.err }

// retrier tries until it works, the answer is final, or the budget, which is
// the deadline of the context, is spent.
type retrier struct {
	log   func(string)
	sleep func(context.Context, time.Duration) error
}

// do calls try, which returns nil, a *setback, or an error that is final.
func (r retrier) do(ctx context.Context, what string, try func(context.Context) error) error {
	for n := 1; ; n++ {
		err := try(ctx)
		var s *setback
		if !errors.As(err, &s) {
			return err
		}
		if ctx.Err() != nil {
			return ended(ctx, s.err)
		}
		most := s.tries
		if most == 0 {
			most = maxTries
		}
		if !s.again || n >= most {
			return s.err
		}
		wait := s.after
		if wait == 0 {
			wait = backoff(n)
		} else {
			// Not all clients that were told the same time should come at once.
			wait += time.Duration(rand.Float64() * 0.1 * float64(wait))
		}
		if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < wait {
			if s.after > 0 {
				return unavailable("it asks to wait %s, longer than the time that is left (last: %v)", s.after.Round(time.Second), s.err)
			}
			return unavailable("no time left to try again (last: %v)", s.err)
		}
		r.log(what + ": " + s.err.Error() + "; trying again in " + wait.Round(time.Millisecond).String())
		if err := r.sleep(ctx, wait); err != nil {
			return ended(ctx, s.err)
		}
	}
}

// backoff is exponential with full jitter.
func backoff(n int) time.Duration {
	top := min(firstWait<<(n-1), longWait)
	return firstWait/10 + time.Duration(rand.Float64()*float64(top))
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// retryAfter reads the header of that name, in seconds or as a date; 0 when
// there is none that makes sense.
func retryAfter(h http.Header, now time.Time) time.Duration {
	v := strings.TrimSpace(h.Get("Retry-After"))
	if v == "" {
		return 0
	}
	if seconds, err := strconv.ParseInt(v, 10, 64); err == nil {
		// The bound only keeps the product from overflowing.
		return time.Duration(min(max(seconds, 0), 1<<30)) * time.Second
	}
	at, err := http.ParseTime(v)
	if err != nil {
		return 0
	}
	// A date means the server's clock, of which the Date header tells. Where
	// the two clocks agree ours is the finer one.
	local := at.Sub(now)
	if date, err := http.ParseTime(h.Get("Date")); err == nil {
		if skew := now.Sub(date); skew < -2*time.Second || skew > 2*time.Second {
			local = at.Sub(date)
		}
	}
	return max(local, 0)
}

// networkSetback judges an error of the HTTP client. Its text keeps neither
// path nor query of the URL: upload locations carry state that is a secret.
func networkSetback(host string, err error) error {
	if f, ok := errors.AsType[*failure](err); ok {
		return f
	}
	s := &setback{again: true}
	var dns *net.DNSError
	var op *net.OpError
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		s.err = unavailable("%s did not answer in time", host)
	case errors.As(err, &dns):
		s.err, s.tries = unavailable("look up %s: %s", host, dns.Err), fewTries
	case isCertificate(err):
		s.err, s.again = unavailable("%s: its TLS certificate is not valid here", host), false
	case errors.As(err, &op) && op.Op == "dial":
		s.err, s.tries = unavailable("connect to %s: %v", host, op.Err), fewTries
	case errors.As(err, &op):
		s.err = unavailable("talk to %s: %s: %v", host, op.Op, op.Err)
	default:
		s.err = unavailable("talk to %s: the connection broke", host)
	}
	return s
}
