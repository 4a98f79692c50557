//go:build linux

package training

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weighlock/weighlock/internal/config"
	"github.com/weighlock/weighlock/internal/dataset"
	"github.com/weighlock/weighlock/internal/metric"
)

// TestConformance holds every way to train against what the pipeline relies on: predictions fit the rows and come out
// the same again, a failure is the training's own, a cancelled run says so, and the job is not changed.
func TestConformance(t *testing.T) {
	if _, err := exec.LookPath("python3"); err != nil {
		t.Skip("no python3 here")
	}
	w := newHostileWorld(t)
	kinds := map[string]struct{ good, bad config.Train }{
		"estimator": {config.Train{Estimator: "linear"}, config.Train{Estimator: "linear", Params: map[string]any{"nonsense": 1}}},
		"command": {
			config.Train{Command: []string{"python3", "honest.py"}, Format: "csv", Sandbox: config.SandboxOn},
			config.Train{Command: []string{"python3", "missing.py"}, Format: "csv", Sandbox: config.SandboxOn},
		},
		"predictions": {config.Train{Predictions: "good.csv"}, config.Train{Predictions: "bad.csv"}},
	}
	for name, kind := range kinds {
		t.Run(name, func(t *testing.T) {
			job, rows, log := hostileJob(t, w, nil, metric.Regression)
			given := answersFor(job)
			jobOf := func(train config.Train) Job {
				j := job
				j.Train = train
				j.Exclude = []string{"row"}
				j.Tree.Predictions = func() ([]byte, error) {
					if train.Predictions == "bad.csv" {
						return []byte("row,prediction\nnobody,1\n"), nil
					}
					return given, nil
				}
				return j
			}
			trainer, err := For(kind.good)
			if err != nil {
				t.Fatal(err)
			}
			first, err := trainer.Train(t.Context(), jobOf(kind.good))
			if err != nil {
				t.Fatalf("%v\n%s", err, log)
			}
			if err := first.Predictions.Check(rows.Truth); err != nil {
				t.Error(err)
			}
			second, err := trainer.Train(t.Context(), jobOf(kind.good))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(first.Predictions, second.Predictions); diff != "" {
				t.Errorf("another training gives something else:\n%s", diff)
			}
			if _, err := trainer.Train(t.Context(), jobOf(kind.bad)); !errors.Is(err, ErrTraining) {
				t.Errorf("a failure is %v, want the training's own", err)
			}
			cancelled, cancel := context.WithCancel(t.Context())
			cancel()
			if _, err := trainer.Train(cancelled, jobOf(kind.good)); name != "predictions" && !errors.Is(err, context.Canceled) {
				t.Errorf("a cancelled training returns %v", err)
			}
		})
	}
}

// answersFor predicts 1 for every evaluation row, under the data's own ids.
func answersFor(job Job) []byte {
	var b bytes.Buffer
	b.WriteString("row,prediction\n")
	for _, key := range job.Keys {
		fmt.Fprintf(&b, "%s,1\n", key)
	}
	return b.Bytes()
}

// script trains by a few lines of Python after the honest ones.
func script(t *testing.T, w *hostileWorld, code string, change func(*Job)) (Result, string, error) {
	t.Helper()
	job, _, log := hostileJob(t, w, []string{"python3", "-c", "import sys; sys.path.insert(0, '.')\nimport os, honest\n" + code}, metric.Regression)
	if change != nil {
		change(&job)
	}
	result, err := command{}.Train(t.Context(), job)
	return result, log.String(), err
}

func TestTrainingEndsWithinItsLimits(t *testing.T) {
	w := newHostileWorld(t)
	tests := map[string]struct {
		code   string
		limits config.Limits
		want   string
	}{
		"out of memory":      {"x = bytearray(3 << 30)", config.Limits{Memory: 1 << 30}, "ran out of memory: the limit is 1.0 GiB"},
		"out of memory slow": {"import subprocess, sys\nps = [subprocess.Popen([sys.executable, '-c', 'import time; x = bytearray(150 << 20); time.sleep(60)']) for _ in range(4)]\n[p.wait() for p in ps]", config.Limits{Memory: 400 << 20}, "ran out of memory"},
		"hang":               {"import time; time.sleep(600)", config.Limits{Time: 2 * time.Second}, "did not end within 2s"},
		"silence":            {"import time; time.sleep(600)", config.Limits{Silence: time.Second}, "printed nothing for 1s"},
		"death":              {"os.kill(os.getpid(), 9)", config.Limits{}, "was killed by signal killed"},
		"exception":          {"raise ValueError('no such column')", config.Limits{}, "exited with code 1: ValueError: no such column"},
		"flood":              {"[print('x' * 4000) for _ in range(5000)]; sys.exit(7)", config.Limits{}, "exited with code 7"},
		"no program":         {"", config.Limits{}, "no-such-program is not in PATH"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			temp := filepath.Join(w.dir, "tmp "+name) // what other programs do in /tmp is theirs
			if err := os.Mkdir(temp, 0o755); err != nil {
				t.Fatal(err)
			}
			t.Setenv("TMPDIR", temp)
			begun := time.Now()
			_, log, err := script(t, w, tt.code, func(j *Job) {
				if tt.limits.Time == 0 {
					tt.limits.Time = 60 * time.Second
				}
				j.Train.Limits = tt.limits
				if name == "no program" {
					j.Train.Command = []string{"no-such-program"}
				}
			})
			if err == nil || !errors.Is(err, ErrTraining) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q\n%s", err, tt.want, tailOf(log))
			}
			if took := time.Since(begun); took > 45*time.Second {
				t.Errorf("took %s", took)
			}
			if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
				t.Errorf("left behind: %v, %v", left, err)
			}
		})
	}
}

