package pipeline

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"

	"github.com/weighlock/weighlock/internal/config"
	"github.com/weighlock/weighlock/internal/dataset"
	"github.com/weighlock/weighlock/internal/evaluation"
	"github.com/weighlock/weighlock/internal/gate"
	"github.com/weighlock/weighlock/internal/git"
)

// table is one file with the identity of its rows.
type table struct {
	// Table holds the columns as the law reads them: what tells rows apart, judges and groups them is not the change's to say.
	*dataset.Table
	keys []string
	// own holds the same rows with the kinds that the change declares for other columns; the candidate learns from it and
	// scores it. It is Table itself where the change declares nothing new.
	own *dataset.Table
}

// pick takes some rows of a table along with their keys.
func (t table) pick(at []int) table {
	keys := make([]string, len(at))
	for i, row := range at {
		keys[i] = t.keys[row]
	}
	return t.each(keys, func(t *dataset.Table) *dataset.Table { return t.Select(at) })
}

// known are the keys of a table's rows.
func (t table) known() map[string]bool {
	known := make(map[string]bool, len(t.keys))
	for _, key := range t.keys {
		known[key] = true
	}
	return known
}

// without leaves out the rows that another table has too.
func (t table) without(other table) table {
	known := other.known()
	var rows []int
	for row, key := range t.keys {
		if !known[key] {
			rows = append(rows, row)
		}
	}
	return t.pick(rows)
}

// each does the same with both readings of a table, and once where they are one.
func (t table) each(keys []string, do func(*dataset.Table) *dataset.Table) table {
	out := table{Table: do(t.Table), keys: keys}
	if out.own = out.Table; t.own != t.Table {
		out.own = do(t.own)
	}
	return out
}

// with joins columns that only the change has to the rows that judge, by key. A row that the change no longer has gets a
// missing value.
func (t table) with(change table, added []string) (table, error) {
	if len(added) == 0 {
		return t, nil
	}
	at := make(map[string]int, len(change.keys))
	for row, key := range change.keys {
		at[key] = row
	}
	rows := make([]int, len(t.keys))
	for i, key := range t.keys {
		rows[i] = -1
		if row, ok := at[key]; ok {
			rows[i] = row
		}
	}
	join := func(to, from *dataset.Table) (*dataset.Table, error) {
		for _, name := range added {
			column, ok := from.Column(name)
			if !ok {
				return nil, fmt.Errorf("join column %q: it is not in %s", name, change.Name)
			}
			var err error
			if to, err = to.With(column.Select(rows)); err != nil {
				return nil, err
			}
		}
		return to, nil
	}
	out := table{keys: t.keys}
	var err error
	if out.Table, err = join(t.Table, change.Table); err != nil {
		return table{}, err
	}
	if out.own = out.Table; t.own != t.Table || change.own != change.Table {
		out.own, err = join(t.own, change.own)
	}
	return out, err
}

// judged are the rows that judge in canonical order, and the features that the baseline and the candidate score: the same
// values, the candidate's of the kinds that the change declares.
func (t table) judged(o evaluation.RowsOptions) (rows evaluation.Rows, base, own *dataset.Table, err error) {
	if rows, base, err = evaluation.NewRows(t.Table, t.keys, o); err != nil || t.own == t.Table {
		return rows, base, base, err
	}
	target, _ := t.Column(o.Target)
	truth, err := t.own.Without(o.Target).With(target) // rows of equal content are ordered by it
	if err != nil {
		return rows, nil, nil, err
	}
	_, own, err = evaluation.NewRows(truth, t.keys, evaluation.RowsOptions{Task: o.Task, Target: o.Target, Classes: o.Classes, Positive: o.Positive})
	return rows, base, own, err
}

// halves deals rows to two parts, which data checks hold against each other where every row trains and judges in turn.
func halves(t table) (one, other table) {
	var parts [2][]int
	for row, key := range t.keys {
		at := hashOf(0, key) & 1
		parts[at] = append(parts[at], row)
	}
	return t.pick(parts[0]), t.pick(parts[1])
}

// lawful is what holds but for the kinds of columns, which are the base's.
func (l *law) lawful() *config.File {
	f := *l.effective
	if l.old != nil {
		f.Data.Schema = l.old.Data.Schema
	}
	return &f
}

// declaredAnew are the fields that only the change declares, and that change the kind of a column of t.
func (l *law) declaredAnew(t *dataset.Table) dataset.Schema {
	before := l.lawful().Data.Schema
	var anew dataset.Schema
	for _, f := range l.effective.Data.Schema {
		column, there := t.Column(f.Name)
		if _, was := before.Field(f.Name); !was && there && f.Kind != 0 && f.Kind != column.Kind {
			anew = append(anew, f)
		}
	}
	return anew
}

// readTable reads a table as the law does, and once more with the kinds that the change declares.
func (l *law) readTable(content []byte, name string, f *config.File) (table, error) {
	lawful, err := parseTable(content, name, f)
	if err != nil {
		return table{}, err
	}
	t := table{Table: lawful, own: lawful}
	if anew := l.declaredAnew(lawful); anew != nil {
		own := *f
		own.Data.Schema = slices.Concat(anew, f.Data.Schema) // the first field of a name counts
		t.own, err = parseTable(content, name, &own)
	}
	return t, err
}

