package pipeline

import (
	"fmt"

	"github.com/weighlock/weighlock/internal/gate"
)

// refuseTuning refuses a change whose hyperparameters were chosen by rows that judge: the best of many looks too good on
// the rows that it was the best on (statistics.md 2.4). Rows are the same when their keys are, and where every row is, the
// digests are as well.
func (l *law) refuseTuning(judging table) error {
	path := l.change.Train.TunedOn
	if path == "" {
		return nil
	}
	name := join(l.folder, path)
	content, err := readData(l.changeFiles, name)
	if err != nil {
		return err
	}
	t, err := parseTable(content, name, l.lawful())
	if err != nil {
		return err
	}
	var over []string
	if l.effective.Data.ID == "" {
		over = identityColumns(judging.Table, l.effective)
	}
	keys, err := t.Keys(l.effective.Data.ID, over)
	if err != nil {
		return fail(gate.Misconfigured, fmt.Errorf("tell rows of %s apart: %w", name, err), "")
	}
	tuned := make(map[string]bool, len(keys))
	for _, key := range keys {
		tuned[key] = true
	}
	shared := 0
	for _, key := range judging.keys {
		if tuned[key] {
			shared++
		}
	}
	const hint = "tune by rows that do not judge: a part of the training rows, or cross-validation on them"
	switch {
	case t.Digest(keys) == judging.Digest(judging.keys):
		return fail(gate.Misconfigured, fmt.Errorf("train.tuned_on: %s is the evaluation set itself (%s)", name, judging.Digest(judging.keys)), hint)
	case shared > 0:
		return fail(gate.Misconfigured, fmt.Errorf("train.tuned_on: %s holds %s that judge", name, count(shared, "row")), hint)
	}
	return nil
}
