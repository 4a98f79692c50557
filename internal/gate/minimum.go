package gate

import (
	"fmt"
	"math"

	"github.com/weighlock/weighlock/internal/metric"
	"github.com/weighlock/weighlock/internal/stats"
)

// The least that a comparison needs (statistics.md 9.3 and 3). Below it a margin is inconclusive, never a pass.
const (
	leastRows          = 30
	leastClusters      = 5
	leastOfClass       = 10
	leastOfClassSliced = 20
	fewOfClass         = 20 // below this a reader is warned
)

// classNeed says which classes of a binary task a metric needs rows of.
type classNeed struct{ positive, negative bool }

var classNeeds = map[string]classNeed{
	"roc_auc": {true, true}, "mcc": {true, true}, "balanced_accuracy": {true, true},
	"precision": {positive: true}, "recall": {positive: true}, "f1": {positive: true},
	"specificity": {negative: true},
}

// shortage is why rows are too few, and how many would do (0 where that cannot be said). A zero shortage is none.
type shortage struct {
	why  string
	rows int
	few  bool // enough, but a reader should know
}

// shortageOf looks at the rows of a scope. least is the number of rows wanted, ofClass that of each class needed.
func shortageOf(p *pair, least, ofClass int) shortage {
	n := p.truth.Rows()
	effective := float64(n)
	if p.truth.Weights != nil {
		effective = stats.EffectiveSize(p.truth.Weights)
	}
	if p.cluster != nil {
		if g := effectiveClusters(p.cluster); g < leastClusters {
			return shortage{why: fmt.Sprintf("the rows are worth %.1f groups, at least %d are needed", g, leastClusters), rows: scaleUp(n, leastClusters, g)}
		}
	}
	if effective < float64(least) {
		why := fmt.Sprintf("there are %s, at least %d are needed", rowsWord(n), least)
		if n >= least {
			why = fmt.Sprintf("the rows are worth %.0f by their weights, at least %d are needed", effective, least)
		}
		return shortage{why: why, rows: scaleUp(n, float64(least), effective)}
	}
	need, ok := classNeeds[p.metric.Name]
	if !ok || p.truth.Task != metric.Binary {
		return shortage{}
	}
	return classShortage(p.truth, need, ofClass)
}

func classShortage(t metric.Truth, need classNeed, ofClass int) shortage {
	var counts [2]int
	for i, label := range t.Labels {
		if label < 0 || label > 1 || t.Weights != nil && t.Weights[i] == 0 {
			continue
		}
		counts[label]++
	}
	out := shortage{}
	for label, wanted := range []bool{need.negative, need.positive} {
		if !wanted {
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

// scaleUp is how many rows would hold as much as wanted, if more of the same came.
func scaleUp(rows int, wanted, have float64) int {
	if have <= 0 {
		return 0
	}
	return int(min(math.Ceil(float64(rows)*wanted/have), stats.MaxRowsNeeded))
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
