package serving

import (
	"io"
	"net/http"
	"strings"
)

// route is one row of what the server answers to.
type route struct {
	pattern string
	handle  http.HandlerFunc
}

// routes is the whole surface of the server; everything else is 404 or 405. {model} and {version} must be the ones that
// are served.
func (s *Server) routes() http.Handler {
	live, ready := s.health("live", func() bool { return true }), s.health("ready", s.isReady)
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
		{"GET /metrics", s.metrics.ServeHTTP},
	}
	mux := http.NewServeMux()
	for _, r := range table {
		_, path, _ := strings.Cut(r.pattern, " ")
		mux.Handle(r.pattern, s.metrics.counted(path, s.recovered(r.handle)))
	}
	mux.Handle("/", s.metrics.counted("other", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if allowed := allowedMethods(mux, r); allowed != "" {
			w.Header().Set("Allow", allowed)
			writeError(w, http.StatusMethodNotAllowed, "method "+short(r.Method)+" is not for this path: use "+allowed)
			return
		}
		writeError(w, http.StatusNotFound, "no such path")
	})))
	return mux
}

// allowedMethods lists what else could be asked of a path, "" where there is no such path.
func allowedMethods(mux *http.ServeMux, r *http.Request) string {
	var allowed []string
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		other := r.Clone(r.Context())
		other.Method = method
		if _, pattern := mux.Handler(other); pattern != "/" && pattern != "" {
			allowed = append(allowed, method)
		}
	}
	return strings.Join(allowed, ", ")
}

// recovered turns a panic into one answer with status 500; the process lives.
func (s *Server) recovered(next http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if cause := recover(); cause != nil {
				s.metrics.panicked()
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
