package serving

import (
	"net/http"
	"strconv"
	"sync"
	"time"
)

// metrics are counted under the names that MLServer (model_infer_*, rest_server_*) and KServe (request_predict_seconds)
// use, so that dashboards made for them work. One scrape sees all counts at the same moment.
type metrics struct {
	model Model

	mu                             sync.Mutex
	success, failure, rows, panics uint64
	inProgress                     int
	requests                       map[request]uint64
	predict                        histogram
}

// request is what tells one time series of rest_server_requests from another. Clients choose none of it freely.
type request struct {
	method, path string
	status       int
}

func newMetrics(m Model) *metrics {
	return &metrics{model: m, requests: make(map[request]uint64)}
}

// counted answers through next and counts the answer under its route, never under the raw path, which a client chooses.
func (m *metrics) counted(route string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		recorder := &statusRecorder{ResponseWriter: w, status: http.StatusOK}
		ended := false
		m.locked(func() { m.inProgress++ })
		defer m.locked(func() {
			m.inProgress--
			if ended {
				m.requests[request{methodLabel(r.Method), route, recorder.status}]++
			}
		})
		next.ServeHTTP(recorder, r)
		ended = true
	})
}

func (m *metrics) locked(count func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	count()
}

// methodLabel is the method, or "other": HTTP allows any word as one, and each would be a time series of its own.
func methodLabel(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return method
	}
	return "other"
}

// succeeded counts one request that was answered with predictions.
func (m *metrics) succeeded() { m.locked(func() { m.success++ }) }

// failed counts one request that was refused or could not be answered.
func (m *metrics) failed() { m.locked(func() { m.failure++ }) }

// panicked counts one request that ended in a panic.
func (m *metrics) panicked() { m.locked(func() { m.panics++ }) }

// scored counts one request that reached the model.
func (m *metrics) scored(rows int, took time.Duration) {
	m.locked(func() {
		m.rows += uint64(rows)
		m.predict.observe(took.Seconds())
	})
}

// ServeHTTP answers a scrape.
func (m *metrics) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	text := m.text()
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	_, _ = w.Write(text)
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
