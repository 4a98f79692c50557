package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// holds insists that a folder has one file with that content and nothing else.
func holds(t *testing.T, name, content string) {
	t.Helper()
	got, err := os.ReadFile(name)
	if err != nil || string(got) != content {
		t.Errorf("%s holds %q, %v, want %q", name, got, err, content)
	}
	entries, err := os.ReadDir(filepath.Dir(name))
	if err != nil || len(entries) != 1 {
		t.Errorf("%d files beside it, %v", len(entries)-1, err)
	}
}

func TestWriteFileReplaces(t *testing.T) {
	name := filepath.Join(t.TempDir(), "report.json")
	for _, content := range []string{"first", "", "a longer second"} {
		if err := WriteFile(name, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		holds(t, name, content)
	}
	if err := WriteFile(filepath.Join(t.TempDir(), "none", "report.json"), nil, 0o644); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("in a folder that is not there: %v", err)
	}
}

func TestNobodySeesHalfAFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "report.json")
	if err := WriteFile(name, []byte("whole"), 0o644); err != nil {
		t.Fatal(err)
	}
	file, err := Create(name, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.Write([]byte("ha")); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(name); err != nil || string(got) != "whole" {
		t.Errorf("%q, %v", got, err)
	}
	if err := file.Cleanup(); err != nil {
		t.Error(err)
	}
	holds(t, name, "whole")
}

func TestWriteNewReplacesNothing(t *testing.T) {
	name := filepath.Join(t.TempDir(), "weighlock.yaml")
	if err := WriteNew(name, []byte("mine"), 0o644); err != nil {
		t.Fatal(err)
	}
	holds(t, name, "mine")
	if err := WriteNew(name, []byte("other"), 0o644); !errors.Is(err, fs.ErrExist) {
		t.Errorf("got %v, want fs.ErrExist", err)
	}
	holds(t, name, "mine")
}
