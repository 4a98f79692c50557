package serving

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weighlock/weighlock/internal/dataset"
	"github.com/weighlock/weighlock/internal/metric"
)

// adder predicts size + 10 when the colour is red + 100 when new + 0.5 when the size is missing.
type adder struct{ before func() }

func (a adder) Predict(t *dataset.Table) (metric.Predictions, error) {
	if a.before != nil {
		a.before()
	}
	size, _ := t.Column("size")
	colour, _ := t.Column("colour")
	fresh, _ := t.Column("new")
	values := make([]float64, t.Rows())
	for i := range values {
		if size.Missing(i) {
			values[i] = 0.5
		} else {
			values[i] = size.Floats[i]
		}
		if colour.Text(i) == "red" {
			values[i] += 10
		}
		if !fresh.Missing(i) {
			values[i] += 100 * fresh.Floats[i]
		}
	}
	return metric.Predictions{Values: values}, nil
}

var features = []Feature{{"size", dataset.Number}, {"colour", dataset.Category}, {"new", dataset.Boolean}}

func served(scorer Scorer) Model {
	return Model{Scorer: scorer, Name: "boxes", Version: "sha256:1", Task: metric.Regression, Features: features}
}

func newServer(t *testing.T, scorer Scorer, limits Limits) *Server {
	t.Helper()
	s, err := New(served(scorer), limits)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// post sends one request and returns status and body.
func post(t *testing.T, s http.Handler, path, contentType, body string) (int, string) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, strings.NewReader(body))
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

