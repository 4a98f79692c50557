package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weighlock/weighlock/internal/forge/forgetest"
)

func TestFirstPolicyIsJudgedByItsFloors(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.git("rm", "-q", "weighlock.yaml")
	l.git("commit", "-q", "-m", "no policy yet")
	l.git("push", "-q", l.origin, "main")
	l.propose(func() { l.git("checkout", "main~1", "--", "weighlock.yaml") })
	l.onPull().want(t, 0, "passed")
	contains(t, l.comment(), "passed (first run)", "there is no baseline yet")
	l.propose(func() { l.edit("weighlock.yaml", "min: 0.26", "min: 0.95") })
	l.onPull().want(t, 1, "blocked")
	// A stranger's first policy is none: the second job has no law to judge by.
	l.pull.HeadRepo = "stranger/model"
	l.propose(func() { l.edit("weighlock.yaml", "min: 0.95", "min: 0.26") })
	_, spoken := l.inTwo()
	spoken.want(t, 2, "misconfigured")
	contains(t, spoken.log, "a change from a fork cannot bring the first policy")
	contains(t, l.status(), "failure: ")
}

// A model that takes another's place is a first run, and its rules are not the old ones: the owner of those has a say.
func TestOwnersApproveWhatTakesTheirPolicyAway(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.onPush().want(t, 0, "passed")
	l.propose(func() {
		l.git("mv", "weighlock.yaml", "fresh.yaml")
		l.edit("fresh.yaml", "model: diabetes", "model: fresh")
		l.edit("fresh.yaml", "owners: [mia]", "owners: [ann]")
	})
	l.inputs["config"] = "fresh.yaml"
	l.onPull().want(t, 1, "blocked")
	contains(t, l.comment(), "This change takes away a law that holds in the repository", "the law of model diabetes, is gone", "an approving review of this commit by mia")
	approve := func(by string) {
		l.github.Reviews = append(l.github.Reviews, &forgetest.Review{Pull: 7, Author: by, State: "APPROVED", Commit: l.pull.Head, Submitted: l.github.Now()})
	}
	approve("ann") // an owner by the change's own word alone
	l.onPull().want(t, 1, "blocked")
	approve("mia")
	l.onPull().want(t, 0, "passed")
	// A further model takes nothing away: neither its own workflow nor the old one's configuration is touched.
	l.pull, l.github.Pulls, l.github.Comments, l.github.Reviews = nil, nil, nil, nil
	l.git("checkout", "-q", "main")
	l.propose(func() {
		if err := exampleFiles("../../examples/healthcare", filepath.Join(l.dir, "second")); err != nil {
			t.Fatal(err)
		}
		l.edit("second/weighlock.yaml", "model: diabetes", "model: second")
	})
	l.inputs["config"] = "second/weighlock.yaml"
	l.onPull().want(t, 0, "passed")
	contains(t, l.comment(), "passed (first run)")
}

func TestForksCannotBringTheirOwnWorkflow(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.onPush().want(t, 0, "passed")
	l.propose(func() {
		l.better2()
		l.write(".github/workflows/gate.yml", gateWorkflow+"# it uploads what it likes\n")
	})
	l.pull.HeadRepo = "stranger/model"
	_, spoken := l.inTwo()
	spoken.want(t, 1, "blocked")
	contains(t, l.comment(), ".github/workflows/gate.yml: differs from the base revision's")
	l.github.Reviews = append(l.github.Reviews, &forgetest.Review{Pull: 7, Author: "mia", State: "APPROVED", Commit: l.pull.Head, Submitted: l.github.Now()})
	_, spoken = l.inTwo()
	spoken.want(t, 0, "passed")
}

func TestSecondJobOfTheSameRun(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.onPush().want(t, 0, "passed")
	l.propose(l.worse)
	token := l.token
	l.token, l.inputs = "", map[string]string{"stage": "weigh"}
	l.onPull().want(t, 1, "blocked")
	l.upload()
	l.token, l.inputs = token, map[string]string{"stage": "speak"}
	l.act("pull_request", "refs/pull/7/merge", l.pullEvent()).want(t, 1, "blocked")
	contains(t, l.comment(), "diabetes blocked")
}

