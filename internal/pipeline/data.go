package pipeline

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/weighlock/weighlock/internal/config"
	"github.com/weighlock/weighlock/internal/dataset"
	"github.com/weighlock/weighlock/internal/evaluation"
	"github.com/weighlock/weighlock/internal/gate"
	"github.com/weighlock/weighlock/internal/git"
)

// rows are the tables of one run, split as the base revision says.
type rows struct {
	// evaluation holds truth and slices in canonical order, features the same rows without their target.
	evaluation evaluation.Rows
	features   *dataset.Table
	// classes are those of the base and of the change together, sorted; nil for quantities.
	classes []string
	// train are the change's labelled rows that do not judge; baseTrain are the base revision's.
	train, baseTrain *dataset.Table
	// trainKeys and baseKeys tell the rows of both apart where every row trains and judges in turn.
	trainKeys, baseKeys []string
	// digest is that of all the change's rows.
	digest string
	total  int
	checks []dataset.Check
	// changed lists, in words, what the change would alter in the rows that judge.
	changed []string
	// added are columns that only the change has.
	added []string
}

// table is one file with the identity of its rows.
type table struct {
	*dataset.Table
	keys []string
}

// readRows reads the base's and the change's data and splits both by the base's rule.
func readRows(l *law) (*rows, error) {
	change, base, err := l.readTables()
	if err != nil {
		return nil, err
	}
	eff := l.effective
	split, err := l.split(base)
	if err != nil {
		return nil, err
	}
	r := &rows{total: change.Rows(), digest: change.Digest(change.keys)}
	judging := base.pick(split.Evaluate)
	r.baseTrain = base.Select(split.Train)
	train := change
	if eff.Data.Evaluate.Path != "" {
		if judging, err = l.readEvaluation(base.Schema()); err != nil {
			return nil, err
		}
		r.baseTrain = base.Table
	} else if eff.Data.Evaluate.CrossValidates() {
		r.baseTrain, r.trainKeys, r.baseKeys = base.Table, change.keys, base.keys
	} else if train, err = l.trainingRows(change, judging, split); err != nil {
		return nil, err
	}
	r.train = train.Table
	if err := l.refuseTuning(judging); err != nil {
		return nil, err
	}
	if err := r.compareEvaluation(l, change, judging); err != nil {
		return nil, err
	}
	trains, judges := train, judging
	if eff.Data.Evaluate.CrossValidates() {
		trains, judges = halves(judging)
	}
	r.checks = dataset.RunChecks(dataset.CheckInput{
		Train: trains.Table, Evaluate: judges.Table, TrainKeys: trains.keys, EvaluateKeys: judges.keys,
		Target: eff.Data.Target, ID: eff.Data.ID, Group: eff.Data.Evaluate.Group, Time: eff.Data.Evaluate.Time,
		BaseSchema: base.Schema(), Declared: eff.Data.Schema,
	})
	joined, err := withNewColumns(judging, change, r.added)
	if err != nil {
		return nil, fail(gate.Misconfigured, err, "")
	}
	r.classes = classesOf(eff, base.Table, change.Table, judging.Table)
	if r.evaluation, r.features, err = evaluation.NewRows(joined, judging.keys, rowsOptions(eff, r.classes)); err != nil {
		return nil, fail(gate.Misconfigured, err, "")
	}
	return r, nil
}

