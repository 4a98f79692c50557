package git

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
)

// newRepo makes a repository with one branch, main, and no commit.
func newRepo(t *testing.T) *Repo {
	t.Helper()
	dir := t.TempDir()
	sh(t, dir, "init", "-q", "-b", "main")
	r, err := Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// sh runs git in dir with a fixed identity and date.
func sh(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(),
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com",
		"GIT_AUTHOR_DATE=1700000000 +0000", "GIT_COMMITTER_DATE=1700000000 +0000", "GIT_CONFIG_GLOBAL=/dev/null")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// commit writes one file and commits it, returning the commit's id.
func commit(t *testing.T, r *Repo, name, content string) string {
	t.Helper()
	path := filepath.Join(r.Dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	sh(t, r.Dir, "add", "-A")
	sh(t, r.Dir, "commit", "-q", "-m", "change "+name)
	return sh(t, r.Dir, "rev-parse", "HEAD")
}

func TestOpenOutsideRepository(t *testing.T) {
	t.Setenv("GIT_CEILING_DIRECTORIES", filepath.Dir(t.TempDir()))
	if _, err := Open(t.Context(), t.TempDir()); !errors.Is(err, ErrNoRepository) {
		t.Fatalf("got %v, want ErrNoRepository", err)
	}
}

func TestFSReadsTheRevisionAndNotTheWorkingTree(t *testing.T) {
	r := newRepo(t)
	first := commit(t, r, "data/a.csv", "one")
	commit(t, r, "data/a.csv", "two")
	if err := os.WriteFile(filepath.Join(r.Dir, "data/a.csv"), []byte("three"), 0o644); err != nil {
		t.Fatal(err)
	}
	got, err := fs.ReadFile(r.FS(t.Context(), first), "data/a.csv")
	if err != nil || string(got) != "one" {
		t.Fatalf("got %q, %v", got, err)
	}
	if _, err := fs.ReadFile(r.FS(t.Context(), first), "data/b.csv"); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("got %v, want fs.ErrNotExist", err)
	}
}

func TestFSIsAFileSystem(t *testing.T) {
	r := newRepo(t)
	commit(t, r, "a.txt", "a")
	rev := commit(t, r, "data/deep/b [1].txt", "b")
	if err := fstest.TestFS(r.FS(t.Context(), rev), "a.txt", "data/deep/b [1].txt"); err != nil {
		t.Fatal(err)
	}
}

func TestFSRefusesSymbolicLinks(t *testing.T) {
	r := newRepo(t)
	if err := os.Symlink("/etc/passwd", filepath.Join(r.Dir, "weighlock.yaml")); err != nil {
		t.Fatal(err)
	}
	rev := commit(t, r, "a.txt", "a")
	_, err := fs.ReadFile(r.FS(t.Context(), rev), "weighlock.yaml")
	if err == nil || !strings.Contains(err.Error(), "symbolic link") {
		t.Fatalf("got %v, want a refusal that names the symbolic link", err)
	}
}

func TestExportWritesTheRevisionAndLeavesTheRepositoryAlone(t *testing.T) {
	r := newRepo(t)
	first := commit(t, r, "train.py", "old")
	commit(t, r, "train.py", "new")
	folder := t.TempDir()
	if err := r.Export(t.Context(), first, folder); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(folder, "train.py"))
	if err != nil || string(got) != "old" {
		t.Fatalf("got %q, %v", got, err)
	}
	if _, err := os.Stat(filepath.Join(folder, ".git")); err == nil {
		t.Error("the exported folder holds .git")
	}
	if status := sh(t, r.Dir, "status", "--porcelain"); status != "" {
		t.Errorf("the repository changed: %s", status)
	}
}

