package dataset

func appendValue(b []byte, k Kind, v float64) []byte { return b }
func dateInRange(v float64) bool                      { return true }

type dictionary struct {
	index  map[string]int32
	levels []string
}

func newDictionary() *dictionary { return &dictionary{index: map[string]int32{}} }

// code finds or adds a text.
func (d *dictionary) code(b []byte) int32 {
	if c, ok := d.index[string(b)]; ok {
		return c
	}
	s, c := string(b), int32(len(d.levels))
	d.index[s], d.levels = c, append(d.levels, s)
	return c
}
