package git

import (
	"os"
	"path/filepath"
	"testing"
)

func TestCopyTreeTakesWhatStandsThere(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("train.py", "old")
	write("gone.py", "x")
	write(".gitignore", "secret.txt\n")
	sh(t, dir, "init", "-q")
	sh(t, dir, "add", ".")
	sh(t, dir, "commit", "-qm", "first")
	write("train.py", "new")
	write("sub/extra.py", "untracked")
	write("secret.txt", "ignored")
	if err := os.Remove(filepath.Join(dir, "gone.py")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("train.py", filepath.Join(dir, "link.py")); err != nil {
		t.Fatal(err)
	}
	repo, err := Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	into := t.TempDir()
	if err := repo.CopyTree(t.Context(), into); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"train.py": "new", "sub/extra.py": "untracked", "link.py": "new"} {
		if got, err := os.ReadFile(filepath.Join(into, name)); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	for _, name := range []string{".git", "secret.txt", "gone.py"} {
		if _, err := os.Lstat(filepath.Join(into, name)); err == nil {
			t.Errorf("%s was copied", name)
		}
	}
}
