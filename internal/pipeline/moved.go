package pipeline

import (
	"fmt"
	"strings"

	"github.com/weighlock/weighlock/internal/dataset"
)

// movedOn says in words how the rows that judge differ at the tip of the base branch. The merge base's judge all the same:
// they are those that the author started from, and the comparison is fair. But what was corrected since would judge the
// change once it is merged, and who may choose where a branch begins could keep an old answer key.
func (l *law) movedOn(base, judging table) string {
	if l.tipFiles == nil || l.firstRun {
		return ""
	}
	tip, err := l.judgingAtTip(base, judging)
	if err != nil {
		return fmt.Sprintf("whether the evaluation rows have changed on the base branch by %s is unknown: %v", short(l.base.Tip), err)
	}
	changes := dataset.ChangedRows(dataset.Comparison{
		Base: judging.Table, BaseKeys: judging.keys, Change: tip.Table, ChangeKeys: tip.keys, Target: l.effective.Data.Target,
		Named: l.effective.Data.ID != "",
	})
	var parts []string
	for _, kind := range []struct {
		what string
		keys []string
	}{{"label", changes.Labels}, {"altered row", changes.Altered}, {"removed row", changes.Removed}, {"added row", changes.Added}} {
		if n := len(kind.keys); n > 0 {
			parts = append(parts, fmt.Sprintf("%s, such as %s", count(n, kind.what), kind.keys[0]))
		}
	}
	if parts == nil {
		return ""
	}
	return fmt.Sprintf("the evaluation rows have changed on the base branch since %s, by %s: %s; merge it into this branch to be judged by them",
		short(l.base.Commit), short(l.base.Tip), strings.Join(parts, "; "))
}

// judgingAtTip are the rows that would judge a change that began at the tip of the base branch.
func (l *law) judgingAtTip(base, judging table) (table, error) {
	name, old := l.now.Data.Path, l.old.Data.Path
	if l.now.Data.Evaluate.Path != "" {
		name, old = l.now.Data.Evaluate.Path, l.old.Data.Evaluate.Path
	}
	name, old = join(l.folder, name), join(l.baseFolder, old)
	if name == old {
		if same, err := sameFile(l.baseFiles, l.tipFiles, name); err == nil && same {
			return judging, nil
		}
	}
	content, err := readData(l.tipFiles, name)
	if err != nil {
		return table{}, err
	}
	shown := short(l.base.Tip) + ":" + name
	f := *l.lawful()
	if l.now.Data.Evaluate.Path != "" {
		f.Data.Schema = base.Schema() // as readEvaluation does
	}
	whole, err := parseTable(content, shown, &f)
	if err != nil {
		return table{}, err
	}
	t := table{Table: whole, own: whole}
	var over []string
	if l.effective.Data.ID == "" {
		over = identityColumns(judging.Table, l.effective)
	}
	if t.keys, err = whole.Keys(l.effective.Data.ID, over); err != nil || l.now.Data.Evaluate.Path != "" {
		return t, err
	}
	split, err := l.split(t)
	return t.pick(split.Evaluate), err
}
