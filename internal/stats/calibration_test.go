package stats

import (
	"flag"
	"math"
	"math/rand/v2"
	"testing"
)

// calibration is how many experiments each rate is measured on. The default keeps `go test` quick; calibration asks for
// 2,000 and more: go test ./internal/stats -run Rate -v -calibration 4000.
var calibration = flag.Int("calibration", 300, "simulated experiments behind each error rate")

// rate logs a measured error rate, and fails when it is above the nominal one by more than chance: four standard errors.
func rate(t *testing.T, what string, wrong int, nominal float64) {
	t.Helper()
	n := float64(*calibration)
	got := float64(wrong) / n
	t.Logf("%s: %.2f %% of %.0f (nominal %.2f %%)", what, 100*got, n, 100*nominal)
	if got > nominal+4*math.Sqrt(nominal*(1-nominal)/n) {
		t.Errorf("%s errs in %.2f %%, promised are %.2f %%", what, 100*got, 100*nominal)
	}
}

// world draws one experiment in which both models are equally good, and judges it.
type world func(random *rand.Rand) Result

func TestErrorRates(t *testing.T) {
	for name, w := range map[string]world{
		"paired t, squared errors": func(random *rand.Rand) Result {
			phi := make([]float64, 50)
			for i := range phi {
				a, b := random.NormFloat64(), random.NormFloat64()
				phi[i] = a*a - b*b
			}
			return PairedMean(phi, momentsOf(phi).mean, 0.95)
		},
		"10 clusters": func(random *rand.Rand) Result {
			phi, cluster := make([]float64, 200), make([]int, 200)
			shared := 0.0
			for i := range phi {
				if i%20 == 0 {
					shared = random.NormFloat64() * math.Sqrt(0.3)
				}
				phi[i], cluster[i] = shared+random.NormFloat64()*math.Sqrt(0.7), i/20
			}
			return PairedClustered(phi, cluster, momentsOf(phi).mean, 0.95)
		},
		"dependent series": func(random *rand.Rand) Result {
			phi := make([]float64, 300)
			x := 0.0
			for i := -50; i < len(phi); i++ {
				x = 0.4*x + random.NormFloat64()
				if i >= 0 {
					phi[i] = x
				}
			}
			return PairedOrdered(phi, momentsOf(phi).mean, 0.95)
		},
		"Tango, 2 % discordant": func(random *rand.Rand) Result {
			var b, c int
			for range 200 {
				if u := random.Float64(); u < 0.01 {
					b++
				} else if u < 0.02 {
					c++
				}
			}
			return Tango(b, c, 200, 0.95)
		},
		"DeLong, 20 positives": func(random *rand.Rand) Result {
			positive, b, c := make([]bool, 220), make([]float64, 220), make([]float64, 220)
			for i := range b {
				positive[i] = i < 20
				shared := random.NormFloat64() * math.Sqrt(0.8)
				if positive[i] {
					shared += 0.74
				}
				b[i], c[i] = shared+random.NormFloat64()*math.Sqrt(0.2), shared+random.NormFloat64()*math.Sqrt(0.2)
			}
			r, err := DeLong(positive, b, c, 0.95)
			if err != nil {
				t.Fatal(err)
			}
			return r
		},
		"one training, stored seeds": func(random *rand.Rand) Result {
			phi := make([]float64, 100)
			shift := (random.NormFloat64() - random.NormFloat64()) * 0.1 // as large as the sampling error
			for i := range phi {
				phi[i] = shift + random.NormFloat64()
			}
			var stored []float64
			for range 5 {
				stored = append(stored, random.NormFloat64()*0.1)
			}
			sd := math.Sqrt(momentsOf(stored).m2 / 4)
			return WithSeeds(PairedMean(phi, momentsOf(phi).mean, 0.95), StoredSeeds(sd, 5))
		},
	} {
		t.Run(name, func(t *testing.T) {
			var worse, better, outside int
			for run := range *calibration {
				r := w(rand.New(rand.NewPCG(uint64(run), 77)))
				if r.PWorse <= 0.025 {
					worse++
				}
				if r.PAbove(0) <= 0.025 {
					better++
				}
				if r.Low > 0 || r.High < 0 {
					outside++
				}
			}
			// Methods that are approximate by nature get a little room: 3.5 % a side, as the gate promises.
			rate(t, "called worse", worse, 0.035)
			rate(t, "called better", better, 0.035)
			rate(t, "interval misses", outside, 0.07)
		})
	}
}

// Rare disasters: 3 % of the rows carry a large loss. No method sees them all with 300 rows, so the flag must.
func TestSkewRates(t *testing.T) {
	var plain, cautious, flagged int
	for run := range *calibration {
		random := rand.New(rand.NewPCG(uint64(run), 78))
		phi := make([]float64, 300)
		for i := range phi {
			phi[i] = random.NormFloat64()*0.1 + 0.3
			if random.IntN(100) < 3 {
				phi[i] -= 10
			}
		}
		m := momentsOf(phi).mean
		o := Resampling{Seed: uint64(run), Resamples: 500}
		r := PairedMeanSkewed(phi, m, 0.95, o)
		if r.Has(FlagSkewed) {
			flagged++
		}
		if r.Low > 0 {
			cautious++
		}
		if PairedMean(phi, m, 0.95).Low > 0 {
			plain++
		}
	}
	n := float64(*calibration)
	t.Logf("false improvements: t alone %.1f %%, with BCa %.1f %%; flagged %.1f %%",
		100*float64(plain)/n, 100*float64(cautious)/n, 100*float64(flagged)/n)
	if cautious > plain {
		t.Error("the envelope is bolder than t alone")
	}
	if flagged < *calibration*99/100 {
		t.Errorf("flagged only %d of %d", flagged, *calibration)
	}
}
