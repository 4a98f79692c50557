//go:build linux

package training

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	landlocksyscall "github.com/landlock-lsm/go-landlock/landlock/syscall"

	"github.com/weighlock/weighlock/internal/config"
	"github.com/weighlock/weighlock/internal/dataset"
	"github.com/weighlock/weighlock/internal/evaluation"
	"github.com/weighlock/weighlock/internal/metric"
	"github.com/weighlock/weighlock/internal/sandbox"
)

func TestMain(m *testing.M) {
	sandbox.Main()
	os.Exit(m.Run())
}

const hostileFolder = "../../testdata/hostile"

// hostileWorld is what hostile programs try to reach, and what tells whether they did.
type hostileWorld struct {
	dir, labels, marker string
	targets             map[string]any
	knocked             atomic.Int32
}

// newHostileWorld puts canaries wherever a hosted runner or a careless user would have something worth taking.
func newHostileWorld(t *testing.T) *hostileWorld {
	t.Helper()
	dir, err := os.MkdirTemp("/var/tmp", "hostile-*") //nolint:usetesting // TempDir lies under a folder that only its owner may enter
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	w := &hostileWorld{dir: dir, labels: filepath.Join(dir, "labels.csv"), marker: fmt.Sprintf("6%07d", os.Getpid())}
	for name, mode := range map[string]os.FileMode{"": 0o755, "home": 0o755} {
		if err := os.MkdirAll(filepath.Join(dir, name), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(filepath.Join(dir, name), mode); err != nil {
			t.Fatal(err)
		}
	}
	files := []string{"labels.csv", "github_output", "github_env", "github_path", "home/.netrc", "home/.git-credentials"}
	for _, name := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("l4bel-canary\n"), 0o666); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(filepath.Join(dir, name), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	abi, _ := landlocksyscall.LandlockGetABIVersion()
	w.targets = map[string]any{
		"labels": w.labels, "home": filepath.Join(dir, "home"), "marker": w.marker, "pid": strconv.Itoa(os.Getpid()),
		"pids": []int{os.Getpid(), os.Getppid()}, "unix": filepath.Join(dir, "engine.sock"), "abstract": "weighlock-hostile-" + w.marker,
		"unix_datagram": filepath.Join(dir, "log.sock"), "plain": strconv.FormatBool(os.Geteuid() != 0),
		"signals": strconv.FormatBool(os.Geteuid() == 0 || abi >= 6),
		"command_files": []string{
			filepath.Join(dir, "github_output"), filepath.Join(dir, "github_env"), filepath.Join(dir, "github_path"),
		},
	}
	w.listen(t)
	return w
}

// listen counts who knocks.
func (w *hostileWorld) listen(t *testing.T) {
	t.Helper()
	for _, at := range []struct{ network, address string }{
		{"tcp", "127.0.0.1:0"}, {"unix", fmt.Sprint(w.targets["unix"])}, {"unix", "@" + fmt.Sprint(w.targets["abstract"])},
	} {
		l, err := net.Listen(at.network, at.address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() })
		if address, ok := l.Addr().(*net.TCPAddr); ok {
			w.targets["port"] = address.Port
		}
		if at.network == "unix" && !strings.HasPrefix(at.address, "@") {
			if err := os.Chmod(at.address, 0o777); err != nil {
				t.Fatal(err)
			}
		}
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				w.knocked.Add(1)
				_ = c.Close()
			}
		}()
	}
	letters, err := net.ListenPacket("unixgram", fmt.Sprint(w.targets["unix_datagram"]))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = letters.Close() })
	if err := os.Chmod(fmt.Sprint(w.targets["unix_datagram"]), 0o777); err != nil {
		t.Fatal(err)
	}
	go func() {
		for buffer := make([]byte, 16); ; {
			if _, _, err := letters.ReadFrom(buffer); err != nil {
				return
			}
			w.knocked.Add(1)
		}
	}()
}

