package serving

import (
	"bytes"
	"math"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// scrape reads what the server says about itself as Prometheus does.
func scrape(t *testing.T, s *Server) map[string]*dto.MetricFamily {
	t.Helper()
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
	if got := expfmt.ResponseFormat(w.Header()).FormatType(); got != expfmt.TypeTextPlain {
		t.Fatalf("content type %q is not the text format", w.Header().Get("Content-Type"))
	}
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(w.Body.Bytes()))
	if err != nil {
		t.Fatalf("%v in\n%s", err, w.Body)
	}
	return families
}

func labels(m *dto.Metric) map[string]string {
	found := make(map[string]string)
	for _, l := range m.GetLabel() {
		found[l.GetName()] = l.GetValue()
	}
	return found
}

func TestPrometheusReadsTheMetrics(t *testing.T) {
	m := served(adder{})
	m.Version, m.Revision = "sha\"256\\:\n1", "r\xffev"
	s, err := New(m, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		post(t, s, "/invocations", "", `{"instances":[[1,"a",true],[2,"b",false]]}`)
	}
	post(t, s, "/invocations", "", `{"instances":[[1]]}`)
	families := scrape(t, s)
	kinds := make(map[string]string)
	for name, f := range families {
		kinds[name] = f.GetType().String()
		if f.GetHelp() == "" {
			t.Errorf("%s has no help", name)
		}
	}
	want := map[string]string{
		"model_infer_request_success": "COUNTER", "model_infer_request_failure": "COUNTER", "model_infer_rows": "COUNTER",
		"request_predict_seconds": "HISTOGRAM", "rest_server_requests": "COUNTER", "rest_server_requests_in_progress": "GAUGE",
		"weighlock_build_info": "GAUGE", "weighlock_panics": "COUNTER",
	}
	if diff := cmp.Diff(want, kinds); diff != "" {
		t.Errorf("families, - wanted + got:\n%s", diff)
	}
	for name, value := range map[string]float64{"model_infer_request_success": 3, "model_infer_request_failure": 1, "model_infer_rows": 6, "weighlock_panics": 0} {
		if got := families[name].GetMetric()[0].GetCounter().GetValue(); got != value {
			t.Errorf("%s is %v, want %v", name, got, value)
		}
	}
	wantLabels := map[string]string{"model_name": m.Name, "model_version": m.Version}
	if diff := cmp.Diff(wantLabels, labels(families["model_infer_rows"].GetMetric()[0])); diff != "" {
		t.Errorf("labels, - wanted + got:\n%s", diff)
	}
	if got := labels(families["weighlock_build_info"].GetMetric()[0])["revision"]; got != "r\ufffdev" {
		t.Errorf("revision %q", got)
	}
	if got := families["rest_server_requests_in_progress"].GetMetric()[0].GetGauge().GetValue(); got != 1 {
		t.Errorf("%v requests in progress during a scrape, want the scrape itself", got)
	}
	requests := make(map[string]float64)
	for _, r := range families["rest_server_requests"].GetMetric() {
		l := labels(r)
		requests[l["method"]+" "+l["path"]+" "+l["status_code"]] = r.GetCounter().GetValue()
	}
	if diff := cmp.Diff(map[string]float64{"POST /invocations 200": 3, "POST /invocations 400": 1}, requests); diff != "" {
		t.Errorf("requests, - wanted + got:\n%s", diff)
	}
}

func TestHistogramBuckets(t *testing.T) {
	s := newServer(t, adder{}, Limits{})
	seconds := []float64{0, 1e-5, 1.1e-5, 0.3, 2.5, 7}
	sum := 0.0
	for _, v := range seconds {
		took := time.Duration(math.Round(v * 1e9))
		sum += took.Seconds()
		s.metrics.scored(1, took)
	}
	h := scrape(t, s)["request_predict_seconds"].GetMetric()[0].GetHistogram()
	if h.GetSampleCount() != uint64(len(seconds)) || h.GetSampleSum() != sum {
		t.Errorf("count %d, sum %v, want %d and %v", h.GetSampleCount(), h.GetSampleSum(), len(seconds), sum)
	}
	if len(h.GetBucket()) != len(bounds)+1 || !math.IsInf(h.GetBucket()[len(bounds)].GetUpperBound(), 1) {
		t.Fatalf("%d buckets, want %d and one without an end", len(h.GetBucket()), len(bounds))
	}
	for _, b := range h.GetBucket() {
		want := uint64(0)
		for _, v := range seconds {
			if v <= b.GetUpperBound() {
				want++
			}
		}
		if b.GetCumulativeCount() != want {
			t.Errorf("%d observations up to %v, want %d", b.GetCumulativeCount(), b.GetUpperBound(), want)
		}
	}
}
