package ci

import (
	"path"
	"strconv"

	"github.com/weighlock/weighlock/internal/git"
)

func isCircleCI(env Getenv) bool { return env("CIRCLECI") == "true" }

// readCircleCI reads CircleCI's variables. It names the pull request but not its target, so the base is the merge base
// with the remote's default branch, as on a laptop.
func readCircleCI(env Getenv) (Run, error) {
	r := Run{
		Event: "push", URL: env("CIRCLE_BUILD_URL"),
		Repository: env("CIRCLE_PROJECT_USERNAME") + "/" + env("CIRCLE_PROJECT_REPONAME"),
	}
	if link := env("CIRCLE_PULL_REQUEST"); link != "" {
		r.Event = "pull_request"
		r.Number, _ = strconv.Atoi(path.Base(link))
		r.Change = git.BaseQuery{Checkout: git.PullRequest, BaseBranch: "HEAD", HeadCommit: env("CIRCLE_SHA1")}
	}
	return r, nil
}
