package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

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
	// before is what main was at before a push, or "".
	before string
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
	return l.act("push", "refs/heads/main", map[string]any{
		"before": l.before, "repository": map[string]any{"full_name": "acme/model", "default_branch": "main"},
	})
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

// ownerOf is who owns a file; false where this system does not say.
func ownerOf(name string) (user, group int, ok bool) {
	info, err := os.Stat(name)
	if err != nil {
		return 0, 0, false
	}
	stat := reflect.Indirect(reflect.ValueOf(info.Sys()))
	if stat.Kind() != reflect.Struct || !stat.FieldByName("Uid").IsValid() {
		return 0, 0, false
	}
	return int(stat.FieldByName("Uid").Uint()), int(stat.FieldByName("Gid").Uint()), true
}
