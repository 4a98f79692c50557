package metric

// sum adds in the order of the calls and carries what rounding loses (Neumaier 1974, with Knuth's branch-free error
// term), so that a million rows lose no digits. It holds additions only: no platform can fuse them differently.
type sum struct{ total, lost float64 }

func (s *sum) add(x float64) {
	t := s.total + x
	z := t - s.total
	s.lost += (s.total - (t - z)) + (x - z)
	s.total = t
}

func (s *sum) value() float64 { return s.total + s.lost }

// mean is the weighted mean of a loss per row, and with want its influence values: loss less mean.
func mean(in *input, want bool, loss func(i int) float64) (Outcome, []float64) {
	var s sum
	if !want {
		for i := range in.n {
			s.add(in.weight(i) * loss(i))
		}
		return Outcome{Value: s.value() / float64(in.n)}, nil
	}
	phi := make([]float64, in.n)
	for i := range phi {
		phi[i] = loss(i)
		s.add(in.weight(i) * phi[i])
	}
	m := s.value() / float64(in.n)
	for i := range phi {
		phi[i] = in.weight(i) * (phi[i] - m)
	}
	return Outcome{Value: m}, phi
}
