package main

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"

	"github.com/weighlock/weighlock/internal/forge/forgetest"
)

// lab is a repository on a GitHub of its own, with a registry, and a runner that starts the program as action.yml does.
type lab struct {
	t      *testing.T
	github *forgetest.Server
	// dir is the checkout; origin is what the GitHub serves.
	dir, origin, registry string
	pull                  *forgetest.Pull
	run                   int64
	inputs                map[string]string
	token                 string
	// temp is the runner's folder of the last job.
	temp string
}

// job is what one run of the action came to.
type job struct {
	code    int
	log     string
	outputs map[string]string
	summary string
}

const gateWorkflow = "name: weighlock\non: pull_request\n"

// newLab commits the diabetes example with owners and waivers as the first commit of main.
func newLab(t *testing.T) *lab {
	t.Helper()
	s, err := forgetest.New()
	if err != nil {
		t.Fatal(err)
	}
	images := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	l := &lab{
		t: t, github: s, dir: t.TempDir(), origin: t.TempDir(), registry: strings.TrimPrefix(images.URL, "http://"),
		inputs: map[string]string{}, token: "test-token",
	}
	t.Cleanup(func() {
		images.Close()
		s.Close()
		for _, line := range s.Broken() {
			t.Errorf("not what GitHub's description allows: %s", line)
		}
	})
	s.Git = l.origin
	for _, u := range [][2]string{{"ann", "write"}, {"mia", "maintain"}, {"tim", "triage"}, {"guest", ""}} {
		s.AddUser(u[0], u[1])
	}
	if err := exampleFiles("../../examples/healthcare", l.dir); err != nil {
		t.Fatal(err)
	}
	l.edit("weighlock.yaml", "  inconclusive: warn\n", "  inconclusive: warn\n  owners: [mia]\n  waivers: {allow: [maintain], days: 7}\n")
	l.edit("weighlock.yaml", "policy:\n", "image: {name: "+l.registry+"/acme/diabetes}\npolicy:\n")
	l.write(".github/workflows/gate.yml", gateWorkflow)
	l.git("init", "-q", "-b", "main")
	l.git("add", "-A")
	l.git("commit", "-q", "-m", "a first model")
	l.git("init", "-q", "--bare", l.origin)
	l.git("-C", l.origin, "config", "uploadpack.allowAnySHA1InWant", "true") // as on GitHub
	l.git("remote", "add", "origin", s.URL+"/acme/model")
	l.git("push", "-q", l.origin, "main")
	return l
}

