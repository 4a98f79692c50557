// Command benchmarks is Weighlock's side of `make bench`: each subcommand does one piece of work once, in a process of
// its own, and prints how long it took as JSON, with numbers by which peers.py can be held to the same answer.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/weighlock/weighlock/internal/dataset"
	"github.com/weighlock/weighlock/internal/estimator"
	"github.com/weighlock/weighlock/internal/metric"
	"github.com/weighlock/weighlock/internal/model"
)

// result is what one piece of work prints.
type result struct {
	Seconds float64 `json:"seconds"`
	// CPU is the processor time of all threads, which a busy machine disturbs less.
	CPU   float64   `json:"cpu"`
	Check []float64 `json:"check"`
}

// timed runs work and keeps both times.
func timed(work func() error) (result, error) {
	before, begun := cpu(), time.Now()
	err := work()
	return result{Seconds: time.Since(begun).Seconds(), CPU: cpu() - before}, err
}

func cpu() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}

const usage = `usage: benchmarks make FILE ROWS | csv FILE | linear FILE | logistic FILE | save FILE FOLDER | load URL BODY SECONDS CONNECTIONS`

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "benchmarks:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	var out any
	var err error
	switch {
	case len(args) == 3 && args[0] == "make":
		return makeTable(args[1], args[2])
	case len(args) == 2 && args[0] == "csv":
		out, err = readTable(args[1])
	case len(args) == 2 && args[0] == "linear":
		out, err = fit(args[1], estimator.Spec{Name: "linear", Task: metric.Regression, Target: "y", Exclude: []string{"c"}})
	case len(args) == 2 && args[0] == "logistic":
		out, err = fit(args[1], estimator.Spec{
			Name: "logistic", Task: metric.Binary, Target: "c", Exclude: []string{"y"}, Params: map[string]any{"standardise": false},
		})
	case len(args) == 3 && args[0] == "save":
		return save(args[1], args[2])
	case len(args) == 5 && args[0] == "load":
		out, err = load(args[1:])
	default:
		return fmt.Errorf("%s", usage)
	}
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(out)
}

// makeTable writes 20 numbers, a class c and a quantity y that depends on them, with six decimals each.
func makeTable(file, rows string) error {
	n, err := strconv.Atoi(rows)
	if err != nil {
		return err
	}
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 1<<20)
	for j := range 20 {
		fmt.Fprintf(w, "x%d,", j)
	}
	fmt.Fprint(w, "c,y")
	r := rand.New(rand.NewPCG(1, 2))
	line := make([]byte, 0, 512)
	for range n {
		line = append(line[:0], '\n')
		eta := 0.0
		for j := range 20 {
			v := math.Round(r.NormFloat64()*1e6) / 1e6
			eta += v * float64(j-10) / 20
			line = append(strconv.AppendFloat(line, v, 'f', 6, 64), ',')
		}
		line = strconv.AppendInt(line, int64(number(r.Float64() < 1/(1+math.Exp(-eta)))), 10)
		line = strconv.AppendFloat(append(line, ','), eta+r.NormFloat64(), 'f', 6, 64)
		if _, err := w.Write(line); err != nil {
			return err
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return f.Close()
}

func number(b bool) int {
	if b {
		return 1
	}
	return 0
}

func open(file string) (*dataset.Table, error) {
	return dataset.Read(os.DirFS(filepath.Dir(file)), filepath.Base(file), dataset.Options{})
}

// readTable times the reading and gives the sum of every column.
func readTable(file string) (result, error) {
	var t *dataset.Table
	out, err := timed(func() (err error) {
		t, err = open(file)
		return err
	})
	if err != nil {
		return out, err
	}
	for _, c := range t.Columns {
		total := 0.0
		for _, v := range c.Floats {
			total += v
		}
		out.Check = append(out.Check, total)
	}
	return out, nil
}

// fit times a fit of a table in memory and gives intercept and coefficients.
func fit(file string, s estimator.Spec) (result, error) {
	t, err := open(file)
	if err != nil {
		return result{}, err
	}
	var m *model.Model
	out, err := timed(func() (err error) {
		m, err = estimator.Fit(context.Background(), s, t)
		return err
	})
	if err != nil {
		return out, err
	}
	d := m.Describe()
	out.Check = []float64{d.Intercepts[0].Value}
	for _, c := range d.Coefficients {
		out.Check = append(out.Check, c.Value)
	}
	return out, nil
}

// save fits the model that both servers answer with.
func save(file, folder string) error {
	t, err := open(file)
	if err != nil {
		return err
	}
	m, err := estimator.Fit(context.Background(), estimator.Spec{Name: "linear", Task: metric.Regression, Target: "y", Exclude: []string{"c"}}, t)
	if err != nil {
		return err
	}
	files, err := m.Files()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(folder, name), content, 0o644); err != nil {
			return err
		}
	}
	_, err = model.Load(os.DirFS(folder))
	return err
}
