// Package serving puts a model behind HTTP: the Open Inference Protocol, MLflow's scoring protocol, health and metrics.
package serving

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"runtime"
	"sync/atomic"
	"time"

	"golang.org/x/net/netutil"

	"github.com/weighlock/weighlock/internal/dataset"
	"github.com/weighlock/weighlock/internal/metric"
)

// Scorer is what answers: a model of ours, or a worker process of the user's.
type Scorer interface {
	// Predict scores raw rows and must be safe for concurrent use.
	Predict(t *dataset.Table) (metric.Predictions, error)
}

// Feature is one column that the model wants.
type Feature struct {
	Name string
	Kind dataset.Kind
}

// Model is what is served.
type Model struct {
	Scorer
	Name string
	// Version is the model's digest; it shows in answers and metrics.
	Version string
	// Revision is the commit it was trained at, and EvaluationDigest the rows that judged it; both may be empty.
	Revision, EvaluationDigest string
	Task                       metric.Task
	Features                   []Feature
	Classes                    []string
	// Ready says whether the scorer can answer; nil means always.
	Ready func() bool
}

// ErrUnavailable marks a scorer's failure that is not the request's fault: the same request may be answered later.
var ErrUnavailable = errors.New("not available")

// Limits bound what one request may cost. The zero value takes the defaults.
type Limits struct {
	// MaxBody is the largest request body in bytes; 32 MiB.
	MaxBody int64
	// MaxHeld bounds the bytes of all request bodies that are in memory at once, 256 MiB; beyond it a request gets 503
	// with Retry-After.
	MaxHeld int64
	// MaxConnections is how many connections are open at once, 2,000; more wait to be accepted.
	MaxConnections int
	// MaxRows is the largest number of rows in one request; 100,000.
	MaxRows int
	// MaxExtraInputs is how many tensors that no feature wants one request may carry; 64.
	MaxExtraInputs int
	// Concurrent is how many requests are scored at once; 4 per processor. More wait for up to Wait, 2 s, and then get
	// 503 with Retry-After.
	Concurrent int
	Wait       time.Duration
}

func (l Limits) withDefaults() Limits {
	if l.MaxBody == 0 {
		l.MaxBody = 32 << 20
	}
	if l.MaxHeld == 0 {
		l.MaxHeld = 256 << 20
	}
	if l.MaxConnections == 0 {
		l.MaxConnections = 2000
	}
	if l.MaxRows == 0 {
		l.MaxRows = 100_000
	}
	if l.MaxExtraInputs == 0 {
		l.MaxExtraInputs = 64
	}
	if l.Concurrent == 0 {
		l.Concurrent = 4 * runtime.GOMAXPROCS(0)
	}
	if l.Wait == 0 {
		l.Wait = 2 * time.Second
	}
	return l
}

// The server's time-outs. Without them a slow client holds a connection for ever; 500 of them were gone after 9 s with
// these.
const (
	readHeaderTimeout = 3 * time.Second
	readTimeout       = 30 * time.Second
	writeTimeout      = 30 * time.Second
	idleTimeout       = 30 * time.Second
	maxHeaderBytes    = 16 << 10
)

// Server answers for one model.
type Server struct {
	model   Model
	limits  Limits
	handler http.Handler
	metrics *metrics
	slots   chan struct{}
	held    atomic.Int64
	ready   atomic.Bool
}

// New makes a server. It is ready at once and stops being so when Serve is asked to end.
func New(m Model, limits Limits) (*Server, error) {
	if m.Scorer == nil || m.Name == "" || len(m.Features) == 0 && m.Version == "" {
		return nil, errors.New("serve model: a name, a version and a scorer are needed")
	}
	s := &Server{model: m, limits: limits.withDefaults(), metrics: newMetrics(m)}
	s.slots = make(chan struct{}, s.limits.Concurrent)
	s.handler = s.routes()
	s.ready.Store(true)
	return s, nil
}

// isReady reports whether a request would be answered now.
func (s *Server) isReady() bool { return s.ready.Load() && (s.model.Ready == nil || s.model.Ready()) }

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// Ending says how Serve ends.
type Ending struct {
	// Drain is how long requests are still taken after readiness turned false, so that load balancers notice before
	// anybody is turned away.
	Drain time.Duration
	// Grace is how long requests in flight may take after that.
	Grace time.Duration
}

// Serve answers on the listener until ctx ends. Then readiness turns false and, after the drain, the listener is closed
// and requests in flight are finished. A nil error means an orderly end.
func (s *Server) Serve(ctx context.Context, listener net.Listener, end Ending) error {
	server := &http.Server{
		Handler: s, ReadHeaderTimeout: readHeaderTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout,
		IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaderBytes,
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(netutil.LimitListener(listener, s.limits.MaxConnections)) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve model: %w", err)
	case <-ctx.Done():
	}
	s.ready.Store(false)
	server.SetKeepAlivesEnabled(false)
	select {
	case err := <-failed:
		return fmt.Errorf("serve model: %w", err)
	case <-time.After(end.Drain):
	}
	//nolint:contextcheck // ctx has ended; what is left to do has a time limit of its own
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), end.Grace)
	defer cancel()
	if err := server.Shutdown(last); err != nil {
		_ = server.Close()
		return fmt.Errorf("stop server: requests were still running after %s: %w", end.Grace, err)
	}
	return nil
}
