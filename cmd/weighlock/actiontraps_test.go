package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weighlock/weighlock/internal/forge/forgetest"
)

// TestSecondJobIsNoGateOfAQueue: nobody has judged a merge group in the job that only speaks, and it may be the one that
// is required.
func TestSecondJobIsNoGateOfAQueue(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.propose(l.worse)
	l.onPull().want(t, 1, "blocked")
	l.github.Runs[len(l.github.Runs)-1].Event = "merge_group"
	l.inputs["stage"] = "speak"
	ref := "refs/heads/gh-readonly-queue/main/pr-7-" + l.pull.Base
	j := l.act("merge_group", ref, map[string]any{
		"action": "checks_requested", "repository": map[string]any{"full_name": "acme/model", "default_branch": "main"},
		"merge_group": map[string]any{"base_sha": l.pull.Base, "head_sha": l.pull.MergeCommit, "head_ref": ref},
	})
	if j.code != 2 || j.outputs["decision"] == "passed" {
		t.Errorf("exit code %d, decision %q", j.code, j.outputs["decision"])
	}
	contains(t, j.log, "started by merge_group, and only a pull request's can be spoken for", "require the job that weighs too")
}

// TestAGreenStatusEndsWhereAnotherRunBegins: the same commit may head a pull request against a branch with a laxer policy.
func TestAGreenStatusEndsWhereAnotherRunBegins(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.propose(func() { l.edit("weighlock.yaml", "[ltg, glu]", "[glu]") })
	_, spoken := l.inTwo()
	spoken.want(t, 0, "passed")
	contains(t, l.status(), "success: ")
	run := l.github.Runs[len(l.github.Runs)-1]
	run.ID, run.Conclusion = run.ID+1, ""
	for _, check := range []string{"status", "check"} {
		l.inputs["check"] = check
		j := l.act("workflow_run", "refs/heads/main", map[string]any{
			"action": "requested", "repository": map[string]any{"full_name": "acme/model", "default_branch": "main"},
			"workflow_run": map[string]any{"id": run.ID, "run_attempt": 1, "event": "pull_request", "path": run.Path, "head_sha": run.Head},
		})
		if j.code != 0 {
			t.Errorf("exit code %d\n%s", j.code, j.log)
		}
		contains(t, l.status(), "pending: ")
	}
	if n := len(l.github.Checks); n != 0 {
		t.Errorf("%d check runs that nobody ends", n)
	}
}

// TestACancelledRunIsRedWithoutAComment: a new title cancels a run and begins another one of the same commit.
func TestACancelledRunIsRedWithoutAComment(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.propose(func() { l.edit("weighlock.yaml", "[ltg, glu]", "[glu]") })
	l.github.Runs = append(l.github.Runs, &forgetest.Run{
		ID: 9, Attempt: 1, Event: "pull_request", Path: ".github/workflows/gate.yml", Head: l.pull.Head, Conclusion: "cancelled", HeadRepo: l.pull.HeadRepo,
	})
	l.inputs["check"] = "status"
	j := l.act("workflow_run", "refs/heads/main", map[string]any{
		"action": "completed", "repository": map[string]any{"full_name": "acme/model", "default_branch": "main"},
		"workflow_run": map[string]any{"id": 9, "run_attempt": 1, "event": "pull_request", "head_sha": l.pull.Head, "conclusion": "cancelled"},
	})
	j.want(t, 130, "cancelled")
	contains(t, l.status(), "failure: cancelled")
	if l.comment() != "" {
		t.Errorf("it says\n%s", l.comment())
	}
}

