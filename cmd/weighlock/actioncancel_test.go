package main

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weighlock/weighlock/internal/forge/forgetest"
)

// TestNoSecretIsInTheEnvironmentOfTheProcess looks at what /proc shows of the running action: a trainer could see the
// same.
func TestNoSecretIsInTheEnvironmentOfTheProcess(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/proc/self/environ"); err != nil {
		t.Skip("there is no /proc to look into")
	}
	l := newLab(t)
	l.inputs["registry_password"], l.inputs["registry_username"] = "s3cret-registry", "robot"
	l.propose(l.worse)
	l.git("checkout", "-q", "--detach", l.pull.MergeCommit)
	cmd, _ := l.command("pull_request", "refs/pull/7/merge", l.pullEvent())
	cmd.Env = append(cmd.Env, "ACTIONS_RUNTIME_TOKEN=s3cret-runtime", "ACTIONS_ID_TOKEN_REQUEST_TOKEN=s3cret-oidc")
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	var looked atomic.Int64
	started := make(chan int, 1) // its process id
	l.github.SetFault(func(*http.Request) *forgetest.Fault {
		pid := <-started
		started <- pid
		looked.Add(1)
		environ, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
		if err != nil {
			t.Error(err)
		}
		for _, secret := range []string{"test-token", "s3cret"} {
			if bytes.Contains(environ, []byte(secret)) {
				t.Errorf("%s is in the environment", secret)
			}
		}
		return nil
	})
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	started <- cmd.Process.Pid
	err := cmd.Wait()
	if failed, ok := errors.AsType[*exec.ExitError](err); !ok || failed.ExitCode() != 1 {
		t.Errorf("got %v\n%s", err, log.String())
	}
	if looked.Load() == 0 {
		t.Error("nobody looked")
	}
}

func TestReportPost(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.token = ""
	l.propose(l.worse)
	l.onPull().want(t, 1, "blocked")
	l.git("checkout", "-q", "--detach", l.pull.MergeCommit)
	cmd, _ := l.command("pull_request", "refs/pull/7/merge", l.pullEvent())
	cmd.Args = []string{"weighlock", "report", filepath.Join(l.dir, ".weighlock", "diabetes", "report.json"), "--post"}
	cmd.Env = append(cmd.Env, "GITHUB_TOKEN=test-token")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	contains(t, l.comment(), "## ❌ Weighlock: diabetes blocked")
}

// interruptions is how often the action is interrupted; make e2e asks for 50.
func interruptions() int {
	if n, err := strconv.Atoi(os.Getenv("WEIGHLOCK_INTERRUPTIONS")); err == nil {
		return n
	}
	return 4
}

// TestInterruptedActionIsGoneAndNeverGreen interrupts the action at random moments: it is gone within five seconds, leaves
// no process behind, and neither check nor status says success unless everything was over before.
func TestInterruptedActionIsGoneAndNeverGreen(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.inputs["check"] = "status"
	l.propose(l.better2) // what would pass, if it came to the end
	l.git("checkout", "-q", "--detach", l.pull.MergeCommit)
	var whole time.Duration
	for range 2 { // the first run does more than the others
		begun := time.Now()
		l.act("pull_request", "refs/pull/7/merge", l.pullEvent()).want(t, 0, "passed")
		whole = time.Since(begun)
	}
	dice := rand.New(rand.NewPCG(3, 4))
	slowest, codes := time.Duration(0), map[int]int{}
	for i := range interruptions() {
		l.github.Lock()
		l.github.Statuses = nil
		l.github.Unlock()
		l.run++
		cmd, _ := l.command("pull_request", "refs/pull/7/merge", l.pullEvent())
		mark := fmt.Sprintf("WEIGHLOCK_TEST_MARK=%d of %d;", i, os.Getpid())
		cmd.Env = append(cmd.Env, mark)
		var log bytes.Buffer
		cmd.Stdout, cmd.Stderr = &log, &log
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		// Most moments lie at the beginning: the end is the second that GitHub wants between two writes.
		time.Sleep(time.Duration(math.Pow(dice.Float64(), 3) * float64(whole)))
		sent := time.Now()
		if err := cmd.Process.Signal(os.Interrupt); err != nil && !errors.Is(err, os.ErrProcessDone) {
			t.Fatal(err)
		}
		_ = cmd.Wait()
		slowest = max(slowest, time.Since(sent))
		code := cmd.ProcessState.ExitCode()
		codes[code]++
		l.github.Lock()
		for _, s := range l.github.Statuses {
			if s.State == "success" && code != 0 {
				t.Errorf("%d: exit code %d, but the status is green\n%s", i, code, log.String())
			}
		}
		if n := len(l.github.Statuses); n > 0 && code == 130 && l.github.Statuses[n-1].State == "pending" {
			t.Errorf("%d: the status stays yellow\n%s", i, log.String())
		}
		l.github.Unlock()
		if left := running(t, mark); len(left) > 0 {
			t.Errorf("%d: exit code %d, still running: %v", i, code, left)
		}
	}
	t.Logf("%d interruptions ended with these exit codes (-1: before the program was up): %v; the slowest took %s", interruptions(), codes, slowest.Round(time.Millisecond))
	if slowest > 5*time.Second {
		t.Errorf("the slowest took %s", slowest)
	}
}

// running lists, by id and command line, the processes whose environment holds the mark.
func running(t *testing.T, mark string) []string {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var out []string
	for _, e := range entries {
		environ, err := os.ReadFile(filepath.Join("/proc", e.Name(), "environ"))
		if err == nil && strings.Contains(string(environ), mark) {
			line, _ := os.ReadFile(filepath.Join("/proc", e.Name(), "cmdline"))
			out = append(out, e.Name()+" "+strings.ReplaceAll(string(line), "\x00", " "))
		}
	}
	return out
}
