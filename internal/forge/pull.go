package forge

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/google/go-github/v60/github"
)

// Pull is a pull request.
type Pull struct {
	Number int
	// Head is its newest commit, Base the tip of the branch it wants to change as of its last push.
	Head, Base string
	BaseBranch string
	// HeadRepository is OWNER/NAME, or "" when it was deleted. Fork says that it is another one than ours.
	HeadRepository string
	Fork           bool
	Author         string
	Open, Merged   bool
	// Merge is the commit that merges it: the code host's own try while it is open, the one on the branch afterwards. It
	// is empty while the code host has not tried, or where it cannot be merged.
	Merge string
}

// Approval is a review that approves one commit.
type Approval struct {
	By     string
	Commit string
}

// Pull reads one pull request.
func (c *Client) Pull(ctx context.Context, number int) (Pull, error) {
	p, _, err := c.gh.PullRequests.Get(ctx, c.owner, c.repo, number)
	if err != nil {
		return Pull{}, explain(fmt.Sprintf("read pull request %d", number), err)
	}
	return c.pull(p), nil
}

func (c *Client) pull(p *github.PullRequest) Pull {
	head := p.GetHead().GetRepo().GetFullName()
	return Pull{
		Number: p.GetNumber(), Head: p.GetHead().GetSHA(), Base: p.GetBase().GetSHA(), BaseBranch: p.GetBase().GetRef(),
		HeadRepository: head, Fork: !strings.EqualFold(head, c.owner+"/"+c.repo), Author: p.GetUser().GetLogin(),
		Merge: p.GetMergeCommitSHA(), Open: p.GetState() == "open", Merged: p.GetMerged() || p.MergedAt != nil,
	}
}

// PullsWithHead are the open pull requests whose newest commit this is. A run of a pull request from a fork names none,
// and a number that the run itself brings along is a stranger's word.
func (c *Client) PullsWithHead(ctx context.Context, commit string) ([]Pull, error) {
	var found []Pull
	options := &github.PullRequestListOptions{State: "open", ListOptions: github.ListOptions{PerPage: 100}}
	for {
		page, resp, err := c.gh.PullRequests.List(ctx, c.owner, c.repo, options)
		if err != nil {
			return nil, explain("list pull requests", err)
		}
		for _, p := range page {
			// A pull request that is opened meanwhile moves the last of this page to the next one.
			seen := slices.ContainsFunc(found, func(other Pull) bool { return other.Number == p.GetNumber() })
			if p.GetHead().GetSHA() == commit && !seen {
				found = append(found, c.pull(p))
			}
		}
		if resp.NextPage == 0 {
			return found, nil
		}
		options.Page = resp.NextPage
	}
}

// PullsOfCommit are the merged pull requests that brought a commit to its branch.
func (c *Client) PullsOfCommit(ctx context.Context, commit string) ([]Pull, error) {
	page, _, err := c.gh.PullRequests.ListPullRequestsWithCommit(ctx, c.owner, c.repo, commit, &github.ListOptions{PerPage: 100})
	if err != nil {
		return nil, explain("find the pull request of "+commit, err)
	}
	var found []Pull
	for _, p := range page {
		if p.MergedAt != nil && p.GetMergeCommitSHA() == commit {
			found = append(found, c.pull(p))
		}
	}
	return found, nil
}

// Approvals are the reviews that stand: the last word of each reviewer, where that approves.
func (c *Client) Approvals(ctx context.Context, number int) ([]Approval, error) {
	last := map[string]Approval{}
	var order []string
	options := &github.ListOptions{PerPage: 100}
	for {
		page, resp, err := c.gh.PullRequests.ListReviews(ctx, c.owner, c.repo, number, options)
		if err != nil {
			return nil, explain("list reviews", err)
		}
		for _, review := range page {
			by := review.GetUser().GetLogin()
			switch review.GetState() {
			case "APPROVED":
				if _, known := last[by]; !known {
					order = append(order, by)
				}
				last[by] = Approval{By: by, Commit: review.GetCommitID()}
			case "CHANGES_REQUESTED", "DISMISSED":
				delete(last, by)
			}
		}
		if resp.NextPage == 0 {
			break
		}
		options.Page = resp.NextPage
	}
	var out []Approval
	for _, by := range order {
		if a, stands := last[by]; stands && by != "" {
			out = append(out, a)
		}
	}
	return out, nil
}

// FirstParents are up to n commits: the tip of a branch or a commit, its first parent, and so on. The code host lists
// everything that was merged as well, so it is asked again from where a page leaves the first parents.
func (c *Client) FirstParents(ctx context.Context, rev string, n int) ([]string, error) {
	var chain []string
	for next := rev; next != "" && len(chain) < n; {
		page, _, err := c.gh.Repositories.ListCommits(ctx, c.owner, c.repo, &github.CommitsListOptions{SHA: next, ListOptions: github.ListOptions{PerPage: 100}})
		if err != nil {
			return nil, explain("list commits of "+next, err)
		}
		if len(page) == 0 {
			return nil, fmt.Errorf("list commits of %.80q: there are none: %w", next, ErrNotFound)
		}
		known := map[string]*github.RepositoryCommit{}
		for _, commit := range page {
			known[commit.GetSHA()] = commit
		}
		next = page[0].GetSHA()
		for commit := known[next]; commit != nil && len(chain) < n; commit = known[next] {
			chain, next = append(chain, next), ""
			if len(commit.Parents) > 0 {
				next = commit.Parents[0].GetSHA()
			}
		}
	}
	return chain, nil
}

// Parents are those of a commit, the first one first.
func (c *Client) Parents(ctx context.Context, commit string) ([]string, error) {
	found, _, err := c.gh.Repositories.GetCommit(ctx, c.owner, c.repo, commit, nil)
	if err != nil {
		return nil, explain("read commit "+commit, err)
	}
	var parents []string
	for _, p := range found.Parents {
		parents = append(parents, p.GetSHA())
	}
	return parents, nil
}