// hostileJob trains one program on a small table.
func hostileJob(t *testing.T, w *hostileWorld, argv []string, task metric.Task) (Job, evaluation.Rows, *bytes.Buffer) {
	t.Helper()
	random := rand.New(rand.NewPCG(1, 2))
	var content strings.Builder
	content.WriteString("row,x,y\n")
	for i := range 90 {
		x := random.NormFloat64()
		y := fmt.Sprintf("%.6f", 2*x+1+0.3*random.NormFloat64())
		if task == metric.Binary {
			y = map[bool]string{true: "yes", false: "no"}[x+0.5*random.NormFloat64() > 0]
		}
		fmt.Fprintf(&content, "r%03d,%.6f,%s\n", i, x, y)
	}
	table, err := dataset.ReadCSV([]byte(content.String()), "data.csv", dataset.Options{})
	if err != nil {
		t.Fatal(err)
	}
	keys, err := table.Keys("row", nil)
	if err != nil {
		t.Fatal(err)
	}
	var train, judge []int
	for i := range keys {
		if i%3 == 0 {
			judge = append(judge, i)
		} else {
			train = append(train, i)
		}
	}
	judgeKeys := make([]string, len(judge))
	for i, row := range judge {
		judgeKeys[i] = keys[row]
	}
	rows, features, err := evaluation.NewRows(table.Select(judge), judgeKeys, evaluation.RowsOptions{Task: task, Target: "y"})
	if err != nil {
		t.Fatal(err)
	}
	targets, err := json.Marshal(w.targets)
	if err != nil {
		t.Fatal(err)
	}
	log := &bytes.Buffer{}
	return Job{
		Train: config.Train{
			Command: argv, Format: "csv", Sandbox: config.SandboxOn,
			Limits: config.Limits{Time: 40 * time.Second, Memory: 2 << 30, Processes: 200},
		},
		Task: task, Target: "y", ID: "row", Rows: table.Select(train), Evaluate: features, Keys: rows.Keys, Classes: rows.Truth.Classes,
		Seed: 7, Once: true,
		Tree: Tree{
			Folder: ".", Secret: [][]byte{[]byte("l4bel-canary\n")}, Hidden: []string{"data.csv"},
			Copy: func(_ context.Context, into string) error {
				if err := os.CopyFS(into, os.DirFS(hostileFolder)); err != nil {
					return err
				}
				for name, content := range map[string]string{"targets.json": string(targets), "data.csv": "l4bel-canary,y\n", "copy.txt": "l4bel-canary\n"} {
					if err := os.WriteFile(filepath.Join(into, name), []byte(content), 0o644); err != nil {
						return err
					}
				}
				return nil
			},
		},
		Host: Host{
			Getenv: func(name string) string {
				if value := os.Getenv(name); slices.Contains(harmless, name) || name == "PATH" {
					return value
				}
				return "canary-of-" + name
			},
			Log: log,
		},
	}, rows, log
}

// expectation reads the first lines of a program.
func expectation(t *testing.T, file string) (want string, task metric.Task) {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	task = metric.Regression
	for i, line := range strings.SplitN(string(content), "\n", 4) {
		line = strings.TrimLeft(line, "#/ ")
		if value, ok := strings.CutPrefix(line, "expect: "); ok && i == 0 {
			want = value
		}
		if value, ok := strings.CutPrefix(line, "task: "); ok {
			task = metric.Task(value)
		}
	}
	if want == "" {
		t.Fatalf("%s does not say what to expect", file)
	}
	return want, task
}

// hostileCommand is how a program is started; C is compiled into bin, or found there when there is no compiler.
func hostileCommand(t *testing.T, bin, file string) []string {
	t.Helper()
	relative, err := filepath.Rel(hostileFolder, file)
	if err != nil {
		t.Fatal(err)
	}
	switch filepath.Ext(file) {
	case ".py":
		return []string{"python3", "-c", "import sys,runpy;sys.path.insert(0,'.');runpy.run_path('" + relative + "',run_name='__main__')"}
	case ".sh":
		return []string{"sh", relative}
	}
	program := filepath.Join(bin, strings.TrimSuffix(filepath.Base(file), ".c"))
	if _, err := os.Stat(program); err == nil {
		return []string{program}
	}
	if _, err := exec.LookPath("cc"); err != nil {
		t.Skip("no C compiler here, and WEIGHLOCK_HOSTILE_BIN names no folder of compiled programs")
	}
	out, err := exec.Command("cc", "-O1", "-w", "-static", "-I", hostileFolder, "-o", program, file).CombinedOutput()
	if err != nil {
		t.Fatalf("compile %s: %v\n%s", file, err, out)
	}
	return []string{program}
}

// TestHostileTrainers runs every program of testdata/hostile. None gets out, none changes what an honest training gives,
// and none leaves anything behind.
func TestHostileTrainers(t *testing.T) {
	if _, err := exec.LookPath("python3"); err != nil {
		t.Skip("no python3 here")
	}
	for _, name := range []string{"GITHUB_TOKEN", "ACTIONS_RUNTIME_TOKEN", "ACTIONS_ID_TOKEN_REQUEST_TOKEN", "AWS_SECRET_ACCESS_KEY"} {
		t.Setenv(name, "canary-of-"+name)
	}
	bin := os.Getenv("WEIGHLOCK_HOSTILE_BIN")
	if bin == "" {
		dir, err := os.MkdirTemp("/var/tmp", "hostile-bin-*") //nolint:usetesting // TempDir lies under a folder that only its owner may enter
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = os.RemoveAll(dir) })
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		bin = dir
	}
	w := newHostileWorld(t)
	honest := map[metric.Task]metric.Predictions{}
	for _, task := range []metric.Task{metric.Regression, metric.Binary} {
		job, _, log := hostileJob(t, w, []string{"python3", "honest.py"}, task)
		result, err := command{}.Train(t.Context(), job)
		if err != nil {
			t.Fatalf("honest training: %v\n%s", err, log)
		}
		honest[task] = result.Predictions
	}
	for kind, least := range map[string]int{"escape": 30, "forge": 14} {
		files, err := filepath.Glob(filepath.Join(hostileFolder, kind, "*"))
		if err != nil || len(files) < least {
			t.Fatalf("found %d programs in %s, want at least %d: %v", len(files), kind, least, err)
		}
		for _, file := range files {
			t.Run(kind+"/"+filepath.Base(file), func(t *testing.T) { w.play(t, hostileCommand(t, bin, file), file, honest) })
		}
	}
}

