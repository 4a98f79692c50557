package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v4"
)

// TestGitHubPageShowsWhatIsWritten keeps docs/github.md with the workflows that init writes and with action.yml; -update
// rewrites it.
func TestGitHubPageShowsWhatIsWritten(t *testing.T) {
	name := filepath.Join(top, "docs", "github.md")
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	page := string(content)
	shown := regexp.MustCompile("(?s)<!-- workflow: (\\S+) -->\n```yaml\n(.*?)```")
	got := shown.ReplaceAllStringFunc(page, func(block string) string {
		file := shown.FindStringSubmatch(block)[1]
		workflow, err := os.ReadFile(filepath.Join(top, "internal/ci/workflows", file))
		if err != nil {
			t.Fatal(err)
		}
		return "<!-- workflow: " + file + " -->\n```yaml\n" + string(workflow) + "```"
	})
	inputs, outputs := actionTables(t)
	for marker, table := range map[string]string{"inputs": inputs, "outputs": outputs} {
		section := regexp.MustCompile("(?s)<!-- " + marker + " -->\n.*?\n\n")
		if !section.MatchString(got) {
			t.Fatalf("%s has no table of %s", name, marker)
		}
		got = section.ReplaceAllLiteralString(got, "<!-- "+marker+" -->\n"+table+"\n")
	}
	if *update {
		if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(strings.Split(page, "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("go test ./cmd/weighlock -run GitHubPage -update rewrites it (-page +what is)\n%s", diff)
	}
}

// actionTables are the inputs and outputs of action.yml. Every name has underscores only, for a shell cannot see others.
func actionTables(t *testing.T) (inputs, outputs string) {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(top, "action.yml"))
	if err != nil {
		t.Fatal(err)
	}
	var action struct {
		Inputs, Outputs yaml.Node
		Runs            struct {
			Using, Image, Entrypoint string
			Args                     []string
		}
	}
	if err := yaml.Unmarshal(content, &action); err != nil {
		t.Fatal(err)
	}
	if action.Runs.Using != "docker" || action.Runs.Entrypoint != "/usr/local/bin/weighlock" || strings.Join(action.Runs.Args, " ") != "action" {
		t.Errorf("action.yml runs %+v", action.Runs)
	}
	plain := regexp.MustCompile(`^[a-z]+(_[a-z]+)*$`)
	rows := func(n yaml.Node, withDefault bool) string {
		var b strings.Builder
		for i := 0; i+1 < len(n.Content); i += 2 {
			name := n.Content[i].Value
			var one struct{ Description, Default string }
			if err := n.Content[i+1].Decode(&one); err != nil || one.Description == "" || !plain.MatchString(name) {
				t.Errorf("%s of action.yml: %v, %+v", name, err, one)
			}
			if withDefault {
				fmt.Fprintf(&b, "| `%s` | %s | %s |\n", name, map[bool]string{true: "", false: "`" + one.Default + "`"}[one.Default == ""], one.Description)
			} else {
				fmt.Fprintf(&b, "| `%s` | %s |\n", name, one.Description)
			}
		}
		return b.String()
	}
	return "| input | default | what it is |\n|---|---|---|\n" + rows(action.Inputs, true), "| output | what it is |\n|---|---|\n" + rows(action.Outputs, false)
}
