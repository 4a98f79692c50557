package git

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

const lfsVersion = "version https://git-lfs.github.com/spec/v1\n"

// maxPointer is the largest size of a pointer, from Git LFS's specification.
const maxPointer = 1024

var lfsObject = regexp.MustCompile(`(?m)^oid sha256:([0-9a-f]{64})$`)

// IsLFSPointer reports whether the beginning of a file is a Git LFS pointer and not the file's own content.
func IsLFSPointer(content []byte) bool { return bytes.HasPrefix(content, []byte(lfsVersion)) }

// lfsContent is what a pointer stands for, if this clone holds the object and it is the one that the pointer names. It
// is read from the object store and not through the filter, whose settings a change could touch.
func (r *Repo) lfsContent(ctx context.Context, pointer []byte) ([]byte, bool) {
	found := lfsObject.FindSubmatch(pointer)
	if len(pointer) > maxPointer || found == nil {
		return nil, false
	}
	id := string(found[1])
	out, err := r.run(ctx, "rev-parse", "--git-common-dir")
	if err != nil {
		return nil, false
	}
	store := strings.TrimSpace(string(out))
	if !filepath.IsAbs(store) {
		store = filepath.Join(r.Dir, store)
	}
	content, err := os.ReadFile(filepath.Join(store, "lfs", "objects", id[:2], id[2:4], id))
	if err != nil {
		return nil, false
	}
	sum := sha256.Sum256(content)
	return content, hex.EncodeToString(sum[:]) == id
}
