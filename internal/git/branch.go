package git

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// DefaultBranch is the branch that origin calls its own, else main or master where there is one.
func (r *Repo) DefaultBranch(ctx context.Context) (string, error) {
	if out, err := r.run(ctx, "symbolic-ref", "--quiet", "--short", "refs/remotes/origin/HEAD"); err == nil {
		return strings.TrimPrefix(strings.TrimSpace(string(out)), "origin/"), nil
	}
	for _, name := range []string{"main", "master"} {
		for _, ref := range []string{"refs/remotes/origin/" + name, "refs/heads/" + name} {
			_, err := r.Resolve(ctx, ref)
			if err == nil {
				return name, nil
			}
			if !errors.Is(err, ErrUnknownRevision) {
				return "", err
			}
		}
	}
	return "", fmt.Errorf("find the default branch: neither origin nor this clone has main or master: %w", ErrUnknownRevision)
}

// deepen is how much of a branch a shallow clone fetches; more than any list of ancestors that is asked for.
const deepen = "--depth=200"

// FetchBranch asks origin for a branch and returns its tip; without an origin it is the local branch's.
func (r *Repo) FetchBranch(ctx context.Context, branch string) (string, error) {
	if _, err := r.run(ctx, "check-ref-format", "--branch", branch); err != nil || strings.HasPrefix(branch, "-") {
		return "", fmt.Errorf("fetch branch %q: not a branch's name: %w", branch, ErrUnknownRevision)
	}
	if _, err := r.run(ctx, "config", "--get", "remote.origin.url"); err != nil {
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		return r.Resolve(ctx, "refs/heads/"+branch)
	}
	ref := "refs/remotes/origin/" + branch
	args := []string{"fetch", "--quiet", "--no-tags", "--no-recurse-submodules"}
	shallow, err := r.Shallow(ctx)
	if err != nil {
		return "", err
	}
	if shallow { // a fetch alone would not bring what lies behind the clone's edge
		args = append(args, deepen)
	}
	if _, err := r.run(ctx, append(args, "origin", "+refs/heads/"+branch+":"+ref)...); err != nil {
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		return "", fmt.Errorf("fetch branch %s: %w", branch, err)
	}
	return r.Resolve(ctx, ref)
}

// FetchBranches asks origin for all its branches; without an origin there is nothing to ask.
func (r *Repo) FetchBranches(ctx context.Context) error {
	if _, err := r.run(ctx, "config", "--get", "remote.origin.url"); err != nil {
		return ctx.Err()
	}
	if _, err := r.run(ctx, "fetch", "--quiet", "--prune", "--no-tags", "--no-recurse-submodules", "origin", "+refs/heads/*:refs/remotes/origin/*"); err != nil {
		return fmt.Errorf("fetch branches: %w", err)
	}
	return nil
}

// Shallow reports whether this clone lacks older commits.
func (r *Repo) Shallow(ctx context.Context) (bool, error) {
	out, err := r.run(ctx, "rev-parse", "--is-shallow-repository")
	return strings.TrimSpace(string(out)) != "false", err
}

// Branches lists the tips of origin's branches as this clone last saw them, and of its own, by name.
func (r *Repo) Branches(ctx context.Context) (map[string]string, error) {
	out, err := r.run(ctx, "for-each-ref", "--format=%(objectname) %(refname)", "refs/heads", "refs/remotes/origin")
	if err != nil {
		return nil, fmt.Errorf("list branches: %w", err)
	}
	tips := map[string]string{}
	for line := range strings.Lines(string(out)) {
		commit, name, ok := strings.Cut(strings.TrimSpace(line), " ")
		if ok && !strings.HasSuffix(name, "/HEAD") {
			tips[name] = commit
		}
	}
	return tips, nil
}
