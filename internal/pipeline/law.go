package pipeline

import (
	"bytes"
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
	repo *git.Repo // nil where another job has trained the change
	// head is the commit that is checked out, "" before the first commit; dirty says that the tree differs from it.
	head  string
	dirty bool
	// reviewed is the commit that people saw, approved and waived: the head of the pull request where head is its merge.
	reviewed string
	base     git.Base
	// history are the base revision and its first-parent ancestors where there is no clone to ask.
	history []string
	// firstRun says that the base revision has no configuration that names this model.
	firstRun bool
	// change is what the working tree says, old what the base revision says (nil on a first run), and effective what
	// holds: the law of the base, the training of the change.
	change, old, effective *config.File
	// changed lists what the change would alter in the law, in words; owners may approve that.
	changed, owners []string
	// now is what the tip of the base branch says, where that is known to be another commit than the base revision, and
	// tipFiles its tree; else nil.
	now      *config.File
	tipFiles fs.FS
	// changeFiles and baseFiles are the two trees; paths are relative to the repository's top level.
	changeFiles, baseFiles fs.FS
	// folder and baseFolder hold the configuration file, relative to the top level; data paths start there.
	folder, baseFolder string
}

// readLaw finds the base revision and reads both configurations. Every mistake in the change's own file is a
// misconfigured run; a mistake in the base's file is one too, for nobody could say what the law is.
func readLaw(ctx context.Context, o Options) (*law, error) {
	if o.Elsewhere != nil {
		return lawElsewhere(ctx, o)
	}
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
	if l.reviewed, err = l.findReviewed(ctx, o); err != nil {
		return nil, fail(gate.Unavailable, err, "")
	}
	if l.base.Commit != "" {
		l.baseFiles = repo.FS(ctx, l.base.Commit)
	}
	if err := l.readOld(ctx, file); err != nil {
		return nil, err
	}
	if err := l.refuseStale(ctx, file); err != nil {
		return nil, err
	}
	if err := l.settle(ctx, o); err != nil {
		return nil, err
	}
	return l, l.refuseOutputLinks()
}

// refuseOutputLinks refuses an output folder that is a symbolic link, or stands behind one: a change that brings such a
// link would else choose where on this machine a run writes and clears.
func (l *law) refuseOutputLinks() error {
	folder := path.Join(l.folder, OutputFolder(l.effective))
	for at, r := range folder + "/" {
		if r != '/' {
			continue
		}
		info, err := fs.Lstat(l.changeFiles, folder[:at])
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil && !info.IsDir() {
			err = fmt.Errorf("%s is no folder", folder[:at])
		}
		if err != nil {
			return fail(gate.Misconfigured, fmt.Errorf("write %s: %w", folder, err), "remove it: weighlock writes below a folder of its own")
		}
	}
	return nil
}

// refuseStale refuses a branch that left its base branch before the law that holds there now: who may choose where a
// branch begins would else choose the law, or that there is none.
func (l *law) refuseStale(ctx context.Context, file string) error {
	if l.base.Tip == "" || l.base.Tip == l.base.Commit {
		return nil
	}
	shown := short(l.base.Tip) + ":" + file
	tip := l.repo.FS(ctx, l.base.Tip)
	now, err := readConfig(tip, file, shown)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // moved or given up on the base branch: what the merge base says is the newest there is
	}
	if err != nil {
		return err
	}
	if l.firstRun || l.old.LawDigest() != now.LawDigest() {
		err := fmt.Errorf("judge by %s: the base branch has another law by now (%s)", short(l.base.Commit), shown)
		return fail(gate.Misconfigured, err, "merge the base branch into this one, or rebase onto it")
	}
	l.now, l.tipFiles = now, tip
	return nil
}

// findReviewed is the head of the pull request where its merge with the base branch is checked out, and else the head.
func (l *law) findReviewed(ctx context.Context, o Options) (string, error) {
	if o.Reviewed != "" || l.head == "" {
		return o.Reviewed, nil
	}
	if tip := o.CI.Change.HeadCommit; tip != "" && tip != l.head {
		parents, err := l.repo.Parents(ctx, l.head)
		if err != nil {
			return "", err
		}
		if slices.Contains(parents, tip) {
			return tip, nil
		}
	}
	return l.head, nil
}

// settle makes the law that holds out of both configurations, and lists what the change would alter.
func (l *law) settle(ctx context.Context, o Options) error {
	if l.firstRun {
		if err := l.guardFirstRun(ctx, o); err != nil {
			return err
		}
		l.effective, l.baseFiles, l.baseFolder = l.change, l.changeFiles, l.folder
		return nil
	}
	effective, changed := config.Effective(l.old, l.change)
	l.effective, l.changed, l.owners = effective, append(l.changed, changed...), effective.Policy.Owners
	if l.old.Model != l.change.Model {
		l.changed = append(l.changed, fmt.Sprintf("model: %s became %s", l.old.Model, l.change.Model))
	}
	return l.guardFiles(o)
}

