package gate

import (
	"github.com/weighlock/weighlock/internal/metric"
	"github.com/weighlock/weighlock/internal/stats"
)

// settle gives the verdict (statistics.md 9.4, in its order) and says whether it blocks. The p-values are adjusted by
// then.
func (j *judgement) settle(p Policy) {
	r := &j.result
	r.Verdict = j.verdict(p)
	r.Blocks = j.blocks(p)
	if r.Verdict == Inconclusive && r.Blocks && p.Mode == Lenient && j.provedBeyond(p) {
		r.Verdict = Regressed
	}
	if r.Verdict == Inconclusive {
		r.RowsNeeded = max(r.RowsNeeded, j.short.rows)
	}
	r.Why = j.why()
}

func (j *judgement) verdict(p Policy) Verdict {
	if j.undefined != "" {
		j.flag(FlagUndefined)
		if !fromRows(j.undefined) || j.undefined != metric.OneClass && j.undefined != metric.NoRows && j.scope.slice == "" {
			return Unjudgeable
		}
	}
	floors := j.rule.Min != nil || j.rule.Max != nil
	switch {
	case j.thin():
		j.flag(stats.FlagTooSmall)
		return Inconclusive
	case j.broken():
		return Regressed
	case j.undefined != "":
		return Inconclusive
	case j.rule.Margin == nil && j.compared && j.short.why == "" && j.plain.Low > 0:
		return Improved
	case j.rule.Margin == nil:
		return Unchanged
	case j.scope.baseline == nil && floors:
		return Unchanged
	case j.scope.baseline == nil:
		return Inconclusive
	}
	return j.byMargin(p)
}

// fromRows tells reasons that lie in the rows, of which there may be too few or too equal ones, from those that lie in
// what a model handed back or in the rule. On all rows a target that a metric cannot use is a mistake of the policy;
// on a slice it only says that the slice cannot be judged (statistics.md 9.8).
func fromRows(r metric.Reason) bool {
	switch r {
	case metric.OneClass, metric.NoRows, metric.ConstantTarget, metric.ZeroTarget, metric.BadWeights:
		return true
	case metric.NoProbabilities, metric.NoQuantile, metric.NotFinite, metric.BadParameter, metric.Malformed:
		return false
	}
	return false
}

// thin reports a slice of too few rows to say anything about, floors included.
func (j *judgement) thin() bool {
	return j.scope.slice != "" && j.scope.truth.Rows() < j.scope.least
}

// broken reports a floor or a ceiling that the candidate's value does not keep.
func (j *judgement) broken() bool {
	v := j.result.Candidate
	if v == nil {
		return false
	}
	if j.rule.Min != nil && *v < *j.rule.Min {
		j.flag(FlagBelowFloor)
	}
	if j.rule.Max != nil && *v > *j.rule.Max {
		j.flag(FlagAboveCeiling)
	}
	return j.has(FlagBelowFloor) || j.has(FlagAboveCeiling)
}

// byMargin compares the interval with the margin.
func (j *judgement) byMargin(p Policy) Verdict {
	switch {
	case j.identical():
		return Unchanged
	case j.short.why != "" || !j.compared:
		j.flag(stats.FlagTooSmall)
		return Inconclusive
	case j.plain.Low > 0:
		if j.plain.Low > j.size {
			j.flag(FlagMaterial)
		}
		return Improved
	case j.within() && j.withinAtMargin(p):
		if j.plain.High < 0 {
			j.flag(FlagWithinMargin)
		}
		return Unchanged
	case j.pWorse <= tail(p) && j.bounds[0].result.Delta < -j.bounds[0].at:
		if j.beyond() {
			j.flag(FlagBeyondMargin)
		}
		return Regressed
	}
	switch {
	case j.plain.High < 0:
		j.flag(FlagSizeUncertain)
	case j.plain.Delta < 0:
		j.flag(FlagLeaningWorse)
	default:
		j.flag(FlagLeaningBetter)
	}
	if j.within() {
		j.flag(FlagSpreadAtMargin)
	}
	j.moreRows()
	if j.faultless(p.Confidence) {
		j.result.RowsNeeded = scaleUp(j.result.Rows, flawless(j.size, p.Confidence), float64(j.leastClass()))
	}
	return Inconclusive
}

// withinAtMargin is within with the spread that the candidate would have if it were as bad as the margin allows.
func (j *judgement) withinAtMargin(p Policy) bool {
	for _, b := range j.bounds {
		if !j.holdsAtMargin(b, p.Confidence) {
			return false
		}
	}
	return true
}

// within reports that the margin is proved to be kept, beyond that it is proved to be exceeded.
func (j *judgement) within() bool {
	for _, b := range j.bounds {
		if !(b.result.Low > -b.at) {
			return false
		}
	}
	return true
}

func (j *judgement) beyond() bool {
	for _, b := range j.bounds {
		if !(b.result.High < -b.at) {
			return false
		}
	}
	return true
}

// moreRows puts RowsNeeded right where the evidence was not enough: so many rows as settle the rule if the difference
// stays what it is now, and no fewer than prove a difference of zero to lie within the margin.
func (j *judgement) moreRows() {
	r := &j.result
	settling := j.needed(func(b bound) int {
		result := b.unsettled()
		if b.at == 0 && j.rule.Margin.Relative { // a contrast is held against zero, its size is that of the margin
			return settleContrast(result, j.size)
		}
		return result.RowsSettling(b.at, power)
	})
	if settling > 0 && r.RowsNeeded > 0 {
		r.RowsNeeded = max(r.RowsNeeded, settling, r.Rows+1)
	} else {
		r.RowsNeeded = 0
	}
}

// settleContrast is RowsSettling for a relative margin, whose contrast is the difference moved up by the margin's size.
func settleContrast(r stats.Result, size float64) int {
	gap := min(r.Delta, size)
	if r.Delta < 0 {
		gap = size - r.Delta
	}
	return r.RowsNeeded(gap, power)
}

// blocks maps a verdict to a block (statistics.md 2.1 and 9.4).
func (j *judgement) blocks(p Policy) bool {
	switch j.result.Verdict {
	case Improved, Unchanged:
		return false
	case Unjudgeable:
		return true
	case Regressed:
		return p.Mode != Lenient || j.has(FlagBelowFloor) || j.has(FlagAboveCeiling) || j.provedBeyond(p)
	case Inconclusive:
		switch {
		case j.undefined == "" && !j.thin() && j.scope.baseline == nil:
			return false // a first run: there is nothing that a margin could be held against
		case p.Mode == Strict && j.rule.Margin != nil:
			return true
		case p.Mode == Lenient && j.provedBeyond(p):
			return true
		}
		return p.Inconclusive == InconclusiveBlock
	}
	return true
}

// provedBeyond is what lenient asks for: worse than the margin, also when all rules are looked at together.
func (j *judgement) provedBeyond(p Policy) bool {
	return j.tested() && j.beyond() && j.pBeyond <= tail(p)
}

// tail is the share of one side of the interval's error.
func tail(p Policy) float64 { return (1 - p.Confidence) / 2 }
