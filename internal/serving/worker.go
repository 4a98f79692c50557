//go:build unix

package serving

import (
	"bufio"
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/weighlock/weighlock/internal/dataset"
	"github.com/weighlock/weighlock/internal/evaluation"
	"github.com/weighlock/weighlock/internal/metric"
	"github.com/weighlock/weighlock/internal/model"
)

//go:embed worker.py
var workerScript string

// The times that a worker gets: to answer, to start and import what it needs, and to be started again.
const (
	answerTime  = 25 * time.Second // below the server's own time to write
	startTime   = 3 * time.Minute
	shortPause  = 100 * time.Millisecond
	longestWait = 10 * time.Second
)

// Command is a process that a worker wants to run.
type Command struct {
	Argv []string
	// Env are the variables of the contract; who runs it adds PATH and the like.
	Env []string
	Dir string
}

// WorkerOptions are what a worker is given.
type WorkerOptions struct {
	// Folder holds the opaque model as its Files gave it; Work is an empty folder of its own.
	Folder, Work string
	// Run runs a command and returns when it has ended; the command may write to Work and nothing else.
	Run func(ctx context.Context, c Command) error
}

// Worker scores with an opaque model's own predict command. A Python script is kept running, so that what it imports is
// loaded once; any other command is started for each request. Requests are answered one after the other. A worker that
// dies, or takes too long, is started again.
type Worker struct {
	spec model.OpaqueSpec
	o    WorkerOptions
	argv []string // of the kept process; nil where there is none

	mu     sync.Mutex // one request at a time
	number int

	state   sync.Mutex
	current *process
}

// process is one life of a kept worker.
type process struct {
	requests *os.File
	lines    chan string
	dead     chan struct{}
	end      context.CancelFunc
}

// NewWorker starts a worker that lives until ctx ends.
func NewWorker(ctx context.Context, o *model.Opaque, options WorkerOptions) (*Worker, error) {
	w := &Worker{spec: o.Spec(), o: options}
	switch {
	case w.spec.Predict == nil:
		return nil, errors.New("serve opaque model: it has no predict command")
	case w.spec.Format != "csv":
		return nil, fmt.Errorf("serve opaque model: its predict command reads %s, and the server writes csv", w.spec.Format)
	}
	if w.argv = keptCommand(w.spec.Predict); w.argv != nil {
		go w.keep(ctx)
	}
	return w, nil
}

// OfOpaque serves an opaque model by its worker.
func OfOpaque(o *model.Opaque, w *Worker, id Identity) Model {
	spec := o.Spec()
	served := Model{
		Scorer: w, Name: id.Name, Version: o.Digest(), Revision: id.Revision, EvaluationDigest: id.EvaluationDigest,
		Task: spec.Task, Classes: slices.Clone(spec.Classes), Ready: w.Ready,
	}
	for _, f := range spec.Features {
		served.Features = append(served.Features, Feature{Name: f.Name, Kind: f.Kind})
	}
	return served
}

// keptCommand rewrites [python3, predict.py, ...] and [uv, run, predict.py, ...] so that the script stays loaded.
func keptCommand(predict []string) []string {
	at := slices.IndexFunc(predict, func(arg string) bool { return strings.HasSuffix(arg, ".py") })
	if at < 1 {
		return nil
	}
	before := slices.Clone(predict[:at])
	switch {
	case len(before) == 1 && strings.HasPrefix(filepath.Base(before[0]), "python"):
	case len(before) == 2 && filepath.Base(before[0]) == "uv" && before[1] == "run":
		before = append(before, "python")
	default:
		return nil
	}
	return slices.Concat(before, []string{"-c", workerScript, predict[at], ""}, predict[at+1:])
}

// Ready reports whether a request would be answered now.
func (w *Worker) Ready() bool { return w.argv == nil || w.life() != nil }

func (w *Worker) life() *process {
	w.state.Lock()
	defer w.state.Unlock()
	return w.current
}

func (w *Worker) setLife(p *process) {
	w.state.Lock()
	defer w.state.Unlock()
	w.current = p
}

