package serving

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// metrics are counted under the names that MLServer (model_infer_*, rest_server_*) and KServe (request_predict_seconds)
// use, so that dashboards made for them work.
type metrics struct {
	registry         *prometheus.Registry
	success, failure prometheus.Counter
	predict          prometheus.Observer
	rows             prometheus.Counter
	requests         *prometheus.CounterVec
	inProgress       prometheus.Gauge
	panics           prometheus.Counter
}

func newMetrics(m Model) *metrics {
	model := prometheus.Labels{"model_name": m.Name, "model_version": m.Version}
	registry := prometheus.NewRegistry()
	counter := func(name, help string, labels prometheus.Labels) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help, ConstLabels: labels})
		registry.MustRegister(c)
		return c
	}
	predict := prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "request_predict_seconds", Help: "Time to score the rows of one request.",
		ConstLabels: prometheus.Labels{"model_name": m.Name},
		Buckets:     []float64{1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2, 5e-2, 0.1, 0.25, 0.5, 1, 2.5},
	})
	requests := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "rest_server_requests", Help: "HTTP requests by route and status.",
	}, []string{"method", "path", "status_code"})
	inProgress := prometheus.NewGauge(prometheus.GaugeOpts{Name: "rest_server_requests_in_progress", Help: "HTTP requests being answered."})
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "weighlock_build_info", Help: "What is served; always 1.",
		ConstLabels: prometheus.Labels{"digest": m.Version, "revision": m.Revision, "dataset": m.EvaluationDigest},
	})
	info.Set(1)
	registry.MustRegister(predict, requests, inProgress, info)
	return &metrics{
		registry: registry, predict: predict, requests: requests, inProgress: inProgress,
		success: counter("model_infer_request_success", "Requests that were scored.", model),
		failure: counter("model_infer_request_failure", "Requests that were refused or failed.", model),
		rows:    counter("model_infer_rows", "Rows that were scored.", model),
		panics:  counter("weighlock_panics", "Requests that ended in a panic, which is a bug.", nil),
	}
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// counted answers through next and counts the answer under its route, never under the raw path, which a client chooses.
func (m *metrics) counted(route string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m.inProgress.Inc()
		defer m.inProgress.Dec()
		recorder := &statusRecorder{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(recorder, r)
		m.requests.WithLabelValues(methodLabel(r.Method), route, strconv.Itoa(recorder.status)).Inc()
	})
}

// methodLabel is the method, or "other": HTTP allows any word as one, and each would be a time series of its own.
func methodLabel(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return method
	}
	return "other"
}

// scored counts one request that reached the model.
func (m *metrics) scored(rows int, took time.Duration) {
	m.predict.Observe(took.Seconds())
	m.rows.Add(float64(rows))
}

type statusRecorder struct {
	http.ResponseWriter
	status int
	wrote  bool
}

func (s *statusRecorder) WriteHeader(status int) {
	if !s.wrote {
		s.status, s.wrote = status, true
	}
	s.ResponseWriter.WriteHeader(status)
}

func (s *statusRecorder) Write(b []byte) (int, error) {
	s.wrote = true
	return s.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the connection.
func (s *statusRecorder) Unwrap() http.ResponseWriter { return s.ResponseWriter }
