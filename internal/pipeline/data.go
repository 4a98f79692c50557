package pipeline

import (
	"fmt"
	"slices"

	"github.com/weighlock/weighlock/internal/config"
	"github.com/weighlock/weighlock/internal/dataset"
	"github.com/weighlock/weighlock/internal/evaluation"
	"github.com/weighlock/weighlock/internal/gate"
)

// rows are the tables of one run, split as the base revision says.
type rows struct {
	// evaluation holds truth and slices in canonical order, features the same rows without their target as the candidate
	// sees them, baseFeatures as the baseline does.
	evaluation             evaluation.Rows
	features, baseFeatures *dataset.Table
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
	// moved says how the rows that judge differ at the tip of the base branch, "" where they do not or nobody knows.
	moved string
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
	r.train = train.own
	if err := l.refuseTuning(judging); err != nil {
		return nil, err
	}
	if err := r.compareEvaluation(l, change, judging); err != nil {
		return nil, err
	}
	r.moved = l.movedOn(base, judging)
	r.checks = l.check(base, train, judging)
	for _, c := range r.checks { // values that nobody has reviewed, for the rows that judge too
		if c.Name == dataset.CheckTargetLeak && slices.Contains(r.added, c.Column) {
			r.changed = append(r.changed, "evaluation set: new "+c.Message)
		}
	}
	joined, err := judging.with(change, r.added)
	if err != nil {
		return nil, fail(gate.Misconfigured, err, "")
	}
	r.classes = classesOf(eff, base.Table, change.Table, judging.Table)
	if r.evaluation, r.baseFeatures, r.features, err = joined.judged(rowsOptions(eff, r.classes)); err != nil {
		return nil, fail(gate.Misconfigured, err, "")
	}
	return r, nil
}

// check looks for what makes a comparison worthless. Where every row trains and judges in turn, the change's rows are held
// against each other, and those that only the change has against the rows that judge.
func (l *law) check(base, train, judging table) []dataset.Check {
	e := l.effective.Data
	run := func(train, judging table) []dataset.Check {
		return dataset.RunChecks(dataset.CheckInput{
			Train: train.own, Evaluate: judging.own, TrainKeys: train.keys, EvaluateKeys: judging.keys,
			Target: e.Target, ID: e.ID, Group: e.Evaluate.Group, Time: e.Evaluate.Time, BaseSchema: base.Schema(), Declared: e.Schema,
		})
	}
	if !e.Evaluate.CrossValidates() {
		return run(train, judging)
	}
	checks := run(halves(train))
	shared := func(c dataset.Check) bool { return c.Name == dataset.CheckSharedRows && c.Severity == dataset.Block }
	if fresh := train.without(judging); fresh.Rows() > 0 && !slices.ContainsFunc(checks, shared) {
		for _, c := range run(fresh, judging) {
			if shared(c) || c.Name == dataset.CheckNearCopies {
				checks = append(checks, c)
			}
		}
	}
	return checks
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
	judges := judging.known()
	keep := slices.DeleteFunc(own.Train, func(row int) bool { return judges[change.keys[row]] })
	if len(keep) == 0 {
		return table{}, fail(gate.Misconfigured, fmt.Errorf("split data: %s leaves no row to train on", change.Name), "lower data.evaluate.holdout")
	}
	return change.pick(keep), nil
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
		t, err := parseTable(content, join(l.folder, path), l.lawful())
		if err != nil {
			return err
		}
		keys, err := t.Keys(l.effective.Data.ID, identityColumns(judging.Table, l.effective))
		if err != nil {
			return fail(gate.Misconfigured, err, "")
		}
		theirs = table{Table: t, keys: keys, own: t}
	}
	changes := dataset.ChangedRows(dataset.Comparison{
		Base: judging.Table, BaseKeys: judging.keys, Change: theirs.Table, ChangeKeys: theirs.keys, Target: l.effective.Data.Target,
		Named: l.effective.Data.ID != "",
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
