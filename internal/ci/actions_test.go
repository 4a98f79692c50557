package ci

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// examples are the payloads of npm's @octokit/webhooks-examples, written by .ci/openapi.
func examples(t *testing.T) map[string][]json.RawMessage {
	t.Helper()
	f, err := os.Open("testdata/webhooks.json.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	r, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	var all []struct {
		Name     string
		Examples []json.RawMessage
	}
	if err := json.Unmarshal(content, &all); err != nil {
		t.Fatal(err)
	}
	out := map[string][]json.RawMessage{}
	for _, e := range all {
		out[e.Name] = e.Examples
	}
	return out
}

func runner(t *testing.T, name string, content []byte) (map[string]string, *bytes.Buffer) {
	t.Helper()
	dir := t.TempDir()
	event := filepath.Join(dir, "event.json")
	if err := os.WriteFile(event, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return map[string]string{
		"GITHUB_ACTIONS": "true", "GITHUB_EVENT_NAME": name, "GITHUB_EVENT_PATH": event, "GITHUB_REF": "refs/heads/master",
		"GITHUB_REPOSITORY": "Codertocat/Hello-World", "GITHUB_RUN_ID": "5", "GITHUB_SERVER_URL": "https://github.example",
		"GITHUB_OUTPUT": filepath.Join(dir, "output"), "GITHUB_STEP_SUMMARY": filepath.Join(dir, "summary"),
		"GITHUB_WORKFLOW_REF": "Codertocat/Hello-World/.github/workflows/gate.yml@refs/pull/1/merge",
	}, &bytes.Buffer{}
}

// TestEveryWebhookPayloadHasAPlan holds all payloads against the rule that no trainer starts outside the events of the
// design.
func TestEveryWebhookPayloadHasAPlan(t *testing.T) {
	training := map[string]bool{"pull_request": true, "merge_group": true, "push": true, "workflow_dispatch": true, "schedule": true}
	payloads, trained := 0, map[string]int{}
	all := examples(t)
	all["schedule"] = []json.RawMessage{json.RawMessage(`{"schedule":"0 0 * * *","repository":{"default_branch":"master","full_name":"Codertocat/Hello-World"}}`)}
	all["pull_request_target"] = all["pull_request"]
	for name, list := range all {
		for i, content := range list {
			payloads++
			env, out := runner(t, name, content)
			a, err := OpenActions(func(name string) string { return env[name] }, out)
			if err != nil {
				t.Errorf("%s %d: %v", name, i, err)
				continue
			}
			if _, err := Detect(func(name string) string { return env[name] }); err != nil {
				t.Errorf("%s %d: %v", name, i, err)
			}
			plan, why := PlanFor(a.Event, a.Ref)
			if plan == Refuse && why == "" {
				t.Errorf("%s %d: refused without a reason", name, i)
			}
			if plan == Weigh || plan == Publish || plan == Remeasure {
				trained[name]++
				if !training[name] {
					t.Errorf("%s %d: a trainer would start", name, i)
				}
			}
		}
	}
	for name := range training {
		if trained[name] == 0 {
			t.Errorf("%s: nothing would be trained", name)
		}
	}
	t.Logf("%d payloads of %d events; a trainer starts in %v", payloads, len(all), trained)
}

func TestEventSaysWhatHappened(t *testing.T) {
	all := examples(t)
	env, out := runner(t, "pull_request", all["pull_request"][0])
	a, err := OpenActions(func(name string) string { return env[name] }, out)
	if err != nil {
		t.Fatal(err)
	}
	if a.Event.Pull.Number == 0 || len(a.Event.Pull.Head) != 40 || a.Event.Pull.Author == "" || a.Workflow != ".github/workflows/gate.yml" {
		t.Errorf("got %+v, workflow %q", a.Event.Pull, a.Workflow)
	}
	if want := "https://github.example/Codertocat/Hello-World/actions/runs/5/attempts/1"; a.URL() != want {
		t.Errorf("got %s, want %s", a.URL(), want)
	}
	for _, ref := range []string{"", "evil/other/.github/workflows/gate.yml@x", "Codertocat/Hello-World/../x@y"} {
		if got := workflowPath(ref, "Codertocat/Hello-World"); got != "" {
			t.Errorf("%q is taken for our file %q", ref, got)
		}
	}
}

// heredoc is how the runner reads its output file.
var heredoc = regexp.MustCompile(`(?m)^([^<\n]+)<<(.+)\n((?s:.*?))\n(.+)$`)

func TestOutputsCannotBeForged(t *testing.T) {
	env, out := runner(t, "push", []byte("{}"))
	a, err := OpenActions(func(name string) string { return env[name] }, out)
	if err != nil {
		t.Fatal(err)
	}
	for _, value := range []string{"a\nb", "a\rb", "a\x00b"} {
		if err := a.Output("decision", value); err == nil {
			t.Errorf("%q was written", value)
		}
	}
	values := []string{"passed", "::set-output name=x::y", "_GitHubActionsFileCommandDelimeter_", "`$(id)`", "%0A::error::x", "\u202e"}
	for _, value := range values {
		if err := a.Output("decision", value); err != nil {
			t.Fatal(err)
		}
	}
	content, err := os.ReadFile(env["GITHUB_OUTPUT"])
	if err != nil {
		t.Fatal(err)
	}
	found := heredoc.FindAllStringSubmatch(string(content), -1)
	var got []string
	delimiters := map[string]bool{}
	for _, m := range found {
		if m[1] != "decision" || m[2] != m[4] {
			t.Errorf("reads as %q", m[0])
		}
		got = append(got, m[3])
		delimiters[m[2]] = true
	}
	if diff := cmp.Diff(values, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if len(delimiters) != len(values) {
		t.Error("a delimiter was used twice")
	}
}

func TestSummaryAndAnnotationsStayWithinTheRunnersLimits(t *testing.T) {
	env, out := runner(t, "push", []byte("{}"))
	a, err := OpenActions(func(name string) string { return env[name] }, out)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Summary(strings.Repeat("x", maxSummary)); err == nil {
		t.Error("a summary that GitHub would drop was written")
	}
	if err := a.Summary("# fine"); err != nil {
		t.Error(err)
	}
	for range 25 {
		a.Annotate(Error, "t", strings.Repeat("é", 5000)+"\n::add-mask::x", "weighlock.yaml", 0)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != mostAnnotations {
		t.Errorf("got %d lines, want %d: foreign text may have made a command", len(lines), mostAnnotations)
	}
	for _, line := range lines {
		if !strings.HasPrefix(line, "::error file=weighlock.yaml,line=1,title=t::") {
			t.Errorf("got %.80q", line)
		}
	}
	out.Reset()
	a.Quote(func() { out.WriteString("::error::forged\n") })
	quoted := strings.Split(strings.TrimSpace(out.String()), "\n")
	token, ok := strings.CutPrefix(quoted[0], "::stop-commands::")
	if !ok || len(token) != 64 || len(quoted) != 3 || quoted[2] != "::"+token+"::" {
		t.Errorf("got %q", quoted)
	}
	delete(env, "GITHUB_STEP_SUMMARY")
	if err := a.Summary("x"); err == nil {
		t.Error("no error where the runner names no file")
	}
}

func TestActionsIsForTheRunnerOnly(t *testing.T) {
	if _, err := OpenActions(func(string) string { return "" }, io.Discard); err == nil || !strings.Contains(err.Error(), "weighlock run") {
		t.Fatalf("got %v", err)
	}
}
