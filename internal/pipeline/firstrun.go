package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"

	"github.com/weighlock/weighlock/internal/config"
	"github.com/weighlock/weighlock/internal/gate"
)

// standing is a configuration of the base revision.
type standing struct {
	path string
	file *config.File
}

// guardFirstRun lists, on a first run, what this change takes away from the laws that hold in the repository: a
// configuration that is gone, and another copy of the workflow that calls us. Else giving a model another name and place,
// and the workflow another configuration, would be a way out of every rule. Who owns those laws may approve it.
func (l *law) guardFirstRun(ctx context.Context, o Options) error {
	if l.base.Commit == "" || l.repo == nil {
		return nil
	}
	laws, err := l.standing(ctx)
	if err != nil {
		return fail(gate.Unavailable, err, "")
	}
	for _, old := range laws {
		for _, owner := range old.file.Policy.Owners {
			if !slices.Contains(l.owners, owner) {
				l.owners = append(l.owners, owner)
			}
		}
		gone, err := l.gone(ctx, old)
		if err != nil {
			return fail(gate.Unavailable, err, "")
		}
		if gone {
			l.changed = append(l.changed, fmt.Sprintf("configuration: %s, the law of model %s, is gone", old.path, old.file.Model))
		}
	}
	if len(laws) == 0 {
		return nil // the first policy of a repository brings its workflow along
	}
	return l.guardFiles(o)
}

// standing finds the configurations of the base revision. Which files are some says their content; here is only looked for
// what may be one, in whatever style of YAML.
func (l *law) standing(ctx context.Context) ([]standing, error) {
	candidates, err := l.repo.Matching(ctx, l.base.Commit, `model["']?[[:space:]]*:`)
	if err != nil {
		return nil, err
	}
	var found []standing
	for _, name := range candidates {
		if f := parsedConfig(l.baseFiles, name); f != nil {
			found = append(found, standing{name, f})
		}
	}
	return found, nil
}

// gone reports whether a model's configuration is no longer there, under no other name either.
func (l *law) gone(ctx context.Context, old standing) (bool, error) {
	if parsedConfig(l.changeFiles, old.path) != nil {
		return false, nil
	}
	if l.head == "" {
		return true, nil
	}
	candidates, err := l.repo.Matching(ctx, l.head, namesModel(old.file.Model))
	if err != nil {
		return false, err
	}
	return !slices.ContainsFunc(candidates, func(name string) bool {
		f := parsedConfig(l.changeFiles, name)
		return f != nil && f.Model == old.file.Model
	}), nil
}

// parsedConfig reads a file that may be a configuration, or returns nil.
func parsedConfig(files fs.FS, name string) *config.File {
	if !slices.Contains([]string{".yaml", ".yml"}, path.Ext(name)) {
		return nil
	}
	f, err := readConfig(files, name, name)
	if err != nil {
		return nil
	}
	return f
}

// guardFiles lists which guarded files of the base revision the change has another copy of.
func (l *law) guardFiles(o Options) error {
	for _, name := range o.Guarded {
		if _, err := fs.Lstat(l.baseFiles, name); l.firstRun && errors.Is(err, fs.ErrNotExist) {
			continue // a workflow for a new model takes nothing away
		}
		same, err := sameFile(l.baseFiles, l.changeFiles, name)
		if err != nil {
			return fail(gate.Misconfigured, fmt.Errorf("compare %s with the base revision's: %w", name, err), "")
		}
		if !same {
			l.changed = append(l.changed, name+": differs from the base revision's")
		}
	}
	return nil
}