func (l *lab) git(args ...string) string {
	l.t.Helper()
	cmd := exec.CommandContext(l.t.Context(), "git", append([]string{"-c", "safe.directory=*", "-C", l.dir}, args...)...)
	cmd.Env = os.Environ()
	for name, value := range identity(l.dir) {
		if name != "HOME" && name != "DOCKER_CONFIG" {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		l.t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func (l *lab) write(name, content string) {
	l.t.Helper()
	file := filepath.Join(l.dir, name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte(content), 0o644)); err != nil {
		l.t.Fatal(err)
	}
}

func (l *lab) edit(name, old, now string) {
	l.t.Helper()
	content, err := os.ReadFile(filepath.Join(l.dir, name))
	if err != nil {
		l.t.Fatal(err)
	}
	if n := strings.Count(string(content), old); n != 1 {
		l.t.Fatalf("%q stands %d times in %s, want once", old, n, name)
	}
	l.write(name, strings.Replace(string(content), old, now, 1))
}

// propose commits what change does on a branch and makes it pull request 7, or its next commit.
func (l *lab) propose(change func()) {
	l.t.Helper()
	if l.pull == nil {
		l.git("checkout", "-q", "-B", "topic", "main")
	} else {
		l.git("checkout", "-q", "topic")
	}
	change()
	l.git("add", "-A")
	l.git("commit", "-q", "--allow-empty", "-m", "a change")
	head := l.git("rev-parse", "HEAD")
	base := l.git("rev-parse", "main")
	if l.pull == nil {
		l.pull = &forgetest.Pull{Number: 7, HeadRef: "topic", HeadRepo: "acme/model", BaseRef: "main", Author: "ann", State: "open", CreatedAt: l.github.Now()}
		l.github.Pulls = append(l.github.Pulls, l.pull)
	}
	l.git("checkout", "-q", "--detach", "main")
	l.git("merge", "-q", "--no-ff", "-m", "merge", head)
	l.pull.Head, l.pull.Base, l.pull.MergeCommit, l.pull.Update = head, base, l.git("rev-parse", "HEAD"), l.github.Now()
	l.git("push", "-q", "-f", l.origin, "topic", "HEAD:refs/pull/7/merge")
	l.git("checkout", "-q", "topic")
}

// merge lands the pull request on main by a squash.
func (l *lab) merge() {
	l.t.Helper()
	l.git("checkout", "-q", "main")
	l.git("merge", "-q", "--squash", "topic")
	l.git("commit", "-q", "-m", "a change (#7)")
	now := l.github.Now()
	l.pull.State, l.pull.MergedAt, l.pull.MergeCommit = "closed", &now, l.git("rev-parse", "HEAD")
	l.git("push", "-q", l.origin, "main")
}

func (l *lab) pullEvent() map[string]any {
	return map[string]any{
		"action": "synchronize", "number": 7, "repository": map[string]any{"full_name": "acme/model", "default_branch": "main"},
		"pull_request": map[string]any{
			"state": "open", "user": map[string]any{"login": l.pull.Author}, "base": map[string]any{"ref": "main", "sha": l.pull.Base},
			"head": map[string]any{"sha": l.pull.Head, "repo": map[string]any{"full_name": l.pull.HeadRepo}},
		},
	}
}

// onPull runs the action for the pull request on a fresh run, as the code host checks it out: the merge, detached.
func (l *lab) onPull() job {
	l.t.Helper()
	l.git("checkout", "-q", "--detach", l.pull.MergeCommit)
	l.run++
	j := l.act("pull_request", "refs/pull/7/merge", l.pullEvent())
	l.git("checkout", "-q", "topic")
	conclusion := "success"
	if j.code != 0 {
		conclusion = "failure"
	}
	l.github.Runs = append(l.github.Runs, &forgetest.Run{
		ID: l.run, Attempt: 1, Event: "pull_request", Path: ".github/workflows/gate.yml", Head: l.pull.Head, Conclusion: conclusion, HeadRepo: l.pull.HeadRepo,
	})
	return j
}

// onPush runs the action for the tip of main.
func (l *lab) onPush() job {
	l.t.Helper()
	l.git("checkout", "-q", "main")
	l.run++
	return l.act("push", "refs/heads/main", map[string]any{"repository": map[string]any{"full_name": "acme/model", "default_branch": "main"}})
}

// command is the program as the runner starts it.
func (l *lab) command(event, ref string, payload map[string]any) (*exec.Cmd, string) {
	l.t.Helper()
	l.temp = l.t.TempDir()
	content, err := json.Marshal(payload)
	if err != nil {
		l.t.Fatal(err)
	}
	file := filepath.Join(l.temp, "event.json")
	if err := os.WriteFile(file, content, 0o600); err != nil {
		l.t.Fatal(err)
	}
	cmd := exec.CommandContext(l.t.Context(), "weighlock", "action")
	cmd.Dir = l.dir
	for _, entry := range os.Environ() {
		if !strings.HasPrefix(entry, "GITHUB_") && !strings.HasPrefix(entry, "INPUT_") {
			cmd.Env = append(cmd.Env, entry)
		}
	}
	cmd.Env = append(cmd.Env,
		"GITHUB_ACTIONS=true", "GITHUB_EVENT_NAME="+event, "GITHUB_EVENT_PATH="+file, "GITHUB_REF="+ref, "GITHUB_SHA="+l.git("rev-parse", "HEAD"),
		"GITHUB_REPOSITORY=acme/model", fmt.Sprint("GITHUB_RUN_ID=", l.run), "GITHUB_RUN_ATTEMPT=1", "GITHUB_SERVER_URL="+l.github.URL,
		"GITHUB_API_URL="+l.github.URL+"/api/v3", "GITHUB_GRAPHQL_URL="+l.github.URL+"/api/graphql", "GITHUB_WORKSPACE="+l.dir,
		"GITHUB_OUTPUT="+filepath.Join(l.temp, "output"), "GITHUB_STEP_SUMMARY="+filepath.Join(l.temp, "summary"), "RUNNER_TEMP="+l.temp,
		"GITHUB_WORKFLOW_REF=acme/model/.github/workflows/gate.yml@refs/pull/7/merge", "INPUT_TOKEN="+l.token)
	for name, value := range l.inputs {
		cmd.Env = append(cmd.Env, "INPUT_"+strings.ToUpper(name)+"="+value)
	}
	return cmd, l.temp
}

func (l *lab) act(event, ref string, payload map[string]any) job {
	l.t.Helper()
	cmd, temp := l.command(event, ref, payload)
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	err := cmd.Run()
	j := job{log: log.String(), outputs: map[string]string{}}
	if failed, ok := errors.AsType[*exec.ExitError](err); ok {
		j.code = failed.ExitCode()
	} else if err != nil {
		l.t.Fatal(err)
	}
	summary, _ := os.ReadFile(filepath.Join(temp, "summary"))
	output, _ := os.ReadFile(filepath.Join(temp, "output"))
	j.summary = string(summary)
	for _, m := range regexp.MustCompile(`(?m)^(\w+)<<.*\n(.*)\n.*$`).FindAllStringSubmatch(string(output), -1) {
		j.outputs[m[1]] = m[2]
	}
	if l.token != "" && strings.Contains(j.log+j.summary+string(output), l.token) {
		l.t.Errorf("the token is in the log, the summary or the outputs")
	}
	return j
}

func (j job) want(t *testing.T, code int, decision string) {
	t.Helper()
	if j.code != code || j.outputs["decision"] != decision {
		t.Fatalf("exit code %d, decision %q; want %d, %q\n%s", j.code, j.outputs["decision"], code, decision, j.log)
	}
}

// comment is the only comment of ours, or "".
func (l *lab) comment() string {
	l.t.Helper()
	var found []string
	for _, c := range l.github.Snapshot(7) {
		if c.Author == forgetest.Bot {
			found = append(found, c.Body)
		}
	}
	if len(found) > 1 {
		l.t.Fatalf("%d comments of ours", len(found))
	}
	return strings.Join(found, "")
}

func contains(t *testing.T, text string, wanted ...string) {
	t.Helper()
	for _, want := range wanted {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in\n%s", want, text)
		}
	}
}

// worse takes the features away that the model needs most.
func (l *lab) worse() { l.edit("weighlock.yaml", "[ltg, glu]", "[ltg, glu, bmi]") }

// better gives the model a feature back.
func (l *lab) better() { l.edit("weighlock.yaml", "[ltg, glu, bmi]", "[glu]") }

func TestActionBlockedFixedMergedPushed(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.onPush().want(t, 0, "passed")
	l.inputs["check"] = "check"

	l.propose(l.worse)
	blocked := l.onPull()
	blocked.want(t, 1, "blocked")
	contains(t, l.comment(), "## ❌ Weighlock: diabetes blocked: ", "**regressed**", "How to proceed", "/weighlock accept diabetes/", l.pull.Head[:12])
	contains(t, blocked.summary, "## ❌ Weighlock: diabetes blocked: ")
	contains(t, blocked.log, "::error file=weighlock.yaml,line=1,title=diabetes blocked::")
	if k := l.github.Checks[0]; k.Head != l.pull.Head || k.Conclusion != "failure" {
		t.Errorf("got check %+v", k)
	}

	l.propose(l.better)
	fixed := l.onPull()
	fixed.want(t, 0, "passed")
	contains(t, l.comment(), "## ✅ Weighlock: diabetes passed", "Earlier runs: 1", "blocked")
	if k := l.github.Checks[1]; k.Head != l.pull.Head || k.Conclusion != "success" {
		t.Errorf("got check %+v", k)
	}

	l.merge()
	pushed := l.onPush()
	pushed.want(t, 0, "passed")
	if !strings.HasPrefix(pushed.outputs["images"], l.registry+"/acme/diabetes@sha256:") {
		t.Errorf("got images %q", pushed.outputs["images"])
	}
	contains(t, pushed.log, "/acme/diabetes:approved names "+strings.SplitN(pushed.outputs["images"], "@", 2)[1])
	contains(t, l.comment(), "diabetes passed")
}

func TestActionWithoutATokenJudgesAndIsSilent(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.token = ""
	l.propose(l.worse)
	j := l.onPull()
	j.want(t, 1, "blocked")
	contains(t, j.summary, "diabetes blocked")
	if got := l.comment(); got != "" {
		t.Errorf("it spoke: %s", got)
	}
}

func TestActionThatMayNotWriteStillDecides(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.github.ReadOnly["test-token"] = true
	l.inputs["check"] = "status"
	l.propose(l.better2)
	j := l.onPull()
	j.want(t, 0, "passed")
	contains(t, j.log, "the token does not allow this", "the comment could not be written")
	l.propose(func() { l.edit("weighlock.yaml", "task: regression", "publish_error: fail\ntask: regression") })
	l.onPull().want(t, 5, "unavailable")
}

// better2 improves from the base.
func (l *lab) better2() { l.edit("weighlock.yaml", "[ltg, glu]", "[glu]") }

// remark is the event of a new comment on the pull request.
func (l *lab) remark(author, body string) (*forgetest.Comment, map[string]any) {
	c := l.github.AddComment(7, author, body)
	return c, map[string]any{
		"action": "created", "issue": map[string]any{"number": 7, "pull_request": map[string]any{"url": "x"}},
		"comment":    map[string]any{"id": c.ID, "body": body, "user": map[string]any{"login": author}},
		"repository": map[string]any{"full_name": "acme/model", "default_branch": "main"},
	}
}

func (l *lab) reaction(c *forgetest.Comment) string {
	for _, r := range l.github.Reactions {
		if r.Comment == c.ID {
			return r.Content
		}
	}
	return ""
}

func TestWaiverIsTakenShownAndInherited(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.onPush().want(t, 0, "passed")
	l.propose(l.worse)
	l.onPull().want(t, 1, "blocked")
	commands := regexp.MustCompile("`(/weighlock accept [^`]*) REASON`").FindAllStringSubmatch(l.comment(), -1)
	if len(commands) == 0 {
		t.Fatalf("no command to copy in\n%s", l.comment())
	}
	// Neither the author nor somebody with too little say.
	for _, who := range []string{"ann", "tim", "guest"} {
		c, event := l.remark(who, commands[0][1]+" because")
		l.act("issue_comment", "refs/heads/main", event).want(t, 0, "passed")
		if got := l.reaction(c); got != "-1" {
			t.Errorf("%s: got reaction %q", who, got)
		}
	}
	if len(l.github.Reruns) != 0 {
		t.Fatal("a refused waiver started a job")
	}
	for _, m := range commands {
		c, event := l.remark("mia", m[1]+" the sensor was replaced")
		j := l.act("issue_comment", "refs/heads/main", event)
		j.want(t, 0, "passed")
		if got := l.reaction(c); got != "+1" {
			t.Errorf("got reaction %q\n%s", got, j.log)
		}
	}
	if len(l.github.Reruns) != len(commands) {
		t.Errorf("%d jobs ran again, want %d", len(l.github.Reruns), len(commands))
	}
	waived := l.onPull()
	waived.want(t, 0, "passed")
	contains(t, l.comment(), "passed with a waiver", "the sensor was replaced", "mia")

	l.merge()
	pushed := l.onPush()
	pushed.want(t, 0, "passed")
	contains(t, pushed.log, "waived")
	if pushed.outputs["images"] == "" {
		t.Error("the waived model has no image")
	}
}

func TestWaiverIsBoundToWhatWasShown(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.propose(l.worse)
	l.onPull().want(t, 1, "blocked")
	l.github.Now = func() time.Time { return time.Now().Add(time.Minute) }
	for _, m := range regexp.MustCompile("`(/weighlock accept .*?) [-0-9.e+]+ at [0-9a-f]+ REASON`").FindAllStringSubmatch(l.comment(), -1) {
		l.remark("mia", m[1]+" the short form, after the comment")
	}
	waived := l.onPull()
	waived.want(t, 0, "passed")
	contains(t, l.comment(), "passed with a waiver", "the short form, after the comment")
	// The next commit is another one: what was said is about the last.
	l.github.Now = func() time.Time { return time.Now().Add(2 * time.Minute) }
	l.propose(func() { l.edit("weighlock.yaml", "[ltg, glu, bmi]", "[ltg, glu, bmi, bp]") })
	again := l.onPull()
	again.want(t, 1, "blocked")
	contains(t, again.log, "was given for another commit")
}

func TestLawChangesOnlyWithAnOwner(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.propose(func() { l.edit("weighlock.yaml", "days: 7", "days: 30") })
	l.onPull().want(t, 1, "blocked")
	contains(t, l.comment(), "alters the law that judges it", "policy.waivers.days: 7 became 30", "needs an approving review of this commit by mia")
	approve := func(who, commit string) {
		l.github.Reviews = append(l.github.Reviews, &forgetest.Review{Pull: 7, Author: who, State: "APPROVED", Commit: commit, Submitted: l.github.Now()})
	}
	approve("tim", l.pull.Head)
	approve("mia", l.pull.Base)
	l.onPull().want(t, 1, "blocked")
	approve("mia", l.pull.Head)
	l.onPull().want(t, 0, "passed")
	contains(t, l.comment(), "alters the law, which mia approved")
	l.merge()
	l.onPush().want(t, 0, "passed")
}

// TestApprovalOfANewerCommitIsNone: a run that starts late, or again, finds the pull request at another commit.
func TestApprovalOfANewerCommitIsNone(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.propose(func() { l.edit("weighlock.yaml", "days: 7", "days: 30") })
	late, event := l.pull.MergeCommit, l.pullEvent()
	l.propose(func() { l.edit("weighlock.yaml", "days: 30", "days: 7") })
	l.github.Reviews = append(l.github.Reviews, &forgetest.Review{Pull: 7, Author: "mia", State: "APPROVED", Commit: l.pull.Head, Submitted: l.github.Now()})
	l.git("checkout", "-q", "--detach", late)
	l.act("pull_request", "refs/pull/7/merge", event).want(t, 1, "blocked")
}

func TestMergeQueueKnowsItsPullRequest(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.propose(l.worse)
	l.git("checkout", "-q", "--detach", l.pull.MergeCommit)
	j := l.act("merge_group", "refs/heads/gh-readonly-queue/main/pr-7-"+l.pull.Base, map[string]any{
		"action":      "checks_requested",
		"merge_group": map[string]any{"base_sha": l.pull.Base, "head_sha": l.pull.MergeCommit, "head_ref": "refs/heads/gh-readonly-queue/main/pr-7-" + l.pull.Base},
		"repository":  map[string]any{"full_name": "acme/model", "default_branch": "main"},
	})
	j.want(t, 1, "blocked")
	contains(t, j.summary, "diabetes blocked")
}

func TestQueuedPull(t *testing.T) {
	for ref, want := range map[string]int{
		"refs/heads/gh-readonly-queue/main/pr-7-abc": 7, "gh-readonly-queue/release/1/pr-123-abc": 123, "": 0, "refs/heads/main": 0, "x/pr-x-1": 0,
	} {
		if got := queuedPull(ref); got != want {
			t.Errorf("%q: got %d, want %d", ref, got, want)
		}
	}
}

// upload makes the artifact of the weighing job out of what it handed over.
func (l *lab) upload() {
	l.t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	root := filepath.Join(l.temp, "weighlock")
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		f, err := w.Create(filepath.ToSlash(relative))
		if err != nil {
			return err
		}
		_, err = f.Write(content)
		return err
	})
	if err := errors.Join(err, w.Close()); err != nil {
		l.t.Fatal(err)
	}
	l.github.Artifacts = append(l.github.Artifacts, &forgetest.Artifact{ID: 100 + l.run, Run: l.run, Name: "weighlock", Zip: out.Bytes()})
}

