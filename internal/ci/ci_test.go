package ci

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weighlock/weighlock/internal/git"
)

// event writes a payload and returns its path.
func event(t *testing.T, payload string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "event.json")
	if err := os.WriteFile(path, []byte(payload), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestDetect(t *testing.T) {
	pull := event(t, `{"number":7,"pull_request":{"base":{"ref":"main","sha":"bbb"},"head":{"sha":"hhh"}},"repository":{"default_branch":"main"}}`)
	group := event(t, `{"merge_group":{"base_sha":"bbb","head_sha":"hhh"},"repository":{"default_branch":"main"}}`)
	push := event(t, `{"before":"ppp","repository":{"default_branch":"trunk"}}`)
	github := func(name, path, ref string) map[string]string {
		return map[string]string{
			"GITHUB_ACTIONS": "true", "GITHUB_EVENT_NAME": name, "GITHUB_EVENT_PATH": path, "GITHUB_REF": ref,
			"GITHUB_REPOSITORY": "acme/model", "GITHUB_RUN_ID": "5", "GITHUB_SERVER_URL": "https://github.example",
		}
	}
	link := "https://github.example/acme/model/actions/runs/5"
	tests := []struct {
		name string
		env  map[string]string
		want Run
	}{
		{"laptop", nil, Run{System: "local"}},
		{"pull request", github("pull_request", pull, "refs/pull/7/merge"), Run{
			System: "github", Event: "pull_request", Number: 7, Repository: "acme/model", URL: link,
			Change: git.BaseQuery{Checkout: git.PullRequest, BaseBranch: "main", BaseCommit: "bbb", HeadCommit: "hhh"},
		}},
		{"merge queue", github("merge_group", group, "refs/heads/gh-readonly-queue/main/pr-1"), Run{
			System: "github", Event: "merge_group", Repository: "acme/model", URL: link,
			Change: git.BaseQuery{Checkout: git.MergeGroup, BaseCommit: "bbb", HeadCommit: "hhh"},
		}},
		{"push to the default branch", github("push", push, "refs/heads/trunk"), Run{
			System: "github", Event: "push", Repository: "acme/model", URL: link,
			Change: git.BaseQuery{Checkout: git.ProtectedBranch, BaseCommit: "ppp"},
		}},
		{"push to another branch", github("push", push, "refs/heads/topic"), Run{
			System: "github", Event: "push", Repository: "acme/model", URL: link,
		}},
		{"gitlab merge request", map[string]string{
			"GITLAB_CI": "true", "CI_PIPELINE_SOURCE": "merge_request_event", "CI_MERGE_REQUEST_IID": "3",
			"CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main", "CI_MERGE_REQUEST_DIFF_BASE_SHA": "bbb", "CI_COMMIT_SHA": "hhh",
		}, Run{
			System: "gitlab", Event: "merge_request_event", Number: 3,
			Change: git.BaseQuery{Checkout: git.PullRequest, BaseBranch: "main", BaseCommit: "bbb", HeadCommit: "hhh", Behind: true},
		}},
		{"gitlab merged results", map[string]string{
			"GITLAB_CI": "true", "CI_PIPELINE_SOURCE": "merge_request_event", "CI_MERGE_REQUEST_IID": "3", "CI_PROJECT_PATH": "acme/model",
			"CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main", "CI_MERGE_REQUEST_DIFF_BASE_SHA": "bbb", "CI_COMMIT_SHA": "mmm",
			"CI_MERGE_REQUEST_SOURCE_BRANCH_SHA": "hhh", "CI_MERGE_REQUEST_PROJECT_PATH": "acme/model",
		}, Run{
			System: "gitlab", Event: "merge_request_event", Number: 3, Repository: "acme/model",
			Change: git.BaseQuery{Checkout: git.PullRequest, BaseBranch: "main", BaseCommit: "bbb", HeadCommit: "hhh", Behind: true},
		}},
		{"gitlab merge request, in the fork", map[string]string{
			"GITLAB_CI": "true", "CI_PIPELINE_SOURCE": "merge_request_event", "CI_MERGE_REQUEST_IID": "3", "CI_PROJECT_PATH": "mallory/model",
			"CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main", "CI_MERGE_REQUEST_DIFF_BASE_SHA": "bbb", "CI_COMMIT_SHA": "hhh",
			"CI_MERGE_REQUEST_PROJECT_PATH": "acme/model",
		}, Run{
			System: "gitlab", Event: "merge_request_event", Number: 3, Repository: "mallory/model",
			Change: git.BaseQuery{Checkout: git.PullRequest, BaseBranch: "main", BaseCommit: "bbb", HeadCommit: "hhh"},
		}},
		{"gitlab default branch", map[string]string{
			"GITLAB_CI": "true", "CI_PIPELINE_SOURCE": "push", "CI_COMMIT_BRANCH": "main", "CI_DEFAULT_BRANCH": "main", "CI_COMMIT_BEFORE_SHA": "ppp",
		}, Run{System: "gitlab", Event: "push", Change: git.BaseQuery{Checkout: git.ProtectedBranch, BaseCommit: "ppp"}}},
		{"jenkins change", map[string]string{
			"JENKINS_URL": "http://j", "BUILD_NUMBER": "1", "CHANGE_ID": "9", "CHANGE_TARGET": "main",
		}, Run{System: "jenkins", Event: "change", Number: 9, Change: git.BaseQuery{Checkout: git.PullRequest, BaseBranch: "main"}}},
		{"circleci pull request", map[string]string{
			"CIRCLECI": "true", "CIRCLE_PULL_REQUEST": "https://github.example/acme/model/pull/4", "CIRCLE_SHA1": "hhh",
			"CIRCLE_PROJECT_USERNAME": "acme", "CIRCLE_PROJECT_REPONAME": "model",
		}, Run{
			System: "circleci", Event: "pull_request", Number: 4, Repository: "acme/model",
			Change: git.BaseQuery{Checkout: git.PullRequest, BaseBranch: "HEAD", HeadCommit: "hhh"},
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Detect(func(name string) string { return tt.env[name] })
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestDetectRefusesABrokenEvent(t *testing.T) {
	env := map[string]string{"GITHUB_ACTIONS": "true", "GITHUB_EVENT_NAME": "pull_request", "GITHUB_EVENT_PATH": event(t, "{")}
	_, err := Detect(func(name string) string { return env[name] })
	if err == nil || !strings.Contains(err.Error(), "event") {
		t.Fatalf("got %v, want an error that names the event", err)
	}
}