// readTables reads the change's table and the base's; the same bytes are read once.
func (l *law) readTables() (change, base table, err error) {
	content, err := readData(l.changeFiles, join(l.folder, l.change.Data.Path))
	if err != nil {
		return table{}, table{}, err
	}
	var over []string
	read := func(content []byte, name string) (table, error) {
		t, err := l.readTable(content, name, l.lawful())
		if err != nil {
			return table{}, err
		}
		if over == nil && l.effective.Data.ID == "" {
			over = identityColumns(t.Table, l.effective)
		}
		if t.keys, err = t.Keys(l.effective.Data.ID, over); err != nil {
			return table{}, fail(gate.Misconfigured, fmt.Errorf("tell rows of %s apart: %w", name, err),
				"name a column with one value per row in data.id")
		}
		return t, nil
	}
	if l.firstRun {
		change, err = read(content, join(l.folder, l.change.Data.Path))
		return change, change, err
	}
	old, err := readData(l.baseFiles, join(l.baseFolder, l.old.Data.Path))
	if err != nil {
		return table{}, table{}, err
	}
	if base, err = read(old, short(l.base.Commit)+":"+join(l.baseFolder, l.old.Data.Path)); err != nil {
		return table{}, table{}, err
	}
	if bytes.Equal(old, content) {
		return base, base, nil
	}
	change, err = read(content, join(l.folder, l.change.Data.Path))
	return change, base, err
}

// readEvaluation reads the evaluation file of the base revision.
func (l *law) readEvaluation(schema dataset.Schema) (table, error) {
	name := join(l.baseFolder, l.effective.Data.Evaluate.Path)
	content, err := readData(l.baseFiles, name)
	if err != nil {
		return table{}, err
	}
	withKinds := *l.lawful()
	withKinds.Data.Schema = schema
	t, err := l.readTable(content, name, &withKinds)
	if err != nil {
		return table{}, err
	}
	var over []string
	if l.effective.Data.ID == "" {
		over = identityColumns(t.Table, l.effective)
	}
	if t.keys, err = t.Keys(l.effective.Data.ID, over); err != nil {
		return table{}, fail(gate.Misconfigured, fmt.Errorf("tell rows of %s apart: %w", name, err), "")
	}
	return t, nil
}

// submodulePath is a line of .gitmodules.
var submodulePath = regexp.MustCompile(`(?m)^\s*path\s*=\s*"?([^"\n]*?)"?\s*$`)

// submoduleOf is the submodule that a file of a tree lies in, checked out or not, or "".
func submoduleOf(files fs.FS, name string) string {
	modules, err := fs.ReadFile(files, ".gitmodules")
	if err != nil {
		return ""
	}
	for _, line := range submodulePath.FindAllSubmatch(modules, -1) {
		if module := string(line[1]); strings.HasPrefix(name, module+"/") {
			return module
		}
	}
	return ""
}

// readData reads one file of a tree and names the usual trap of a checkout.
func readData(files fs.FS, name string) ([]byte, error) {
	if module := submoduleOf(files, name); module != "" {
		return nil, fail(gate.Misconfigured, fmt.Errorf("read data: %s: %s is a submodule, whose files weighlock does not read", name, module),
			"commit the table to this repository, with Git LFS where it is large: a revision of another repository is nothing that is reviewed here")
	}
	content, err := fs.ReadFile(files, name)
	if err != nil {
		if wrong, ok := errors.AsType[*fs.PathError](err); ok {
			err = fmt.Errorf("%s: %w", name, wrong.Err)
		}
		return nil, fail(gate.Misconfigured, fmt.Errorf("read data: %w", err), "data.path is relative to the folder of the configuration")
	}
	if git.IsLFSPointer(content) {
		return nil, fail(gate.Misconfigured, fmt.Errorf("read data: %s is a Git LFS pointer, not the data", name),
			"check out with lfs: true, or run git lfs pull; for the base revision, git lfs fetch origin and its commit")
	}
	return content, nil
}

// parseTable reads a table from memory; name is what messages show and where its format is seen.
func parseTable(content []byte, name string, f *config.File) (*dataset.Table, error) {
	options := dataset.Options{Schema: f.Data.Schema, Require: []string{f.Data.Target}}
	for _, identity := range []string{f.Data.ID, f.Data.Evaluate.Group} {
		if identity != "" {
			options.Require = append(options.Require, identity)
			options.Text = append(options.Text, identity)
		}
	}
	if f.Task.Classifies() {
		options.Text = append(options.Text, f.Data.Target)
	}
	t, err := dataset.ReadBytes(content, name, options)
	if err != nil {
		return nil, fail(gate.Misconfigured, fmt.Errorf("read data: %w", err), "")
	}
	return t, nil
}

// identityColumns are those whose content tells rows apart where there is no id: the base's, without the target, so
// that a changed label is seen as one.
func identityColumns(t *dataset.Table, f *config.File) []string {
	return slices.DeleteFunc(t.Names(), func(name string) bool { return name == f.Data.Target })
}
