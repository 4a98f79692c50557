//go:build unix

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/weighlock/weighlock/internal/evaluation"
	"github.com/weighlock/weighlock/internal/model"
	"github.com/weighlock/weighlock/internal/modelimage"
	"github.com/weighlock/weighlock/internal/registry"
	"github.com/weighlock/weighlock/internal/report"
)

// killedAt are the system calls that change what is on disk. A process is killed as it enters the n-th of them.
var killedAt = []string{"openat", "write", "renameat", "unlinkat", "mkdirat", "fsync", "close", "fchmod", "flock", "pwrite64", "linkat"}

// crashPolicy judges the diabetes data; the change tries another penalty.
const crashPolicy = `version: 1
model: diabetes
task: regression
data: {path: data/diabetes.csv, target: progression, id: patient, evaluate: {holdout: 0.3, seed: 7}}
train: {estimator: ridge, params: {alpha: 0.1}}
policy: {rules: [{metric: rmse, margin: 5%}]}
`

// TestKilledAtSystemCalls kills run and push with strace at injected system calls. Each time no file may be torn, no tag
// may name half an image, and the next command must succeed. WEIGHLOCK_TEST_KILLS sets how many kills (make crash: 200).
func TestKilledAtSystemCalls(t *testing.T) {
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("strace is missing: apt-get install strace")
	}
	kills := 20
	if n, err := strconv.Atoi(os.Getenv("WEIGHLOCK_TEST_KILLS")); err == nil {
		kills = n
	}
	c := newCrash(t, strace)
	done := map[string]int{}
	for round := 0; round < 10 && done["run"]+done["push"] < kills; round++ {
		c.round(done, kills/2)
	}
	t.Logf("killed run %d times and push %d times; the reports left behind were whole %d times and absent %d times", done["run"], done["push"], c.whole, c.absent)
	if done["run"]+done["push"] < kills {
		t.Errorf("killed %d times, want %d", done["run"]+done["push"], kills)
	}
}

// round kills each command at the first, second, third call of each kind, until it makes no more of that kind; where
// threads share the work, another round meets other moments.
func (c *crash) round(done map[string]int, each int) {
	type target struct{ command, call string }
	over := map[target]bool{}
	for nth := 1; len(over) < 2*len(killedAt); nth++ {
		for _, call := range killedAt {
			for _, command := range []string{"run", "push"} {
				at := target{command, call}
				switch {
				case over[at]:
				case done[command] < each && c.kill(command, call, nth):
					done[command]++
				default:
					over[at] = true
				}
			}
		}
	}
}

// crash is a repository in which commands are killed.
type crash struct {
	t              *testing.T
	strace, binary string
	dir            string
	digest         string
	whole, absent  int
}

func newCrash(t *testing.T, strace string) *crash {
	t.Helper()
	binary, err := exec.LookPath("weighlock") // TestMain put it there
	if err != nil {
		t.Fatal(err)
	}
	c := &crash{t: t, strace: strace, binary: binary, dir: t.TempDir()}
	data, err := os.ReadFile("../../examples/healthcare/data/diabetes.csv")
	if err != nil {
		t.Fatal(err)
	}
	c.write("data/diabetes.csv", string(data))
	c.write("weighlock.yaml", crashPolicy)
	c.git("init", "-q", "-b", "main")
	c.git("add", "-A")
	c.git("commit", "-q", "-m", "first")
	c.weighlock("run")
	c.weighlock("push")
	c.write("weighlock.yaml", strings.Replace(crashPolicy, "alpha: 0.1", "alpha: 0.2", 1))
	c.git("commit", "-q", "-a", "-m", "second")
	c.weighlock("run")
	c.digest = c.weighlock("push")
	return c
}

// kill runs a command, kills it at the n-th system call of a kind, and looks at what it left. It reports whether the
// command got that far.
func (c *crash) kill(command, call string, nth int) bool {
	c.t.Helper()
	if command == "push" { // there must be something to push again
		if err := os.RemoveAll(filepath.Join(c.dir, ".weighlock/diabetes/image")); err != nil {
			c.t.Fatal(err)
		}
	}
	inject := fmt.Sprintf("inject=%s:signal=SIGKILL:when=%d", call, nth)
	killed := exec.Command(c.strace, "-f", "-qq", "-o", "/dev/null", "-e", "trace="+call, "-e", inject, c.binary, command, "--dir", c.dir)
	killed.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	err := killed.Run()
	if err == nil {
		c.checkCompared(fmt.Sprintf("%s with a child killed at %s %d", command, call, nth))
		return false
	}
	var ended *exec.ExitError
	if !errors.As(err, &ended) {
		c.t.Fatal(err)
	}
	if status, ok := ended.Sys().(syscall.WaitStatus); !ok || !status.Signaled() || status.Signal() != syscall.SIGKILL {
		c.weighlock("run") // a git that it started was killed, and weighlock said so in its report
		return false
	}
	where := fmt.Sprintf("%s killed at %s %d", command, call, nth)
	c.checkOutput(where)
	c.checkImages(where)
	c.weighlock("run")
	if digest := c.weighlock("push"); digest != c.digest {
		c.t.Errorf("%s: the next push gave %s, want %s", where, digest, c.digest)
	}
	left, err := filepath.Glob(filepath.Join(c.dir, ".weighlock/diabetes/.*"))
	if err != nil || len(left) > 0 {
		c.t.Errorf("%s: the next run left %v, %v", where, left, err)
	}
	return true
}