func TestFindBase(t *testing.T) {
	r := newRepo(t)
	root := commit(t, r, "a", "1")
	onMain := commit(t, r, "a", "2")
	sh(t, r.Dir, "checkout", "-q", "-b", "topic")
	topic := commit(t, r, "b", "1")
	sh(t, r.Dir, "checkout", "-q", "main")
	tip := commit(t, r, "a", "3")
	sh(t, r.Dir, "checkout", "-q", "--detach", "main")
	sh(t, r.Dir, "merge", "-q", "--no-ff", "-m", "merge", "topic")
	merge := sh(t, r.Dir, "rev-parse", "HEAD")

	tests := []struct {
		name, checkout string
		query          BaseQuery
		want           string
	}{
		{"explicit", "main", BaseQuery{Explicit: "main~2", Checkout: ProtectedBranch}, root},
		{"merge commit of a pull request", merge, BaseQuery{Checkout: PullRequest, HeadCommit: topic, BaseCommit: onMain}, tip},
		{"head of a pull request", topic, BaseQuery{Checkout: PullRequest, HeadCommit: topic, BaseCommit: tip}, onMain},
		{"head that is itself a merge", merge, BaseQuery{Checkout: PullRequest, HeadCommit: merge, BaseCommit: tip}, tip},
		{"merge group", merge, BaseQuery{Checkout: MergeGroup, BaseCommit: onMain}, onMain},
		{"protected branch", "main", BaseQuery{Checkout: ProtectedBranch}, onMain},
		{"protected branch, several commits at once", "main", BaseQuery{Checkout: ProtectedBranch, BaseCommit: root}, root},
		{"protected branch, pushed with force", "main", BaseQuery{Checkout: ProtectedBranch, BaseCommit: topic}, onMain},
		{"protected branch, a new one", "main", BaseQuery{Checkout: ProtectedBranch, BaseCommit: strings.Repeat("0", 40)}, onMain},
		{"first commit", root, BaseQuery{Checkout: ProtectedBranch}, ""},
		{"laptop, on a branch", "topic", BaseQuery{}, onMain},
		{"laptop, on main, clean", "main", BaseQuery{}, onMain},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			sh(t, r.Dir, "checkout", "-q", tt.checkout)
			got, err := r.FindBase(t.Context(), tt.query)
			if err != nil {
				t.Fatal(err)
			}
			if got.Commit != tt.want || got.How == "" {
				t.Errorf("got %+v, want %s", got, tt.want)
			}
		})
	}
	t.Run("laptop, on main, dirty", func(t *testing.T) {
		sh(t, r.Dir, "checkout", "-q", "main")
		if err := os.WriteFile(filepath.Join(r.Dir, "a"), []byte("4"), 0o644); err != nil {
			t.Fatal(err)
		}
		got, err := r.FindBase(t.Context(), BaseQuery{})
		if err != nil || got.Commit != tip {
			t.Errorf("got %+v, %v, want %s", got, err, tip)
		}
	})
}

// A clone of a merge request's branch alone does not have the tip of the branch that it wants to get into.
func TestTheTipOfTheBaseBranchIsAskedFor(t *testing.T) {
	origin := newRepo(t)
	for range 55 { // more than are fetched into a shallow clone
		sh(t, origin.Dir, "commit", "-q", "--allow-empty", "-m", "old")
	}
	fork := commit(t, origin, "a", "1")
	sh(t, origin.Dir, "checkout", "-q", "-b", "topic")
	topic := commit(t, origin, "b", "1")
	sh(t, origin.Dir, "checkout", "-q", "main")
	tip := commit(t, origin, "a", "2")
	for _, depth := range []string{"--depth=2", "--depth=1000"} {
		dir := t.TempDir()
		sh(t, dir, "clone", "-q", depth, "--single-branch", "--branch=topic", "file://"+origin.Dir, "clone")
		clone, err := Open(t.Context(), filepath.Join(dir, "clone"))
		if err != nil {
			t.Fatal(err)
		}
		before := sh(t, clone.Dir, "rev-parse", "--is-shallow-repository")
		q := BaseQuery{Checkout: PullRequest, BaseBranch: "main", BaseCommit: fork, HeadCommit: topic, Behind: true}
		got, err := clone.FindBase(t.Context(), q)
		if err != nil || got.Commit != fork || got.Tip != tip {
			t.Errorf("%s: got %+v, %v, want base %s and tip %s", depth, got, err, fork, tip)
		}
		if after := sh(t, clone.Dir, "rev-parse", "--is-shallow-repository"); after != before {
			t.Errorf("%s: the clone was shallow: %s, and is: %s", depth, before, after)
		}
		q.BaseBranch = "gone"
		if _, err := clone.FindBase(t.Context(), q); !errors.Is(err, ErrMissingHistory) {
			t.Errorf("%s: a branch that is not there: got %v", depth, err)
		}
	}
}

