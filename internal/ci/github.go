package ci

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/sethvargo/go-githubactions"

	"github.com/weighlock/weighlock/internal/git"
)

func isGitHub(env Getenv) bool { return env("GITHUB_ACTIONS") == "true" }

// githubEvent is the part of a webhook payload that says which change is built.
type githubEvent struct {
	Number      int `json:"number"`
	PullRequest struct {
		Base struct {
			Ref string `json:"ref"`
			SHA string `json:"sha"`
		} `json:"base"`
		Head struct {
			SHA string `json:"sha"`
		} `json:"head"`
	} `json:"pull_request"`
	MergeGroup struct {
		BaseSHA string `json:"base_sha"`
		HeadSHA string `json:"head_sha"`
	} `json:"merge_group"`
	Repository struct {
		DefaultBranch string `json:"default_branch"`
	} `json:"repository"`
}

// maxEvent bounds the payload; GitHub caps webhook payloads at 25 MB.
const maxEvent = 32 << 20

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
	event, err := readGitHubEvent(context.EventPath)
	if err != nil {
		return run, err
	}
	run.Number = event.Number
	switch context.EventName {
	case "pull_request", "pull_request_target":
		run.Change = git.BaseQuery{
			Checkout: git.PullRequest, BaseBranch: event.PullRequest.Base.Ref,
			BaseCommit: event.PullRequest.Base.SHA, HeadCommit: event.PullRequest.Head.SHA,
		}
	case "merge_group":
		run.Change = git.BaseQuery{Checkout: git.MergeGroup, BaseCommit: event.MergeGroup.BaseSHA, HeadCommit: event.MergeGroup.HeadSHA}
	case "push", "schedule", "workflow_dispatch":
		if event.Repository.DefaultBranch != "" && context.Ref == "refs/heads/"+event.Repository.DefaultBranch {
			run.Change.Checkout = git.ProtectedBranch
		}
	}
	return run, nil
}

func readGitHubEvent(path string) (githubEvent, error) {
	var event githubEvent
	if path == "" {
		return event, nil
	}
	stat, err := os.Stat(path)
	if err != nil {
		return event, fmt.Errorf("read GitHub event: %w", err)
	}
	if stat.Size() > maxEvent {
		return event, fmt.Errorf("read GitHub event: %s has %d bytes, more than %d", path, stat.Size(), maxEvent)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return event, fmt.Errorf("read GitHub event: %w", err)
	}
	if err := json.Unmarshal(content, &event); err != nil {
		return event, fmt.Errorf("read GitHub event: %s: %w", path, err)
	}
	return event, nil
}
