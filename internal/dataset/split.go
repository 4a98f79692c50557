package dataset

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
)

// SplitSpec says which rows are held out.
type SplitSpec struct {
	// Holdout is the share of rows that judge, between 0 and 1.
	Holdout float64
	Seed    uint64
	// Stratify, Group and Time name a column; at most one of them is set.
	Stratify, Group, Time string
}

// Split holds row numbers, ascending; every row is on one side.
type Split struct {
	Train, Evaluate []int
	// Cutoff is set by time: rows at or after it evaluate. SplitAt applies it to another table.
	Cutoff float64
}

// MakeSplit splits a table in one of four ways, none of which depends on the order of rows.
//
// Plain: a row evaluates when the hash of seed and key lies below the holdout, so that the share is met on average and
// a new row moves no other. Group: the same with the group's text for the key, so that a group stays together. Stratify:
// in each stratum of n rows the round(holdout*n) rows with the lowest hashes evaluate. Time: the last round(holdout*n)
// rows evaluate, together with all rows of the same moment as the first of them. Rows of equal content, whose keys differ
// in "#2" alone, stay together. It is an error when a side is empty.
func MakeSplit(t *Table, keys []string, s SplitSpec) (Split, error) {
	evaluate, cutoff, err := rule(t, keys, s)
	if err != nil {
		return Split{}, err
	}
	out := split(t, evaluate)
	out.Cutoff = cutoff
	return out, out.refuseEmpty(t)
}

// MakeSplitAt splits another revision of a table by the rule of the base: by time at the base's cut-off, else as
// MakeSplit does. A side may be empty.
func MakeSplitAt(t *Table, keys []string, s SplitSpec, cutoff float64) (Split, error) {
	if s.Time != "" {
		return splitAt(t, s.Time, cutoff)
	}
	evaluate, _, err := rule(t, keys, s)
	if err != nil {
		return Split{}, err
	}
	return split(t, evaluate), nil
}

// SplitAt splits by a cut-off that is known, such as the base revision's: rows at or after it evaluate. It is an error
// when a side is empty.
func SplitAt(t *Table, column string, cutoff float64) (Split, error) {
	out, err := splitAt(t, column, cutoff)
	if err != nil {
		return Split{}, err
	}
	return out, out.refuseEmpty(t)
}

// rule says of each row whether it evaluates; cutoff is set for a split by time.
func rule(t *Table, keys []string, s SplitSpec) (evaluate func(i int) bool, cutoff float64, err error) {
	if !(s.Holdout > 0 && s.Holdout < 1) {
		return nil, 0, fmt.Errorf("split %s: holdout is %v, want a share between 0 and 1", t.Name, s.Holdout)
	}
	set := 0
	for _, n := range []string{s.Stratify, s.Group, s.Time} {
		if n != "" {
			set++
		}
	}
	switch {
	case set > 1:
		return nil, 0, fmt.Errorf("split %s: stratify, group and time exclude each other", t.Name)
	case len(keys) != t.Rows():
		return nil, 0, fmt.Errorf("split %s: %d keys for %d rows", t.Name, len(keys), t.Rows())
	case s.Time != "":
		return byTime(t, s)
	case s.Group != "":
		evaluate, err = byGroup(t, s)
	case s.Stratify != "":
		evaluate, err = byStratum(t, keys, s)
	default:
		evaluate = func(i int) bool { return unit(s.Seed, keyBase(keys[i])) < s.Holdout }
	}
	return evaluate, 0, err
}

// unit maps seed and key to [0, 1) by SHA-256, whose first 53 bits it keeps.
func unit(seed uint64, key string) float64 {
	b := binary.LittleEndian.AppendUint64(make([]byte, 0, 8+len(key)), seed)
	sum := sha256.Sum256(append(b, key...))
	return float64(binary.BigEndian.Uint64(sum[:8])>>11) / (1 << 53)
}

func split(t *Table, evaluate func(i int) bool) Split {
	var out Split
	for i := range t.Rows() {
		if evaluate(i) {
			out.Evaluate = append(out.Evaluate, i)
		} else {
			out.Train = append(out.Train, i)
		}
	}
	return out
}

