package gate

import (
	"fmt"
	"slices"
	"strings"

	"github.com/weighlock/weighlock/internal/evaluation"
	"github.com/weighlock/weighlock/internal/metric"
)

// judgeSlices measures every slice rule on every level of its column. A level that vanished is named and inconclusive, a
// level that is new is named, and a column that vanished is invalid.
func judgeSlices(in Input, p Policy) (all []*judgement, warnings []string) {
	for _, rule := range p.Slices {
		js, warned := judgeLevels(in, rule, p.Confidence)
		all = append(all, js...)
		for _, w := range warned {
			if !slices.Contains(warnings, w) {
				warnings = append(warnings, w)
			}
		}
	}
	return all, warnings
}

func judgeLevels(in Input, rule SliceRule, confidence float64) (all []*judgement, warnings []string) {
	levels, err := in.Rows.Levels(rule.By)
	if err != nil {
		s := sliceScope(in, rule.By, nil, rule.MinRows)
		for _, one := range rule.rules() {
			j := newJudgement(one, s, confidence)
			j.undefined, j.whose = metric.Malformed, "slice column"
			j.flag(FlagMissingSlice)
			all = append(all, j)
		}
		return all, []string{err.Error()}
	}
	levels, fresh := withKnown(levels, in.KnownLevels[rule.By])
	for _, l := range levels {
		name := rule.By + "=" + l.Name
		s := sliceScope(in, name, l.Rows, rule.MinRows)
		switch {
		case len(l.Rows) == 0:
			warnings = append(warnings, fmt.Sprintf("no evaluation row has %s, so that slice was not judged", clip(name)))
		case fresh[l.Name]:
			warnings = append(warnings, fmt.Sprintf("%s is a new slice: the baseline was made without it", clip(name)))
		}
		for _, one := range rule.rules() {
			j := newJudgement(one, s, confidence)
			if len(l.Rows) == 0 {
				j.flag(FlagMissingSlice)
			} else if fresh[l.Name] {
				j.flag(FlagNewSlice)
			}
			all = append(all, j)
		}
	}
	return all, warnings
}

// withKnown adds the levels that were known when the baseline was made and that these rows lack, and says which of the
// others are new. Quarters of a number are named by their edges, which move with the rows, so they are left alone.
func withKnown(levels []evaluation.Level, known []string) (all []evaluation.Level, fresh map[string]bool) {
	quarter := func(name string) bool { return strings.HasPrefix(name, "Q1 (") }
	if known == nil || slices.ContainsFunc(known, quarter) ||
		slices.ContainsFunc(levels, func(l evaluation.Level) bool { return quarter(l.Name) }) {
		return levels, nil
	}
	all, fresh = slices.Clone(levels), map[string]bool{}
	for _, l := range levels {
		fresh[l.Name] = len(l.Rows) > 0 && !slices.Contains(known, l.Name)
	}
	for _, name := range known {
		if !slices.ContainsFunc(levels, func(l evaluation.Level) bool { return l.Name == name }) {
			all = append(all, evaluation.Level{Name: name})
		}
	}
	slices.SortFunc(all, func(a, b evaluation.Level) int { return strings.Compare(a.Name, b.Name) })
	return all, fresh
}
