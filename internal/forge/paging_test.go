package forge

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/weighlock/weighlock/internal/forge/forgetest"
)

// TestPullIsFoundOnceWherePagesShift opens a pull request between two pages, which moves the last of the first page to the
// second one.
func TestPullIsFoundOnceWherePagesShift(t *testing.T) {
	s, c := start(t)
	addPull(s, headA)
	for n := range 99 { // all of them younger, and those stand first
		p := addPull(s, fmt.Sprintf("%040x", n+1))
		p.Number = 8 + n
	}
	slices.Reverse(s.Pulls)
	s.Fault = func(r *http.Request) *forgetest.Fault {
		if strings.HasSuffix(r.URL.Path, "/pulls") && r.URL.Query().Get("page") == "2" {
			newest := *s.Pulls[0]
			newest.Number, newest.Head = 1000, headB
			s.Pulls = append([]*forgetest.Pull{&newest}, s.Pulls...)
		}
		return nil
	}
	newest := *s.Pulls[0]
	newest.Number, newest.Head = 999, headB
	s.Pulls = append([]*forgetest.Pull{&newest}, s.Pulls...)
	s.Pulls[99], s.Pulls[100] = s.Pulls[100], s.Pulls[99] // ours is the last of the first page
	found, err := c.PullsWithHead(t.Context(), headA)
	if err != nil || len(found) != 1 || found[0].Number != 7 {
		t.Errorf("got %+v, %v", found, err)
	}
	if got := len(s.Pulls); got != 102 {
		t.Errorf("%d pull requests: no second page was asked for", got)
	}
}

// TestFirstParentsGoOnBehindAMergeOfManyCommits: what was merged fills a whole page of the code host's list.
func TestFirstParentsGoOnBehindAMergeOfManyCommits(t *testing.T) {
	s, c := start(t)
	dir := t.TempDir()
	s.Git = dir
	clock := 1_700_000_000
	git := func(args ...string) string {
		t.Helper()
		clock++
		cmd := exec.CommandContext(t.Context(), "git", append([]string{"-C", dir, "-c", "user.name=a", "-c", "user.email=a@example.com"}, args...)...)
		cmd.Env = append(os.Environ(), fmt.Sprintf("GIT_COMMITTER_DATE=%d +0000", clock))
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	git("init", "-q", "-b", "main")
	for _, name := range []string{"one", "two", "three"} {
		git("commit", "-q", "--allow-empty", "-m", name)
	}
	git("checkout", "-q", "-b", "topic")
	for range 120 {
		git("commit", "-q", "--allow-empty", "-m", "small")
	}
	git("checkout", "-q", "main")
	git("merge", "-q", "--no-ff", "-m", "merge", "topic")
	want := strings.Fields(git("rev-list", "--first-parent", "main"))
	for _, n := range []int{50, 3} {
		got, err := c.FirstParents(t.Context(), "main", n)
		if err != nil || !slices.Equal(got, want[:min(n, len(want))]) {
			t.Errorf("at most %d: got %d commits, %v, want %d", n, len(got), err, min(n, len(want)))
		}
	}
}