// keep starts the process again whenever it ends.
func (w *Worker) keep(ctx context.Context) {
	for pause, life := shortPause, 0; ctx.Err() == nil; life++ {
		begun := time.Now()
		w.live(ctx, filepath.Join(w.o.Work, "worker-"+strconv.Itoa(life)))
		if time.Since(begun) > time.Minute {
			pause = shortPause
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
		pause = min(2*pause, longestWait)
	}
}

// live is one life: start, a first request so that the imports are done, then whatever comes.
func (w *Worker) live(ctx context.Context, folder string) {
	ctx, end := context.WithCancel(ctx)
	defer end()
	p, answers, err := openPipes(folder, end)
	if err != nil {
		return
	}
	defer func() { _ = errors.Join(p.requests.Close(), answers.Close(), os.RemoveAll(folder)) }()
	go func() {
		for lines := bufio.NewScanner(answers); lines.Scan(); {
			select {
			case p.lines <- lines.Text():
			case <-p.dead:
				return
			}
		}
	}()
	go func() {
		argv := slices.Clone(w.argv)
		argv[slices.Index(argv, workerScript)+2] = folder
		_ = w.o.Run(ctx, Command{Argv: argv, Env: w.contract(folder), Dir: w.folder()})
		close(p.dead)
	}()
	first := filepath.Join(folder, "first")
	if w.write(first, w.emptyRow()) != nil || errors.Is(p.ask(first, startTime), errWorker) {
		end()
		<-p.dead
		return
	}
	w.setLife(p)
	<-p.dead
	w.setLife(nil)
}

func openPipes(folder string, end context.CancelFunc) (*process, *os.File, error) {
	if err := openFolder(folder); err != nil {
		return nil, nil, err
	}
	var files []*os.File
	for _, name := range []string{"requests", "answers"} {
		path := filepath.Join(folder, name)
		if err := unix.Mkfifo(path, 0o666); err != nil {
			return nil, nil, err
		}
		if err := os.Chmod(path, 0o666); err != nil {
			return nil, nil, err
		}
		f, err := os.OpenFile(path, os.O_RDWR, 0) // both ends, so that opening waits for nobody
		if err != nil {
			return nil, nil, err
		}
		files = append(files, f)
	}
	return &process{requests: files[0], lines: make(chan string), dead: make(chan struct{}), end: end}, files[1], nil
}

// openFolder makes a folder that the worker may write to, whoever it is.
func openFolder(folder string) error {
	if err := os.Mkdir(folder, 0o755); err != nil {
		return err
	}
	return os.Chmod(folder, 0o777)
}

// errWorker marks a failure that is the worker's and not the request's.
var errWorker = errors.New("the model's worker")

// ask passes a request on and waits for its answer.
func (p *process) ask(folder string, patience time.Duration) error {
	if _, err := fmt.Fprintln(p.requests, folder); err != nil {
		return fmt.Errorf("%w: %w", errWorker, err)
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case state := <-p.lines:
		if state != "ok" {
			return fmt.Errorf("predict: %s", state)
		}
		return nil
	case <-p.dead:
		return fmt.Errorf("%w died; it is being started again", errWorker)
	case <-timer.C:
		p.end()
		return fmt.Errorf("%w took longer than %s; it is being started again", errWorker, patience)
	}
}

// Predict scores rows. An error that is not the request's fault answers to errors.Is(err, ErrUnavailable).
func (w *Worker) Predict(t *dataset.Table) (metric.Predictions, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.number++
	folder := filepath.Join(w.o.Work, "request-"+strconv.Itoa(w.number))
	defer func() { _ = os.RemoveAll(folder) }()
	p, err := w.predict(t, folder)
	if errors.Is(err, errWorker) {
		return p, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return p, err
}

func (w *Worker) predict(t *dataset.Table, folder string) (metric.Predictions, error) {
	numbered, err := w.numbered(t)
	if err != nil {
		return metric.Predictions{}, err
	}
	if err := w.write(folder, numbered); err != nil {
		return metric.Predictions{}, fmt.Errorf("%w: %w", errWorker, err)
	}
	if err := w.score(folder); err != nil {
		return metric.Predictions{}, err
	}
	content, err := os.ReadFile(filepath.Join(folder, "predictions.csv"))
	if err != nil {
		return metric.Predictions{}, fmt.Errorf("%w left no predictions", errWorker)
	}
	rows := make(map[string]int, t.Rows())
	for i := range t.Rows() {
		rows[strconv.Itoa(i+1)] = i
	}
	p, err := evaluation.Sheet{ID: w.spec.ID, Row: rows, Task: w.spec.Task, Classes: w.spec.Classes}.ReadCSV(content)
	if err != nil {
		return p, fmt.Errorf("%w: %w", errWorker, err)
	}
	return p, nil
}

// score lets the kept process, or one for this request alone, answer.
func (w *Worker) score(folder string) error {
	if w.argv != nil {
		p := w.life()
		if p == nil {
			return fmt.Errorf("%w is starting", errWorker)
		}
		return p.ask(folder, answerTime)
	}
	ctx, cancel := context.WithTimeout(context.Background(), answerTime)
	defer cancel()
	if err := w.o.Run(ctx, Command{Argv: w.spec.Predict, Env: w.contract(folder), Dir: w.folder()}); err != nil {
		return fmt.Errorf("%w: %w", errWorker, err)
	}
	return nil
}

func (w *Worker) folder() string {
	return filepath.Join(w.o.Folder, "source", filepath.FromSlash(w.spec.Folder))
}

// contract are the variables of docs/training.md.
func (w *Worker) contract(folder string) []string {
	return []string{
		"WEIGHLOCK_EVALUATE=" + filepath.Join(folder, "evaluate.csv"), "WEIGHLOCK_PREDICTIONS=" + filepath.Join(folder, "predictions.csv"),
		"WEIGHLOCK_MODEL=" + filepath.Join(w.o.Folder, "model"), "WEIGHLOCK_SEED=1", "WEIGHLOCK_TARGET=" + w.spec.Target,
		"WEIGHLOCK_ID=" + w.spec.ID, "WEIGHLOCK_TASK=" + string(w.spec.Task), "PYTHONUNBUFFERED=1", "PYTHONDONTWRITEBYTECODE=1",
	}
}

func (w *Worker) write(folder string, t *dataset.Table) error {
	if err := openFolder(folder); err != nil {
		return err
	}
	var b bytes.Buffer
	if err := dataset.WriteCSV(&b, t); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, "evaluate.csv"), b.Bytes(), 0o644)
}