func TestEveryProtocolGivesTheSameAnswer(t *testing.T) {
	s := newServer(t, adder{}, Limits{})
	want := []float64{11.5, 102, 0.5}
	tests := []struct{ name, path, contentType, body string }{
		{"records", "/invocations", "application/json", `{"dataframe_records":[{"size":1.5,"colour":"red","new":false},{"new":true,"colour":"blue","size":2,"extra":[1]},{"size":null,"colour":null,"new":null}]}`},
		{"split", "/invocations", "application/json; charset=UTF-8", `{"dataframe_split":{"data":[["red",1.5,false,9],["blue",2,true,9],[null,null,null,9]],"columns":["colour","size","new","extra"]}}`},
		{"instances as objects", "/v1/models/boxes:predict", "", `{"instances":[{"size":1.5,"colour":"red","new":0},{"size":2,"colour":"","new":1},{"size":null,"colour":null,"new":null}]}`},
		{"instances as arrays", "/invocations", "application/json", `{"instances":[[1.5,"red",false],[2,"blue",true],[null,null,null]],"params":{}}`},
		{"inputs by column", "/invocations", "application/json", `{"inputs":{"size":[1.5,2,null],"colour":["red","x",null],"new":[false,true,null],"other":"y"}}`},
		{"inputs as rows", "/invocations", "application/json", `{"inputs":[[1.5,"red",false],[2,"blue",true],[null,null,null]]}`},
		{"csv", "/invocations", "text/csv", "size,colour,new\n1.5,red,false\n2,blue,true\n,,\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			status, body := post(t, s, tt.path, tt.contentType, tt.body)
			var got struct {
				Predictions []float64 `json:"predictions"`
			}
			if err := json.Unmarshal([]byte(body), &got); err != nil || status != http.StatusOK {
				t.Fatalf("status %d, %v: %s", status, err, body)
			}
			if diff := cmp.Diff(want, got.Predictions); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestOpenInferenceProtocol(t *testing.T) {
	s := newServer(t, adder{}, Limits{})
	const inputs = `[{"name":"size","shape":[2],"datatype":"FP64","data":[1.5,2]},{"name":"colour","shape":[2,1],"datatype":"BYTES","data":[["red"],["blue"]]},{"name":"new","shape":[2],"datatype":"BOOL","data":[false,true]}]`
	status, body := post(t, s, "/v2/models/boxes/versions/sha256:1/infer", "application/json", `{"id":"42","inputs":`+inputs+`}`)
	const want = `{"model_name":"boxes","model_version":"sha256:1","id":"42","outputs":[{"name":"predict","shape":[2],"datatype":"FP64","data":[11.5,102]}]}` + "\n"
	if status != http.StatusOK || body != want {
		t.Errorf("status %d\ngot  %s\nwant %s", status, body, want)
	}
	matrix := `{"inputs":[{"name":"input-0","shape":[2,3],"datatype":"FP64","data":[1.5,0,0,2,0,1]}]}`
	if status, body := post(t, s, "/v2/models/boxes/infer", "application/json", matrix); status != http.StatusOK || !strings.Contains(body, `"data":[1.5,102]`) {
		t.Errorf("one tensor for all features: status %d: %s", status, body)
	}
}

// classifier answers class b with probability 0.75 for every row.
type classifier struct{}

func (classifier) Predict(t *dataset.Table) (metric.Predictions, error) {
	p := metric.Predictions{Classes: []string{"a", "b"}}
	for range t.Rows() {
		p.Labels = append(p.Labels, 1)
		p.Probabilities = append(p.Probabilities, 0.25, 0.75)
	}
	return p, nil
}

func TestClassifiersAnswerLabelsAndProbabilities(t *testing.T) {
	m := served(classifier{})
	m.Task, m.Classes = metric.Binary, []string{"a", "b"}
	s, err := New(m, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	_, body := post(t, s, "/invocations", "", `{"instances":[[1,"x",true],[1,"x",true]]}`)
	if want := `{"predictions":["b","b"],"probabilities":[[0.25,0.75],[0.25,0.75]],"classes":["a","b"],"model_version":"sha256:1"}` + "\n"; body != want {
		t.Errorf("got  %s\nwant %s", body, want)
	}
	_, body = post(t, s, "/v2/models/boxes/infer", "", `{"inputs":[{"name":"x","shape":[1,3],"datatype":"FP64","data":[1,2,1]}],"outputs":[{"name":"predict_proba"}]}`)
	if want := `"outputs":[{"name":"predict_proba","shape":[1,2],"datatype":"FP64","parameters":{"classes":["a","b"]},"data":[0.25,0.75]}]`; !strings.Contains(body, want) {
		t.Errorf("got  %s\nwant %s", body, want)
	}
}

func TestBadRequestsAreRefusedAndSayWhy(t *testing.T) {
	s := newServer(t, adder{}, Limits{MaxRows: 3, MaxBody: 2000})
	tests := []struct {
		name, contentType, body string
		status                  int
		message                 string
	}{
		{"not JSON", "", `{`, 400, "line 1, column 2"},
		{"trailing data", "", `{"instances":[[1,"a",true]]} x`, 400, "after the end"},
		{"duplicate key", "", `{"instances":[[1,"a",true]],"instances":[]}`, 400, "twice"},
		{"two kinds of rows", "", `{"instances":[[1,"a",true]],"inputs":[]}`, 400, "both"},
		{"duplicate feature", "", `{"instances":[{"size":1,"size":2,"colour":"a","new":true}]}`, 400, "twice"},
		{"wrong case", "", `{"Instances":[[1,"a",true]]}`, 400, "unknown key"},
		{"no rows", "", `{"instances":[]}`, 400, "no rows"},
		{"no key", "", `{}`, 400, "no rows"},
		{"NaN", "", `{"instances":[[NaN,"a",true]]}`, 400, "column"},
		{"number beyond float64", "", `{"instances":[[1e999,"a",true]]}`, 400, "beyond float64"},
		{"text for a number", "", `{"instances":[["1","a",true]]}`, 400, `feature "size" wants a number or null`},
		{"two for a boolean", "", `{"instances":[[1,"a",2]]}`, 400, "true, false, 0 or 1"},
		{"short row", "", `{"instances":[[1,"a"]]}`, 400, "2 values, expected 3"},
		{"long row", "", `{"instances":[[1,"a",true,4]]}`, 400, "more than 3 values"},
		{"missing feature", "", `{"instances":[{"size":1,"new":true}]}`, 400, `lacks feature "colour"`},
		{"missing column", "", `{"dataframe_split":{"columns":["size","new"],"data":[[1,true]]}}`, 400, `column "colour" is missing`},
		{"too many rows", "", `{"instances":[[1,"a",true],[1,"a",true],[1,"a",true],[1,"a",true]]}`, 400, "more than 3 rows"},
		{"uneven columns", "", `{"inputs":{"size":[1,2],"colour":["a"],"new":[true,true]}}`, 400, "others have 2"},
		{"too large", "", `{"instances":[["` + strings.Repeat("a", 3000) + `"]]}`, 413, "too large"},
		{"another media type", "application/x-www-form-urlencoded", `a=1`, 415, "application/json"},
		{"another charset", "application/json; charset=latin1", `{}`, 415, "UTF-8"},
		{"csv without a column", "text/csv", "size,new\n1,true\n", 400, "colour"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			status, body := post(t, s, "/invocations", tt.contentType, tt.body)
			var got map[string]string
			if err := json.Unmarshal([]byte(body), &got); err != nil {
				t.Fatalf("%v: %s", err, body)
			}
			if status != tt.status || !strings.Contains(got["error"], tt.message) {
				t.Errorf("got %d %q, want %d and %q", status, got["error"], tt.status, tt.message)
			}
		})
	}
}

func TestTensorsHoldWhatTheirTypeSays(t *testing.T) {
	s := newServer(t, adder{}, Limits{})
	for _, c := range []struct {
		datatype, value string
		status          int
	}{
		{"INT64", "-3", 200},
		{"INT64", "3.0", 200},
		{"INT64", "null", 200},
		{"INT64", "1.5", 400},
		{"INT32", "1e-1", 400},
		{"UINT8", "3", 200},
		{"UINT8", "-3", 400},
		{"FP32", "1.5", 200},
		{"INT128", "1", 400},
		{"BYTES", "1", 400},
	} {
		body := `{"inputs":[{"name":"size","shape":[1],"datatype":"` + c.datatype + `","data":[` + c.value + `]},` +
			`{"name":"colour","shape":[1],"datatype":"BYTES","data":["red"]},{"name":"new","shape":[1],"datatype":"BOOL","data":[true]}]}`
		if status, answer := post(t, s, "/v2/models/boxes/infer", "", body); status != c.status {
			t.Errorf("%s %s: got %d %s, want %d", c.datatype, c.value, status, answer, c.status)
		}
	}
}

// constant predicts 7 for every row and wants no column.
type constant struct{}

func (constant) Predict(t *dataset.Table) (metric.Predictions, error) {
	return metric.Predictions{Values: slices.Repeat([]float64{7}, t.Rows())}, nil
}

func TestAModelWithoutFeaturesAnswersEveryRow(t *testing.T) {
	m := served(constant{})
	m.Features = nil
	s, err := New(m, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ path, contentType, body string }{
		{"/invocations", "", `{"instances":[[1,2],[3,4]]}`},
		{"/invocations", "", `{"instances":[{"a":1},{}]}`},
		{"/invocations", "", `{"dataframe_split":{"columns":["a"],"data":[[1],[2]]}}`},
		{"/invocations", "text/csv", "a\n1\n2\n"},
		{"/v2/models/boxes/infer", "", `{"inputs":[{"name":"a","shape":[2,1],"datatype":"FP64","data":[1,2]}]}`},
	} {
		if status, body := post(t, s, c.path, c.contentType, c.body); status != 200 || !strings.Contains(body, "[7,7]") {
			t.Errorf("%s %s: got %d %s", c.path, c.body, status, body)
		}
	}
}

func TestRoutes(t *testing.T) {
	s := newServer(t, adder{}, Limits{})
	tests := []struct {
		method, path string
		status       int
		body         string
	}{
		{"GET", "/v2", 200, `"name":"weighlock"`},
		{"GET", "/v2/health/live", 200, `{"live":true}`},
		{"GET", "/v2/health/ready", 200, `{"ready":true}`},
		{"GET", "/v2/models/boxes", 200, `{"name":"colour","datatype":"BYTES","shape":[-1]}`},
		{"GET", "/v2/models/boxes/ready", 200, `"ready":true`},
		{"GET", "/v2/models/other", 404, "no such model"},
		{"GET", "/v2/models/boxes/versions/2", 404, "no such version"},
		{"GET", "/v1/models/boxes", 200, `"ready":true`},
		{"POST", "/v1/models/boxes:explain", 404, "boxes:predict"},
		{"GET", "/ping", 200, ""},
		{"GET", "/metrics", 200, `weighlock_build_info{dataset="",digest="sha256:1",revision=""} 1`},
		{"GET", "/v2/models/boxes/infer", 405, "use POST"},
		{"POST", "/v2/models/boxes", 405, "use GET"},
		{"DELETE", "/v2", 405, "use GET"},
		{"GET", "/invocations", 405, "method GET"},
		{"POST", "/ping", 405, "method POST"},
		{"GET", "/debug/pprof/", 404, "no such path"},
		{"GET", "/", 404, "no such path"},
	}
	for _, tt := range tests {
		r := httptest.NewRequestWithContext(t.Context(), tt.method, tt.path, nil)
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.body) {
			t.Errorf("%s %s: got %d %s, want %d and %q", tt.method, tt.path, w.Code, w.Body, tt.status, tt.body)
		}
	}
}

func TestEncodedBodiesAreRefused(t *testing.T) {
	s := newServer(t, adder{}, Limits{})
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/invocations", strings.NewReader("x"))
	r.Header.Set("Content-Encoding", "gzip")
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	if w.Code != http.StatusUnsupportedMediaType {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
}

func TestAClientCannotMakeTimeSeries(t *testing.T) {
	s := newServer(t, adder{}, Limits{})
	for i := range 50 {
		s.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), fmt.Sprintf("M%d", i), fmt.Sprintf("/p%d", i), nil))
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
	if got := strings.Count(w.Body.String(), "\nrest_server_requests{"); got != 1 {
		t.Errorf("%d time series for 50 unknown methods and paths, want 1:\n%s", got, w.Body)
	}
}

func TestAPanicIsOneAnswerAndOneCount(t *testing.T) {
	s := newServer(t, adder{before: func() { panic("bug") }}, Limits{})
	if status, body := post(t, s, "/invocations", "", `{"instances":[[1,"a",true]]}`); status != http.StatusInternalServerError || strings.Contains(body, "bug") {
		t.Errorf("got %d %s", status, body)
	}
	r := httptest.NewRecorder()
	s.ServeHTTP(r, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
	if !strings.Contains(r.Body.String(), "weighlock_panics 1") {
		t.Error("the panic was not counted")
	}
}

func TestTooManyRequestsAtOnceGetRetryAfter(t *testing.T) {
	entered, leave := make(chan bool), make(chan bool)
	s := newServer(t, adder{before: func() { entered <- true; <-leave }}, Limits{Concurrent: 1, Wait: time.Millisecond})
	first := make(chan int)
	go func() {
		status, _ := post(t, s, "/invocations", "", `{"instances":[[1,"a",true]]}`)
		first <- status
	}()
	<-entered
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/invocations", strings.NewReader(`{"instances":[[1,"a",true]]}`))
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
		t.Errorf("got %d, Retry-After %q", w.Code, w.Header().Get("Retry-After"))
	}
	leave <- true
	if status := <-first; status != http.StatusOK {
		t.Errorf("the first request got %d", status)
	}
}

func TestServeFinishesWhatIsInFlight(t *testing.T) {
	entered, leave := make(chan bool), make(chan bool)
	s := newServer(t, adder{before: func() { entered <- true; <-leave }}, Limits{})
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, listener, Ending{Grace: 5 * time.Second}) }()
	answered := make(chan string, 1)
	go func() {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+listener.Addr().String()+"/invocations",
			bytes.NewReader([]byte(`{"instances":[[1,"red",true]]}`)))
		if err != nil {
			answered <- err.Error()
			return
		}
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			answered <- err.Error()
			return
		}
		defer func() { _ = response.Body.Close() }()
		body, _ := io.ReadAll(response.Body)
		answered <- fmt.Sprintf("%d %s", response.StatusCode, body)
	}()
	<-entered
	stop()
	leave <- true
	if got := <-answered; !strings.HasPrefix(got, `200 {"predictions":[111]`) {
		t.Errorf("the request in flight got %s", got)
	}
	if err := <-ended; err != nil {
		t.Errorf("Serve: %v", err)
	}
	if s.ready.Load() {
		t.Error("still ready after the end")
	}
}

func FuzzRequests(f *testing.F) {
	f.Add([]byte(`{"instances":[[1,"a",true]]}`), false)
	f.Add([]byte(`{"inputs":[{"name":"x","shape":[1,3],"datatype":"FP64","data":[1,2,1]}]}`), true)
	s, err := New(served(adder{}), Limits{MaxRows: 100})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, body []byte, v2 bool) {
		path := "/invocations"
		if v2 {
			path = "/v2/models/boxes/infer"
		}
		w := httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, bytes.NewReader(body)))
		if w.Code != http.StatusOK && w.Code != http.StatusBadRequest {
			t.Errorf("status %d for %q", w.Code, body)
		}
		if !json.Valid(w.Body.Bytes()) {
			t.Errorf("the answer is no JSON: %q", w.Body)
		}
	})
}
