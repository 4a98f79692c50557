package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"github.com/weighlock/weighlock/internal/ci"
	"github.com/weighlock/weighlock/internal/pipeline"
	"github.com/weighlock/weighlock/internal/registry"
	"github.com/weighlock/weighlock/internal/report"
	"github.com/weighlock/weighlock/internal/training"
)

// runFlags are the flags of run; approved holds the names of --approved-by.
type runFlags struct {
	options  pipeline.Options
	approved []string
	quiet    bool
}

func newRun(w world) *cobra.Command {
	var flags runFlags
	c := &cobra.Command{
		Use:   "run",
		Short: "Check, train, evaluate, compare and decide",
		Long: withCodes(`
Weigh the change in the working tree: check the data, train the candidate, find the
baseline of the base revision, compare both on the same rows, and decide.

Policy, evaluation rows, labels and baseline come from the base revision, so a change
cannot write its own law. Everything is written to .weighlock/MODEL/ beside the
configuration: report.json, evaluation.json, predictions.parquet and model/.

A train.command runs in a sandbox (docs/training.md). Of the environment these matter to it:
WEIGHLOCK_CACHE, the folder for what train.setup installs, and WEIGHLOCK_READ, a list of
folders that commands may read besides the system's, such as an interpreter in your home.`,
			codePassed, codeBlocked, codeMisconfigured, codeUndecided, codeInvalid, codeUnavailable, codeCancelled),
		Example: `  weighlock run
  weighlock run --base v1.4.0
  weighlock run --config models/churn/weighlock.yaml --baseline retrain`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return weigh(c.Context(), w, flags) },
	}
	f := c.Flags()
	f.StringVarP(&flags.options.Config, "config", "c", pipeline.DefaultConfig, "configuration file")
	f.StringVarP(&flags.options.Dir, "dir", "C", "", "start in this folder")
	f.StringVar(&flags.options.Base, "base", "", "base revision; found by git and CI where left out")
	f.StringVar(&flags.options.Baseline, "baseline", pipeline.BaselineAuto, "where the baseline comes from: auto, image or retrain")
	f.StringArrayVar(&flags.approved, "approved-by", nil, "an owner named in the base policy who approved this commit's change to the policy")
	f.IntVar(&flags.options.Workers, "workers", 0, "processors to use; 0 for all. Never changes a result")
	completeFlag(c, "baseline", pipeline.BaselineAuto, pipeline.BaselineImage, pipeline.BaselineRetrain)
	f.BoolVarP(&flags.quiet, "quiet", "q", false, "print the decision only")
	return c
}

// weigh runs the pipeline and prints its report; the exit code is the decision's.
func weigh(ctx context.Context, w world, flags runFlags) error {
	r, err := weighIn(ctx, w, flags)
	if r == nil {
		return err
	}
	if err := printReport(w, r, flags.quiet); err != nil {
		return err
	}
	if err != nil && !errors.Is(err, context.Canceled) {
		complain(w.stderr, err)
	}
	if r.ExitCode != 0 {
		return exit{r.ExitCode}
	}
	return nil
}

// weighIn fills in what a command knows and the pipeline does not: the folder, the CI system, the owners' word.
func weighIn(ctx context.Context, w world, flags runFlags) (*report.Report, error) {
	o := flags.options
	switch o.Baseline {
	case "", pipeline.BaselineAuto, pipeline.BaselineImage, pipeline.BaselineRetrain:
	default:
		return nil, fmt.Errorf("read --baseline: %q is not one of auto, image, retrain", o.Baseline)
	}
	var err error
	if o.Dir, err = absolute(o.Dir); err != nil {
		return nil, err
	}
	if o.CI, err = ci.Detect(w.getenv); err != nil {
		return nil, err
	}
	for _, name := range flags.approved {
		o.Approvals = append(o.Approvals, pipeline.Approval{By: name})
	}
	o.Tool = "weighlock " + version
	o.Registry = w.registry()
	o.Host = w.host(flags.quiet)
	steps := newSteps(w, flags.quiet)
	defer steps.stop()
	o.Step = steps.begin
	return pipeline.Run(ctx, o)
}

// registry is what every command needs to reach a registry.
func (w world) registry() registry.Options {
	return registry.Options{
		Username: w.getenv("WEIGHLOCK_REGISTRY_USERNAME"),
		Password: w.getenv("WEIGHLOCK_REGISTRY_PASSWORD"),
		Log:      func(line string) { _, _ = fmt.Fprintln(w.stderr, line) },
	}
}

// host is what training commands may have of this machine. Their output goes to stderr, cleaned.
func (w world) host(quiet bool) training.Host {
	h := training.Host{Getenv: w.getenv, Cache: w.getenv("WEIGHLOCK_CACHE"), Log: w.stderr}
	if quiet {
		h.Log = nil
	}
	if h.Cache == "" {
		h.Cache = "/var/cache/weighlock" // root's home is closed to the sandbox's user
		if os.Geteuid() != 0 {
			h.Cache = ""
			if folder, err := os.UserCacheDir(); err == nil {
				h.Cache = filepath.Join(folder, "weighlock")
			}
		}
	}
	for _, path := range filepath.SplitList(w.getenv("WEIGHLOCK_READ")) {
		if filepath.IsAbs(path) {
			h.Read = append(h.Read, path)
		}
	}
	return h
}

// absolute makes dir absolute; "" is the working directory.
func absolute(dir string) (string, error) {
	path, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("find folder %s: %w", dir, err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return "", fmt.Errorf("find folder %s: %w", dir, os.ErrNotExist)
	}
	if !info.IsDir() {
		return "", fmt.Errorf("find folder %s: it is a file", dir)
	}
	return path, nil
}

// steps shows long work: a spinner on a terminal, a line per ten seconds elsewhere, nothing for what is quick.
type steps struct {
	out  io.Writer
	bar  *progressbar.ProgressBar
	name chan string
	done chan struct{}
}

func newSteps(w world, quiet bool) *steps {
	s := &steps{out: w.stderr, name: make(chan string, 1), done: make(chan struct{})}
	if quiet {
		s.out = io.Discard
	} else if isTerminal(w.stderr) {
		s.bar = progressbar.NewOptions(-1, progressbar.OptionSetWriter(w.stderr), progressbar.OptionClearOnFinish(),
			progressbar.OptionSpinnerType(14), progressbar.OptionSetDescription("weighlock"), progressbar.OptionThrottle(100*time.Millisecond))
	}
	go s.loop()
	return s
}

func (s *steps) begin(name string) { s.name <- name }

func (s *steps) stop() {
	close(s.name)
	<-s.done
}

func (s *steps) loop() {
	defer close(s.done)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	current, begun, said := "", time.Now(), time.Now()
	for {
		select {
		case name, open := <-s.name:
			if !open {
				if s.bar != nil {
					_ = s.bar.Finish()
				}
				return
			}
			current = name
		case <-tick.C:
			if s.bar != nil {
				s.bar.Describe(current)
				_ = s.bar.Add(1)
			} else if time.Since(said) > 10*time.Second {
				said = time.Now()
				_, _ = fmt.Fprintf(s.out, "weighlock: %s (%s)\n", current, time.Since(begun).Round(time.Second))
			}
		}
	}
}