// inTwo runs the pair of jobs: one without a token that trains, one that judges and speaks.
func (l *lab) inTwo() (weighed, spoken job) {
	l.t.Helper()
	token := l.token
	l.token, l.inputs = "", map[string]string{"stage": "weigh"}
	weighed = l.onPull()
	l.upload()
	l.token, l.inputs = token, map[string]string{"check": "status"}
	l.git("checkout", "-q", "main")
	run := l.github.Runs[len(l.github.Runs)-1]
	spoken = l.act("workflow_run", "refs/heads/main", map[string]any{
		"action": "completed", "repository": map[string]any{"full_name": "acme/model", "default_branch": "main"},
		"workflow_run": map[string]any{"id": run.ID, "run_attempt": 1, "event": "pull_request", "path": run.Path, "head_sha": run.Head, "conclusion": run.Conclusion},
	})
	return weighed, spoken
}

func (l *lab) status() string {
	s := l.github.Statuses[len(l.github.Statuses)-1]
	if s.Commit != l.pull.Head {
		l.t.Errorf("the status stands on %s, not on the head %s", s.Commit, l.pull.Head)
	}
	return s.State + ": " + s.Description
}

func TestForksAreJudgedByASecondJob(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.onPush().want(t, 0, "passed")
	l.propose(l.worse)
	l.pull.HeadRepo = "stranger/model"
	weighed, spoken := l.inTwo()
	weighed.want(t, 1, "blocked")
	spoken.want(t, 1, "blocked")
	contains(t, l.status(), "failure: diabetes blocked: ")
	contains(t, l.comment(), "## ❌ Weighlock: diabetes blocked", "scored again on today's evaluation rows")

	l.propose(l.better)
	weighed, spoken = l.inTwo()
	weighed.want(t, 0, "passed")
	spoken.want(t, 0, "passed")
	contains(t, l.status(), "success: diabetes passed")
	contains(t, l.comment(), "## ✅ Weighlock: diabetes passed", "Earlier runs: 1")
}