// play runs one program and looks at everything that it must not have changed.
func (w *hostileWorld) play(t *testing.T, argv []string, file string, honest map[metric.Task]metric.Predictions) {
	t.Helper()
	want, task := expectation(t, file)
	job, rows, log := hostileJob(t, w, argv, task)
	job.Host.Read = append(job.Host.Read, filepath.Dir(argv[0]))
	before := w.state(t)
	begun := time.Now()
	result, err := command{}.Train(t.Context(), job)
	if took := time.Since(begun); took > 60*time.Second {
		t.Errorf("took %s", took)
	}
	if strings.Contains(log.String(), "ESCAPED") || strings.Contains(log.String(), "canary-of-") {
		t.Errorf("it got out:\n%s", escapes(log.String()))
	}
	if diff := cmp.Diff(before, w.state(t)); diff != "" {
		t.Errorf("it changed or left something:\n%s", diff)
	}
	for line := range strings.Lines(log.String()) {
		if !strings.HasPrefix(line, "  | ") || strings.Contains(line, "##") || strings.ContainsAny(line, "\x1b\r\u2028\u0085") {
			t.Errorf("a line that somebody may obey: %q", line)
		}
	}
	if log.Len() > 11<<20 {
		t.Errorf("the log holds %d bytes", log.Len())
	}
	switch {
	case want == "undefined":
		if err != nil {
			t.Fatal(err)
		}
		e, err := evaluation.Evaluate(rows, result.Predictions, evaluation.Options{Model: "m"})
		if err != nil {
			t.Fatal(err)
		}
		if score := e.Metrics["rmse"]; score.Value != nil {
			t.Errorf("rmse is %v", *score.Value)
		}
	case err == nil && (want == "honest" || want == "any"):
		if diff := cmp.Diff(honest[task], result.Predictions); diff != "" {
			t.Errorf("other predictions than an honest training gives:\n%s", diff)
		}
	case err == nil:
		t.Errorf("it was accepted, want an error with %q", want)
	case want == "honest":
		t.Errorf("failed: %v\n%s", err, tailOf(log.String()))
	case want != "any" && !strings.Contains(err.Error(), want):
		t.Errorf("got %q, want %q in it", err, want)
	case !isTraining(err):
		t.Errorf("%v does not count as the training's own failure", err)
	}
}

// state is what must be the same afterwards.
func (w *hostileWorld) state(t *testing.T) map[string]string {
	t.Helper()
	state := map[string]string{"knocked": strconv.Itoa(int(w.knocked.Load())), "alive": strings.Join(sleeping(w.marker), " ")}
	for _, root := range []string{w.dir, "/dev/shm"} {
		err := filepath.Walk(root, func(path string, info os.FileInfo, err error) error {
			if err != nil || root == "/dev/shm" && !strings.Contains(path, w.marker) {
				return nil //nolint:nilerr // what cannot be seen was not made by a trainer
			}
			state[path] = fmt.Sprint(info.Mode(), info.ModTime().UnixNano())
			if info.Mode().IsRegular() {
				content, err := os.ReadFile(path)
				if err != nil {
					return err
				}
				state[path] += " " + string(content)
			} else if info.IsDir() {
				state[path] = info.Mode().String()
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, folder := range []string{"/tmp", "/var/tmp", "/dev", "/run", "/etc", "/usr/local/bin", "/"} {
		found, _ := filepath.Glob(filepath.Join(folder, "weighlock-escaped*")) // the names that hostile programs use
		for _, path := range found {
			state[path] = "there"
		}
	}
	return state
}

// sleeping lists processes that sleep for the marker.
func sleeping(marker string) []string {
	var found []string
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, file := range files {
		if content, err := os.ReadFile(file); err == nil && strings.Contains(string(content), "sleep\x00"+marker) {
			found = append(found, file)
		}
	}
	return found
}

func escapes(log string) string {
	var found []string
	for line := range strings.Lines(log) {
		if strings.Contains(line, "ESCAPED") || strings.Contains(line, "canary-of-") {
			found = append(found, line)
		}
	}
	return strings.Join(found[:min(len(found), 20)], "")
}

func tailOf(log string) string { return log[max(0, len(log)-2000):] }

func isTraining(err error) bool { return errors.Is(err, ErrTraining) }
