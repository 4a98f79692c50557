package serving

import (
	"bytes"
	"encoding/json"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"

	"github.com/weighlock/weighlock/internal/dataset"
	"github.com/weighlock/weighlock/internal/estimator"
	"github.com/weighlock/weighlock/internal/metric"
)

// BenchmarkBatch answers 1,000 rows of 20 numbers, without the network.
func BenchmarkBatch(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	var columns []*dataset.Column
	var names []string
	data := make([][]float64, 1000)
	y := make([]float64, 1000)
	for j := range 20 {
		v := make([]float64, 1000)
		for i := range v {
			v[i] = float64(int(r.NormFloat64()*1e6)) / 1e6
			data[i] = append(data[i], v[i])
			y[i] += v[i]
		}
		names = append(names, "x"+strconv.Itoa(j))
		columns = append(columns, &dataset.Column{Name: names[j], Kind: dataset.Number, Floats: v})
	}
	t, err := dataset.New("t", append(columns, &dataset.Column{Name: "y", Kind: dataset.Number, Floats: y})...)
	if err != nil {
		b.Fatal(err)
	}
	m, err := estimator.Fit(b.Context(), estimator.Spec{Name: "linear", Task: metric.Regression, Target: "y"}, t)
	if err != nil {
		b.Fatal(err)
	}
	s, err := New(Of(m, Identity{Name: "m"}), Limits{})
	if err != nil {
		b.Fatal(err)
	}
	body, err := json.Marshal(map[string]any{"dataframe_split": map[string]any{"columns": names, "data": data}})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		request := httptest.NewRequestWithContext(b.Context(), http.MethodPost, "/invocations", bytes.NewReader(body))
		w := httptest.NewRecorder()
		s.ServeHTTP(w, request)
		if w.Code != http.StatusOK {
			answer, _ := io.ReadAll(w.Body)
			b.Fatalf("%d %s", w.Code, answer)
		}
	}
}
