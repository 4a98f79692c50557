// Package git answers what a revision holds: its files, its parents, and which revision a change is compared with.
package git

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ErrNoRepository says that a folder is not inside a git working tree.
var ErrNoRepository = errors.New("not a git repository")

// ErrUnknownRevision says that a name resolves to no commit here.
var ErrUnknownRevision = errors.New("unknown revision")

// ErrMissingHistory says that a commit is named by another one but is not in this clone, as in a shallow checkout.
var ErrMissingHistory = errors.New("commit is not in this clone")

// Repo is a git repository with a working tree. It runs the git program, never a shell, and changes neither the index
// nor the working tree.
type Repo struct {
	// Dir is the top level of the working tree, an absolute path without symbolic links.
	Dir string
}

// Open finds the repository that holds dir. The error is ErrNoRepository when there is none.
func Open(ctx context.Context, dir string) (*Repo, error) {
	r := &Repo{Dir: dir}
	out, err := r.run(ctx, "rev-parse", "--show-toplevel")
	if err != nil {
		if _, lookErr := exec.LookPath("git"); lookErr != nil {
			return nil, fmt.Errorf("open repository: the git program is not installed: %w", lookErr)
		}
		if strings.Contains(err.Error(), "dubious ownership") {
			return nil, fmt.Errorf("open repository %s: %w", dir, err)
		}
		return nil, fmt.Errorf("open repository: %s: %w", dir, ErrNoRepository)
	}
	top, err := filepath.EvalSymlinks(strings.TrimSpace(string(out)))
	if err != nil {
		return nil, fmt.Errorf("open repository: %w", err)
	}
	return &Repo{Dir: top}, nil
}

// run executes git in the repository and returns its standard output. Settings that could run a program of the
// repository's choice (hooks, fsmonitor, pagers, external diffs) are switched off, for the repository may hold a
// stranger's change.
func (r *Repo) run(ctx context.Context, args ...string) ([]byte, error) {
	return r.runWith(ctx, nil, args...)
}

func (r *Repo) runWith(ctx context.Context, env []string, args ...string) ([]byte, error) {
	full := append([]string{
		"-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "core.quotePath=false",
		"-c", "protocol.ext.allow=never", "--no-pager", "--literal-pathspecs", "--no-replace-objects", "-C", r.Dir,
	}, args...)
	cmd := exec.CommandContext(ctx, "git", full...)
	cmd.WaitDelay = 2 * time.Second
	cmd.Env = slices.DeleteFunc(cmd.Environ(), pointsElsewhere)
	cmd.Env = append(cmd.Env, "GIT_TERMINAL_PROMPT=0", "GIT_OPTIONAL_LOCKS=0", "LC_ALL=C")
	cmd.Env = append(cmd.Env, env...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		first, _, _ := strings.Cut(strings.TrimSpace(stderr.String()), "\n")
		return nil, &commandError{args[0], strings.TrimPrefix(first, "fatal: "), err}
	}
	return stdout.Bytes(), nil
}

// pointsElsewhere finds the variables that a git hook sets, and that would lead git to another repository.
func pointsElsewhere(variable string) bool {
	name, _, _ := strings.Cut(variable, "=")
	return slices.Contains([]string{
		"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES",
		"GIT_COMMON_DIR", "GIT_NAMESPACE", "GIT_PREFIX", "GIT_GRAFT_FILE", "GIT_SHALLOW_FILE",
	}, name)
}

// commandError is a git that did not end well.
type commandError struct {
	command, message string
	cause            error
}

// Error is what git said, or how it ended.
func (e *commandError) Error() string {
	if e.message == "" {
		return fmt.Sprintf("git %s: %v", e.command, e.cause)
	}
	return fmt.Sprintf("git %s: %s", e.command, e.message)
}

// Unwrap gives access to how the process ended.
func (e *commandError) Unwrap() error { return e.cause }

// saidNo reports whether git answered "no" with exit code 1. Any other end, such as a kill, is no answer at all: taking
// it for one would turn a crash into a first run.
func saidNo(err error) bool {
	exit, ok := errors.AsType[*exec.ExitError](err)
	return ok && exit.ExitCode() == 1
}