func TestSecondJobBelievesNothing(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.onPush().want(t, 0, "passed")
	zipped := func(files map[string]string) []byte {
		var out bytes.Buffer
		w := zip.NewWriter(&out)
		for name, content := range files {
			f, err := w.Create(name)
			if err == nil {
				_, err = f.Write([]byte(content))
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return out.Bytes()
	}
	l.propose(l.worse)
	l.pull.HeadRepo = "stranger/model"
	weighed, _ := l.inTwo()
	weighed.want(t, 1, "blocked")
	honest := l.github.Artifacts[len(l.github.Artifacts)-1].Zip
	again := func(content []byte) job {
		l.github.Artifacts[len(l.github.Artifacts)-1].Zip = content
		run := l.github.Runs[len(l.github.Runs)-1]
		return l.act("workflow_run", "refs/heads/main", map[string]any{
			"repository":   map[string]any{"full_name": "acme/model", "default_branch": "main"},
			"workflow_run": map[string]any{"id": run.ID, "run_attempt": 1, "event": "pull_request", "path": run.Path, "head_sha": run.Head},
		})
	}
	r, err := zip.NewReader(bytes.NewReader(honest), int64(len(honest)))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, f := range r.File {
		in, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if _, err := b.ReadFrom(in); err != nil {
			t.Fatal(err)
		}
		files[f.Name] = b.String()
	}
	report := files["diabetes/report.json"]
	tests := []struct {
		name  string
		files map[string]string
		code  int
	}{
		{"a report that says passed", map[string]string{
			"diabetes/report.json":         strings.ReplaceAll(strings.ReplaceAll(report, `"decision": "blocked"`, `"decision": "passed"`), `"exit_code": 1`, `"exit_code": 0`),
			"diabetes/predictions.parquet": files["diabetes/predictions.parquet"],
		}, 1},
		{"no predictions", map[string]string{"diabetes/report.json": report}, 4},
		{"predictions that are none", map[string]string{"diabetes/predictions.parquet": "PAR1 rubbish"}, 4},
		{"an entry that does not belong", map[string]string{"diabetes/predictions.parquet": files["diabetes/predictions.parquet"], "../x": "y"}, 4},
		{"nothing", map[string]string{}, 4},
	}
	for _, tt := range tests {
		if j := again(zipped(tt.files)); j.code != tt.code {
			t.Errorf("%s: exit code %d, want %d\n%s", tt.name, j.code, tt.code, j.log)
		}
		if !strings.HasPrefix(l.status(), "failure") {
			t.Errorf("%s: status %s", tt.name, l.status())
		}
	}
	// A commit that heads no open pull request, and one that heads two.
	l.pull.Head = strings.Repeat("d", 40)
	again(honest).want(t, 5, "unavailable")
}

func TestActionTrainsInNoOtherEvent(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.propose(l.worse)
	for _, event := range []string{"pull_request_target", "release", "issues", "pull_request_review", "repository_dispatch", "check_run"} {
		j := l.act(event, "refs/heads/main", l.pullEvent())
		if j.code != 2 || !strings.Contains(j.log, "run in event "+event) {
			t.Errorf("%s: exit code %d\n%s", event, j.code, j.log)
		}
		if _, err := os.Stat(filepath.Join(l.dir, ".weighlock")); err == nil {
			t.Fatalf("%s: something was trained", event)
		}
	}
}

func TestSeveralModelsAreSkippedWhereNothingChanged(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.git("checkout", "-q", "main")
	for _, model := range []string{"one", "two"} {
		if err := exampleFiles("../../examples/healthcare", filepath.Join(l.dir, "models", model)); err != nil {
			t.Fatal(err)
		}
		l.edit("models/"+model+"/weighlock.yaml", "model: diabetes", "model: "+model)
	}
	l.write("requirements.txt", "w\n")
	l.git("add", "-A")
	l.git("commit", "-q", "-m", "two more models")
	l.git("push", "-q", l.origin, "main")
	l.inputs["config"] = "models/one/weighlock.yaml models/two/weighlock.yaml"
	l.inputs["paths"] = "requirements.txt"
	l.propose(func() { l.edit("models/one/weighlock.yaml", "[ltg, glu]", "[ltg, glu, bmi]") })
	l.onPull().want(t, 1, "blocked")
	contains(t, l.comment(), "1 of 1 model blocked", "| models/two/weighlock.yaml | skipped |")
	l.propose(func() { l.write("requirements.txt", "x\n") })
	l.onPull().want(t, 1, "blocked")
	contains(t, l.comment(), "1 of 2 models blocked")
	l.propose(func() {
		l.edit("models/one/weighlock.yaml", "[ltg, glu, bmi]", "[ltg, glu]")
		l.write("requirements.txt", "w\n")
	})
	l.onPull().want(t, 0, "passed")
	contains(t, l.comment(), "nothing to weigh, 2 models skipped")
	l.inputs["paths"] = "src/**" // a pattern is the name of nothing, and may not hide a change
	l.onPull().want(t, 0, "passed")
	if strings.Contains(l.comment(), "| skipped |") {
		t.Errorf("models are skipped although a path names nothing:\n%s", l.comment())
	}
}

func TestShallowCheckoutFetchesItsBase(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.onPush().want(t, 0, "passed")
	l.propose(l.worse)
	full := l.dir
	shallow := t.TempDir()
	if out, err := exec.CommandContext(t.Context(), "git", "-c", "protocol.file.allow=always", "clone", "-q", "--depth=1", "--no-single-branch", "file://"+l.origin, shallow).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	l.dir = shallow
	l.git("fetch", "-q", "--depth=1", "origin", "refs/pull/7/merge")
	l.git("remote", "set-url", "origin", l.github.URL+"/acme/model")
	l.git("checkout", "-q", "--detach", "FETCH_HEAD")
	l.run++
	l.act("pull_request", "refs/pull/7/merge", l.pullEvent()).want(t, 1, "blocked")
	contains(t, l.comment(), "image scored again")
	l.dir = full
}