func (s Split) refuseEmpty(t *Table) error {
	switch {
	case len(s.Evaluate) == 0:
		return fmt.Errorf("split %s: none of %d rows is left to evaluate", t.Name, t.Rows())
	case len(s.Train) == 0:
		return fmt.Errorf("split %s: none of %d rows is left to train", t.Name, t.Rows())
	}
	return nil
}

// present finds a column in which no value may be missing.
func (t *Table) present(name, what string) (*Column, error) {
	c, err := t.need(name)
	if err != nil {
		return nil, err
	}
	for i := range c.Len() {
		if c.Missing(i) {
			return nil, &Error{File: t.Name, Line: t.line(i), Column: t.position(name), Name: name, Msg: "the " + what + " is missing"}
		}
	}
	return c, nil
}

func byGroup(t *Table, s SplitSpec) (func(i int) bool, error) {
	c, err := t.present(s.Group, "group")
	if err != nil {
		return nil, err
	}
	return func(i int) bool { return unit(s.Seed, c.Text(i)) < s.Holdout }, nil
}

// maxStrata keeps a column of measurements from being taken for strata.
const maxStrata = 100

func byStratum(t *Table, keys []string, s SplitSpec) (func(i int) bool, error) {
	c, err := t.need(s.Stratify)
	if err != nil {
		return nil, err
	}
	strata := make(map[string][]float64)
	hashes := make([]float64, t.Rows())
	for i := range hashes {
		hashes[i] = unit(s.Seed, keyBase(keys[i]))
		strata[c.Text(i)] = append(strata[c.Text(i)], hashes[i])
	}
	if len(strata) > maxStrata {
		return nil, fmt.Errorf("split %s: column %s has %d distinct values, at most %d can be strata", t.Name, clip(s.Stratify), len(strata), maxStrata)
	}
	limit := make(map[string]float64)
	for stratum, h := range strata {
		slices.Sort(h)
		limit[stratum] = -1
		if k := int(math.Round(s.Holdout * float64(len(h)))); k > 0 {
			limit[stratum] = h[k-1]
		}
	}
	return func(i int) bool { return hashes[i] <= limit[c.Text(i)] }, nil
}

func byTime(t *Table, s SplitSpec) (evaluate func(i int) bool, cutoff float64, err error) {
	c, err := t.timeColumn(s.Time)
	if err != nil {
		return nil, 0, err
	}
	at := slices.Sorted(slices.Values(c.Floats))
	k := max(1, int(math.Round(s.Holdout*float64(len(at)))))
	cutoff = at[max(0, len(at)-k)]
	return func(i int) bool { return c.Floats[i] >= cutoff }, cutoff, nil
}

// timeColumn finds a column that orders rows: a date or a number, nothing missing.
func (t *Table) timeColumn(name string) (*Column, error) {
	c, err := t.present(name, "time")
	if err == nil && c.Kind != Date && c.Kind != Number {
		err = fmt.Errorf("split %s: column %s is a %s: only dates and numbers can be a time", t.Name, clip(name), c.Kind)
	}
	if err == nil && c.Len() == 0 {
		err = fmt.Errorf("split %s: it has no rows", t.Name)
	}
	return c, err
}

func splitAt(t *Table, column string, cutoff float64) (Split, error) {
	c, err := t.timeColumn(column)
	if err != nil {
		return Split{}, err
	}
	out := split(t, func(i int) bool { return c.Floats[i] >= cutoff })
	out.Cutoff = cutoff
	return out, nil
}

// Folds gives each row the number of its fold, 0 to k-1. Rows are dealt in the order of the hash of seed and key, so
// that folds differ by at most one row and do not depend on the order of rows; k is at least 1.
func Folds(keys []string, k int, seed uint64) []int {
	order, hashes, out := make([]int, len(keys)), make([]float64, len(keys)), make([]int, len(keys))
	for i, key := range keys {
		order[i], hashes[i] = i, unit(seed, keyBase(key))
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Or(cmp.Compare(hashes[a], hashes[b]), cmp.Compare(keys[a], keys[b])) })
	for rank, i := range order {
		out[i] = rank * max(1, k) / len(keys)
	}
	return out
}
