//go:build linux

package serving

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/weighlock/weighlock/internal/dataset"
	"github.com/weighlock/weighlock/internal/metric"
	"github.com/weighlock/weighlock/internal/model"
)

// doubling answers twice x. It counts its lives and calls in files, dies on 13, fails on 14 and hangs on 15.
const doubling = `
import csv, os, sys, time
import counter
counter.calls += 1
key = os.environ["WEIGHLOCK_ID"]
factor = float(open(os.environ["WEIGHLOCK_MODEL"] + "/factor.txt").read())
with open(os.environ["WEIGHLOCK_EVALUATE"], newline="") as f:
    rows = list(csv.DictReader(f))
for r in rows:
    if r["x"] == "13": os._exit(1)
    if r["x"] == "14": raise ValueError("no such x")
    if r["x"] == "16": rows = rows[:0]
with open(os.environ["WEIGHLOCK_PREDICTIONS"], "w") as f:
    f.write(key + ",prediction\n")
    for r in rows: f.write(f"{r[key]},{factor * float(r['x'])}\n")
    if not rows: f.write("1,nan\n")
`

// startWorker serves an opaque model with a predict script, and returns how often its process was started.
func startWorker(t *testing.T, predict []string) (*Worker, *model.Opaque, func() int) {
	t.Helper()
	if _, err := exec.LookPath("python3"); err != nil {
		t.Skip("no python3 here")
	}
	o, err := model.NewOpaque(model.OpaqueSpec{
		Task: metric.Regression, Target: "y", ID: "id", Features: []model.Feature{{Name: "x", Kind: dataset.Number}},
		Predict: predict, Folder: ".", Format: "csv", Model: fstest.MapFS{"factor.txt": {Data: []byte("2")}},
		Source: map[string][]byte{"predict.py": []byte(doubling), "counter.py": []byte("calls = 0\n"), "run.sh": []byte("exec python3 predict.py\n")},
	})
	if err != nil {
		t.Fatal(err)
	}
	folder, work := t.TempDir(), t.TempDir()
	if err := os.CopyFS(folder, o.FS()); err != nil {
		t.Fatal(err)
	}
	starts := make(chan struct{}, 100)
	w, err := NewWorker(t.Context(), o, WorkerOptions{Folder: folder, Work: work, Run: func(ctx context.Context, c Command) error {
		starts <- struct{}{}
		cmd := exec.CommandContext(ctx, c.Argv[0], c.Argv[1:]...)
		cmd.Dir, cmd.Env, cmd.WaitDelay = c.Dir, append(os.Environ(), c.Env...), time.Second
		cmd.Stderr = os.Stderr
		return cmd.Run()
	}})
	if err != nil {
		t.Fatal(err)
	}
	return w, o, func() int { return len(starts) }
}

func awaitWorker(t *testing.T, w *Worker) {
	t.Helper()
	for range 600 {
		if w.Ready() {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal("the worker did not become ready")
}

func table(t *testing.T, values ...float64) *dataset.Table {
	t.Helper()
	x, err := dataset.NewFloats("x", dataset.Number, values)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := dataset.New("rows", x)
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func TestWorkerStaysAndIsStartedAgain(t *testing.T) {
	w, _, starts := startWorker(t, []string{"python3", "predict.py"})
	awaitWorker(t, w)
	for _, want := range []float64{1, 7} {
		p, err := w.Predict(table(t, want, 3))
		if err != nil || len(p.Values) != 2 || p.Values[0] != 2*want || p.Values[1] != 6 {
			t.Fatalf("got %v, %v", p, err)
		}
	}
	if starts() != 1 {
		t.Errorf("%d starts for two requests", starts())
	}
	// A mistake of the script's is the request's; the process stays.
	if _, err := w.Predict(table(t, 14)); err == nil || errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), "ValueError: no such x") {
		t.Errorf("got %v", err)
	}
	// Predictions that cannot be judged are the worker's fault, and never answered.
	if _, err := w.Predict(table(t, 16)); !errors.Is(err, ErrUnavailable) {
		t.Errorf("got %v", err)
	}
	if _, err := w.Predict(table(t, 13)); !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), "died") {
		t.Errorf("got %v", err)
	}
	awaitWorker(t, w)
	if p, err := w.Predict(table(t, 4)); err != nil || p.Values[0] != 8 {
		t.Errorf("after its death: %v, %v", p, err)
	}
	if starts() != 2 {
		t.Errorf("%d starts, want 2", starts())
	}
	if left, _ := filepath.Glob(filepath.Join(w.o.Work, "request-*")); len(left) > 0 {
		t.Errorf("requests were left behind: %v", left)
	}
}

func TestOtherCommandIsStartedForEachRequest(t *testing.T) {
	w, _, starts := startWorker(t, []string{"sh", "run.sh"})
	for range 2 {
		if p, err := w.Predict(table(t, 5)); err != nil || p.Values[0] != 10 {
			t.Fatalf("got %v, %v", p, err)
		}
	}
	if starts() != 2 {
		t.Errorf("%d starts", starts())
	}
}

func TestWorkerBehindTheServer(t *testing.T) {
	w, o, _ := startWorker(t, []string{"python3", "predict.py"})
	server, err := New(OfOpaque(o, w, Identity{Name: "double"}), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	front := httptest.NewServer(server)
	defer front.Close()
	ask := func(method, path, body string) (int, string) {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), method, front.URL+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = response.Body.Close() }()
		content := make([]byte, 4096)
		n, _ := response.Body.Read(content)
		return response.StatusCode, string(content[:n])
	}
	awaitWorker(t, w)
	if code, _ := ask("GET", "/readyz", ""); code != http.StatusOK {
		t.Errorf("ready: %d", code)
	}
	code, body := ask("POST", "/v2/models/double/infer", `{"inputs":[{"name":"x","shape":[2],"datatype":"FP64","data":[1,2.5]}]}`)
	if code != http.StatusOK || !strings.Contains(body, `"data":[2,5]`) {
		t.Errorf("infer: %d %s", code, body)
	}
	if code, body := ask("POST", "/invocations", `{"dataframe_split":{"columns":["x"],"data":[[14]]}}`); code != http.StatusBadRequest || !strings.Contains(body, "no such x") {
		t.Errorf("a bad row: %d %s", code, body)
	}
	if code, _ := ask("POST", "/invocations", `{"dataframe_split":{"columns":["x"],"data":[[13]]}}`); code != http.StatusServiceUnavailable {
		t.Errorf("a death: %d", code)
	}
	if code, _ := ask("GET", "/readyz", ""); code != http.StatusServiceUnavailable {
		t.Errorf("not ready yet: %d", code)
	}
	awaitWorker(t, w)
	if code, _ := ask("POST", "/invocations", `{"dataframe_split":{"columns":["x"],"data":[[1]]}}`); code != http.StatusOK {
		t.Errorf("after its death: %d", code)
	}
}

func TestKeptCommands(t *testing.T) {
	for _, tt := range []struct {
		predict []string
		kept    bool
	}{
		{[]string{"python3", "predict.py"}, true},
		{[]string{"/opt/venv/bin/python", "src/predict.py", "--fast"}, true},
		{[]string{"uv", "run", "predict.py"}, true},
		{[]string{"python3", "-m", "predict"}, false},
		{[]string{"predict.py"}, false},
		{[]string{"sh", "predict.sh"}, false},
		{[]string{"bash", "x.py"}, false},
	} {
		if got := keptCommand(tt.predict) != nil; got != tt.kept {
			t.Errorf("%v: kept %v, want %v", tt.predict, got, tt.kept)
		}
	}
}
