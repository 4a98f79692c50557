package dataset

import (
	"crypto/sha256"
	"fmt"
	"slices"
)

// Changes are the differences between two revisions of a table, as keys of rows in the order of the base, Added in the
// order of the change.
type Changes struct {
	// Labels are rows whose target differs, Altered those that differ elsewhere; a row may be in both.
	Labels, Removed, Altered, Added []string
	// NewColumns are columns that only the change has.
	NewColumns []string
}

// Comparison is two revisions of a table.
type Comparison struct {
	Base, Change         *Table
	BaseKeys, ChangeKeys []string
	// Named says that the keys are ids. Else they are hashes of content, which equal rows share but for "#2".
	Named bool
	// Target is compared as the label; empty where there is none.
	Target string
	// Columns are compared besides the target; nil is all of the base's.
	Columns []string
}

// ChangedRows compares two revisions of a table row by row. A column that the change lacks alters every row that has a
// value there; one that only the change has alters none. The keys say which rows belong together; rows whose keys are
// hashes of their content, and equal but for "#2", are compared as a multiset. Pass the base's evaluation rows to learn
// whether the judge was changed.
func ChangedRows(in Comparison) Changes {
	var out Changes
	base, change, target, columns := in.Base, in.Change, in.Target, in.Columns
	for _, c := range change.Columns {
		if _, ok := base.Column(c.Name); !ok {
			out.NewColumns = append(out.NewColumns, c.Name)
		}
	}
	if columns == nil {
		columns = base.Names()
	}
	columns = slices.DeleteFunc(slices.Clone(columns), func(n string) bool { return n == target })
	baseKeys, changeKeys := matchRepeats(in)
	at, seen := make(map[string]int, len(changeKeys)), make(map[string]bool, len(baseKeys))
	for j, k := range changeKeys {
		at[k] = j
	}
	for i, k := range baseKeys {
		seen[k] = true
		j, ok := at[k]
		if !ok {
			out.Removed = append(out.Removed, k)
			continue
		}
		if target != "" && !sameCell(base, i, change, j, target) {
			out.Labels = append(out.Labels, k)
		}
		if slices.ContainsFunc(columns, func(n string) bool { return !sameCell(base, i, change, j, n) }) {
			out.Altered = append(out.Altered, k)
		}
	}
	for _, k := range changeKeys {
		if !seen[k] {
			out.Added = append(out.Added, k)
		}
	}
	return out
}

// sameCell compares a column of two tables; where a table lacks it, the value is missing.
func sameCell(a *Table, i int, b *Table, j int, name string) bool {
	c, inA := a.Column(name)
	d, inB := b.Column(name)
	switch {
	case inA && inB:
		return c.Same(i, d, j)
	case inA:
		return c.Missing(i)
	case inB:
		return d.Missing(j)
	}
	return true
}

// matchRepeats numbers rows of equal content anew, so that those which are equal in every shared column get the same
// number in both tables: their order in a file means nothing.
func matchRepeats(in Comparison) (baseOut, changeOut []string) {
	base, change, baseKeys, changeKeys := in.Base, in.Change, in.BaseKeys, in.ChangeKeys
	repeated := make(map[string]bool)
	for _, keys := range [][]string{baseKeys, changeKeys} {
		for _, k := range keys {
			if b := keyBase(k); b != k {
				repeated[b] = true
			}
		}
	}
	if in.Named || len(repeated) == 0 {
		return baseKeys, changeKeys
	}
	shared := func(t, other *Table) *rowHasher {
		var columns []*Column
		for _, c := range t.Columns {
			if _, ok := other.Column(c.Name); ok {
				columns = append(columns, c)
			}
		}
		return newRowHasher(columns, exact)
	}
	baseHash, changeHash := shared(base, change), shared(change, base)
	type content [sha256.Size]byte
	free := make(map[content][]string) // keys of the base by content
	spare := make(map[string][]string) // keys of the base by base key, in order
	taken := make(map[string]bool)     // keys of the base that found their row
	out := slices.Clone(changeKeys)    // to be renamed
	var open []int                     // rows of the change that found none
	for i, k := range baseKeys {
		if repeated[keyBase(k)] {
			c := content(baseHash.row(i))
			free[c] = append(free[c], k)
			spare[keyBase(k)] = append(spare[keyBase(k)], k)
		}
	}
	for j, k := range changeKeys {
		if !repeated[keyBase(k)] {
			continue
		}
		c := content(changeHash.row(j))
		if len(free[c]) == 0 {
			open = append(open, j)
			continue
		}
		out[j], free[c] = free[c][0], free[c][1:]
		taken[out[j]] = true
	}
	for n, j := range open {
		b := keyBase(changeKeys[j])
		for len(spare[b]) > 0 && taken[spare[b][0]] {
			spare[b] = spare[b][1:]
		}
		if len(spare[b]) > 0 {
			out[j], spare[b] = spare[b][0], spare[b][1:]
		} else {
			out[j] = fmt.Sprintf("%s#new%d", b, n+1)
		}
	}
	return baseKeys, out
}

// Checks words changes of evaluation rows: changed labels, altered and removed rows block, the rest informs.
func (c Changes) Checks(target string) []Check {
	var out []Check
	add := func(name string, s Severity, keys []string, column, format string) {
		if len(keys) > 0 {
			out = append(out, Check{Name: name, Severity: s, Column: column, Rows: some(keys), Count: len(keys), Message: fmt.Sprintf(format, len(keys))})
		}
	}
	add("changed-labels", Block, c.Labels, target, "%d evaluation rows have another label than in the base revision")
	add("removed-rows", Block, c.Removed, "", "%d evaluation rows of the base revision are gone")
	add("altered-rows", Block, c.Altered, "", "%d evaluation rows have other values than in the base revision")
	add("added-rows", Info, c.Added, "", "%d rows are new")
	for _, n := range c.NewColumns {
		out = append(out, Check{Name: "new-column", Severity: Info, Column: n, Message: "column " + clip(n) + " is new"})
	}
	return out
}

// some keeps the first 20 keys.
func some(keys []string) []string { return slices.Clone(keys[:min(len(keys), 20)]) }
