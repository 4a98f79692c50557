package metric

// sides is the weight of positive and negative rows.
type sides struct{ positive, negative float64 }

// classWeights reports whether both classes weigh anything, and how much.
func classWeights(in *input) (sides, bool) {
	var totals [2]sum
	for i, label := range in.labels {
		totals[label].add(in.weight(i))
	}
	s := sides{positive: totals[1].value(), negative: totals[0].value()}
	return s, s.positive > 0 && s.negative > 0
}

// area is the area under the ROC curve: the chance that a positive row scores above a negative one, ties one half.
// Influence by placement values (DeLong, DeLong and Clarke-Pearson 1988), in O(n log n) as in Sun and Xu (2014): for a
// positive row (share of negatives below it - area)·n/positives, for a negative row (share of positives above it -
// area)·n/negatives.
func area(in *input, want bool) (Outcome, []float64) {
	total, both := classWeights(in)
	if !both {
		return Outcome{Undefined: OneClass}, nil
	}
	ranks := rank(in)
	var below, passed, won sum // weight of negatives and of positives in lower groups; weight of won pairs
	phi := zeros(in, want)
	for from := 0; from < len(ranks); {
		to := groupEnd(ranks, from)
		var here [2]sum
		for _, r := range ranks[from:to] {
			here[r.label()].add(in.weight(r.row()))
		}
		positive, negative := here[1].value(), here[0].value()
		lower := below.value() + negative/2
		higher := total.positive - passed.value() - positive/2
		won.add(positive * lower)
		if want {
			for _, r := range ranks[from:to] {
				if r.label() == 1 {
					phi[r.row()] = lower / total.negative
				} else {
					phi[r.row()] = higher / total.positive
				}
			}
		}
		below.add(negative)
		passed.add(positive)
		from = to
	}
	value := won.value() / total.positive / total.negative
	for i := range phi {
		side := total.negative
		if in.labels[i] == 1 {
			side = total.positive
		}
		phi[i] = in.weight(i) * (phi[i] - value) * (float64(in.n) / side)
	}
	return Outcome{Value: value}, phi
}

// averagePrecision is Σ (recall step)·precision over the distinct scores from above, without interpolation.
func averagePrecision(in *input, _ bool) (Outcome, []float64) {
	total, both := classWeights(in)
	if !both {
		return Outcome{Undefined: OneClass}, nil
	}
	var s sum
	walk(in, func(_, hits, alarms, fresh float64) {
		if fresh > 0 {
			s.add(fresh / total.positive * (hits / (hits + alarms)))
		}
	})
	return Outcome{Value: s.value()}, nil
}

// walk visits the distinct scores from above with the weight of positive (hits) and negative (alarms) rows that score at
// least as much, and of the positive rows that score exactly this.
func walk(in *input, visit func(score, hits, alarms, fresh float64)) {
	ranks := rank(in)
	var hits, alarms sum
	for to := len(ranks); to > 0; {
		from, fresh := to, sum{}
		for from > 0 && ranks[from-1].key == ranks[to-1].key {
			from--
			w := in.weight(ranks[from].row())
			if ranks[from].label() == 1 {
				hits.add(w)
				fresh.add(w)
			} else {
				alarms.add(w)
			}
		}
		visit(in.score(ranks[from].row()), hits.value(), alarms.value(), fresh.value())
		to = from
	}
}

// groupEnd is the end of the group of equal scores that begins at from.
func groupEnd(ranks []ranked, from int) int {
	to := from + 1
	for to < len(ranks) && ranks[to].key == ranks[from].key {
		to++
	}
	return to
}
