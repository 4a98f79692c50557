package ci

import (
	"strconv"

	"github.com/weighlock/weighlock/internal/git"
)

func isGitLab(env Getenv) bool { return env("GITLAB_CI") == "true" }

// readGitLab reads the predefined variables of GitLab CI. A merge request pipeline checks out the head of its
// branch, and one of merged results the merge with the target branch.
func readGitLab(env Getenv) (Run, error) {
	r := Run{Event: env("CI_PIPELINE_SOURCE"), Repository: env("CI_PROJECT_PATH"), URL: env("CI_JOB_URL")}
	if r.Event == "merge_request_event" {
		r.Number, _ = strconv.Atoi(env("CI_MERGE_REQUEST_IID"))
		r.Change = git.BaseQuery{
			Checkout: git.PullRequest, BaseBranch: env("CI_MERGE_REQUEST_TARGET_BRANCH_NAME"),
			BaseCommit: env("CI_MERGE_REQUEST_DIFF_BASE_SHA"), HeadCommit: env("CI_COMMIT_SHA"),
		}
		// A pipeline of a fork has no remote to ask.
		target := env("CI_MERGE_REQUEST_PROJECT_PATH")
		r.Change.Behind = target == "" || target == r.Repository
		if source := env("CI_MERGE_REQUEST_SOURCE_BRANCH_SHA"); source != "" { // a merged results pipeline
			r.Change.HeadCommit = source
		}
		return r, nil
	}
	if branch := env("CI_COMMIT_BRANCH"); branch != "" && branch == env("CI_DEFAULT_BRANCH") {
		r.Change.Checkout, r.Change.BaseCommit = git.ProtectedBranch, env("CI_COMMIT_BEFORE_SHA")
	}
	return r, nil
}