func TestShallowCloneFetchesTheParent(t *testing.T) {
	origin := newRepo(t)
	root := commit(t, origin, "a", "0")
	first := commit(t, origin, "a", "1")
	commit(t, origin, "a", "2")
	dir := t.TempDir()
	sh(t, dir, "clone", "-q", "--depth=1", "file://"+origin.Dir, "clone")
	clone, err := Open(t.Context(), filepath.Join(dir, "clone"))
	if err != nil {
		t.Fatal(err)
	}
	for _, before := range []string{"", root} {
		got, err := clone.FindBase(t.Context(), BaseQuery{Checkout: ProtectedBranch, BaseCommit: before})
		if want := cmp.Or(before, first); err != nil || got.Commit != want {
			t.Fatalf("got %+v, %v, want %s", got, err, want)
		}
	}
}

// TestAWholeCloneStaysWhole: a commit that was pushed away with force is fetched without cutting off what is there.
func TestAWholeCloneStaysWhole(t *testing.T) {
	origin := newRepo(t)
	for n := range 60 {
		commit(t, origin, "a", strconv.Itoa(n))
	}
	sh(t, origin.Dir, "checkout", "-q", "-b", "gone")
	gone := commit(t, origin, "a", "gone")
	sh(t, origin.Dir, "config", "uploadpack.allowAnySHA1InWant", "true")
	dir := t.TempDir()
	sh(t, dir, "clone", "-q", "--single-branch", "--branch=main", "file://"+origin.Dir, "clone")
	clone, err := Open(t.Context(), filepath.Join(dir, "clone"))
	if err != nil {
		t.Fatal(err)
	}
	if err := clone.Obtain(t.Context(), gone, Authorization{}); err != nil {
		t.Fatal(err)
	}
	if chain, err := clone.FirstParents(t.Context(), "main", 100); err != nil || len(chain) != 60 {
		t.Errorf("%d commits are left of main's 60, %v", len(chain), err)
	}
}

func TestShallowCloneWithoutItsOriginIsNotAFirstRun(t *testing.T) {
	origin := newRepo(t)
	commit(t, origin, "a", "1")
	commit(t, origin, "a", "2")
	dir := t.TempDir()
	sh(t, dir, "clone", "-q", "--depth=1", "file://"+origin.Dir, "clone")
	clone, err := Open(t.Context(), filepath.Join(dir, "clone"))
	if err != nil {
		t.Fatal(err)
	}
	sh(t, clone.Dir, "remote", "set-url", "origin", "file://"+dir+"/gone")
	if _, err := clone.FindBase(t.Context(), BaseQuery{Checkout: ProtectedBranch}); !errors.Is(err, ErrMissingHistory) {
		t.Fatalf("got %v, want ErrMissingHistory", err)
	}
}

