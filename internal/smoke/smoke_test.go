package smoke

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/weighlock/weighlock/internal/dataset"
	"github.com/weighlock/weighlock/internal/estimator"
	"github.com/weighlock/weighlock/internal/metric"
	"github.com/weighlock/weighlock/internal/modelimage"
)

// packed fits a model to a real table, packs it with a server, and returns it with a question that it answers right.
func packed(t *testing.T, task metric.Task, server []byte) (*modelimage.Image, Question) {
	t.Helper()
	name, target, learner := "healthcare/data/diabetes.csv", "progression", "ridge"
	if task == metric.Binary {
		target, learner = "sex", "logistic"
	}
	raw, err := os.ReadFile(filepath.Join("..", "..", "examples", filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	table, err := dataset.ReadBytes(raw, name, dataset.Options{})
	if err != nil {
		t.Fatal(err)
	}
	m, err := estimator.Fit(t.Context(), estimator.Spec{Name: learner, Task: task, Target: target, Exclude: []string{"patient"}}, table)
	if err != nil {
		t.Fatal(err)
	}
	expect, err := m.Predict(table)
	if err != nil {
		t.Fatal(err)
	}
	content, err := m.Files()
	if err != nil {
		t.Fatal(err)
	}
	files, err := modelimage.Memory(content)
	if err != nil {
		t.Fatal(err)
	}
	img, err := modelimage.Build(modelimage.Input{
		Model: "diabetes", Revision: strings.Repeat("a", 40), Created: time.Unix(1_700_000_000, 0), Files: files,
		Servers: map[string][]byte{"linux/" + runtime.GOARCH: server},
	})
	if err != nil {
		t.Fatal(err)
	}
	return img, Question{Features: table, Expect: expect}
}

func TestRightAnswers(t *testing.T) {
	for _, task := range []metric.Task{metric.Regression, metric.Binary} {
		img, q := packed(t, task, []byte("server"))
		if n, err := InProcess(t.Context(), img, q); err != nil || n != 442 {
			t.Errorf("%s: %d rows, %v", task, n, err)
		}
	}
}

// The smallest difference in any row is found, and named.
func TestWrongAnswers(t *testing.T) {
	for name, c := range map[string]struct {
		task  metric.Task
		spoil func(*metric.Predictions)
		want  string
	}{
		"last digit":    {metric.Regression, func(p *metric.Predictions) { p.Values[441] *= 1 + 1e-15 }, "row 442"},
		"two swapped":   {metric.Regression, func(p *metric.Predictions) { p.Values[0], p.Values[1] = p.Values[1], p.Values[0] }, "row 1:"},
		"a class":       {metric.Binary, func(p *metric.Predictions) { p.Labels[7] = 1 - p.Labels[7] }, "row 8:"},
		"a probability": {metric.Binary, func(p *metric.Predictions) { p.Probabilities[2*9] += 1e-16 }, "row 10, class"},
		"class names":   {metric.Binary, func(p *metric.Predictions) { p.Classes = []string{"A", "C"} }, "evaluated was \"C\""},
	} {
		t.Run(name, func(t *testing.T) {
			img, q := packed(t, c.task, []byte("server"))
			q.Expect.Values = append([]float64(nil), q.Expect.Values...)
			c.spoil(&q.Expect)
			_, err := InProcess(t.Context(), img, q)
			if !errors.Is(err, ErrAnswer) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestUnusableModel(t *testing.T) {
	_, q := packed(t, metric.Regression, []byte("server"))
	files, err := modelimage.Memory(map[string][]byte{"model.json": []byte("{}")})
	if err != nil {
		t.Fatal(err)
	}
	img, err := modelimage.Build(modelimage.Input{
		Model: "broken", Revision: strings.Repeat("a", 40), Created: time.Unix(1, 0), Files: files,
		Servers: map[string][]byte{"linux/amd64": []byte("server")},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := InProcess(t.Context(), img, q); !errors.Is(err, ErrAnswer) {
		t.Errorf("got %v", err)
	}
}

// The image in a real engine: the right server answers as evaluated, and a program that is no server is found out.
func TestInEngine(t *testing.T) {
	engine, err := FindEngine(t.Context())
	if err != nil {
		t.Skip("no container engine answers (docker or podman)")
	}
	server := filepath.Join(t.TempDir(), "server")
	build := exec.Command("go", "build", "-tags", "nethttpomithttp2,noparquet", "-trimpath", "-ldflags", "-s -w", "-o", server, "../../cmd/weighlock-server")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOFLAGS=")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	content, err := os.ReadFile(server)
	if err != nil {
		t.Fatal(err)
	}
	img, q := packed(t, metric.Regression, content)
	rows, err := engine.InEngine(t.Context(), img, q)
	if errors.Is(err, ErrNoEngine) {
		t.Skipf("the engine cannot run it: %v", err)
	}
	if err != nil || rows != 442 {
		t.Errorf("%d rows, %v", rows, err)
	}
	q.Expect.Values[3]++
	if _, err := engine.InEngine(t.Context(), img, q); !errors.Is(err, ErrAnswer) {
		t.Errorf("a wrong expectation: %v", err)
	}
	truth, err := os.ReadFile("/bin/true")
	if err != nil {
		t.Fatal(err)
	}
	broken, q := packed(t, metric.Regression, truth)
	if _, err := engine.InEngine(t.Context(), broken, q); err == nil {
		t.Error("an image whose server ends at once passes")
	}
	left, err := engine.run(t.Context(), nil, "images", "--quiet", "weighlock-smoke")
	if err != nil || left != "" {
		t.Errorf("left behind: %s, %v", left, err)
	}
}
