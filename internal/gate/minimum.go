package gate

import (
	"fmt"
	"math"
	"slices"

	"github.com/weighlock/weighlock/internal/metric"
	"github.com/weighlock/weighlock/internal/stats"
)

// The least that a comparison needs (statistics.md 9.3 and 3). Below it a margin is inconclusive, never a pass.
const (
	leastRows           = 30
	leastRowsOfBins     = 100 // ten bins of ten rows
	leastMoments        = 50
	leastClusters       = 5
	leastClustersSliced = 10
	leastOfClass        = 10
	leastOfClassSliced  = 20
	fewOfClass          = 20 // below this a reader is warned
)

// classNeed says which classes a metric needs rows of: of a binary task the positive or the negative one, of several
// classes every one that has a row; and whether enough rows have to be predicted to be positive, too.
type classNeed struct{ positive, negative, every, picked bool }

var classNeeds = map[string]classNeed{
	"roc_auc":           {positive: true, negative: true},
	"average_precision": {positive: true, negative: true},
	"mcc":               {positive: true, negative: true},
	"balanced_accuracy": {positive: true, negative: true, every: true},
	"precision":         {positive: true, picked: true},
	"recall":            {positive: true},
	"f1":                {positive: true},
	"f1_macro":          {every: true},
	"specificity":       {negative: true},
}

// shortage is why rows are too few, and how many would do (0 where that cannot be said). A zero shortage is none.
type shortage struct {
	why  string
	rows int
	few  bool // enough, but a reader should know
}

// shortageOf looks at the rows of a scope, whose minimums count.
func shortageOf(p *pair, s *scope) shortage {
	n := p.truth.Rows()
	effective, least := float64(n), s.least
	if p.metric.Name == "ece" {
		least = max(least, leastRowsOfBins)
	}
	if p.truth.Weights != nil {
		effective = stats.EffectiveSize(p.truth.Weights)
	}
	if effective < float64(least) {
		why := fmt.Sprintf("there are %s, at least %d are needed", rowsWord(n), least)
		if n >= least {
			why = fmt.Sprintf("the rows are worth %.0f by their weights, at least %d are needed", effective, least)
		}
		rows := scaleUp(n, float64(least), effective)
		if n == 0 {
			rows = least
		}
		return shortage{why: why, rows: rows}
	}
	if short := groupShortage(p, s); short.why != "" {
		return short
	}
	need, ok := classNeeds[p.metric.Name]
	switch {
	case !ok || !p.truth.Task.Classifies():
		return shortage{}
	case p.truth.Task == metric.Binary:
		return needed(p.truth, []bool{need.negative, need.positive}, s.ofClass).or(pickedShortage(p, need, s.ofClass))
	}
	wanted := make([]bool, len(p.truth.Classes))
	for _, label := range p.truth.Labels {
		if need.every && label >= 0 && int(label) < len(wanted) {
			wanted[label] = true
		}
	}
	return needed(p.truth, wanted, s.ofClass)
}

// groupShortage counts what takes the place of rows where rows are not independent.
func groupShortage(p *pair, s *scope) shortage {
	n := p.truth.Rows()
	if p.baseline.predictions.Rows() == n && p.dependsOnTime() {
		moments := 0
		if n > 0 {
			moments = 1 + slices.Max(p.moment)
		}
		if moments >= leastMoments || p.cluster == nil {
			if moments < leastMoments {
				why := fmt.Sprintf("the rows are of %d moments, at least %d are needed", moments, leastMoments)
				return shortage{why: why, rows: scaleUp(n, leastMoments, float64(moments))}
			}
			return shortage{}
		}
	}
	if p.cluster != nil {
		if g := effectiveClusters(p.cluster); g < float64(s.clusters) {
			why := fmt.Sprintf("the rows are worth %.1f groups, at least %d are needed", g, s.clusters)
			return shortage{why: why, rows: scaleUp(n, float64(s.clusters), g)}
		}
	}
	return shortage{}
}

// or is this shortage, or the other where this one is none.
func (s shortage) or(other shortage) shortage {
	if s.why != "" {
		return s
	}
	other.few = other.few || s.few
	return other
}

// needed counts the rows of each wanted class.
func needed(t metric.Truth, wanted []bool, ofClass int) shortage {
	counts := make([]int, len(wanted))
	for i, label := range t.Labels {
		if label < 0 || int(label) >= len(counts) || t.Weights != nil && t.Weights[i] == 0 {
			continue
		}
		counts[label]++
	}
	out := shortage{}
	for label, want := range wanted {
		if !want {
			continue
		}
		if counts[label] < ofClass {
			why := fmt.Sprintf("there are %s of class %.40q, at least %d are needed", rowsWord(counts[label]), t.Classes[label], ofClass)
			return shortage{why: why, rows: scaleUp(t.Rows(), float64(ofClass), float64(counts[label]))}
		}
		out.few = out.few || counts[label] < fewOfClass
	}
	return out
}

// pickedShortage counts the rows that each model predicts to be positive, of which precision is a share.
func pickedShortage(p *pair, need classNeed, ofClass int) shortage {
	if !need.picked {
		return shortage{}
	}
	out := shortage{}
	for _, side := range []struct {
		name string
		side side
	}{{"candidate", p.candidate}, {"baseline", p.baseline}} {
		if side.side.predictions.Labels == nil {
			continue
		}
		count := 0
		for i, label := range side.side.predictions.Labels {
			if label == 1 && (p.truth.Weights == nil || p.truth.Weights[i] > 0) {
				count++
			}
		}
		if count < ofClass {
			why := fmt.Sprintf("the %s predicts class %.40q on %s, at least %d are needed", side.name, p.truth.Classes[1], rowsWord(count), ofClass)
			return shortage{why: why, rows: scaleUp(p.truth.Rows(), float64(ofClass), float64(count))}
		}
		out.few = out.few || count < fewOfClass
	}
	return out
}

// scaleUp is how many rows would hold as much as wanted, if more of the same came. Where there is nothing yet of what is
// wanted, one is assumed to be about to come.
func scaleUp(rows int, wanted, have float64) int {
	if rows == 0 {
		return 0
	}
	return int(min(math.Ceil(float64(rows)*wanted/max(have, 1)), stats.MaxRowsNeeded))
}

func effectiveClusters(cluster []int) float64 {
	sizes := map[int]int{}
	for _, g := range cluster {
		sizes[g]++
	}
	squares := 0.0 // of whole numbers, so that the order of the map does not matter
	for _, n := range sizes {
		squares += float64(n) * float64(n)
	}
	if squares == 0 {
		return 0
	}
	return float64(len(cluster)) * float64(len(cluster)) / squares
}
