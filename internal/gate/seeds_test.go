package gate

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/weighlock/weighlock/internal/metric"
)

// trainings are models whose mean absolute error is 10 + seed's effect, each with errors of its own.
func trainings(n, rows int, effect float64, random *rand.Rand) []metric.Predictions {
	var out []metric.Predictions
	for range n {
		shift := effect * random.NormFloat64()
		var p metric.Predictions
		for range rows {
			p.Values = append(p.Values, 10+shift+random.NormFloat64())
		}
		out = append(out, p)
	}
	return out
}

func TestSpreads(t *testing.T) {
	rows, _ := erring(make([]float64, 4))
	rows = sliced(rows, "s", "u", "v")
	in := Input{Rows: rows, Policy: Policy{
		Rules: []Rule{{Metric: "mae", Margin: absolute(1)}}, Slices: []SliceRule{{By: "s", Metrics: []string{"mae"}, Margin: absolute(1), MinRows: 1}},
	}}
	got := Spreads(in, []metric.Predictions{{Values: []float64{1, 1, 1, 1}}, {Values: []float64{1, 3, 1, 3}}, {Values: []float64{1, 5, 1, 5}}})
	for name, want := range map[string]float64{"mae": 1, "mae on s=u": 0, "mae on s=v": 2} {
		if s := got[name]; math.Abs(s.SD-want) > 1e-12 || s.Trained != 3 {
			t.Errorf("%s: %+v, want %v", name, s, want)
		}
	}
	if len(got) != 3 || len(Spreads(in, nil)) != 0 {
		t.Errorf("%v", got)
	}
}

// Training noise as large as the sampling error fools a gate that does not know of it, and not one that does
// (statistics.md 2.5: 26 % of two-sided tests).
func TestKnownSeedsStopFalseBlocks(t *testing.T) {
	const rows, effect = 200, 0.1 // the sampling error of a difference is √(2/200) = 0.1
	random := rand.New(rand.NewPCG(8, 8))
	blind, knowing, pairs := 0, 0, 0
	for run := range 60 {
		all := trainings(9, rows, effect, random)
		r, _ := erring(make([]float64, rows))
		in := Input{Rows: r, Seed: uint64(run), Policy: Policy{Rules: []Rule{{Metric: "mae", Margin: absolute(0.01)}}}}
		in.Seeds = Spreads(in, all[4:])
		sure, err := TestItself(in, all[:4])
		if err != nil {
			t.Fatal(err)
		}
		in.Seeds = nil
		unsure, err := TestItself(in, all[:4])
		if err != nil {
			t.Fatal(err)
		}
		blind, knowing, pairs = blind+unsure.Blocked, knowing+sure.Blocked, pairs+sure.Pairs
	}
	if b, k := float64(blind)/float64(pairs), float64(knowing)/float64(pairs); b < 0.08 || k > 0.05 {
		t.Errorf("blocked %.3f of unchanged models without the spread, %.3f with it", b, k)
	}
}