func TestTheSameSeedTwice(t *testing.T) {
	w := newHostileWorld(t)
	result, _, err := script(t, w, "honest.train()", func(j *Job) { j.Once = false })
	if err != nil {
		t.Fatal(err)
	}
	if result.Again == nil || cmp.Diff(result.Predictions, *result.Again) != "" {
		t.Errorf("an honest training repeats itself: %v", result.Again)
	}
	result, _, err = script(t, w, "import random\nfound = list(honest.answers())\nfor r in found: r['prediction'] += random.SystemRandom().random()\nhonest.write(found)",
		func(j *Job) { j.Once = false })
	if err != nil {
		t.Fatal(err)
	}
	if result.Again == nil || cmp.Diff(result.Predictions, *result.Again) == "" {
		t.Error("two rolls of the dice came out the same")
	}
}

func TestSavedModelIsScoredByThePredictCommand(t *testing.T) {
	w := newHostileWorld(t)
	keep := t.TempDir()
	predict := func(j *Job) {
		j.Host.Keep = keep
		j.Train.Predict = []string{"python3", "-c", "import sys, os, json; sys.path.insert(0, '.')\n" +
			"os.environ.setdefault('WEIGHLOCK_TRAIN', '')\nimport honest\nlevel = json.load(open(os.environ['WEIGHLOCK_MODEL'] + '/level.json'))\n" +
			"assert not os.environ['WEIGHLOCK_TRAIN']\nhonest.write({honest.key: r[honest.key], 'prediction': level} for r in honest.rows('WEIGHLOCK_EVALUATE'))"}
	}
	result, log, err := script(t, w, "open(os.environ['WEIGHLOCK_MODEL'] + '/level.json', 'w').write('2.5')\nhonest.train()", predict)
	if err != nil {
		t.Fatalf("%v\n%s", err, log)
	}
	for _, v := range result.Predictions.Values {
		if v != 2.5 { // and not what the training left as predictions
			t.Fatalf("predicted %v", v)
		}
	}
	if result.Opaque == nil || result.Opaque.Kind() != "opaque (.json)" || len(result.Opaque.Spec().Source) == 0 {
		t.Errorf("the model is %+v", result.Opaque)
	}
	job, _, _ := hostileJob(t, w, nil, metric.Regression)
	again, layers, err := ScoreOpaque(t.Context(), result.Opaque, job)
	if err != nil || len(layers) == 0 || cmp.Diff(again, result.Predictions) != "" {
		t.Errorf("scored again: %v %v %v", err, layers, again)
	}
	unkept := func(j *Job) { predict(j); j.Host.Keep = "" }
	result, _, err = script(t, w, "open(os.environ['WEIGHLOCK_MODEL'] + '/level.json', 'w').write('2.5')", unkept)
	if err != nil || result.Opaque != nil || cmp.Diff(again, result.Predictions) != "" {
		t.Errorf("not kept: %v, %+v", err, result)
	}
	if _, _, err := script(t, w, "pass", predict); err == nil || !strings.Contains(err.Error(), "WEIGHLOCK_MODEL is empty") {
		t.Errorf("no model: %v", err)
	}
}