// Resolve returns the full commit id of a revision, or ErrUnknownRevision.
func (r *Repo) Resolve(ctx context.Context, rev string) (string, error) {
	out, err := r.run(ctx, "rev-parse", "--verify", "--quiet", "--end-of-options", rev+"^{commit}")
	if saidNo(err) {
		return "", fmt.Errorf("resolve %s: %w", rev, ErrUnknownRevision)
	}
	if err != nil {
		return "", fmt.Errorf("resolve %s: %w", rev, err)
	}
	return strings.TrimSpace(string(out)), nil
}

// Head is the commit that is checked out, or "" in a repository without commits.
func (r *Repo) Head(ctx context.Context) (string, error) {
	commit, err := r.Resolve(ctx, "HEAD")
	if errors.Is(err, ErrUnknownRevision) {
		return "", nil
	}
	return commit, err
}

// Dirty reports whether tracked files differ from HEAD or files exist that git neither tracks nor ignores.
func (r *Repo) Dirty(ctx context.Context) (bool, error) {
	out, err := r.run(ctx, "status", "--porcelain", "--untracked-files=normal", "--ignore-submodules=dirty")
	if err != nil {
		return false, err
	}
	return len(bytes.TrimSpace(out)) > 0, nil
}

// Parents returns the parents of a commit as its object names them, whether or not this clone holds them.
func (r *Repo) Parents(ctx context.Context, commit string) ([]string, error) {
	out, err := r.run(ctx, "cat-file", "commit", commit)
	if err != nil {
		return nil, fmt.Errorf("read commit %s: %w", commit, err)
	}
	var parents []string
	for line := range strings.Lines(string(out)) {
		line = strings.TrimRight(line, "\n")
		if line == "" {
			break
		}
		if id, ok := strings.CutPrefix(line, "parent "); ok {
			parents = append(parents, id)
		}
	}
	return parents, nil
}

// FirstParents returns up to n commits: the revision itself, its first parent, that one's first parent, and so on.
// A shallow clone ends the list early.
func (r *Repo) FirstParents(ctx context.Context, rev string, n int) ([]string, error) {
	out, err := r.run(ctx, "rev-list", "--first-parent", "--max-count="+strconv.Itoa(n), "--end-of-options", rev)
	if err != nil {
		return nil, fmt.Errorf("list ancestors of %s: %w", rev, err)
	}
	return strings.Fields(string(out)), nil
}

// MergeBase returns the best common ancestor of two revisions, or ErrUnknownRevision when they share none here.
func (r *Repo) MergeBase(ctx context.Context, a, b string) (string, error) {
	out, err := r.run(ctx, "merge-base", "--end-of-options", a, b)
	if saidNo(err) {
		return "", fmt.Errorf("find merge base of %s and %s: %w", a, b, ErrUnknownRevision)
	}
	if err != nil {
		return "", fmt.Errorf("find merge base of %s and %s: %w", a, b, err)
	}
	return strings.TrimSpace(string(out)), nil
}

// IsAncestor reports whether a is b or one of its ancestors.
func (r *Repo) IsAncestor(ctx context.Context, a, b string) (bool, error) {
	_, err := r.run(ctx, "merge-base", "--is-ancestor", "--end-of-options", a, b)
	if saidNo(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look for %s among the ancestors of %s: %w", a, b, err)
	}
	return true, nil
}

// CommitTime is the committer's date of a revision, in UTC.
func (r *Repo) CommitTime(ctx context.Context, rev string) (time.Time, error) {
	out, err := r.run(ctx, "show", "--no-patch", "--format=%ct", "--end-of-options", rev)
	if err != nil {
		return time.Time{}, fmt.Errorf("read date of %s: %w", rev, err)
	}
	seconds, err := strconv.ParseInt(strings.TrimSpace(string(out)), 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("read date of %s: %w", rev, err)
	}
	return time.Unix(seconds, 0).UTC(), nil
}

// Remote is the URL of origin without any credentials in it, or "" where there is none.
func (r *Repo) Remote(ctx context.Context) string {
	out, err := r.run(ctx, "config", "--get", "remote.origin.url")
	if err != nil {
		return ""
	}
	return withoutCredentials(strings.TrimSpace(string(out)))
}

// withoutCredentials cuts user information out of a URL; a remote may carry a token there.
func withoutCredentials(url string) string {
	scheme, rest, ok := strings.Cut(url, "://")
	if !ok {
		return url
	}
	host, path, _ := strings.Cut(rest, "/")
	if at := strings.LastIndex(host, "@"); at >= 0 {
		host = host[at+1:]
	}
	return strings.TrimSuffix(scheme+"://"+host+"/"+path, "/")
}
