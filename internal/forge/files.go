package forge

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"time"

	"github.com/google/go-github/v60/github"
)

// maxBlob bounds one file that is read through the API; GitHub's own limit is 100 MB.
const maxBlob = 100 << 20

// FS is the tree of a commit, read through the API: no checkout, so nothing of a change is ever on the disk. As with
// git.Repo.FS only regular files open; a symbolic link or a submodule is an error that says so.
func (c *Client) FS(ctx context.Context, commit string) fs.FS {
	return &tree{ctx: ctx, client: c, commit: commit, folders: map[string][]*github.TreeEntry{}}
}

type tree struct {
	ctx     context.Context // fs.FS has no other way to be cancelled
	client  *Client
	commit  string
	folders map[string][]*github.TreeEntry
}

// entries lists one folder; "." is the top.
func (t *tree) entries(folder string) ([]*github.TreeEntry, error) {
	if known, ok := t.folders[folder]; ok {
		return known, nil
	}
	id := t.commit
	if folder != "." {
		entry, err := t.entry(folder)
		if err != nil {
			return nil, err
		}
		if entry.GetType() != "tree" {
			return nil, fs.ErrNotExist
		}
		id = entry.GetSHA()
	}
	found, _, err := t.client.gh.Git.GetTree(t.ctx, t.client.owner, t.client.repo, id, false)
	if err != nil {
		return nil, explain("list folder "+folder, err)
	}
	if found.GetTruncated() {
		return nil, fmt.Errorf("list folder %s: it holds too many files for the API", folder)
	}
	t.folders[folder] = found.Entries
	return found.Entries, nil
}

func (t *tree) entry(name string) (*github.TreeEntry, error) {
	all, err := t.entries(path.Dir(name))
	if err != nil {
		return nil, err
	}
	for _, e := range all {
		if e.GetPath() == path.Base(name) {
			return e, nil
		}
	}
	return nil, fs.ErrNotExist
}

// Open implements fs.FS.
func (t *tree) Open(name string) (fs.File, error) {
	fail := func(err error) (fs.File, error) { return nil, &fs.PathError{Op: "open", Path: name, Err: err} }
	if !fs.ValidPath(name) {
		return fail(fs.ErrInvalid)
	}
	if name == "." {
		return fail(errors.New("is a folder"))
	}
	e, err := t.entry(name)
	if err != nil {
		return fail(err)
	}
	switch {
	case e.GetType() == "tree":
		return fail(errors.New("is a folder"))
	case e.GetMode() == "120000":
		return fail(errors.New("is a symbolic link, which weighlock does not follow"))
	case e.GetType() != "blob":
		return fail(errors.New("is a submodule, whose files weighlock does not read"))
	case e.GetSize() > maxBlob:
		return fail(fmt.Errorf("has %d bytes, more than the %d that the API hands out", e.GetSize(), maxBlob))
	}
	blob, _, err := t.client.gh.Git.GetBlob(t.ctx, t.client.owner, t.client.repo, e.GetSHA())
	if err != nil {
		return fail(explain("read file", err))
	}
	content := []byte(blob.GetContent())
	if blob.GetEncoding() == "base64" {
		if content, err = base64.StdEncoding.DecodeString(strings.ReplaceAll(blob.GetContent(), "\n", "")); err != nil {
			return fail(fmt.Errorf("read file: %w", err))
		}
	}
	return &file{Reader: bytes.NewReader(content), info: info{path.Base(name), int64(len(content)), 0o444}}, nil
}

// Lstat implements fs.ReadLinkFS as far as the mode goes, so that a link is seen as one.
func (t *tree) Lstat(name string) (fs.FileInfo, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "lstat", Path: name, Err: fs.ErrInvalid}
	}
	if name == "." {
		return info{".", 0, fs.ModeDir | 0o755}, nil
	}
	e, err := t.entry(name)
	if err != nil {
		return nil, &fs.PathError{Op: "lstat", Path: name, Err: err}
	}
	mode := fs.FileMode(0o444)
	switch {
	case e.GetType() == "tree":
		mode = fs.ModeDir | 0o755
	case e.GetMode() == "120000":
		mode = fs.ModeSymlink | 0o444
	case e.GetType() != "blob":
		mode = fs.ModeIrregular
	}
	return info{path.Base(name), int64(e.GetSize()), mode}, nil
}

// ReadLink implements fs.ReadLinkFS; no link is followed.
func (t *tree) ReadLink(name string) (string, error) {
	return "", &fs.PathError{Op: "readlink", Path: name, Err: errors.New("weighlock does not follow symbolic links")}
}

// Blob is the id of a file's content in a commit, or "" where there is no such file: two files are the same when it is.
func (c *Client) Blob(ctx context.Context, commit, name string) (string, error) {
	t := &tree{ctx: ctx, client: c, commit: commit, folders: map[string][]*github.TreeEntry{}}
	e, err := t.entry(name)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	return e.GetMode() + " " + e.GetSHA(), nil
}

type file struct {
	*bytes.Reader
	info info
}

func (f *file) Stat() (fs.FileInfo, error) { return f.info, nil }
func (f *file) Close() error               { return nil }

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
