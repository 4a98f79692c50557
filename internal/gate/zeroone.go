package gate

import "github.com/weighlock/weighlock/internal/stats"

// zeroOne judges means of hits by Tango's interval and the mid-p McNemar test (statistics.md 9.3), over the rows that
// count: for recall those are the positive ones. Groups, weights and contrasts go by influence values.
func zeroOne(p *pair, scale float64) stats.Result {
	if !p.plain() || scale != 1 {
		return smooth(p, scale)
	}
	counted, candidate := p.metric.Hits(p.truth, p.candidate.predictions, p.params)
	_, baseline := p.metric.Hits(p.truth, p.baseline.predictions, p.params)
	if counted == nil || len(candidate) != len(counted) || len(baseline) != len(counted) {
		return p.unknown()
	}
	rows, only, other := 0, 0, 0
	for i, counts := range counted {
		if !counts {
			continue
		}
		rows++
		switch {
		case candidate[i] && !baseline[i]:
			only++
		case baseline[i] && !candidate[i]:
			other++
		}
	}
	// All of these metrics are better when higher; Tango wants the better side first.
	return stats.Tango(only, other, rows, p.level)
}
