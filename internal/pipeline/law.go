package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/weighlock/weighlock/internal/config"
	"github.com/weighlock/weighlock/internal/gate"
	"github.com/weighlock/weighlock/internal/git"
)

// law is what a run is judged by: which revision is the base, and what its configuration says.
type law struct {
	repo *git.Repo
	// head is the commit that is checked out, "" before the first commit; dirty says that the tree differs from it.
	head  string
	dirty bool
	base  git.Base
	// firstRun says that the base revision has no configuration that names this model.
	firstRun bool
	// change is what the working tree says, old what the base revision says (nil on a first run), and effective what
	// holds: the law of the base, the training of the change.
	change, old, effective *config.File
	// changed lists what the change would alter in the law, in words.
	changed []string
	// changeFiles and baseFiles are the two trees; paths are relative to the repository's top level.
	changeFiles, baseFiles fs.FS
	// folder and baseFolder hold the configuration file, relative to the top level; data paths start there.
	folder, baseFolder string
}

// readLaw finds the base revision and reads both configurations. Every mistake in the change's own file is a
// misconfigured run; a mistake in the base's file is one too, for nobody could say what the law is.
func readLaw(ctx context.Context, o Options) (*law, error) {
	repo, err := git.Open(ctx, o.Dir)
	if err != nil {
		return nil, fail(gate.Misconfigured, err, "git init && git add . && git commit: the law of a change is what was committed before it")
	}
	l := &law{repo: repo}
	file, err := configPath(repo.Dir, o)
	if err != nil {
		return nil, fail(gate.Misconfigured, err, "")
	}
	l.folder = path.Dir(file)
	if l.changeFiles, err = workingTree(repo.Dir); err != nil {
		return nil, err
	}
	if l.change, err = readConfig(l.changeFiles, file, file); err != nil {
		return nil, err
	}
	if l.head, err = repo.Head(ctx); err != nil {
		return nil, fail(gate.Unavailable, err, "")
	}
	if l.dirty, err = repo.Dirty(ctx); err != nil {
		return nil, fail(gate.Unavailable, err, "")
	}
	query := o.CI.Change
	query.Explicit = o.Base
	if l.base, err = repo.FindBase(ctx, query); err != nil {
		if errors.Is(err, git.ErrUnknownRevision) {
			return nil, fail(gate.Misconfigured, err, "--base takes a commit, a branch or a tag of this repository")
		}
		return nil, fail(gate.Unavailable, err, "")
	}
	if err := l.readOld(ctx, file); err != nil {
		return nil, err
	}
	if l.firstRun {
		l.effective, l.baseFiles, l.baseFolder = l.change, l.changeFiles, l.folder
		return l, nil
	}
	effective, changed := config.Effective(l.old, l.change)
	l.effective, l.changed = effective, append(l.changed, changed...)
	if l.old.Model != l.change.Model {
		l.changed = append(l.changed, fmt.Sprintf("model: %s became %s", l.old.Model, l.change.Model))
	}
	return l, nil
}

// readOld finds the base revision's configuration of this model: at the same path, or wherever a file names the model.
// A file at the same path that names another model is this model's too: renaming it does not make a first run.
func (l *law) readOld(ctx context.Context, file string) error {
	if l.base.Commit == "" {
		l.firstRun = true
		return nil
	}
	l.baseFiles = l.repo.FS(ctx, l.base.Commit)
	shown := short(l.base.Commit) + ":" + file
	old, err := readConfig(l.baseFiles, file, shown)
	if err == nil {
		l.old, l.baseFolder = old, path.Dir(file)
		return nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	elsewhere, err := l.repo.Matching(ctx, l.base.Commit, `^model: *["']?`+regexp.QuoteMeta(l.change.Model)+`["']? *(#.*)?$`)
	if err != nil {
		return fail(gate.Unavailable, err, "")
	}
	for _, candidate := range elsewhere {
		if !slices.Contains([]string{".yaml", ".yml"}, path.Ext(candidate)) {
			continue
		}
		old, err := readConfig(l.baseFiles, candidate, short(l.base.Commit)+":"+candidate)
		if err != nil || old.Model != l.change.Model {
			continue // some other YAML file with a key of that name
		}
		l.old, l.baseFolder = old, path.Dir(candidate)
		l.changed = append(l.changed, fmt.Sprintf("configuration: %s moved to %s", candidate, file))
		return nil
	}
	l.firstRun = true
	return nil
}

// configPath is the configuration file relative to the top level, with slashes.
func configPath(top string, o Options) (string, error) {
	name := o.Config
	if name == "" {
		name = DefaultConfig
	}
	if !filepath.IsAbs(name) {
		name = filepath.Join(o.Dir, name)
	}
	absolute, err := filepath.Abs(name)
	if err != nil {
		return "", fmt.Errorf("find %s: %w", name, err)
	}
	folder, err := filepath.EvalSymlinks(filepath.Dir(absolute))
	if err != nil {
		return "", fmt.Errorf("find %s: %w", o.Config, err)
	}
	relative, err := filepath.Rel(top, filepath.Join(folder, filepath.Base(absolute)))
	if err != nil || !filepath.IsLocal(relative) {
		return "", fmt.Errorf("find %s: it is outside the repository %s", name, top)
	}
	return filepath.ToSlash(relative), nil
}

// workingTree is the change as it stands on disk. Nothing outside the repository can be reached through it, not by
// symbolic links either.
func workingTree(top string) (fs.FS, error) {
	root, err := os.OpenRoot(top)
	if err != nil {
		return nil, fail(gate.Misconfigured, err, "")
	}
	return root.FS(), nil
}

// readConfig reads and checks one configuration file; shown is its name in messages.
func readConfig(files fs.FS, name, shown string) (*config.File, error) {
	if info, err := fs.Lstat(files, name); err == nil && info.Mode()&fs.ModeSymlink != 0 {
		return nil, fail(gate.Misconfigured, fmt.Errorf("read %s: it is a symbolic link, which weighlock does not follow", shown), "put the file itself there")
	}
	content, err := fs.ReadFile(files, name)
	if err != nil {
		hint := ""
		if errors.Is(err, fs.ErrNotExist) {
			err = fmt.Errorf("read %s: %w", shown, fs.ErrNotExist)
			hint = "weighlock init writes a first one from a table"
		}
		return nil, fail(gate.Misconfigured, err, hint)
	}
	parsed, err := config.Parse(shown, content)
	if err != nil {
		return nil, fail(gate.Misconfigured, err, "")
	}
	return parsed, nil
}

// excluded names the columns that are no features of the model.
func excluded(f *config.File) []string {
	var names []string
	for _, name := range append([]string{f.Data.ID, f.Data.Weight, f.Data.Evaluate.Group, f.Data.Evaluate.Time}, f.Data.Exclude...) {
		if name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

func short(commit string) string {
	if len(commit) > 12 {
		return commit[:12]
	}
	return commit
}

// join puts a path of the configuration behind the folder that holds the configuration.
func join(folder, name string) string {
	return path.Clean(path.Join(folder, strings.TrimPrefix(name, "./")))
}
