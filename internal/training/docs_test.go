package training

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weighlock/weighlock/internal/config"
)

// TestPageShowsTheExample holds docs/training.md against the files that make frameworks runs.
func TestPageShowsTheExample(t *testing.T) {
	page, err := os.ReadFile("../../docs/training.md")
	if err != nil {
		t.Fatal(err)
	}
	for name, language := range map[string]string{"weighlock.yaml": "yaml", "train.py": "python", "predict.py": "python"} {
		content, err := os.ReadFile(filepath.Join("../../examples/frameworks/scikit-learn", name))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(page), "```"+language+"\n"+string(content)+"```\n") {
			t.Errorf("docs/training.md does not show %s as it is", name)
		}
	}
}

// TestFrameworksAreComplete reads every example's configuration and looks for what it names.
func TestFrameworksAreComplete(t *testing.T) {
	found, err := filepath.Glob("../../examples/frameworks/*/weighlock.yaml")
	if err != nil || len(found) < 6 {
		t.Fatalf("%q, %v", found, err)
	}
	for _, name := range found {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		f, err := config.Parse(name, content)
		if err != nil {
			t.Error(err)
			continue
		}
		for _, file := range []string{f.Data.Path, f.Train.Command[1], f.Train.Predict[1]} {
			if _, err := os.Stat(filepath.Join(filepath.Dir(name), file)); err != nil {
				t.Error(err)
			}
		}
		if pins, err := os.ReadFile(filepath.Join(filepath.Dir(name), "requirements.txt")); err == nil {
			for line := range strings.Lines(string(pins)) {
				if !strings.Contains(line, "==") {
					t.Errorf("%s: %q names no exact version", name, strings.TrimSpace(line))
				}
			}
		}
	}
}
