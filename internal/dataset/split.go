package dataset

import "errors"

// SplitSpec says how rows are held out.
type SplitSpec struct {
	Holdout               float64
	Seed                  uint64
	Stratify, Group, Time string
}

// Split is which rows train and which judge.
type Split struct {
	Train, Evaluate []int
	Cutoff          float64
}

// MakeSplit splits.
func MakeSplit(t *Table, keys []string, s SplitSpec) (Split, error) {
	return Split{}, errors.New("not yet")
}

// SplitAt splits by a cut-off that is known.
func SplitAt(t *Table, column string, cutoff float64) (Split, error) {
	return Split{}, errors.New("not yet")
}

// Folds numbers folds.
func Folds(keys []string, k int, seed uint64) []int { return make([]int, len(keys)) }