// sameFile compares a file of two trees; one that is in neither is the same.
func sameFile(one, other fs.FS, name string) (bool, error) {
	var found [2][]byte
	for i, files := range []fs.FS{one, other} {
		info, err := fs.Lstat(files, name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return false, err
		}
		if !info.Mode().IsRegular() {
			return false, nil // what it leads to may be anything
		}
		if found[i], err = fs.ReadFile(files, name); err != nil {
			return false, err
		}
		found[i] = append(found[i], 0) // an empty file is not a missing one
	}
	return bytes.Equal(found[0], found[1]), nil
}

// ancestors are the base revision and up to n-1 of its first-parent ancestors.
func (l *law) ancestors(ctx context.Context, n int) ([]string, error) {
	if l.repo == nil {
		return l.history[:min(n, len(l.history))], nil
	}
	return l.repo.FirstParents(ctx, l.base.Commit, n)
}

// readOld finds the base revision's configuration of this model: at the same path, or wherever a file names the model.
// A file at the same path that names another model is this model's too: renaming it does not make a first run.
func (l *law) readOld(ctx context.Context, file string) error {
	if l.base.Commit == "" {
		l.firstRun = true
		return nil
	}
	shown := short(l.base.Commit) + ":" + file
	old, err := readConfig(l.baseFiles, file, shown)
	if err == nil {
		l.old, l.baseFolder = old, path.Dir(file)
		return nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if l.repo == nil { // a configuration that moved is only followed in a clone, and a stranger's is no law
		return fail(gate.Misconfigured, fmt.Errorf("read %s: %w", shown, fs.ErrNotExist),
			"a change from a fork cannot bring the first policy, nor move it: do that from a branch of this repository")
	}
	elsewhere, err := l.repo.Matching(ctx, l.base.Commit, namesModel(l.change.Model))
	if err != nil {
		return fail(gate.Unavailable, err, "")
	}
	for _, candidate := range elsewhere {
		old := parsedConfig(l.baseFiles, candidate)
		if old == nil || old.Model != l.change.Model {
			continue // some other YAML file with a key of that name
		}
		l.old, l.baseFolder = old, path.Dir(candidate)
		l.changed = append(l.changed, fmt.Sprintf("configuration: %s moved to %s", candidate, file))
		return nil
	}
	l.firstRun = true
	return nil
}

// namesModel is a regular expression for a line that may name a model, in whatever style of YAML: whether it does says the
// file's content.
func namesModel(model string) string {
	return `model["']?[[:space:]]*:[[:space:]]*["']?` + regexp.QuoteMeta(model)
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
	relative, ok := insideRepository(top, absolute)
	if !ok {
		return "", fmt.Errorf("find %s: it is outside the repository %s", name, top)
	}
	return filepath.ToSlash(relative), nil
}

// insideRepository is a path relative to the top level. Links that lead to the repository are followed, and none in it:
// a change could turn a folder into one, and its configuration would be looked for in the base revision where it never was.
func insideRepository(top, absolute string) (relative string, ok bool) {
	for at, r := range absolute {
		if r != filepath.Separator {
			continue
		}
		resolved, err := filepath.EvalSymlinks(absolute[:max(at, 1)])
		if err != nil {
			return "", false
		}
		if within, err := filepath.Rel(top, resolved); err == nil && filepath.IsLocal(within) {
			return filepath.Join(within, absolute[at+1:]), true
		}
	}
	return "", false
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
	if err := refuseLinks(files, name, shown); err != nil {
		return nil, err
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

// refuseLinks refuses a file that is one or that a folder which is one leads to: what is read there is not what another
// revision has under that name.
func refuseLinks(files fs.FS, name, shown string) error {
	for at, r := range name + "/" { // its folders, and itself
		if r != '/' {
			continue
		}
		info, err := fs.Lstat(files, name[:at])
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return fail(gate.Misconfigured, fmt.Errorf("read %s: %w", shown, err), "")
		case info.Mode()&fs.ModeSymlink == 0:
		case at == len(name):
			return fail(gate.Misconfigured, fmt.Errorf("read %s: it is a symbolic link, which weighlock does not follow", shown), "put the file itself there")
		default:
			err := fmt.Errorf("read %s: %s is a symbolic link, which weighlock does not follow", shown, name[:at])
			return fail(gate.Misconfigured, err, "name the file where it really is")
		}
	}
	return nil
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
