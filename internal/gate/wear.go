package gate

import (
	"fmt"

	"github.com/weighlock/weighlock/internal/stats"
)

// wear says how much too good the baseline may look because the rows have judged before: as much as the best of so many
// equally good models would (statistics.md 2.4). The warning names the rule that this hurts most, where the optimism is
// more than half of a margin.
func wear(rules []*judgement, judged int) []string {
	var worst *judgement
	share := 0.0
	for _, j := range rules {
		if judged <= 1 || !j.compared || j.identical() {
			continue
		}
		optimism := stats.Optimism(j.plain.SE, judged)
		if j.result.Optimism = finite(optimism); j.rule.Margin == nil || !(optimism > j.size/2) {
			continue
		}
		j.flag(FlagWornOut)
		if worst == nil || optimism/j.size > share {
			worst, share = j, optimism/j.size
		}
	}
	if worst == nil {
		return nil
	}
	return []string{fmt.Sprintf(
		"these rows have judged at least %d models before; the baseline may look better than it is by up to %s in %s, more than half of the margin of %s: judge by new rows soon",
		judged, number(*worst.result.Optimism), worst.result.label(), worst.rule.Margin)}
}

// anchorScope is the scope of all rows with the anchor in the baseline's place, or nil where there is no anchor.
func anchorScope(in Input) *scope {
	if in.Anchor == nil {
		return nil
	}
	s := overall(in)
	s.baseline, s.against = &in.Anchor.Predictions, in.Anchor.Name
	if s.against == "" {
		s.against = "anchor"
	}
	return s
}
