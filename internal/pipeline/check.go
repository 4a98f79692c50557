package pipeline

import (
	"context"

	"github.com/weighlock/weighlock/internal/dataset"
)

// Found is what Check saw: how the rows divide, what the data checks say, and what the change would alter in the law.
type Found struct {
	Model                 string
	Rows, Train, Evaluate int
	Checks                []dataset.Check
	// Changed lists, in words, changed rules and changed evaluation rows.
	Changed []string
	// ID is the column of ids, "" where there is none, and Judging the ids of the rows that judge, in canonical order.
	ID      string
	Judging []string
}

// Check reads policy and data of the change and of its base, and trains nothing.
func Check(ctx context.Context, o Options) (Found, error) {
	law, err := readLaw(ctx, o)
	if err != nil {
		return Found{}, err
	}
	rows, err := readRows(law)
	if err != nil {
		return Found{}, err
	}
	return Found{
		Model: law.effective.Model, Rows: rows.total, Train: rows.train.Rows(), Evaluate: rows.features.Rows(),
		Checks: rows.checks, Changed: append(append([]string(nil), law.changed...), rows.changed...),
		ID: law.effective.Data.ID, Judging: rows.evaluation.Keys,
	}, nil
}
