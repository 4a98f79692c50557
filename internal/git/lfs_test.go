package git

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func TestLFSPointersOpenAsTheirContent(t *testing.T) {
	r := newRepo(t)
	const data = "id,y\n1,2\n"
	sum := sha256.Sum256([]byte(data))
	id := hex.EncodeToString(sum[:])
	pointer := fmt.Sprintf("%soid sha256:%s\nsize %d\n", lfsVersion, id, len(data))
	rev := commit(t, r, "data.csv", pointer)
	read := func() string {
		content, err := fs.ReadFile(r.FS(t.Context(), rev), "data.csv")
		if err != nil {
			t.Fatal(err)
		}
		return string(content)
	}
	if got := read(); got != pointer {
		t.Errorf("without the object: got %q, want the pointer", got)
	}
	object := filepath.Join(r.Dir, ".git", "lfs", "objects", id[:2], id[2:4], id)
	if err := os.MkdirAll(filepath.Dir(object), 0o755); err != nil {
		t.Fatal(err)
	}
	for content, want := range map[string]string{data: data, "id,y\n1,9\n": pointer} {
		if err := os.WriteFile(object, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		if got := read(); got != want {
			t.Errorf("with the object %q: got %q, want %q", content, got, want)
		}
	}
}
