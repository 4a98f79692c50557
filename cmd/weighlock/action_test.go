package main

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/weighlock/weighlock/internal/forge/forgetest"
)

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

// TestWaiverWithoutTheRightToRunAgain: the waiver counts, and what is left to do by hand is said.
func TestWaiverWithoutTheRightToRunAgain(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.propose(l.worse)
	l.onPull().want(t, 1, "blocked")
	l.github.Fault = func(r *http.Request) *forgetest.Fault {
		if strings.HasSuffix(r.URL.Path, "/rerun-failed-jobs") {
			return &forgetest.Fault{Status: http.StatusForbidden, Body: `{"message":"Resource not accessible by integration","documentation_url":"https://docs.github.com/rest"}`}
		}
		return nil
	}
	offered := regexp.MustCompile("`(/weighlock accept [^`]*) REASON`").FindStringSubmatch(l.comment())
	if offered == nil {
		t.Fatalf("no command to copy in\n%s", l.comment())
	}
	c, event := l.remark("mia", offered[1]+" agreed")
	j := l.act("issue_comment", "refs/heads/main", event)
	j.want(t, 0, "passed")
	contains(t, j.log, "the failed job has to be run again by hand", "give this job actions: write")
	if got := l.reaction(c); got != "+1" {
		t.Errorf("got reaction %q", got)
	}
}

// TestExactWaiverAsksNoComment: where the policy wants it, no word counts whose value only a comment has, for a workflow of
// the change itself might have written that.
func TestExactWaiverAsksNoComment(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.git("checkout", "-q", "main")
	l.edit("weighlock.yaml", "days: 7}", "days: 7, exact: true}")
	l.git("commit", "-q", "-a", "-m", "exact waivers")
	l.git("push", "-q", l.origin, "main")
	l.propose(l.worse)
	l.onPull().want(t, 1, "blocked")
	l.github.Now = func() time.Time { return time.Now().Add(time.Minute) }
	offered := regexp.MustCompile("`((/weighlock accept .*?) [-0-9.e+]+ at [0-9a-f]+) REASON`").FindAllStringSubmatch(l.comment(), -1)
	for _, m := range offered {
		c, event := l.remark("mia", m[2]+" the short form")
		j := l.act("issue_comment", "refs/heads/main", event)
		contains(t, j.log, "wants the value and the commit named in it")
		if got := l.reaction(c); got != "-1" {
			t.Errorf("%s: got reaction %q", m[2], got)
		}
	}
	j := l.onPull()
	j.want(t, 1, "blocked")
	contains(t, j.log, "does not count: the policy wants the value and the commit named in it")
	for _, m := range offered {
		c, event := l.remark("mia", m[1]+" the long form")
		l.act("issue_comment", "refs/heads/main", event).want(t, 0, "passed")
		if got := l.reaction(c); got != "+1" {
			t.Errorf("%s: got reaction %q", m[1], got)
		}
	}
	l.onPull().want(t, 0, "passed")
	contains(t, l.comment(), "passed with a waiver", "the long form")
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