// checkCompared: a git that was killed must not have turned a comparison into a first run.
func (c *crash) checkCompared(where string) {
	c.t.Helper()
	f, err := os.Open(filepath.Join(c.dir, ".weighlock/diabetes/report.json"))
	if err != nil {
		c.t.Fatalf("%s: %v", where, err)
	}
	defer func() { _ = f.Close() }()
	if r, err := report.Decode(f); err != nil || r.FirstRun {
		c.t.Fatalf("%s: it passed without a comparison: %v", where, err)
	}
}

// checkOutput: while there is a report, everything else is there and belongs to it.
func (c *crash) checkOutput(where string) {
	c.t.Helper()
	folder := filepath.Join(c.dir, ".weighlock/diabetes")
	content, err := os.ReadFile(filepath.Join(folder, "report.json"))
	if errors.Is(err, os.ErrNotExist) {
		c.absent++
		return
	}
	r, err := report.Decode(bytes.NewReader(content))
	if err != nil {
		c.t.Fatalf("%s: %v", where, err)
	}
	if r.Failure != nil { // a git that it started was killed first, and the report says that nothing was compared
		c.whole++
		return
	}
	m, err := model.Load(os.DirFS(filepath.Join(folder, "model")))
	if err != nil || m.Digest() != r.ModelFile.Digest {
		c.t.Fatalf("%s: the report names another model than is there: %v", where, err)
	}
	f, err := os.Open(filepath.Join(folder, "evaluation.json"))
	if err != nil {
		c.t.Fatalf("%s: %v", where, err)
	}
	defer func() { _ = f.Close() }()
	if _, err := evaluation.Decode(f); err != nil {
		c.t.Fatalf("%s: %v", where, err)
	}
	predictions, err := os.ReadFile(filepath.Join(folder, "predictions.parquet"))
	if err != nil {
		c.t.Fatalf("%s: %v", where, err)
	}
	if stored, err := evaluation.ReadPredictions(predictions); err != nil || stored.Predictions.Rows() != r.Data.Evaluation.Rows {
		c.t.Fatalf("%s: the predictions are not those of the report: %v", where, err)
	}
	c.whole++
}

// checkImages: every tag names an image whose model can be read.
func (c *crash) checkImages(where string) {
	c.t.Helper()
	ctx := context.Background()
	images, err := registry.Open(ctx, "oci:.weighlock/diabetes/image", registry.Options{Dir: c.dir})
	if err != nil {
		c.t.Fatalf("%s: %v", where, err)
	}
	tags, err := images.Tags(ctx)
	if err != nil && !errors.Is(err, registry.ErrNotFound) {
		c.t.Fatalf("%s: list tags: %v", where, err)
	}
	for _, tag := range tags {
		found, err := images.Resolve(ctx, tag)
		if err != nil {
			c.t.Fatalf("%s: resolve %s: %v", where, tag, err)
		}
		files, err := modelimage.Model(ctx, images, found.Digest)
		if err != nil {
			c.t.Fatalf("%s: tag %s names half an image: %v", where, tag, err)
		}
		if _, err := model.Load(files); err != nil {
			c.t.Fatalf("%s: tag %s: %v", where, tag, err)
		}
	}
}

// weighlock runs one command to its end and returns what it printed.
func (c *crash) weighlock(args ...string) string {
	c.t.Helper()
	return c.must(exec.Command(c.binary, append(args, "--dir", c.dir)...))
}

func (c *crash) git(args ...string) {
	c.t.Helper()
	c.must(exec.Command("git", append([]string{"-C", c.dir, "-c", "user.name=Crash", "-c", "user.email=crash@weighlock.dev", "-c", "commit.gpgSign=false"}, args...)...))
}

func (c *crash) must(command *exec.Cmd) string {
	c.t.Helper()
	var out, complaints bytes.Buffer
	command.Stdout, command.Stderr = &out, &complaints
	if err := command.Run(); err != nil {
		c.t.Fatalf("%v: %v\n%s%s", command.Args, err, &out, &complaints)
	}
	return strings.TrimSpace(out.String())
}

func (c *crash) write(name, content string) {
	c.t.Helper()
	file := filepath.Join(c.dir, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		c.t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
		c.t.Fatal(err)
	}
}
