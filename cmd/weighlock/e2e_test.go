//go:build e2e

package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// runnerImage is the image that jobs run in, actionImage what the Dockerfile makes; .ci/e2e builds both.
const (
	runnerImage = "weighlock-stand-in/debian"
	actionImage = "weighlock-action:e2e"
)

const e2eWorkflow = `name: weighlock
on: [pull_request, push]
permissions: {contents: read, packages: read, pull-requests: write}
jobs:
  weigh:
    runs-on: ubuntu-24.04
    steps:
      - uses: actions/checkout@08c6903cd8c0fde910a37f88322edcfb5dd907a8 # v5.0.0
        with: {persist-credentials: false}
      - uses: ./.github/weighlock
        id: gate
        with: {check: status}
      - if: always()
        shell: sh
        run: |
          echo "decision=${{ steps.gate.outputs.decision }}"
          echo "images=${{ steps.gate.outputs.images }}"
`

// installAction puts action.yml into the repository as a release has it, with a built image in place of the Dockerfile:
// the file that WEIGHLOCK_RELEASED_ACTION names, which .ci/release wrote, or else one that names actionImage.
func (l *lab) installAction() {
	l.t.Helper()
	file := cmp.Or(os.Getenv("WEIGHLOCK_RELEASED_ACTION"), filepath.Join(top, "action.yml"))
	content, err := os.ReadFile(file)
	if err != nil {
		l.t.Fatal(err)
	}
	released := strings.Replace(string(content), "image: Dockerfile", "image: docker://"+actionImage, 1)
	image := regexp.MustCompile(`(?m)^  image: (docker://.+)$`).FindStringSubmatch(released)
	if image == nil {
		l.t.Fatalf("%s names no built image", file)
	}
	l.t.Logf("the action is %s", image[1])
	l.git("checkout", "-q", "main")
	l.write(".github/weighlock/action.yml", released)
	l.write(".github/workflows/gate.yml", e2eWorkflow)
	l.git("add", "-A")
	l.git("commit", "-q", "-m", "the action")
	l.git("push", "-q", l.origin, "main")
}

// runner lets act, an implementation of GitHub's runner, run the workflow for an event.
func (l *lab) runner(event, ref string, payload map[string]any) job {
	l.t.Helper()
	l.run++
	content, err := json.Marshal(payload)
	if err != nil {
		l.t.Fatal(err)
	}
	file := filepath.Join(l.t.TempDir(), "event.json")
	if err := os.WriteFile(file, content, 0o600); err != nil {
		l.t.Fatal(err)
	}
	args := []string{
		event, "-W", ".github/workflows/gate.yml", "-e", file, "-P", "ubuntu-24.04=" + runnerImage, "--pull=false", "--bind",
		"--container-daemon-socket", "-", "-s", "GITHUB_TOKEN=test-token", "--rm",
	}
	for name, value := range map[string]string{
		"GITHUB_REPOSITORY": "acme/model", "GITHUB_RUN_ID": fmt.Sprint(l.run), "GITHUB_RUN_ATTEMPT": "1", "GITHUB_SERVER_URL": l.github.URL,
		"GITHUB_API_URL": l.github.URL + "/api/v3", "GITHUB_GRAPHQL_URL": l.github.URL + "/api/graphql", "GITHUB_REF": ref,
	} {
		args = append(args, "--env", name+"="+value)
	}
	cmd := exec.CommandContext(l.t.Context(), "act", args...)
	cmd.Dir = l.dir
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	err = cmd.Run()
	j := job{log: log.String(), outputs: map[string]string{}}
	if failed, ok := errors.AsType[*exec.ExitError](err); ok {
		j.code = failed.ExitCode()
	} else if err != nil {
		l.t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`\| (decision|images)=(.*)`).FindAllStringSubmatch(j.log, -1) {
		j.outputs[m[1]] = strings.TrimSpace(m[2])
	}
	return j
}

// TestRunnerStory is the whole story as a runner plays it: a first image, a change that is blocked, one that passes, the
// merge, its image and the tag that deployers follow.
func TestRunnerStory(t *testing.T) {
	for _, program := range []string{"act", "docker"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Fatalf("%s is missing: make e2e brings it", program)
		}
	}
	l := newLab(t)
	l.installAction()
	onPush := func() job {
		l.git("checkout", "-q", "main")
		return l.runner("push", "refs/heads/main", map[string]any{"ref": "refs/heads/main", "repository": map[string]any{"full_name": "acme/model", "default_branch": "main"}})
	}
	onPull := func() job {
		l.git("checkout", "-q", "--detach", l.pull.MergeCommit)
		return l.runner("pull_request", "refs/pull/7/merge", l.pullEvent())
	}
	expect := func(what string, j job, green bool, decision string) {
		t.Helper()
		t.Logf("%s: act ended with %d, decision %q, images %q", what, j.code, j.outputs["decision"], j.outputs["images"])
		if (j.code == 0) != green || j.outputs["decision"] != decision {
			t.Fatalf("%s: want green %v and %q\n%s", what, green, decision, j.log)
		}
		if strings.Contains(j.log, "test-token") {
			t.Errorf("%s: the token is in the log", what)
		}
	}
	first := onPush()
	expect("first commit", first, true, "passed")

	l.propose(l.worse)
	expect("worse change", onPull(), false, "blocked")
	contains(t, l.comment(), "## ❌ Weighlock: diabetes blocked")
	if got := l.status(); !strings.HasPrefix(got, "failure: ") {
		t.Errorf("status %s", got)
	}

	l.propose(l.better)
	expect("better change", onPull(), true, "passed")
	contains(t, l.comment(), "## ✅ Weighlock: diabetes passed", "Earlier runs: 1")
	if got := l.status(); !strings.HasPrefix(got, "success: ") {
		t.Errorf("status %s", got)
	}

	l.git("checkout", "-q", "topic")
	l.merge()
	merged := onPush()
	expect("merge", merged, true, "passed")
	if merged.outputs["images"] == first.outputs["images"] || !strings.Contains(merged.outputs["images"], "/acme/diabetes@sha256:") {
		t.Errorf("images %q after %q", merged.outputs["images"], first.outputs["images"])
	}
	contains(t, merged.log, ":approved names "+strings.SplitN(merged.outputs["images"], "@", 2)[1])
	// A model that a command trains: with the Python of the image, in the sandbox that the runner's container allows.
	l.byCommand()
	trained := onPush()
	expect("training by a command", trained, true, "passed")
	contains(t, trained.log, "python3 train.py, kept by")
	owner, _, ok := ownerOf(filepath.Join(l.dir, ".weighlock"))
	if checkout, _, known := ownerOf(l.dir); !ok || !known || owner != checkout {
		t.Errorf(".weighlock belongs to %d, the checkout to %d", owner, checkout)
	}
}