func TestCommandSeesWhatItMayAndNoMore(t *testing.T) {
	w := newHostileWorld(t)
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "images"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "images/a.txt"), []byte("pixels"), 0o644); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() == 0 { // t.TempDir is the test's own; the sandbox's user has to get through
		for folder := dir; folder != "/tmp" && folder != "/"; folder = filepath.Dir(folder) {
			if err := os.Chmod(folder, 0o755); err != nil {
				t.Fatal(err)
			}
		}
	}
	code := `
columns = honest.rows("WEIGHLOCK_EVALUATE")[0].keys()
assert list(columns) == ["row", "x"], columns
assert "y" in honest.rows("WEIGHLOCK_TRAIN")[0]
ids = [int(r["row"]) for r in honest.rows("WEIGHLOCK_EVALUATE")]
assert sorted(ids) == list(range(1, len(ids) + 1)) and ids != sorted(ids), ids
assert not set(ids) & {int(r["row"]) for r in honest.rows("WEIGHLOCK_TRAIN")}
assert open("images/a.txt").read() == "pixels"
assert not os.path.exists("data.csv") and not os.path.exists("copy.txt")
try:
    open("images/b.txt", "w")
    raise SystemExit("a folder of features is writable")
except OSError:
    pass
honest.train()`
	_, log, err := script(t, w, code, func(j *Job) { j.Tree.Dir, j.Tree.Files = dir, []string{"images"} })
	if err != nil {
		t.Errorf("%v\n%s", err, log)
	}
	_, _, err = script(t, w, code, func(j *Job) { j.Tree.Dir, j.Tree.Files = dir, []string{"sounds"} })
	if err == nil || !strings.Contains(err.Error(), "read data.files: sounds") {
		t.Errorf("a missing folder: %v", err)
	}
	_, _, err = script(t, w, code, func(j *Job) {
		j.Tree.Dir, j.Tree.Files = dir, []string{"images"}
		j.Tree.Hidden = append(j.Tree.Hidden, "images/labels.csv")
	})
	if err == nil || !strings.Contains(err.Error(), "images holds images/labels.csv") {
		t.Errorf("labels among the features: %v", err)
	}
	if err := os.Symlink("/etc", filepath.Join(dir, "out")); err != nil {
		t.Fatal(err)
	}
	_, _, err = script(t, w, code, func(j *Job) { j.Tree.Dir, j.Tree.Files = dir, []string{"out"} })
	if err == nil || !strings.Contains(err.Error(), "leads out of the repository") {
		t.Errorf("a link out of the repository: %v", err)
	}
}

func TestSetupIsKeptByItsInputs(t *testing.T) {
	if exec.Command("python3", "-m", "venv", "--help").Run() != nil || exec.Command("python3", "-c", "import ensurepip").Run() != nil {
		t.Skip("python3 has no venv here: apt-get install python3-venv")
	}
	w := newHostileWorld(t)
	cache := filepath.Join(w.dir, "cache")
	train := func(lock, code string) (string, error) {
		_, log, err := script(t, w, code, func(j *Job) {
			j.Host.Cache = cache
			j.Train.Setup = []string{"python3", "-c", "import sys, os; open(sys.prefix + '/installed', 'w').write(open('requirements.txt').read() + str(os.path.exists('honest.py')))"}
			plain := j.Tree.Copy
			j.Tree.Copy = func(ctx context.Context, into string) error {
				if err := plain(ctx, into); err != nil {
					return err
				}
				return os.WriteFile(filepath.Join(into, "requirements.txt"), []byte(lock), 0o644)
			}
		})
		return log, err
	}
	check := "assert open(sys.prefix + '/installed').read() == '%sFalse'\ntry:\n    open(sys.prefix + '/more', 'w')\n    raise SystemExit('it may change what was installed')\nexcept OSError:\n    pass\nhonest.train()"
	for _, lock := range []string{"a==1", "a==2", "a==1"} {
		if log, err := train(lock, fmt.Sprintf(check, lock)); err != nil {
			t.Fatalf("%s: %v\n%s", lock, err, log)
		}
	}
	if found, _ := filepath.Glob(filepath.Join(cache, "environments/*/complete")); len(found) != 2 {
		t.Errorf("%d environments for two lock files: %v", len(found), found)
	}
}

func TestGivenPredictions(t *testing.T) {
	w := newHostileWorld(t)
	job, rows, _ := hostileJob(t, w, nil, metric.Regression)
	job.Train = config.Train{Predictions: "p.csv"}
	for name, tt := range map[string]struct {
		content []byte
		err     error
		id      string
		want    string
	}{
		"good":    {answersFor(job), nil, "row", ""},
		"missing": {nil, os.ErrNotExist, "row", "left nothing"},
		"no id":   {answersFor(job), nil, "", "data.id names no column"},
		"short":   {answersFor(job)[:200], nil, "row", "read p.csv"},
	} {
		job.ID = tt.id
		job.Tree.Predictions = func() ([]byte, error) { return tt.content, tt.err }
		result, err := given{}.Train(t.Context(), job)
		if tt.want != "" {
			if err == nil || !errors.Is(err, ErrTraining) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%s: got %v, want %q", name, err, tt.want)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := result.Predictions.Check(rows.Truth); err != nil || len(result.Notes) != 1 || !strings.Contains(result.Notes[0], "not trained here") {
			t.Errorf("%s: %v, notes %q", name, err, result.Notes)
		}
	}
}

func TestParquetTables(t *testing.T) {
	job := Job{Target: "y", Train: config.Train{Format: "parquet"}, Seed: 3, Task: metric.Regression}
	table, err := dataset.ReadCSV([]byte("x,y\n1,2\n3,4\n5,6\n"), "d.csv", dataset.Options{})
	if err != nil {
		t.Fatal(err)
	}
	job.Rows, job.Evaluate = table, table.Without("y")
	tt, err := newTables(job)
	if err != nil {
		t.Fatal(err)
	}
	content, err := encode(tt.evaluate, job.Train.Format)
	if err != nil || !bytes.HasPrefix(content, []byte("PAR1")) {
		t.Errorf("%v, %.10q", err, content)
	}
	if tt.id != defaultID || len(tt.row) != 3 {
		t.Errorf("id %q, %d rows", tt.id, len(tt.row))
	}
}
