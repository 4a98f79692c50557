package training

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// workspace is what one command sees of the world, in a folder that is removed afterwards:
//
//	tree/         a copy of the revision, without .git and without labels; the command runs in it
//	in/           the tables, read-only
//	out/          what it hands back: predictions and model/
//	home/, tmp/   where libraries put their caches
type workspace struct {
	dir string
	// read are files and folders outside that may be read: folders of features.
	read []string
}

func newWorkspace() (*workspace, error) {
	parent, err := reachableTemp()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(parent, "weighlock-run-*")
	if err != nil {
		return nil, err
	}
	w := &workspace{dir: dir}
	for _, folder := range []string{"", "tree", "in", "in/model", "out", "out/model", "home", "tmp"} {
		if err := errors.Join(os.MkdirAll(w.path(folder), 0o755), os.Chmod(w.path(folder), 0o755)); err != nil {
			return nil, errors.Join(err, w.remove())
		}
	}
	return w, nil
}

// TemporaryFolder makes a folder that the sandbox's user may enter; whoever asked removes it.
func TemporaryFolder() (string, error) {
	parent, err := reachableTemp()
	if err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp(parent, "weighlock-*")
	if err != nil {
		return "", err
	}
	return dir, os.Chmod(dir, 0o755)
}

// reachableTemp is a folder for temporary files that another user may enter too.
func reachableTemp() (string, error) {
	candidates := []string{os.TempDir(), "/tmp", "/var/tmp"}
	for _, candidate := range candidates {
		if candidate, err := filepath.EvalSymlinks(candidate); err == nil && Reachable(candidate) {
			return candidate, nil
		}
	}
	return "", fmt.Errorf("make folder for training: other users may not enter any of %s", strings.Join(candidates, ", "))
}

// Reachable reports whether every user may enter a folder. It matters to root only, whose commands run as another user.
func Reachable(folder string) bool {
	if os.Geteuid() != 0 {
		return true
	}
	for {
		info, err := os.Stat(folder)
		if err != nil || !info.IsDir() || info.Mode().Perm()&0o001 == 0 {
			return false
		}
		up := filepath.Dir(folder)
		if up == folder {
			return true
		}
		folder = up
	}
}

func (w *workspace) path(parts ...string) string {
	return filepath.Join(append([]string{w.dir}, parts...)...)
}

// KeepFolder makes a folder for Host.Keep, where models are moved to rather than copied; remove takes it away.
func KeepFolder() (folder string, remove func(), err error) {
	parent, err := reachableTemp()
	if err != nil {
		return "", nil, err
	}
	folder, err = os.MkdirTemp(parent, "weighlock-keep-*")
	return folder, func() { _ = removeTree(folder) }, err
}

// remove leaves nothing behind.
func (w *workspace) remove() error { return removeTree(w.dir) }

// removeTree removes a folder, whatever modes a command gave to what is in it.
func removeTree(dir string) error {
	if os.RemoveAll(dir) == nil {
		return nil
	}
	_ = filepath.WalkDir(dir, func(path string, entry fs.DirEntry, _ error) error {
		if entry != nil && entry.IsDir() {
			_ = os.Chmod(path, 0o700) //nolint:gosec // a folder has to be entered before it can be emptied
		}
		return nil
	})
	return os.RemoveAll(dir)
}

// fill copies a revision and takes out what holds labels.
func (w *workspace) fill(ctx context.Context, t Tree) error {
	if err := t.Copy(ctx, w.path("tree")); err != nil {
		return err
	}
	root, err := os.OpenRoot(w.path("tree"))
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	for _, name := range append([]string{".git", ".weighlock"}, hiddenIn(t)...) {
		if err := root.RemoveAll(name); err != nil {
			return fmt.Errorf("hide %s: %w", name, err)
		}
	}
	if err := root.MkdirAll(filepath.FromSlash(t.Folder), 0o755); err != nil {
		return err
	}
	if err := removeCopies(root, t.Secret); err != nil {
		return err
	}
	return w.link(root, t)
}

func hiddenIn(t Tree) []string {
	names := []string{filepath.Join(filepath.FromSlash(t.Folder), ".weighlock")}
	for _, name := range t.Hidden {
		names = append(names, filepath.FromSlash(name))
	}
	return names
}

// removeCopies takes out every file with the content of a secret one, whatever its name.
func removeCopies(root *os.Root, secrets [][]byte) error {
	return eachCopy(root, ".", secrets, root.Remove)
}

// eachCopy calls do for every file below a folder with the content of a secret one.
func eachCopy(root *os.Root, below string, secrets [][]byte, do func(name string) error) error {
	return fs.WalkDir(root.FS(), below, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		for _, secret := range secrets {
			if int64(len(secret)) != info.Size() || len(secret) == 0 {
				continue
			}
			content, err := root.ReadFile(name)
			if err != nil {
				return err
			}
			if bytes.Equal(content, secret) {
				return do(name)
			}
		}
		return nil
	})
}

