package serving

import (
	"bytes"
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/weighlock/weighlock/internal/dataset"
	"github.com/weighlock/weighlock/internal/metric"
)

// route is one row of what the server answers to.
type route struct {
	pattern string
	handle  http.HandlerFunc
}

// routes is the whole surface of the server; everything else is 404 or 405. {model} and {version} must be the ones that
// are served.
func (s *Server) routes() http.Handler {
	live, ready := s.health("live", func() bool { return true }), s.health("ready", s.ready.Load)
	table := []route{
		{"GET /v2", s.serverMetadata},
		{"GET /v2/health/live", live},
		{"GET /v2/health/ready", ready},
		{"GET /v2/models/{model}", s.named(s.modelMetadata)},
		{"GET /v2/models/{model}/ready", s.named(s.modelReady)},
		{"POST /v2/models/{model}/infer", s.named(s.infer)},
		{"GET /v2/models/{model}/versions/{version}", s.named(s.modelMetadata)},
		{"GET /v2/models/{model}/versions/{version}/ready", s.named(s.modelReady)},
		{"POST /v2/models/{model}/versions/{version}/infer", s.named(s.infer)},
		{"GET /v1/models/{model}", s.named(s.modelStatus)},
		{"POST /v1/models/{verb}", s.predictV1},
		{"POST /invocations", s.invocations},
		{"GET /ping", ready},
		{"GET /health", ready},
		{"GET /version", s.version},
		{"GET /livez", live},
		{"GET /readyz", ready},
		{"GET /healthz", live},
		{"GET /metrics", s.metrics.handler().ServeHTTP},
	}
	mux := http.NewServeMux()
	for _, r := range table {
		_, path, _ := strings.Cut(r.pattern, " ")
		mux.Handle(r.pattern, s.metrics.counted(path, s.recovered(r.handle)))
	}
	mux.Handle("/", s.metrics.counted("other", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, known := range table {
			if _, path, _ := strings.Cut(known.pattern, " "); path == r.URL.Path {
				writeError(w, http.StatusMethodNotAllowed, "method "+r.Method+" is not for this path")
				return
			}
		}
		writeError(w, http.StatusNotFound, "no such path")
	})))
	return mux
}

// recovered turns a panic into one answer with status 500; the process lives.
func (s *Server) recovered(next http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if cause := recover(); cause != nil {
				s.metrics.panics.Inc()
				writeError(w, http.StatusInternalServerError, "internal error")
			}
		}()
		next(w, r)
	})
}

// named refuses every model and version but the one that is served.
func (s *Server) named(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.PathValue("model") != s.model.Name {
			writeError(w, http.StatusNotFound, "no such model; this server has "+s.model.Name)
			return
		}
		if version := r.PathValue("version"); version != "" && version != s.model.Version {
			writeError(w, http.StatusNotFound, "no such version; this server has "+s.model.Version)
			return
		}
		next(w, r)
	}
}

// predictV1 serves POST /v1/models/{model}:predict; the pattern of http.ServeMux cannot split a segment.
func (s *Server) predictV1(w http.ResponseWriter, r *http.Request) {
	name, verb, _ := strings.Cut(r.PathValue("verb"), ":")
	if name != s.model.Name || verb != "predict" {
		writeError(w, http.StatusNotFound, "no such path; try /v1/models/"+s.model.Name+":predict")
		return
	}
	s.invocations(w, r)
}

// bodies are reused: a batch of 1,000 rows is 200 kB, and fresh buffers of that size are most of the server's garbage.
var bodies = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// invocations answers MLflow's scoring protocol.
func (s *Server) invocations(w http.ResponseWriter, r *http.Request) {
	s.score(w, r, func(f *frame, mediaType string, body []byte) (respond, error) {
		if mediaType == "text/csv" {
			return writeScoring, nil
		}
		return writeScoring, f.readScoring(body)
	})
}