func TestAncestryAndDirt(t *testing.T) {
	r := newRepo(t)
	if head, err := r.Head(t.Context()); err != nil || head != "" {
		t.Fatalf("empty repository: got %q, %v", head, err)
	}
	first := commit(t, r, "a", "1")
	second := commit(t, r, "a", "2")
	got, err := r.FirstParents(t.Context(), "HEAD", 50)
	if err != nil || strings.Join(got, " ") != second+" "+first {
		t.Errorf("first parents: got %v, %v", got, err)
	}
	for _, c := range []struct {
		a, b string
		want bool
	}{{first, second, true}, {second, first, false}, {first, first, true}} {
		if got, err := r.IsAncestor(t.Context(), c.a, c.b); err != nil || got != c.want {
			t.Errorf("IsAncestor(%.7s, %.7s) = %v, %v; want %v", c.a, c.b, got, err, c.want)
		}
	}
	if _, err := r.IsAncestor(t.Context(), first, strings.Repeat("0", 40)); err == nil {
		t.Error("an ancestor of a commit that is not there")
	}
	when, err := r.CommitTime(t.Context(), second)
	if err != nil || when.Unix() != 1700000000 {
		t.Errorf("commit time: got %v, %v", when, err)
	}
	if dirty, err := r.Dirty(t.Context()); err != nil || dirty {
		t.Errorf("clean tree: got %v, %v", dirty, err)
	}
	if err := os.WriteFile(filepath.Join(r.Dir, "new"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if dirty, err := r.Dirty(t.Context()); err != nil || !dirty {
		t.Errorf("untracked file: got %v, %v", dirty, err)
	}
}

func TestRemoteHidesCredentials(t *testing.T) {
	for in, want := range map[string]string{
		"https://x-access-token:secret@example.com/o/r.git": "https://example.com/o/r.git",
		"https://example.com/o/r":                           "https://example.com/o/r",
		"git@example.com:o/r.git":                           "git@example.com:o/r.git",
	} {
		if got := withoutCredentials(in); got != want {
			t.Errorf("withoutCredentials(%q) = %q, want %q", in, got, want)
		}
	}
}

// TestNoAnswerIsNoNo: a git that dies must not be taken for one that found nothing, or a crash would be a first run.
func TestNoAnswerIsNoNo(t *testing.T) {
	r := newRepo(t)
	commit(t, r, "a", "1")
	dead := t.TempDir()
	if err := os.WriteFile(filepath.Join(dead, "git"), []byte("#!/bin/sh\nkill -9 $$\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dead+string(os.PathListSeparator)+os.Getenv("PATH"))
	for name, ask := range map[string]func() error{
		"Head":       func() error { _, err := r.Head(t.Context()); return err },
		"Resolve":    func() error { _, err := r.Resolve(t.Context(), "HEAD"); return err },
		"MergeBase":  func() error { _, err := r.MergeBase(t.Context(), "HEAD", "HEAD"); return err },
		"IsAncestor": func() error { _, err := r.IsAncestor(t.Context(), "HEAD", "HEAD"); return err },
		"Matching":   func() error { _, err := r.Matching(t.Context(), "HEAD", "x"); return err },
		"FindBase":   func() error { _, err := r.FindBase(t.Context(), BaseQuery{}); return err },
		"Dirty":      func() error { _, err := r.Dirty(t.Context()); return err },
	} {
		if err := ask(); err == nil || errors.Is(err, ErrUnknownRevision) || !strings.Contains(err.Error(), "killed") {
			t.Errorf("%s: got %v, want an error that says that git was killed", name, err)
		}
	}
}

// TestAttributesHideNothing: the working tree's attributes are the change's.
func TestAttributesHideNothing(t *testing.T) {
	r := newRepo(t)
	base := commit(t, r, "models/a.yaml", "model: churn\n")
	commit(t, r, ".gitattributes", "*.yaml binary\n")
	found, err := r.Matching(t.Context(), base, "^model: churn$")
	if err != nil || len(found) != 1 || found[0] != "models/a.yaml" {
		t.Errorf("got %v, %v", found, err)
	}
}

// TestHookVariablesDoNotMislead: git sets these for hooks, and they would lead to another repository.
func TestHookVariablesDoNotMislead(t *testing.T) {
	other := newRepo(t)
	commit(t, other, "b", "2")
	r := newRepo(t)
	want := commit(t, r, "a", "1")
	t.Setenv("GIT_DIR", filepath.Join(other.Dir, ".git"))
	t.Setenv("GIT_WORK_TREE", other.Dir)
	opened, err := Open(t.Context(), r.Dir)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := opened.Head(t.Context()); err != nil || got != want || opened.Dir != r.Dir {
		t.Errorf("got %s in %s, %v; want %s", got, opened.Dir, err, want)
	}
}
