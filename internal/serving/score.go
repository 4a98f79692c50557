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
	"sync/atomic"
	"time"

	"github.com/weighlock/weighlock/internal/dataset"
	"github.com/weighlock/weighlock/internal/metric"
)

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
		s.metrics.failed()
		writeError(w, status, message)
	}
	mediaType, ok := acceptable(r.Header.Get("Content-Type"))
	if !ok {
		fail(http.StatusUnsupportedMediaType, "send application/json or text/csv, in UTF-8")
		return
	}
	if r.Header.Get("Content-Encoding") != "" {
		fail(http.StatusUnsupportedMediaType, "send the body as it is, without a content encoding")
		return
	}
	busy := func() {
		w.Header().Set("Retry-After", "1")
		fail(http.StatusServiceUnavailable, "too many requests at once")
	}
	body, _ := bodies.Get().(*bytes.Buffer)
	body.Reset()
	defer bodies.Put(body)
	// The body comes first and the slot after it, so that clients that send slowly hold up nobody.
	metered := &meteredReader{Reader: http.MaxBytesReader(w, r.Body, s.limits.MaxBody), held: &s.held, most: s.limits.MaxHeld}
	defer metered.release()
	switch _, err := body.ReadFrom(metered); {
	case errors.Is(err, errHeld):
		busy()
		return
	case err != nil:
		status, message := http.StatusBadRequest, "the body could not be read"
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			status, message = http.StatusRequestEntityTooLarge, "the body is too large"
		}
		fail(status, message)
		return
	}
	if !s.enter(r.Context()) {
		busy()
		return
	}
	defer func() { <-s.slots }()
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
	if errors.Is(err, ErrUnavailable) {
		w.Header().Set("Retry-After", "1")
		fail(http.StatusServiceUnavailable, err.Error())
		return
	}
	if err != nil {
		fail(http.StatusBadRequest, err.Error())
		return
	}
	s.metrics.scored(t.Rows(), time.Since(begun))
	// The answer is complete before its first byte leaves: a number that JSON cannot hold must not break it off.
	out, err := answer(make([]byte, 0, 256+24*t.Rows()), &s.model, predictions)
	if err != nil {
		fail(http.StatusInternalServerError, err.Error())
		return
	}
	s.metrics.succeeded()
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(out)
}

var errHeld = errors.New("too many bytes of requests are held already")

// meteredReader counts what it reads among the bytes that the server holds, and stops where these would be too many.
type meteredReader struct {
	io.Reader
	held        *atomic.Int64
	taken, most int64
}

// Read implements io.Reader.
func (m *meteredReader) Read(b []byte) (int, error) {
	n, err := m.Reader.Read(b)
	m.taken += int64(n)
	if m.held.Add(int64(n)) > m.most {
		err = errHeld
	}
	return n, err
}

// release gives back what was counted.
func (m *meteredReader) release() { m.held.Add(-m.taken) }

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
