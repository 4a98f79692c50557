package stats

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// randomSlices are independent rows with `features` features of `bins` bins.
func randomSlices(rows, features, bins int, seed uint64) SliceSearch {
	random := rand.New(rand.NewPCG(seed, 2))
	s := SliceSearch{Difference: make([]float64, rows), Pairs: true, MinRows: 30, Resampling: Resampling{Seed: seed, Resamples: 400}}
	for i := range s.Difference {
		s.Difference[i] = random.NormFloat64()
	}
	for range features {
		codes := make([]uint8, rows)
		for i := range codes {
			codes[i] = uint8(random.IntN(bins))
		}
		s.Codes, s.Bins = append(s.Codes, codes), append(s.Bins, bins)
	}
	return s
}

func TestSliceSearchFindsTheWorst(t *testing.T) {
	s := randomSlices(3000, 5, 4, 1)
	var list []int32
	for i := range s.Difference {
		if s.Codes[1][i] == 2 && s.Codes[3][i] == 1 {
			s.Difference[i]--
		}
		if i%10 == 0 {
			list = append(list, int32(i))
		}
	}
	s.Lists = [][]int32{list, list[:29]}
	found, err := s.Search()
	if err != nil {
		t.Fatal(err)
	}
	if len(found) != 5*4+10*16+1 {
		t.Errorf("%d slices: the list under 30 rows must be left out", len(found))
	}
	w := found[0]
	if w.Feature != 1 || w.Bin != 2 || w.Feature2 != 3 || w.Bin2 != 1 || w.List != -1 || w.P > 1.0/400 {
		t.Errorf("worst slice %+v", w)
	}
	for _, f := range found {
		rows, total, squares := 0, 0.0, 0.0
		for i, d := range s.Difference {
			in := f.List == 0 && i%10 == 0 ||
				f.List < 0 && int(s.Codes[f.Feature][i]) == f.Bin && (f.Feature2 < 0 || int(s.Codes[f.Feature2][i]) == f.Bin2)
			if in {
				rows++
				total += d
				squares += d * d
			}
		}
		if rows != f.Rows || math.Abs(total/math.Sqrt(squares)-f.T) > 1e-9 {
			t.Fatalf("%+v: %d rows, T %v", f, rows, total/math.Sqrt(squares))
		}
	}
	if last := found[len(found)-1]; last.P < 0.9 {
		t.Errorf("best slice %+v", last)
	}
}

func TestSliceSearchRefuses(t *testing.T) {
	for name, spoil := range map[string]func(*SliceSearch){
		"NaN":     func(s *SliceSearch) { s.Difference[3] = math.NaN() },
		"codes":   func(s *SliceSearch) { s.Codes[0] = s.Codes[0][1:] },
		"bins":    func(s *SliceSearch) { s.Bins[0] = 256 },
		"no bins": func(s *SliceSearch) { s.Bins = nil },
		"list":    func(s *SliceSearch) { s.Lists = [][]int32{{100}} },
		"cluster": func(s *SliceSearch) { s.Cluster = []int{1} },
		"minus":   func(s *SliceSearch) { s.Cluster = make([]int, 100); s.Cluster[4] = -1 },
	} {
		s := randomSlices(100, 2, 2, 1)
		spoil(&s)
		if _, err := s.Search(); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
	s := randomSlices(100, 1, 2, 1)
	clear(s.Difference)
	s.Codes[0][5] = NoBin
	found, err := s.Search()
	if err != nil || len(found) != 2 || found[0].P != 1 {
		t.Errorf("equal models: %+v, %v", found, err)
	}
}

// The search looks at hundreds of slices and still errs at its nominal rate.
func TestSliceSearchErrorRate(t *testing.T) {
	runs := *calibration
	wrong := [2]int{}
	for run := range runs {
		s := randomSlices(200, 4, 3, uint64(run))
		s.MinRows, s.Resamples = 15, 99
		random := rand.New(rand.NewPCG(uint64(run), 3))
		for i := range s.Difference { // heavy tails and unequal spread
			s.Difference[i] *= math.Exp(random.NormFloat64())
		}
		found, err := s.Search()
		if err != nil {
			t.Fatal(err)
		}
		if found[0].P <= 0.05 {
			wrong[0]++
		}
		// The same rows in clusters of four that share their sign.
		s.Cluster = make([]int, 200)
		for i := range s.Difference {
			s.Cluster[i] = i / 4
			s.Difference[i] = math.Abs(s.Difference[i])
			if random := rand.New(rand.NewPCG(uint64(run), uint64(i/4))); random.IntN(2) == 0 {
				s.Difference[i] = -s.Difference[i]
			}
		}
		if found, err = s.Search(); err != nil {
			t.Fatal(err)
		}
		if found[0].P <= 0.05 {
			wrong[1]++
		}
	}
	for i, name := range []string{"rows", "clusters"} {
		rate(t, fmt.Sprintf("slice search over %s", name), wrong[i], 0.05)
	}
}
