package gate

import (
	"testing"

	"github.com/weighlock/weighlock/internal/metric"
)

// One million paired rows with intervals and max-T: issue 4 part 9 wants each of these within a second.
func BenchmarkDecide(b *testing.B) {
	for _, c := range []struct {
		task    metric.Task
		metrics []string
	}{
		{metric.Regression, []string{"rmse", "mae", "r2"}},
		{metric.Binary, []string{"roc_auc", "log_loss", "f1"}},
	} {
		rows, candidate, baseline := drawn(c.task, 1_000_000, 1)
		in := Input{Rows: rows, Candidate: candidate, Baseline: &baseline, Seed: 1}
		for _, name := range c.metrics {
			in.Policy.Rules = append(in.Policy.Rules, Rule{Metric: name, Margin: relative(0.02)})
		}
		b.Run(string(c.task), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Decide(in); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