// readTables reads the change's table and the base's; the same bytes are read once.
func (l *law) readTables() (change, base table, err error) {
	content, err := readData(l.changeFiles, join(l.folder, l.change.Data.Path))
	if err != nil {
		return table{}, table{}, err
	}
	var over []string
	read := func(content []byte, name string) (table, error) {
		t, err := parseTable(content, name, l.effective)
		if err != nil {
			return table{}, err
		}
		if over == nil && l.effective.Data.ID == "" {
			over = identityColumns(t, l.effective)
		}
		keys, err := t.Keys(l.effective.Data.ID, over)
		if err != nil {
			return table{}, fail(gate.Misconfigured, fmt.Errorf("tell rows of %s apart: %w", name, err),
				"name a column with one value per row in data.id")
		}
		return table{t, keys}, nil
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

// readData reads one file of a tree and names the usual trap of a checkout.
func readData(files fs.FS, name string) ([]byte, error) {
	content, err := fs.ReadFile(files, name)
	if err != nil {
		if wrong, ok := errors.AsType[*fs.PathError](err); ok {
			err = fmt.Errorf("%s: %w", name, wrong.Err)
		}
		return nil, fail(gate.Misconfigured, fmt.Errorf("read data: %w", err), "data.path is relative to the folder of the configuration")
	}
	if git.IsLFSPointer(content) {
		return nil, fail(gate.Misconfigured, fmt.Errorf("read data: %s is a Git LFS pointer, not the data", name),
			"check out with lfs: true, or run git lfs pull")
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

// pick takes some rows of a table along with their keys.
func (t table) pick(at []int) table {
	keys := make([]string, len(at))
	for i, row := range at {
		keys[i] = t.keys[row]
	}
	return table{t.Select(at), keys}
}

func (l *law) split(base table) (dataset.Split, error) {
	e := l.effective.Data.Evaluate
	if e.CrossValidates() {
		var all dataset.Split
		for row := range base.Rows() {
			all.Evaluate = append(all.Evaluate, row)
		}
		return all, nil
	}
	if e.Path != "" {
		return dataset.Split{}, nil
	}
	split, err := dataset.MakeSplit(base.Table, base.keys, l.splitSpec())
	if err != nil {
		return split, fail(gate.Misconfigured, fmt.Errorf("split data: %w", err), "")
	}
	return split, nil
}

func (l *law) splitSpec() dataset.SplitSpec {
	e := l.effective.Data.Evaluate
	return dataset.SplitSpec{Holdout: e.Holdout, Seed: e.Seed, Stratify: e.Stratify, Group: e.Group, Time: e.Time}
}

// trainingRows are the change's rows less the evaluation ids. Rows that are new in the change and that the base's rule
// would let judge are left out too: once merged they do judge, and a model that was trained on them would be flattered.
func (l *law) trainingRows(change, judging table, split dataset.Split) (table, error) {
	own, err := dataset.MakeSplitAt(change.Table, change.keys, l.splitSpec(), split.Cutoff)
	if err != nil {
		return table{}, fail(gate.Misconfigured, fmt.Errorf("split data: %w", err), "")
	}
	judges := make(map[string]bool, len(judging.keys))
	for _, key := range judging.keys {
		judges[key] = true
	}
	keep := slices.DeleteFunc(own.Train, func(row int) bool { return judges[change.keys[row]] })
	if len(keep) == 0 {
		return table{}, fail(gate.Misconfigured, fmt.Errorf("split data: %s leaves no row to train on", change.Name), "lower data.evaluate.holdout")
	}
	return change.pick(keep), nil
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

// readEvaluation reads the evaluation file of the base revision.
func (l *law) readEvaluation(schema dataset.Schema) (table, error) {
	name := join(l.baseFolder, l.effective.Data.Evaluate.Path)
	content, err := readData(l.baseFiles, name)
	if err != nil {
		return table{}, err
	}
	withKinds := *l.effective
	withKinds.Data.Schema = schema
	t, err := parseTable(content, name, &withKinds)
	if err != nil {
		return table{}, err
	}
	var over []string
	if l.effective.Data.ID == "" {
		over = identityColumns(t, l.effective)
	}
	keys, err := t.Keys(l.effective.Data.ID, over)
	if err != nil {
		return table{}, fail(gate.Misconfigured, fmt.Errorf("tell rows of %s apart: %w", name, err), "")
	}
	return table{t, keys}, nil
}

// compareEvaluation says what the change would do to the rows that judge: they are the base's, so it has no effect on
// this run, but it has to be seen, and it blocks until an owner approves.
func (r *rows) compareEvaluation(l *law, change, judging table) error {
	if l.firstRun {
		return nil
	}
	theirs := change
	if path := l.effective.Data.Evaluate.Path; path != "" {
		content, err := readData(l.changeFiles, join(l.folder, path))
		if err != nil {
			return err
		}
		t, err := parseTable(content, join(l.folder, path), l.effective)
		if err != nil {
			return err
		}
		keys, err := t.Keys(l.effective.Data.ID, identityColumns(judging.Table, l.effective))
		if err != nil {
			return fail(gate.Misconfigured, err, "")
		}
		theirs = table{t, keys}
	}
	changes := dataset.ChangedRows(dataset.Comparison{
		Base: judging.Table, BaseKeys: judging.keys, Change: theirs.Table, ChangeKeys: theirs.keys, Target: l.effective.Data.Target,
	})
	r.added = changes.NewColumns
	for _, kind := range []struct {
		what string
		keys []string
	}{{"label", changes.Labels}, {"removed row", changes.Removed}, {"altered row", changes.Altered}} {
		if n := len(kind.keys); n > 0 {
			r.changed = append(r.changed, fmt.Sprintf("evaluation set: %s, such as %s", count(n, kind.what), kind.keys[0]))
		}
	}
	if l.effective.Data.Evaluate.Path != "" && len(changes.Added) > 0 {
		r.changed = append(r.changed, fmt.Sprintf("evaluation set: %s, such as %s", count(len(changes.Added), "added row"), changes.Added[0]))
	}
	return nil
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// withNewColumns joins columns that only the change has to the rows that judge, by key. A row that the change no longer
// has gets a missing value.
func withNewColumns(judging, change table, added []string) (*dataset.Table, error) {
	if len(added) == 0 {
		return judging.Table, nil
	}
	at := make(map[string]int, len(change.keys))
	for row, key := range change.keys {
		at[key] = row
	}
	joined := judging.Table
	for _, name := range added {
		column, ok := change.Column(name)
		if !ok {
			return nil, fmt.Errorf("join column %q: it is not in %s", name, change.Name)
		}
		rows := make([]int, len(judging.keys))
		for i, key := range judging.keys {
			rows[i] = -1
			if row, ok := at[key]; ok {
				rows[i] = row
			}
		}
		var err error
		if joined, err = joined.With(column.Select(rows)); err != nil {
			return nil, err
		}
	}
	return joined, nil
}

// classesOf lists every class that a label of the base or of the change names.
func classesOf(f *config.File, tables ...*dataset.Table) []string {
	if !f.Task.Classifies() {
		return nil
	}
	var classes []string
	for _, t := range tables {
		column, ok := t.Column(f.Data.Target)
		if !ok {
			continue
		}
		for row := range column.Len() {
			if !column.Missing(row) {
				if text := column.Text(row); !slices.Contains(classes, text) {
					classes = append(classes, text)
				}
			}
		}
	}
	slices.Sort(classes)
	if len(classes) == 2 && classes[0] == f.Data.Positive {
		slices.Reverse(classes)
	}
	return classes
}

func rowsOptions(f *config.File, classes []string) evaluation.RowsOptions {
	o := evaluation.RowsOptions{
		Task: f.Task, Target: f.Data.Target, Classes: classes, Group: f.Data.Evaluate.Group, Weight: f.Data.Weight,
		Positive: f.Data.Positive, Time: f.Data.Evaluate.Time, Horizon: f.Data.Evaluate.Horizon,
	}
	for _, slice := range f.Policy.Slices {
		o.SliceBy = append(o.SliceBy, slice.By)
	}
	for _, groups := range f.Policy.Fairness {
		o.SliceBy = append(o.SliceBy, groups.By)
	}
	slices.Sort(o.SliceBy)
	o.SliceBy = slices.Compact(o.SliceBy)
	return o
}
