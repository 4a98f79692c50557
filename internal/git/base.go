package git

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Checkout says what kind of change the working tree holds, as far as the CI system knows.
type Checkout int

// The kinds of checkout; the zero value is a laptop, where only git itself can be asked.
const (
	Laptop Checkout = iota
	// PullRequest is a pull request, either its merge commit or its head.
	PullRequest
	// MergeGroup is a group of pull requests in a merge queue.
	MergeGroup
	// ProtectedBranch is a commit that is already on the branch that images are built from.
	ProtectedBranch
)

// BaseQuery is what is known about the change before git is asked.
type BaseQuery struct {
	// Explicit is the revision given by --base; it wins over everything else.
	Explicit string
	Checkout Checkout
	// BaseCommit is the tip of the base branch that CI names, or ""; on the protected branch itself the tip before.
	BaseCommit string
	// Behind says that BaseCommit is where the branch left its base branch, whose tip has to be asked for.
	Behind bool
	// BaseBranch is the branch that a pull request wants to change, or "".
	BaseBranch string
	// HeadCommit is the tip of the pull request's own branch, or "".
	HeadCommit string
}

// Base is the revision that a change is compared with.
type Base struct {
	// Commit is the full id, or "" when the change has no parent at all.
	Commit string
	// How says in a few words for the report where the commit came from.
	How string
	// Tip is the newest known commit of the branch that the change wants to get into, where Commit is only their merge
	// base; else "".
	Tip string
}

// FindBase applies the rules of the design's section 6. A commit that CI or --base names but that this clone lacks is
// fetched from origin; when that fails the error is ErrMissingHistory, which is never a first run.
func (r *Repo) FindBase(ctx context.Context, q BaseQuery) (Base, error) {
	if q.Explicit != "" {
		commit, err := r.obtain(ctx, q.Explicit)
		return Base{Commit: commit, How: "--base " + q.Explicit}, err
	}
	head, err := r.Head(ctx)
	if err != nil {
		return Base{}, err
	}
	if head == "" {
		return Base{Commit: "", How: "no commit yet"}, nil
	}
	switch q.Checkout {
	case PullRequest:
		return r.pullRequestBase(ctx, head, q)
	case MergeGroup:
		commit, err := r.obtain(ctx, q.BaseCommit)
		return Base{Commit: commit, How: "base of the merge group"}, err
	case ProtectedBranch:
		return r.protectedBase(ctx, head, q.BaseCommit)
	case Laptop:
	}
	return r.laptopBase(ctx, head)
}

// pullRequestBase tells a merge commit, whose first parent is the base, from a checkout of the branch's own head.
func (r *Repo) pullRequestBase(ctx context.Context, head string, q BaseQuery) (Base, error) {
	parents, err := r.Parents(ctx, head)
	if err != nil {
		return Base{}, err
	}
	if len(parents) == 2 && parents[1] == q.HeadCommit {
		return r.hostMergeBase(ctx, parents)
	}
	tip := q.BaseCommit
	if tip == "" {
		tip = "origin/" + q.BaseBranch
	}
	if tip, err = r.obtain(ctx, tip); err != nil {
		return Base{}, err
	}
	if len(parents) == 2 && q.HeadCommit == "" {
		// Whose merge this is nobody says. The author of a change can make one too, upon a base of their own.
		onBranch, err := r.IsAncestor(ctx, parents[0], tip)
		if err != nil {
			return Base{}, err
		}
		if onBranch {
			return r.hostMergeBase(ctx, parents)
		}
	}
	commit, err := r.MergeBase(ctx, tip, head)
	if errors.Is(err, ErrUnknownRevision) {
		return Base{}, fmt.Errorf("find base revision: %s and %s have no common ancestor here: %w", short(tip), short(head), ErrMissingHistory)
	}
	if err == nil && q.Behind {
		tip, err = r.newest(ctx, q.BaseBranch)
	}
	return Base{Commit: commit, How: "merge base with the base branch", Tip: tip}, err
}

// newest fetches the tip of a branch from origin; a shallow clone stays one.
func (r *Repo) newest(ctx context.Context, branch string) (string, error) {
	shallow, err := r.run(ctx, "rev-parse", "--is-shallow-repository")
	if err != nil {
		return "", err
	}
	args := []string{"fetch", "--quiet", "--no-tags", "--no-recurse-submodules"}
	if strings.TrimSpace(string(shallow)) == "true" {
		args = append(args, "--depth=50")
	}
	if _, err := r.run(ctx, append(args, "origin", "refs/heads/"+branch)...); err != nil {
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		return "", fmt.Errorf("fetch the tip of %s, to see whether the law has changed there: %w", branch, ErrMissingHistory)
	}
	return r.Resolve(ctx, "FETCH_HEAD")
}

