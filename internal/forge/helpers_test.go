package forge

import (
	"context"
	"testing"
	"time"

	"github.com/weighlock/weighlock/internal/forge/forgetest"
)

// start runs a GitHub whose every answer is checked, and a client that waits without taking time.
func start(t *testing.T) (*forgetest.Server, *Client) {
	t.Helper()
	s, err := forgetest.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.Close()
		for _, line := range s.Broken() {
			t.Errorf("not what GitHub's description allows: %s", line)
		}
	})
	return s, open(t, s, nil)
}

func open(t *testing.T, s *forgetest.Server, change func(*Options)) *Client {
	t.Helper()
	o := Options{
		APIURL: s.URL + "/api/v3", GraphQLURL: s.URL + "/api/graphql", ServerURL: s.URL, Repository: "acme/model", Token: "test-token",
		WriteGap: time.Nanosecond, Sleep: func(ctx context.Context, _ time.Duration) error { return ctx.Err() },
	}
	if change != nil {
		change(&o)
	}
	c, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

const (
	headA = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	headB = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
	baseC = "cccccccccccccccccccccccccccccccccccccccc"
)

func addPull(s *forgetest.Server, head string) *forgetest.Pull {
	p := &forgetest.Pull{
		Number: 7, Head: head, HeadRef: "topic", HeadRepo: "acme/model", Base: baseC, BaseRef: "main", Author: "ann", State: "open",
		CreatedAt: s.Now(), Update: s.Now(),
	}
	s.Pulls = append(s.Pulls, p)
	return p
}

func saying(head string, run int64, text string) Comment {
	return Comment{
		Pull: 7, Key: "fraud", Head: head, Run: run, Attempt: 1, At: time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC), First: true,
		Summary: Past{Head: head, Run: run, Decision: "blocked", Headline: text},
		Body: func(past []Past) string {
			out := "## " + text + "\n"
			for _, p := range past {
				out += "- " + p.Headline + "\n"
			}
			return out
		},
	}
}
