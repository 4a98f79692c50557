package metric

// marks says of row i whether it counts and whether it is a hit.
type marks func(in *input, i int) (counted, hit bool)

func accuracyMarks(in *input, i int) (counted, hit bool) { return true, in.labels[i] == in.picks[i] }

func topMarks(in *input, i int) (counted, hit bool) { return true, in.topHit(i, in.topCount()) }

// classMarks counts the rows whose true class is k.
func classMarks(k int32) marks {
	return func(in *input, i int) (counted, hit bool) {
		counted = in.labels[i] == k
		return counted, counted && in.picks[i] == k
	}
}

// collect marks every row; rows of weight zero do not count.
func (m marks) collect(in *input) (counted, hit []bool) {
	counted, hit = make([]bool, in.n), make([]bool, in.n)
	for i := range in.n {
		if in.weight(i) > 0 {
			counted[i], hit[i] = m(in, i)
		}
	}
	return counted, hit
}
