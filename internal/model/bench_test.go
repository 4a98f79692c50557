package model_test

import (
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/weighlock/weighlock/internal/dataset"
	"github.com/weighlock/weighlock/internal/metric"
	"github.com/weighlock/weighlock/internal/model"
)

// wide has 20 numeric features and a model over them.
func wide(b *testing.B, rows int, link model.Link) (*model.Model, *dataset.Table) {
	b.Helper()
	r := rand.New(rand.NewPCG(1, 2))
	var columns []*dataset.Column
	var names []string
	for j := range 20 {
		v := make([]float64, rows)
		for i := range v {
			v[i] = r.NormFloat64()
		}
		names = append(names, "x"+strconv.Itoa(j))
		columns = append(columns, floats(b, names[j], dataset.Number, v...))
	}
	t := table(b, columns...)
	e, err := model.FitEncoder(t, names, model.EncoderOptions{Standardise: true})
	if err != nil {
		b.Fatal(err)
	}
	l := model.Linear{Meta: model.Meta{Task: metric.Regression, Target: "y"}, Encoder: e, Link: link}
	if link == model.Logistic {
		l.Task, l.Classes = metric.Binary, []string{"no", "yes"}
	}
	for j := range 21 {
		l.Weights = append(l.Weights, float64(j)/10)
	}
	m, err := model.NewLinear(l)
	if err != nil {
		b.Fatal(err)
	}
	return m, t
}

func BenchmarkPredict(b *testing.B) {
	for _, link := range []model.Link{model.Identity, model.Logistic} {
		for _, rows := range []int{1, 1000} {
			b.Run(string(link)+"/"+strconv.Itoa(rows), func(b *testing.B) {
				m, t := wide(b, rows, link)
				b.ReportAllocs()
				for b.Loop() {
					if _, err := m.Predict(t); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(rows*b.N)/b.Elapsed().Seconds()/1e6, "Mrows/s")
			})
		}
	}
}

func BenchmarkLoad(b *testing.B) {
	m, _ := wide(b, 100, model.Identity)
	in := folder(files(b, m))
	for b.Loop() {
		if _, err := model.Load(in); err != nil {
			b.Fatal(err)
		}
	}
}
