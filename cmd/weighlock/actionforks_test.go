package main

import (
	"archive/zip"
	"bytes"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/weighlock/weighlock/internal/forge/forgetest"
)

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
	if _, err := os.Stat(filepath.Join(l.temp, "weighlock")); err != nil {
		l.t.Fatalf("the first job hands over nothing:\n%s", weighed.log)
	}
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

// byCommand makes main one commit that trains by a command of its own, from the files of the story about it.
func (l *lab) byCommand() {
	l.t.Helper()
	archive, err := txtar.ParseFile(filepath.Join(top, "testdata", "script", "command.txtar"))
	if err != nil {
		l.t.Fatal(err)
	}
	l.git("checkout", "-q", "main")
	for _, f := range archive.Files {
		switch f.Name {
		case "command.yaml":
			l.write("weighlock.yaml", string(f.Data)+"image: {name: "+l.registry+"/acme/line}\n")
		case "train.py.txt", "predict.py.txt":
			l.write(strings.TrimSuffix(f.Name, ".txt"), string(f.Data))
		}
	}
	l.git("add", "-A")
	alone := l.git("commit-tree", "-m", "train by a command", l.git("write-tree"))
	l.git("reset", "-q", "--hard", alone)
	l.git("push", "-q", "-f", l.origin, "main")
}

// TestSecondJobTrainsNoCommand: the baseline's image is missing, and the second job runs no code, the base's neither.
func TestSecondJobTrainsNoCommand(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("python3"); err != nil {
		t.Skip("python3 is missing: apt-get install python3")
	}
	l := newLab(t)
	l.byCommand()
	l.propose(func() { l.edit("train.py", "SLOPE = 1.0", "SLOPE = 0.9") })
	l.pull.HeadRepo = "stranger/model"
	_, spoken := l.inTwo()
	spoken.want(t, 5, "unavailable")
	contains(t, l.status(), "failure: diabetes unavailable: ")
	contains(t, l.comment(), "none of 1 commits has one", "runs no command to train it again", "push the image of the base branch")

	// With the image of the base revision it judges.
	l.pull, l.github.Pulls, l.github.Comments, l.inputs = nil, nil, nil, map[string]string{}
	l.onPush().want(t, 0, "passed")
	l.git("checkout", "-q", "main")
	l.propose(func() { l.edit("train.py", "SLOPE = 1.0", "SLOPE = 0.1") })
	l.pull.HeadRepo = "stranger/model"
	_, spoken = l.inTwo()
	spoken.want(t, 1, "blocked")
	contains(t, l.comment(), "## ❌ Weighlock: diabetes blocked", "stored with its image")
}
