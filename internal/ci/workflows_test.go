package ci

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

func TestTheGateAloneHasAtMostTwelveLines(t *testing.T) {
	files, err := Workflows(false, "main", nil)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(files[0].Content), "\n"); n > 12 || files[0].Path != ".github/workflows/weighlock.yml" {
		t.Errorf("%s has %d lines", files[0].Path, n)
	}
}

// job is the part of a workflow's job that decides what code and which rights meet.
type workflowFile struct {
	Permissions any                       `yaml:"permissions"`
	On          any                       `yaml:"on"`
	Jobs        map[string]map[string]any `yaml:"jobs"`
}

// TestWhereStrangersCodeRunsThereIsNoRight holds every workflow of both sets against the rule that a job of a pull request
// may not write packages, and that the pair for forks keeps code and rights apart.
func TestWhereStrangersCodeRunsThereIsNoRight(t *testing.T) {
	for _, forks := range []bool{false, true} {
		files, err := Workflows(forks, "trunk's", []string{"models/a/weighlock.yaml", "b.yaml"})
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			var w workflowFile
			if err := yaml.Unmarshal(f.Content, &w); err != nil {
				t.Fatalf("%s: %v\n%s", f.Path, err, f.Content)
			}
			text := string(f.Content)
			if !strings.Contains(text, "config: 'models/a/weighlock.yaml b.yaml'") {
				t.Errorf("%s does not name the configurations:\n%s", f.Path, text)
			}
			if strings.Contains(text, "pull_request_target") {
				t.Errorf("%s uses pull_request_target", f.Path)
			}
			onPull := regexp.MustCompile(`(?m)^on: .*pull_request`).MatchString(text)
			if onPull && !strings.Contains(text, "edited") {
				t.Errorf("%s does not run when a pull request gets another base", f.Path)
			}
			if onPull && strings.Contains(text, "packages: write") {
				t.Errorf("%s may write packages in a pull request", f.Path)
			}
			if onPull && forks && strings.Contains(text, "write") {
				t.Errorf("%s holds a right beside a stranger's code", f.Path)
			}
			if !onPull && strings.Contains(f.Path, "report") && strings.Contains(text, "actions/checkout") {
				t.Errorf("%s checks something out", f.Path)
			}
			if w.Permissions == nil {
				t.Errorf("%s does not say its permissions", f.Path)
			}
		}
	}
}

// TestActionsArePinned reads every workflow of this repository and every one that init writes: actions of others are
// named by their whole commit.
func TestActionsArePinned(t *testing.T) {
	uses := regexp.MustCompile(`(?m)^\s*(?:- )?uses:\s*(\S+)`)
	pinned := regexp.MustCompile(`@[0-9a-f]{40}$`)
	found := 0
	for _, pattern := range []string{"workflows/*.yml", "../../.github/workflows/*.yml"} {
		names, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			content, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range uses.FindAllStringSubmatch(string(content), -1) {
				found++
				if !pinned.MatchString(m[1]) && !strings.HasPrefix(m[1], "weighlock/weighlock@") && !strings.HasPrefix(m[1], "./") {
					t.Errorf("%s uses %s, which can be moved under it", name, m[1])
				}
			}
		}
	}
	if found < 8 {
		t.Fatalf("found %d uses: the test looks in the wrong folder", found)
	}
}
