package ci

import (
	"strconv"

	"github.com/weighlock/weighlock/internal/git"
)

func isJenkins(env Getenv) bool { return env("JENKINS_URL") != "" && env("BUILD_NUMBER") != "" }

// readJenkins reads the variables of a multibranch pipeline, which sets CHANGE_ID and CHANGE_TARGET for pull requests.
// BRANCH_IS_PRIMARY marks the branch that images are built from.
func readJenkins(env Getenv) (Run, error) {
	r := Run{Event: "build", URL: env("BUILD_URL"), Repository: env("GIT_URL")}
	switch {
	case env("CHANGE_ID") != "":
		r.Event = "change"
		r.Number, _ = strconv.Atoi(env("CHANGE_ID"))
		r.Change = git.BaseQuery{Checkout: git.PullRequest, BaseBranch: env("CHANGE_TARGET")}
	case env("BRANCH_IS_PRIMARY") == "true":
		r.Change.Checkout = git.ProtectedBranch
	}
	return r, nil
}