func TestCommentIsAsLoudAsThePolicySays(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.propose(func() { l.edit("weighlock.yaml", "task: regression", "comment: never\ntask: regression"); l.worse() })
	l.onPull().want(t, 1, "blocked")
	if got := l.comment(); got != "" {
		t.Errorf("never: %s", got)
	}
	l.propose(func() {
		l.edit("weighlock.yaml", "comment: never", "comment: on_block")
		l.edit("weighlock.yaml", "[ltg, glu, bmi]", "[ltg, glu]")
	})
	l.onPull().want(t, 0, "passed")
	if got := l.comment(); got != "" {
		t.Errorf("on_block, and it passed: %s", got)
	}
	l.propose(l.worse)
	l.onPull().want(t, 1, "blocked")
	contains(t, l.comment(), "diabetes blocked")
	l.propose(func() { l.edit("weighlock.yaml", "[ltg, glu, bmi]", "[ltg, glu]") })
	l.onPull().want(t, 0, "passed")
	contains(t, l.comment(), "diabetes passed")
}

func TestCommandsAreNotTrainedBesideCredentials(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.propose(func() {
		l.edit("weighlock.yaml", "  estimator: ridge\n  params: {alpha: 1}\n", "  command: [python3, train.py]\n")
	})
	l.git("config", "http.https://github.example/.extraheader", "AUTHORIZATION: basic c2VjcmV0")
	j := l.onPull()
	j.want(t, 2, "misconfigured")
	contains(t, j.log, "left credentials where the command could read them (config)", "persist-credentials: false")
	if strings.Contains(j.log+l.comment(), "c2VjcmV0") {
		t.Error("the credential is shown")
	}
	if _, err := os.Stat(filepath.Join(l.dir, ".weighlock")); err == nil {
		t.Error("something was trained")
	}
}

func TestWrittenFilesBelongToTheOwnerOfTheCheckout(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root can give files away: this test needs root, as the container action has")
	}
	l := newLab(t)
	l.propose(l.worse)
	if err := os.Chown(l.dir, 1234, 1234); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chown(l.dir, 0, 0) })
	l.onPull().want(t, 1, "blocked")
	for _, name := range []string{".weighlock", ".weighlock/diabetes/report.json"} {
		if owner, group, ok := ownerOf(filepath.Join(l.dir, name)); !ok || owner != 1234 || group != 1234 {
			t.Errorf("%s belongs to %d:%d", name, owner, group)
		}
	}
}

func TestLFSPointerIsNamed(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.propose(func() {
		l.write("data/diabetes.csv", "version https://git-lfs.github.com/spec/v1\noid sha256:"+strings.Repeat("a", 64)+"\nsize 20729\n")
	})
	j := l.onPull()
	j.want(t, 2, "misconfigured")
	contains(t, j.log, "is a Git LFS pointer, not the data", "lfs: true")
	contains(t, l.comment(), "is a Git LFS pointer")
}

// TestDataInASubmoduleIsNamed: what a submodule holds belongs to another repository, whose revisions nobody reviews here.
func TestDataInASubmoduleIsNamed(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	other := t.TempDir()
	content, err := os.ReadFile(filepath.Join(l.dir, "data", "diabetes.csv"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(other, "diabetes.csv"), content, 0o600); err != nil {
		t.Fatal(err)
	}
	l.git("-C", other, "init", "-q", "-b", "main")
	l.git("-C", other, "add", "-A")
	l.git("-C", other, "commit", "-q", "-m", "data")
	l.propose(func() {
		l.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", other, "shared")
		l.edit("weighlock.yaml", "path: data/diabetes.csv", "path: shared/diabetes.csv")
	})
	for _, checkedOut := range []bool{false, true} {
		if checkedOut {
			l.git("checkout", "-q", "--detach", l.pull.MergeCommit)
			l.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "update", "--init")
		} else {
			l.git("submodule", "--quiet", "deinit", "-f", "--all")
		}
		j := l.onPull()
		j.want(t, 2, "misconfigured")
		contains(t, j.log, "shared/diabetes.csv: shared is a submodule, whose files weighlock does not read", "commit the table to this repository")
		contains(t, l.comment(), "shared is a submodule")
	}
	// One that holds something else is in nobody's way.
	l.propose(func() { l.edit("weighlock.yaml", "path: shared/diabetes.csv", "path: data/diabetes.csv") })
	l.onPull().want(t, 0, "passed")
}

func TestInputsAreCheckedBeforeAnythingHappens(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.propose(l.worse)
	for _, bad := range []map[string]string{
		{"check": "badge"}, {"stage": "train"}, {"config": "../weighlock.yaml"}, {"config": "/etc/passwd"}, {"paths": "a/../../b"}, {"key": strings.Repeat("k", 121)},
	} {
		l.inputs = bad
		if j := l.act("pull_request", "refs/pull/7/merge", l.pullEvent()); j.code != 2 || !strings.Contains(j.log, "read inputs") {
			t.Errorf("%v: exit code %d\n%s", bad, j.code, j.log)
		}
	}
}
