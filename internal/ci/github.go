package ci

import (
	"fmt"

	"github.com/sethvargo/go-githubactions"

	"github.com/weighlock/weighlock/internal/git"
)

func isGitHub(env Getenv) bool { return env("GITHUB_ACTIONS") == "true" }

// readGitHub reads the environment of GitHub Actions and the event's payload. Branch names and titles in it are
// foreign text and are never copied into the result.
func readGitHub(env Getenv) (Run, error) {
	context, err := githubactions.New(githubactions.WithGetenv(githubactions.GetenvFunc(env))).Context()
	if err != nil {
		return Run{}, fmt.Errorf("read GitHub Actions environment: %w", err)
	}
	run := Run{Event: context.EventName, Repository: context.Repository}
	if context.ServerURL != "" && context.RunID != 0 {
		run.URL = fmt.Sprintf("%s/%s/actions/runs/%d", context.ServerURL, context.Repository, context.RunID)
	}
	p, err := readPayload(context.EventPath)
	if err != nil {
		return run, err
	}
	run.Number = p.Number
	switch context.EventName {
	case "pull_request", "pull_request_target":
		run.Change = git.BaseQuery{
			Checkout: git.PullRequest, BaseBranch: p.PullRequest.Base.Ref,
			BaseCommit: p.PullRequest.Base.SHA, HeadCommit: p.PullRequest.Head.SHA,
		}
	case "merge_group":
		run.Change = git.BaseQuery{Checkout: git.MergeGroup, BaseCommit: p.MergeGroup.BaseSHA, HeadCommit: p.MergeGroup.HeadSHA}
	case "push", "schedule", "workflow_dispatch":
		if p.Repository.DefaultBranch != "" && context.Ref == "refs/heads/"+p.Repository.DefaultBranch {
			run.Change.Checkout, run.Change.BaseCommit = git.ProtectedBranch, p.Before
		}
	}
	return run, nil
}
