package git

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// FS is the tree of one revision, read straight from git's objects: the working tree is not touched, so nothing that a
// change did to it can show through. Only regular files open; a symbolic link or a submodule is an error that says so. A
// Git LFS pointer opens as what it stands for where this clone holds that, and else as the pointer.
func (r *Repo) FS(ctx context.Context, rev string) fs.FS {
	return &tree{ctx: ctx, repo: r, rev: rev}
}

type tree struct {
	ctx  context.Context // fs.FS has no other way to be cancelled
	repo *Repo
	rev  string
}

// entry is one line of git ls-tree.
type entry struct {
	mode, kind, id, name string
	size                 int64
}

func (t *tree) entries(name string, children bool) ([]entry, error) {
	args := []string{"ls-tree", "-z", "--long", "--full-tree", t.rev}
	switch {
	case !children:
		args = append(args, "--", name)
	case name != ".":
		args = append(args, "--", name+"/")
	}
	out, err := t.repo.run(t.ctx, args...)
	if err != nil {
		return nil, err
	}
	var list []entry
	for record := range bytes.SplitSeq(bytes.TrimSuffix(out, []byte{0}), []byte{0}) {
		meta, file, ok := strings.Cut(string(record), "\t")
		fields := strings.Fields(meta)
		if !ok || len(fields) != 4 {
			continue
		}
		size, _ := strconv.ParseInt(fields[3], 10, 64) // "-" for trees
		list = append(list, entry{mode: fields[0], kind: fields[1], id: fields[2], size: size, name: file})
	}
	return list, nil
}

// Open implements fs.FS.
func (t *tree) Open(name string) (fs.File, error) {
	fail := func(err error) (fs.File, error) { return nil, &fs.PathError{Op: "open", Path: name, Err: err} }
	if !fs.ValidPath(name) {
		return fail(fs.ErrInvalid)
	}
	if name == "." {
		return &dir{info: info{name: ".", mode: fs.ModeDir | 0o755}, tree: t, path: "."}, nil
	}
	list, err := t.entries(name, false)
	if err != nil {
		return fail(err)
	}
	if len(list) == 0 {
		return fail(fs.ErrNotExist)
	}
	e := list[0]
	switch {
	case e.kind == "tree":
		return &dir{info: info{name: path.Base(name), mode: fs.ModeDir | 0o755}, tree: t, path: name}, nil
	case e.mode == "120000":
		return fail(errors.New("is a symbolic link, which weighlock does not follow"))
	case e.kind != "blob":
		return fail(errors.New("is a submodule, whose files weighlock does not read"))
	}
	content, err := t.repo.run(t.ctx, "cat-file", "blob", e.id)
	if err != nil {
		return fail(err)
	}
	if IsLFSPointer(content) {
		if object, ok := t.repo.lfsContent(t.ctx, content); ok {
			content = object
		}
	}
	return &file{info: info{name: path.Base(name), size: int64(len(content)), mode: 0o444}, Reader: bytes.NewReader(content)}, nil
}

// ReadFile implements fs.ReadFileFS.
func (t *tree) ReadFile(name string) ([]byte, error) {
	f, err := t.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return io.ReadAll(f)
}

type info struct {
	name string
	size int64
	mode fs.FileMode
}

func (i info) Name() string       { return i.name }
func (i info) Size() int64        { return i.size }
func (i info) Mode() fs.FileMode  { return i.mode }
func (i info) ModTime() time.Time { return time.Time{} }
func (i info) IsDir() bool        { return i.mode.IsDir() }
func (i info) Sys() any           { return nil }

type file struct {
	info info
	*bytes.Reader
}

func (f *file) Stat() (fs.FileInfo, error) { return f.info, nil }
func (f *file) Close() error               { return nil }

type dir struct {
	info info
	tree *tree
	path string
	rest []fs.DirEntry
	read bool
}

func (d *dir) Stat() (fs.FileInfo, error) { return d.info, nil }
func (d *dir) Close() error               { return nil }
func (d *dir) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: d.path, Err: errors.New("is a directory")}
}

// ReadDir implements fs.ReadDirFile.
func (d *dir) ReadDir(n int) ([]fs.DirEntry, error) {
	if !d.read {
		list, err := d.tree.entries(d.path, true)
		if err != nil {
			return nil, &fs.PathError{Op: "readdir", Path: d.path, Err: err}
		}
		for _, e := range list {
			mode := fs.FileMode(0o444)
			switch {
			case e.kind == "tree":
				mode = fs.ModeDir | 0o755
			case e.mode == "120000":
				mode = fs.ModeSymlink | 0o444
			case e.kind != "blob":
				mode = fs.ModeIrregular
			}
			d.rest = append(d.rest, fs.FileInfoToDirEntry(info{name: path.Base(e.name), size: e.size, mode: mode}))
		}
		d.read = true
	}
	if n <= 0 {
		all := d.rest
		d.rest = nil
		return all, nil
	}
	if len(d.rest) == 0 {
		return nil, io.EOF
	}
	n = min(n, len(d.rest))
	part := d.rest[:n]
	d.rest = d.rest[n:]
	return part, nil
}

// Export writes the tree of a revision into an empty folder, with the repository's content filters (such as Git LFS)
// applied. It uses an index of its own outside the repository, so a crash leaves nothing behind in .git.
func (r *Repo) Export(ctx context.Context, rev, folder string) error {
	index, err := os.CreateTemp("", "weighlock-index-*")
	if err != nil {
		return fmt.Errorf("export %s: %w", rev, err)
	}
	name := index.Name()
	_ = index.Close()
	_ = os.Remove(name) // git wants to make the file itself; an empty one is a broken index
	defer func() { _ = os.Remove(name) }()
	env := []string{"GIT_INDEX_FILE=" + name}
	if _, err := r.runWith(ctx, env, "read-tree", rev); err != nil {
		return fmt.Errorf("export %s: %w", rev, err)
	}
	prefix := filepath.Clean(folder) + string(filepath.Separator)
	if _, err := r.runWith(ctx, env, "checkout-index", "--all", "--prefix="+prefix); err != nil {
		return fmt.Errorf("export %s: %w", rev, err)
	}
	return nil
}

// Matching lists the files of a revision with a line that matches the extended regular expression, sorted by path.
func (r *Repo) Matching(ctx context.Context, rev, expression string) ([]string, error) {
	// --text: the attributes of the working tree, which are the change's, must not hide a file by calling it binary.
	out, err := r.run(ctx, "grep", "-z", "--name-only", "--full-name", "--extended-regexp", "--text", "-e", expression, rev)
	if saidNo(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("search %s: %w", short(rev), err)
	}
	var paths []string
	for record := range bytes.SplitSeq(bytes.TrimSuffix(out, []byte{0}), []byte{0}) {
		paths = append(paths, strings.TrimPrefix(string(record), rev+":"))
	}
	return paths, nil
}

// Entry is the mode and id of a file or folder in a revision, or "" where there is none: two that are the same have the
// same content.
func (r *Repo) Entry(ctx context.Context, rev, name string) (string, error) {
	if name == "." {
		out, err := r.run(ctx, "rev-parse", "--verify", "--quiet", "--end-of-options", rev+"^{tree}")
		return strings.TrimSpace(string(out)), err
	}
	found, err := (&tree{ctx: ctx, repo: r, rev: rev}).entries(name, false)
	if err != nil || len(found) == 0 {
		return "", err
	}
	return found[0].mode + " " + found[0].id, nil
}