// numbered puts an id in front; the features come in the order of training.
func (w *Worker) numbered(t *dataset.Table) (*dataset.Table, error) {
	ids := make([]float64, t.Rows())
	for i := range ids {
		ids[i] = float64(i + 1)
	}
	id, err := dataset.NewFloats(w.spec.ID, dataset.Number, ids)
	if err != nil {
		return nil, err
	}
	columns := []*dataset.Column{id}
	for _, f := range w.spec.Features {
		column, ok := t.Column(f.Name)
		if !ok {
			return nil, fmt.Errorf("column %q is missing", f.Name)
		}
		columns = append(columns, column)
	}
	return dataset.New("rows", columns...)
}

// emptyRow is one row without a value: a script may fail on it, but by then it has imported what it needs.
func (w *Worker) emptyRow() *dataset.Table {
	id, _ := dataset.NewFloats(w.spec.ID, dataset.Number, []float64{1})
	columns := []*dataset.Column{id}
	for _, f := range w.spec.Features {
		if f.Kind == dataset.Category {
			columns = append(columns, dataset.NewTexts(f.Name, []string{""}))
			continue
		}
		if column, err := dataset.NewFloats(f.Name, f.Kind, []float64{math.NaN()}); err == nil {
			columns = append(columns, column)
		}
	}
	t, err := dataset.New("first", columns...)
	if err != nil {
		return &dataset.Table{}
	}
	return t
}