// link lets the folders of features that the copy does not hold be read where they are.
func (w *workspace) link(root *os.Root, t Tree) error {
	for _, name := range t.Files {
		inside := filepath.Join(filepath.FromSlash(t.Folder), filepath.FromSlash(name))
		if _, err := root.Stat(inside); err == nil {
			continue
		}
		outside, err := filepath.EvalSymlinks(filepath.Join(t.Dir, inside))
		if err != nil {
			return blamed(fmt.Errorf("read data.files: %s: %w", name, fs.ErrNotExist))
		}
		if relative, err := filepath.Rel(t.Dir, outside); err != nil || !filepath.IsLocal(relative) {
			return blamed(fmt.Errorf("read data.files: %s leads out of the repository", name))
		}
		if err := refuseLabels(t, name, outside); err != nil {
			return err
		}
		for _, hidden := range t.Hidden {
			if within, err := filepath.Rel(inside, filepath.FromSlash(hidden)); err == nil && filepath.IsLocal(within) {
				return blamed(fmt.Errorf("read data.files: %s holds %s, and with it the labels: keep features in a folder of their own", name, hidden))
			}
		}
		if err := root.MkdirAll(filepath.Dir(inside), 0o755); err != nil {
			return err
		}
		if err := root.Symlink(outside, inside); err != nil {
			return err
		}
		w.read = append(w.read, outside)
	}
	return nil
}

// refuseLabels refuses a folder of features that leads to labels: to a table, to the history that holds it, to what a run
// left, or to a copy of a table. The change names these folders, and so might ask for the answers.
func refuseLabels(t Tree, name, outside string) error {
	refused := func(what string) error {
		return blamed(fmt.Errorf("read data.files: %s leads to %s, which holds labels: keep features in a folder of their own", name, what))
	}
	for _, hidden := range append([]string{".git", ".weighlock"}, hiddenIn(t)...) {
		full, err := filepath.EvalSymlinks(filepath.Join(t.Dir, hidden))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("read data.files: %w", err)
		}
		if holds(outside, full) || holds(full, outside) {
			return refused(filepath.ToSlash(hidden))
		}
	}
	info, err := os.Stat(outside)
	if err != nil {
		return fmt.Errorf("read data.files: %w", err)
	}
	root, inside := outside, "."
	if !info.IsDir() {
		root, inside = filepath.Dir(outside), filepath.Base(outside)
	}
	files, err := os.OpenRoot(root)
	if err != nil {
		return fmt.Errorf("read data.files: %w", err)
	}
	defer func() { _ = files.Close() }()
	return eachCopy(files, inside, t.Secret, func(string) error { return refused("a copy of a table") })
}

// holds reports whether a path is a folder or file, or lies in it.
func holds(folder, name string) bool {
	relative, err := filepath.Rel(folder, name)
	return err == nil && filepath.IsLocal(relative)
}

// write puts a file into the workspace, readable by all.
func (w *workspace) write(content []byte, parts ...string) error {
	name := w.path(parts...)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	return os.WriteFile(name, content, 0o644)
}

// writeAll puts a set of files below a folder of the workspace.
func (w *workspace) writeAll(folder string, files map[string][]byte) error {
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if !filepath.IsLocal(filepath.FromSlash(name)) {
			return fmt.Errorf("write %q: it leads out of its folder", name)
		}
		if err := w.write(files[name], folder, filepath.FromSlash(name)); err != nil {
			return err
		}
	}
	return nil
}

// source reads the tree for the image of an opaque model: the predict command needs its own files there. Folders of
// features and links stay out.
func (w *workspace) source(t Tree) (map[string][]byte, error) {
	const most, size = 5000, 64 << 20
	files, total := map[string][]byte{}, int64(0)
	root, err := os.OpenRoot(w.path("tree"))
	if err != nil {
		return nil, err
	}
	defer func() { _ = root.Close() }()
	err = fs.WalkDir(root.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if slices.ContainsFunc(t.Files, func(f string) bool { return name == filepath.ToSlash(filepath.Join(t.Folder, f)) }) {
				return fs.SkipDir
			}
			return nil
		}
		if !entry.Type().IsRegular() || packable(name) != nil {
			return nil
		}
		content, err := root.ReadFile(name)
		if err != nil {
			return err
		}
		if total += int64(len(content)); total > size || len(files) == most {
			return blamed(fmt.Errorf("keep source for train.predict: the repository holds more than %d files or %d MiB besides its data: put train.predict into a folder with a weighlock.yaml of its own", most, size>>20))
		}
		files[name] = content
		return nil
	})
	return files, err
}
