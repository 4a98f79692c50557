// Package forge is where a change is reviewed: it finds the pull request, speaks in one comment and one check, and reads
// what people answered.
package forge

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/google/go-github/v60/github"
)

// What a caller may want to tell apart. Every other error is a mistake of ours or of the code host's.
var (
	// ErrUnavailable says that the code host did not answer in time; trying later may help.
	ErrUnavailable = errors.New("the code host is unavailable")
	// ErrDenied says that the token may not do this, as on a pull request from a fork.
	ErrDenied = errors.New("the token does not allow this")
	// ErrNotFound says that there is no such thing, or that the token may not know of it.
	ErrNotFound = errors.New("not found")

	// errAmbiguous says that a request which must not be repeated may or may not have been carried out.
	errAmbiguous = errors.New("the answer was lost, so it is unknown whether this was done")
)

// Options say which repository to speak in, and as whom.
type Options struct {
	// APIURL is the REST API without a slash at its end, such as https://api.github.com or https://HOST/api/v3.
	APIURL string
	// GraphQLURL is the GraphQL API; it may be empty where there is none.
	GraphQLURL string
	// ServerURL is what people open in a browser. The token is sent to APIURL only when both belong together.
	ServerURL string
	// Repository is OWNER/NAME.
	Repository string
	// Token is kept in memory and leaves only in requests to APIURL.
	Token string
	// Log is told in one line whenever a request has to wait; it may be nil.
	Log func(line string)
	// Budget is the longest that all waiting together may take, for answers that never came as well; two minutes where zero.
	Budget time.Duration
	// WriteGap is the least time between two writes after the first few, one second where zero: GitHub asks for that.
	WriteGap time.Duration
	// Sleep waits; time.Sleep with a context where nil. Tests pass their own.
	Sleep func(ctx context.Context, d time.Duration) error
}

// Client speaks to one repository of one code host.
type Client struct {
	gh          *github.Client
	http        *http.Client
	graphQL     string
	server      string
	owner, repo string
	identity    *identity
}

// Open checks the options; it does not reach the network.
func Open(o Options) (*Client, error) {
	owner, repo, ok := strings.Cut(o.Repository, "/")
	if !ok || owner == "" || repo == "" || strings.ContainsAny(repo, "/?#%") || strings.ContainsAny(owner, "?#%") {
		return nil, fmt.Errorf("open code host: repository %.80q is not OWNER/NAME", o.Repository)
	}
	if o.Token == "" {
		return nil, errors.New("open code host: there is no token")
	}
	base, err := apiURL(o)
	if err != nil {
		return nil, fmt.Errorf("open code host: %w", err)
	}
	c := &http.Client{Transport: newTransport(o, base), CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	gh := github.NewClient(c)
	gh.BaseURL = base
	gh.UserAgent = "weighlock"
	return &Client{gh: gh, http: c, graphQL: o.GraphQLURL, server: strings.TrimSuffix(o.ServerURL, "/"), owner: owner, repo: repo}, nil
}

// apiURL makes sure that the token only ever goes to the host that the server belongs to, and never in the clear.
func apiURL(o Options) (*url.URL, error) {
	api, err := url.Parse(strings.TrimSuffix(o.APIURL, "/") + "/")
	if err != nil || api.Host == "" || api.User != nil {
		return nil, fmt.Errorf("API address %.80q is not a URL such as https://api.github.com", o.APIURL)
	}
	server, err := url.Parse(o.ServerURL)
	if err != nil || server.Host == "" {
		return nil, fmt.Errorf("server address %.80q is not a URL such as https://github.com", o.ServerURL)
	}
	if !isLoopback(api.Hostname()) {
		if api.Scheme != "https" {
			return nil, fmt.Errorf("API address %s is not https, so the token would be readable on the way", api.Redacted())
		}
		if api.Host != server.Host && api.Host != "api."+server.Host {
			return nil, fmt.Errorf("API host %s does not belong to the server %s", api.Host, server.Host)
		}
	} else if !isLoopback(server.Hostname()) {
		return nil, fmt.Errorf("API host %s does not belong to the server %s", api.Host, server.Host)
	}
	if o.GraphQLURL != "" {
		graph, err := url.Parse(o.GraphQLURL)
		if err != nil || graph.Host != api.Host || graph.Scheme != api.Scheme {
			return nil, fmt.Errorf("GraphQL address %.80q does not belong to the API host %s", o.GraphQLURL, api.Host)
		}
	}
	return api, nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// explain turns an error of go-github into one of ours, in one line without addresses.
func explain(what string, err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, context.Canceled) {
		return err
	}
	var answer *github.ErrorResponse
	if errors.As(err, &answer) && answer.Response != nil {
		kind := errors.New("the code host refused")
		switch answer.Response.StatusCode {
		case http.StatusUnauthorized, http.StatusForbidden:
			kind = ErrDenied
		case http.StatusNotFound, http.StatusGone:
			kind = ErrNotFound
		}
		return fmt.Errorf("%s: %w (%d: %.200q)", what, kind, answer.Response.StatusCode, answer.Message)
	}
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%s: %w", what, ErrUnavailable)
	}
	return fmt.Errorf("%s: %w", what, err)
}
