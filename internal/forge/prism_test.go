//go:build e2e

package forge

import (
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/weighlock/weighlock/internal/forge/forgetest"
)

// TestPrismAgrees sends every operation through Prism, which holds both sides against GitHub's whole description: a second
// opinion beside the checks of forgetest. WEIGHLOCK_PRISM is the program, WEIGHLOCK_OPENAPI the description; make e2e sets
// both.
func TestPrismAgrees(t *testing.T) {
	prism, description := os.Getenv("WEIGHLOCK_PRISM"), os.Getenv("WEIGHLOCK_OPENAPI")
	if prism == "" || description == "" {
		t.Fatal("WEIGHLOCK_PRISM and WEIGHLOCK_OPENAPI are not set: make e2e sets them")
	}
	s, _ := start(t)
	proxy := proxied(t, prism, description, s.URL+"/api/v3")
	c := open(t, s, func(o *Options) { o.APIURL, o.GraphQLURL, o.ServerURL = proxy, "", proxy })

	var commit string
	s.Git, commit = repository(t, map[string]string{"weighlock.yaml": "version: 1\n", "data/a.csv": "x\n1\n"})
	p := addPull(s, commit)
	s.AddUser("mia", "maintain")
	word := s.AddComment(7, "mia", "/weighlock accept rmse fine by me")
	s.Reviews = append(s.Reviews, &forgetest.Review{Pull: 7, Author: "mia", State: "APPROVED", Commit: commit, Submitted: s.Now()})
	s.Events = append(s.Events, &forgetest.Event{Pull: 7, Actor: "mia", Kind: "labeled", Label: "weighlock accept mae", Created: s.Now()})
	s.Runs = append(s.Runs, &forgetest.Run{ID: 5, Attempt: 1, Event: "pull_request", Path: ".github/workflows/gate.yml", Head: commit, Conclusion: "failure", HeadRepo: "acme/model"})
	now := s.Now()
	ctx := t.Context()
	var check int64
	steps := []struct {
		name string
		do   func() error
	}{
		{"pull request", func() error { _, err := c.Pull(ctx, 7); return err }},
		{"pull requests with a head", func() error { _, err := c.PullsWithHead(ctx, commit); return err }},
		{"reviews", func() error { _, err := c.Approvals(ctx, 7); return err }},
		{"words and labels", func() error { _, err := c.Accepts(ctx, 7); return err }},
		{"a first comment", func() error { _, err := c.Speak(ctx, saying(commit, 1, "one")); return err }},
		{"the comment again", func() error { _, err := c.Speak(ctx, saying(commit, 2, "two")); return err }},
		{"a check begins", func() (err error) { check, err = c.StartCheck(ctx, "weighlock", commit, proxy+"/run"); return err }},
		{"a check ends", func() error {
			return c.FinishCheck(ctx, check, "weighlock", Outcome{
				Conclusion: Failure, Summary: strings.Repeat("x", 70_000), Findings: make60(),
			})
		}},
		{"a status", func() error { return c.SetStatus(ctx, commit, "weighlock", Red, "blocked", proxy+"/run") }},
		{"a reaction", func() error { return c.React(ctx, word.ID, ThumbsUp) }},
		{"a run", func() error { _, err := c.WorkflowRun(ctx, 5); return err }},
		{"a run again", func() error { return c.Rerun(ctx, 5) }},
		{"commits", func() error { _, err := c.FirstParents(ctx, commit, 50); return err }},
		{"a commit", func() error { _, err := c.Parents(ctx, commit); return err }},
		{"files", func() error { _, err := fs.ReadFile(c.FS(ctx, commit), "data/a.csv"); return err }},
		// An artifact is left out: Prism follows its redirect itself and then finds no 200 in the description.
		{"the pull request of a commit", func() error {
			p.State, p.MergedAt, p.MergeCommit = "closed", &now, commit
			_, err := c.PullsOfCommit(ctx, commit)
			return err
		}},
	}
	for _, step := range steps {
		if err := step.do(); err != nil {
			t.Errorf("%s: %v", step.name, err)
		}
	}
	t.Logf("%d requests of %d kinds through Prism", len(s.Requests), len(steps))

	// Prism does object when there is something to object to.
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, proxy+"/repos/acme/model/issues/7/comments", strings.NewReader(`{"body":5}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer test-token")
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("Prism let a comment with a number for a body through: %d", resp.StatusCode)
	}
}

func make60() []Finding {
	var out []Finding
	for range 60 {
		out = append(out, Finding{Path: "weighlock.yaml", Line: 1, Level: "failure", Message: "m"})
	}
	return out
}

// proxied starts Prism before a server and returns its address.
func proxied(t *testing.T, prism, description, upstream string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	_ = l.Close()
	_, port, _ := strings.Cut(address, ":")
	cmd := exec.CommandContext(t.Context(), prism, "proxy", "--errors", "--validate-request", "-h", "127.0.0.1", "-p", port, description, upstream)
	var log strings.Builder
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Log(log.String())
		}
	})
	for range 240 {
		if conn, err := net.DialTimeout("tcp", address, time.Second); err == nil {
			_ = conn.Close()
			return "http://" + address
		}
		time.Sleep(500 * time.Millisecond)
	}
	t.Fatalf("Prism did not start:\n%s", log.String())
	return ""
}
