package metric

import "testing"

// One million rows, value and influence of one model: issue 4 part 9 wants two models and the interval within a second.
func BenchmarkMeasure(b *testing.B) {
	for _, m := range All() {
		for _, task := range m.Tasks {
			if task == Forecast {
				continue // the same functions as regression
			}
			truth, p := sample(task, 1_000_000, 2, 1)
			b.Run(m.Name+"/"+string(task), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					m.Measure(truth, p, someParams)
				}
			})
		}
	}
}