// TestCommitsOfOnePushAreOneChange: the first of two commits that arrive at once writes no law for the second, and what it
// changes is not overlooked.
func TestCommitsOfOnePushAreOneChange(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	if err := exampleFiles("../../examples/healthcare", filepath.Join(l.dir, "models", "one")); err != nil {
		t.Fatal(err)
	}
	l.edit("models/one/weighlock.yaml", "model: diabetes", "model: one")
	l.edit("models/one/weighlock.yaml", "policy:\n", "image: {name: "+l.registry+"/acme/one}\npolicy:\n")
	commit := func(files ...func()) string {
		t.Helper()
		for _, change := range files {
			change()
		}
		l.git("add", "-A")
		l.git("commit", "-q", "--allow-empty", "-m", "a change")
		l.git("push", "-q", l.origin, "main")
		return l.git("rev-parse", "HEAD")
	}
	l.before = commit()
	l.inputs["config"] = "weighlock.yaml models/one/weighlock.yaml"
	commit(func() { l.edit("models/one/weighlock.yaml", "[ltg, glu]", "[glu]") })
	commit()
	j := l.onPush()
	j.want(t, 0, "passed")
	contains(t, j.outputs["images"], "acme/one@sha256:")

	l.inputs["config"], l.before = "weighlock.yaml", l.git("rev-parse", "HEAD")
	commit(func() { l.edit("weighlock.yaml", "margin: 4%}", "margin: 40%}") })
	commit()
	j = l.onPush()
	j.want(t, 1, "blocked")
	contains(t, j.summary, "became margin 40%")
}

// TestPullRequestsOfOnePushAreJudgedOneByOne: a queue merges two at once, and an owner has approved the law of the first.
func TestPullRequestsOfOnePushAreJudgedOneByOne(t *testing.T) {
	t.Parallel()
	for _, branch := range []string{"main", "dev"} {
		l := newLab(t)
		l.before = l.git("rev-parse", "main")
		l.propose(func() { l.edit("weighlock.yaml", "margin: 4%}", "margin: 40%}") })
		l.merge()
		l.pull.BaseRef = branch
		l.git("commit", "-q", "--allow-empty", "-m", "another (#8)")
		l.git("push", "-q", l.origin, "main")
		second := *l.pull
		second.Number, second.BaseRef, second.MergeCommit = 8, "main", l.git("rev-parse", "HEAD")
		l.github.Pulls = append(l.github.Pulls, &second)
		if j := l.onPush(); branch == "main" {
			j.want(t, 0, "passed")
		} else { // what went into another branch was judged by that one's law
			j.want(t, 1, "blocked")
			contains(t, j.summary, "became margin 40%")
		}
	}
}

// TestWaiverOfAnEarlierPullRequestOfOnePush: the run of a push takes the words about its newest pull request. Where one
// before that was waived, a new word on the newest settles it.
func TestWaiverOfAnEarlierPullRequestOfOnePush(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.onPush().want(t, 0, "passed")
	l.before = l.git("rev-parse", "main")
	l.propose(l.worse)
	l.onPull().want(t, 1, "blocked")
	offered := regexp.MustCompile("`(/weighlock accept .*? at )[0-9a-f]+ REASON`").FindAllStringSubmatch(l.comment(), -1)
	if len(offered) == 0 {
		t.Fatalf("no command to copy in\n%s", l.comment())
	}
	for _, m := range offered {
		l.remark("mia", m[1]+l.pull.Head[:12]+" the sensor was replaced")
	}
	l.onPull().want(t, 0, "passed")
	l.merge()
	l.git("commit", "-q", "--allow-empty", "-m", "another (#8)")
	l.git("push", "-q", l.origin, "main")
	second := *l.pull
	second.Number, second.MergeCommit = 8, l.git("rev-parse", "HEAD")
	second.Head = l.git("rev-parse", "HEAD^") // any other commit
	l.github.Pulls = append(l.github.Pulls, &second)
	l.onPush().want(t, 1, "blocked")
	for _, m := range offered {
		l.github.AddComment(8, "mia", m[1]+second.Head[:12]+" as said on the one before")
	}
	pushed := l.onPush()
	pushed.want(t, 0, "passed")
	contains(t, pushed.log, "passed with a waiver")
	if pushed.outputs["images"] == "" {
		t.Error("the waived model has no image")
	}
}

