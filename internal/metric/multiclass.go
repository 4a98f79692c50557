package metric

// f1Macro is the plain mean of the classes' F1, over the classes that are true or predicted anywhere.
func f1Macro(in *input, want bool) (Outcome, []float64) {
	y := newTally(in)
	presence := make([]float64, in.classes)
	for k := range presence {
		presence[k] = y.truth[k] + y.pick[k]
	}
	return meanOverClasses(in, want, y, f1Ratio, presence)
}

// f1Weighted is the mean of the classes' F1 by their share of the rows. The shares vary with the sample, so they are in
// the influence as well: Σ share·influence of F1 + F1 of the true class - value.
func f1Weighted(in *input, want bool) (Outcome, []float64) {
	y := newTally(in)
	e, total := newEffect(in.classes), sum{}
	for k, weight := range y.truth {
		value, ok := f1Ratio.of(y, k)
		if !ok {
			continue
		}
		share := weight / y.n
		total.add(share * value)
		f1Ratio.addEffect(&e, y, k, share)
		e.truth[k] += value
	}
	out := Outcome{Value: total.value()}
	if !want {
		return out, nil
	}
	e.always = -out.Value
	return out, e.rows(in)
}

// topHit reports whether the true class of row i is among its k most probable ones. Of equally probable classes the
// later one comes first, as in scikit-learn.
func (in *input) topHit(i, k int) bool {
	row := in.probabilities[i*in.classes : (i+1)*in.classes]
	truth := int(in.labels[i])
	before := 0
	for c, v := range row {
		if v > row[truth] || v == row[truth] && c > truth {
			before++
		}
	}
	return before < k
}

func (in *input) topCount() int {
	if in.params.K == 0 {
		return 5
	}
	return in.params.K
}

// topK is the share of rows whose true class is among the k most probable ones.
func topK(in *input, want bool) (Outcome, []float64) {
	k := in.topCount()
	if k < 0 {
		return Outcome{Undefined: BadParameter}, nil
	}
	out, phi := mean(in, want, func(i int) float64 {
		if in.topHit(i, k) {
			return 1
		}
		return 0
	})
	if k >= in.classes {
		out.Flags = append(out.Flags, FlagEveryClass)
	}
	return out, phi
}