// hostMergeBase is the base of the merge commit that the code host made of a pull request.
func (r *Repo) hostMergeBase(ctx context.Context, parents []string) (Base, error) {
	commit, err := r.obtain(ctx, parents[0])
	return Base{Commit: commit, How: "first parent of the pull request's merge commit"}, err
}

// protectedBase is what the protected branch was at before it got head, where CI says that and head follows it by first
// parents: several commits that arrive at once are one change, and none of them may write the law for the next. Else it
// is the parent.
func (r *Repo) protectedBase(ctx context.Context, head, before string) (Base, error) {
	base, err := r.parentBase(ctx, head, "parent on the protected branch")
	if err != nil || base.Commit == "" || !isCommitID(before) || before == base.Commit {
		return base, err
	}
	chain, err := r.FirstParents(ctx, base.Commit, mostPushed)
	if err != nil {
		return Base{}, err
	}
	if slices.Contains(chain, before) {
		base = Base{Commit: before, How: "tip of the protected branch before the push"}
	}
	return base, nil
}

// mostPushed is how far behind the tip before is looked for; GitHub names no more commits of one push.
const mostPushed = 2048

// parentBase is the first parent of head; a root commit has none, which is not an error.
func (r *Repo) parentBase(ctx context.Context, head, how string) (Base, error) {
	parents, err := r.Parents(ctx, head)
	if err != nil {
		return Base{}, err
	}
	if len(parents) == 0 {
		return Base{Commit: "", How: "the first commit"}, nil
	}
	commit, err := r.obtain(ctx, parents[0])
	return Base{Commit: commit, How: how}, err
}

// laptopBase compares with where the branch left the main one; on that branch itself, with what is committed when the
// tree is dirty, else with the commit before.
func (r *Repo) laptopBase(ctx context.Context, head string) (Base, error) {
	for _, trunk := range []string{"origin/HEAD", "main", "master"} {
		tip, err := r.Resolve(ctx, trunk)
		if errors.Is(err, ErrUnknownRevision) {
			continue
		}
		if err != nil {
			return Base{}, err
		}
		commit, err := r.MergeBase(ctx, tip, head)
		if errors.Is(err, ErrUnknownRevision) {
			continue
		}
		if err != nil {
			return Base{}, err
		}
		if commit != head {
			return Base{Commit: commit, How: "merge base with " + trunk}, nil
		}
		break
	}
	dirty, err := r.Dirty(ctx)
	if err != nil {
		return Base{}, err
	}
	if dirty {
		return Base{Commit: head, How: "HEAD, as the working tree differs from it"}, nil
	}
	return r.parentBase(ctx, head, "parent of HEAD")
}

// obtain resolves a revision and fetches it from origin when this clone lacks it.
func (r *Repo) obtain(ctx context.Context, rev string) (string, error) {
	commit, err := r.Resolve(ctx, rev)
	if err == nil || !errors.Is(err, ErrUnknownRevision) {
		return commit, err
	}
	if !isCommitID(rev) {
		return "", err
	}
	if err := r.Obtain(ctx, rev, Authorization{}); err != nil {
		return "", err
	}
	return r.Resolve(ctx, rev)
}

func isCommitID(rev string) bool {
	if len(rev) != 40 {
		return false
	}
	for _, c := range rev {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

func short(commit string) string {
	if isCommitID(commit) {
		return commit[:12]
	}
	return commit
}

// Authorization lets one fetch pass: Value is a header that only the server whose address begins with URL gets.
type Authorization struct{ URL, Value string }

// Obtain fetches a commit that this clone lacks, with 50 of its ancestors. The authorization stands in the environment
// of that one git process and nowhere else: not on the disk, and not in any message.
func (r *Repo) Obtain(ctx context.Context, commit string, auth Authorization) error {
	if !isCommitID(commit) {
		return fmt.Errorf("fetch %.80q: it is no commit id", commit)
	}
	if _, err := r.Resolve(ctx, commit); err == nil {
		return nil
	}
	var env []string
	if auth.Value != "" {
		env = []string{
			"GIT_CONFIG_COUNT=2", "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=" + r.Dir,
			"GIT_CONFIG_KEY_1=http." + auth.URL + ".extraheader", "GIT_CONFIG_VALUE_1=Authorization: " + auth.Value,
		}
	}
	args := []string{"fetch", "--quiet", "--no-tags", "--no-recurse-submodules"}
	if shallow, err := r.Shallow(ctx); err != nil || shallow { // a depth would cut the history of a whole clone
		args = append(args, "--depth=50")
	}
	if _, err := r.runWith(ctx, env, append(args, "origin", commit)...); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("fetch %s: %w; check out with the full history (fetch-depth: 0)", short(commit), ErrMissingHistory)
	}
	return nil
}