// TestJobsOfAMatrixDoNotPaintOverEachOther: of two jobs of one run, each with a configuration of its own, the first is red.
func TestJobsOfAMatrixDoNotPaintOverEachOther(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	if err := exampleFiles("../../examples/healthcare", filepath.Join(l.dir, "models", "two")); err != nil {
		t.Fatal(err)
	}
	l.edit("models/two/weighlock.yaml", "model: diabetes", "model: two")
	l.git("add", "-A")
	l.git("commit", "-q", "-m", "another model")
	l.git("push", "-q", l.origin, "main")
	l.propose(l.worse)
	l.inputs["check"] = "status"
	for config, code := range map[string]int{"weighlock.yaml": 1, "models/two/weighlock.yaml": 0} {
		l.run, l.inputs["config"] = 40, config
		if j := l.onPull(); j.code != code {
			t.Errorf("%s: exit code %d, want %d\n%s", config, j.code, code, j.log)
		}
	}
	last := map[string]string{}
	for _, s := range l.github.Statuses {
		last[s.Context] = s.State
	}
	if diff := cmp.Diff(map[string]string{"weighlock": "failure", "weighlock models/two/weighlock.yaml": "success"}, last); diff != "" {
		t.Errorf("statuses (-want +got)\n%s", diff)
	}
	if n := len(l.github.Snapshot(7)); n != 2 {
		t.Errorf("%d comments, want one for each job", n)
	}
}

// TestOutputGoesThroughNoLink: a change that brings a link chooses no place where a run writes or clears.
func TestOutputGoesThroughNoLink(t *testing.T) {
	t.Parallel()
	for _, at := range []string{".weighlock", ".weighlock/diabetes"} {
		l := newLab(t)
		outside := t.TempDir()
		if err := os.Mkdir(filepath.Join(outside, "model"), 0o755); err != nil {
			t.Fatal(err)
		}
		l.propose(func() {
			link := filepath.Join(l.dir, filepath.FromSlash(at))
			if err := os.MkdirAll(filepath.Dir(link), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(outside, link); err != nil {
				t.Fatal(err)
			}
			l.git("add", "-f", at)
		})
		l.onPull().want(t, 2, "misconfigured")
		contains(t, l.comment(), "is no folder")
		found, err := os.ReadDir(outside)
		if err != nil || len(found) != 1 {
			t.Errorf("%s: written to outside: %v, %v", at, found, err)
		}
	}
}

// TestUncommittedFilesAreNamedWhereAWaiverWaits: nobody saw what such a tree holds, and the reason must not be a riddle.
func TestUncommittedFilesAreNamedWhereAWaiverWaits(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.propose(l.worse)
	l.onPull().want(t, 1, "blocked")
	for _, m := range regexp.MustCompile("`(/weighlock accept [^`]*) REASON`").FindAllStringSubmatch(l.comment(), -1) {
		l.remark("mia", m[1]+" the sensor was replaced")
	}
	l.write("venv/pip", "made by a step before")
	j := l.onPull()
	j.want(t, 1, "blocked")
	contains(t, j.log, "waivers and approvals do not count, for the working tree differs from its commit")
}

// TestHandingOverNothingIsNoPass: else the job is green, and its reason is told to nobody.
func TestHandingOverNothingIsNoPass(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.propose(func() { l.edit("weighlock.yaml", "[ltg, glu]", "[glu]") })
	l.token, l.inputs = "", map[string]string{"stage": "weigh"}
	l.git("checkout", "-q", "--detach", l.pull.MergeCommit)
	l.run++
	cmd, temp := l.command("pull_request", "refs/pull/7/merge", l.pullEvent())
	if err := os.WriteFile(filepath.Join(temp, "weighlock"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil || cmd.ProcessState.ExitCode() != 5 {
		t.Errorf("%v\n%s", err, out)
	}
	contains(t, string(out), "hand over to the next job: ")
}

// TestNoCommandTrainsInReachOfTheToken: without a sandbox it could read the memory of the process that holds the token.
func TestNoCommandTrainsInReachOfTheToken(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("python3"); err != nil {
		t.Skip("python3 is missing: apt-get install python3")
	}
	l := newLab(t)
	l.byCommand()
	l.edit("weighlock.yaml", "train:\n", "train:\n  sandbox: off\n")
	l.git("commit", "-q", "-a", "--amend", "-m", "train without a sandbox")
	l.git("push", "-q", "-f", l.origin, "main")
	l.propose(func() { l.edit("train.py", "SLOPE = 1.0", "SLOPE = 0.1") })
	j := l.onPull()
	j.want(t, 2, "misconfigured")
	contains(t, l.comment(), "train.sandbox is off, and the command could read the token of this job")
	if strings.Contains(j.log, "trained") {
		t.Errorf("the command ran:\n%s", j.log)
	}
	l.token, l.inputs = "", map[string]string{"stage": "weigh"}
	l.onPull().want(t, 1, "blocked")
}