// infer answers the Open Inference Protocol.
func (s *Server) infer(w http.ResponseWriter, r *http.Request) {
	s.score(w, r, func(f *frame, mediaType string, body []byte) (respond, error) {
		if mediaType == "text/csv" {
			return nil, bad("this protocol is JSON; send CSV to /invocations")
		}
		request, err := f.readInference(body)
		return request.write, err
	})
}

// respond appends the answer for some predictions to a buffer.
type respond func(b []byte, m *Model, p metric.Predictions) ([]byte, error)

// score reads a body within the limits, lets read fill a frame, asks the model and writes the answer in one piece.
func (s *Server) score(w http.ResponseWriter, r *http.Request, read func(*frame, string, []byte) (respond, error)) {
	fail := func(status int, message string) {
		s.metrics.failure.Inc()
		writeError(w, status, message)
	}
	mediaType, ok := acceptable(r.Header.Get("Content-Type"))
	if !ok {
		fail(http.StatusUnsupportedMediaType, "send application/json or text/csv, in UTF-8")
		return
	}
	if !s.enter(r.Context()) {
		w.Header().Set("Retry-After", "1")
		fail(http.StatusServiceUnavailable, "too many requests at once")
		return
	}
	defer func() { <-s.slots }()
	body, _ := bodies.Get().(*bytes.Buffer)
	body.Reset()
	defer bodies.Put(body)
	if _, err := body.ReadFrom(http.MaxBytesReader(w, r.Body, s.limits.MaxBody)); err != nil {
		status, message := http.StatusBadRequest, "the body could not be read"
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			status, message = http.StatusRequestEntityTooLarge, "the body is too large"
		}
		fail(status, message)
		return
	}
	f := newFrame(s.model.Features, s.limits)
	answer, err := read(f, mediaType, body.Bytes())
	var t *dataset.Table
	if err == nil {
		if mediaType == "text/csv" {
			t, err = f.readCSV(body.Bytes())
		} else {
			t, err = f.table()
		}
	}
	if err != nil {
		fail(http.StatusBadRequest, err.Error())
		return
	}
	begun := time.Now()
	predictions, err := s.model.Predict(t)
	if err != nil {
		fail(http.StatusBadRequest, err.Error())
		return
	}
	s.metrics.scored(t.Rows(), time.Since(begun))
	// The answer is complete before its first byte leaves: a number that JSON cannot hold must not break it off.
	out, err := answer(nil, &s.model, predictions)
	if err != nil {
		fail(http.StatusInternalServerError, err.Error())
		return
	}
	s.metrics.success.Inc()
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(out)
}

// enter waits for a slot.
func (s *Server) enter(ctx context.Context) bool {
	select {
	case s.slots <- struct{}{}:
		return true
	default:
	}
	timer := time.NewTimer(s.limits.Wait)
	defer timer.Stop()
	select {
	case s.slots <- struct{}{}:
		return true
	case <-timer.C:
	case <-ctx.Done():
	}
	return false
}

// acceptable reads a content type; a missing one counts as JSON, as curl users expect.
func acceptable(header string) (string, bool) {
	if header == "" {
		return "application/json", true
	}
	mediaType, params, err := mime.ParseMediaType(header)
	if err != nil {
		return "", false
	}
	if charset, ok := params["charset"]; ok && !strings.EqualFold(charset, "utf-8") {
		return "", false
	}
	return mediaType, mediaType == "application/json" || mediaType == "text/csv"
}

// readCSV reads a table with a header; columns that no feature wants are ignored by the model.
func (f *frame) readCSV(body []byte) (*dataset.Table, error) {
	var schema dataset.Schema
	for _, feature := range f.features {
		schema = append(schema, dataset.Field{Name: feature.Name, Kind: feature.Kind, Nullable: true})
	}
	t, err := dataset.ReadCSV(body, "request.csv", dataset.Options{Schema: schema, MaxRows: f.limits.MaxRows, Workers: 1})
	if err != nil {
		return nil, bad("%s", err)
	}
	return t, nil
}

func (s *Server) health(word string, good func() bool) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		status, value := http.StatusOK, "true"
		if !good() {
			status, value = http.StatusServiceUnavailable, "false"
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, `{"`+word+`":`+value+"}\n")
	}
}
