package serving

import (
	"cmp"
	"maps"
	"slices"
	"sort"
	"strconv"
	"strings"
)

// bounds are the upper ends of the histogram's buckets, in seconds: from a row of a linear model to a slow worker.
var bounds = [...]float64{1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2, 5e-2, 0.1, 0.25, 0.5, 1, 2.5}

// histogram counts observations by bucket; the last bucket has no upper end.
type histogram struct {
	counts [len(bounds) + 1]uint64
	sum    float64
}

func (h *histogram) observe(v float64) {
	h.counts[sort.SearchFloat64s(bounds[:], v)]++
	h.sum += v
}

// text is everything counted so far in Prometheus' text format, version 0.0.4
// (https://prometheus.io/docs/instrumenting/exposition_formats/). Prometheus' own client would make the server, and with
// it every image, half as large again: it links protobuf, and asks the operating system about the process.
func (m *metrics) text() []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	model := []string{"model_name", m.model.Name, "model_version", m.model.Version}
	var e exposition
	e.counter("model_infer_request_failure", "Requests that were refused or failed.", m.failure, model...)
	e.counter("model_infer_request_success", "Requests that were scored.", m.success, model...)
	e.counter("model_infer_rows", "Rows that were scored.", m.rows, model...)
	e.histogram("request_predict_seconds", "Time to score the rows of one request.", &m.predict, "model_name", m.model.Name)
	e.family("rest_server_requests", "HTTP requests by route and status.", "counter")
	for _, r := range slices.SortedFunc(maps.Keys(m.requests), request.compare) {
		labels := []string{"method", r.method, "path", r.path, "status_code", strconv.Itoa(r.status)}
		e.sample("rest_server_requests", strconv.FormatUint(m.requests[r], 10), labels...)
	}
	e.family("rest_server_requests_in_progress", "HTTP requests being answered.", "gauge")
	e.sample("rest_server_requests_in_progress", strconv.Itoa(m.inProgress))
	e.family("weighlock_build_info", "What is served; always 1.", "gauge")
	e.sample("weighlock_build_info", "1", "dataset", m.model.EvaluationDigest, "digest", m.model.Version, "revision", m.model.Revision)
	e.counter("weighlock_panics", "Requests that ended in a panic, which is a bug.", m.panics)
	return e.b
}

func (r request) compare(o request) int {
	return cmp.Or(cmp.Compare(r.method, o.method), cmp.Compare(r.path, o.path), cmp.Compare(r.status, o.status))
}

// exposition is a text that grows family by family. Labels are names and values in turn.
type exposition struct{ b []byte }

// family begins a metric; help holds neither a backslash nor a line break.
func (e *exposition) family(name, help, kind string) {
	e.b = append(e.b, "# HELP "+name+" "+help+"\n# TYPE "+name+" "+kind+"\n"...)
}

func (e *exposition) counter(name, help string, value uint64, labels ...string) {
	e.family(name, help, "counter")
	e.sample(name, strconv.FormatUint(value, 10), labels...)
}

func (e *exposition) histogram(name, help string, h *histogram, labels ...string) {
	e.family(name, help, "histogram")
	total := uint64(0)
	for i, n := range h.counts {
		total += n
		end := "+Inf"
		if i < len(bounds) {
			end = number(bounds[i])
		}
		e.sample(name+"_bucket", strconv.FormatUint(total, 10), append(slices.Clone(labels), "le", end)...)
	}
	e.sample(name+"_sum", number(h.sum), labels...)
	e.sample(name+"_count", strconv.FormatUint(total, 10), labels...)
}

// labelEscapes are the three that a label's value has.
var labelEscapes = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)

func (e *exposition) sample(name, value string, labels ...string) {
	e.b = append(e.b, name...)
	before := "{"
	for pair := range slices.Chunk(labels, 2) {
		value := labelEscapes.Replace(strings.ToValidUTF8(pair[1], "\ufffd"))
		e.b = append(e.b, before+pair[0]+`="`+value+`"`...)
		before = ","
	}
	if len(labels) > 0 {
		e.b = append(e.b, '}')
	}
	e.b = append(e.b, " "+value+"\n"...)
}

func number(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }
