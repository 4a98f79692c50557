// Package pipeline is the steps of one run, in order, and nothing else.
package pipeline

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/weighlock/weighlock/internal/ci"
	"github.com/weighlock/weighlock/internal/config"
	"github.com/weighlock/weighlock/internal/gate"
	"github.com/weighlock/weighlock/internal/registry"
	"github.com/weighlock/weighlock/internal/report"
	"github.com/weighlock/weighlock/internal/training"
)

// DefaultConfig is the configuration file that is read when none is named.
const DefaultConfig = "weighlock.yaml"

// Where a baseline may come from.
const (
	// BaselineAuto takes the image of the base revision, and trains it again where there is none.
	BaselineAuto = "auto"
	// BaselineImage insists on an image.
	BaselineImage = "image"
	// BaselineRetrain never asks a registry.
	BaselineRetrain = "retrain"
)

// Options are what a run is told from outside; the rest it reads from the repository.
type Options struct {
	// Dir is where to start; "" is the working directory.
	Dir string
	// Config is the configuration file, relative to Dir; DefaultConfig where empty.
	Config string
	// Base names the base revision; found by git and CI where empty.
	Base string
	// Baseline is one of the three words above; BaselineAuto where empty.
	Baseline string
	// Approvals are those given to this commit by people; only owners named in the base policy count.
	Approvals []Approval
	// Waivers are wishes to let the result of a rule through; only those that the base policy allows count.
	Waivers []gate.Waiver
	// Author is who wrote the change, so that they cannot waive their own rules.
	Author string
	// Reviewed is the commit that people saw and approved, where CI.Change does not say: the tip of the pull request that
	// a commit of the protected branch came from.
	Reviewed string
	// Guarded are files, relative to the top level, whose change counts as a change of the law: the workflow that runs us.
	Guarded []string
	// Elsewhere replaces the working tree by the trees of a change that another job has trained; nil for a checkout.
	Elsewhere *Elsewhere
	CI        ci.Run
	// Registry says how to reach image.name.
	Registry registry.Options
	// Tool is what the report calls this program, such as "weighlock 1.2.0".
	Tool string
	// Workers bounds parallelism, 0 for one per processor.
	Workers int
	// Host is what training commands may have of this machine.
	Host training.Host
	// Secrets says that this process holds some that the change's code must not have. Without a sandbox it could read them
	// in our memory.
	Secrets bool
	// Step is told the name of each step as it begins; it may be nil.
	Step func(name string)
}

// Approval is somebody's word that a change to the law is meant.
type Approval struct {
	By string
	// Commit is the head that was approved; empty is the one that is checked out.
	Commit string
}

// Run weighs the change in the working tree and writes what came out to the output folder, whatever it was. An error is
// a Failure with its decision, or the context's; the report is nil only when there was no law to judge by.
func Run(ctx context.Context, o Options) (*report.Report, error) {
	if o.Step == nil {
		o.Step = func(string) {}
	}
	begun := time.Now()
	o.Step("read")
	law, err := readLaw(ctx, o)
	if err != nil {
		return nil, err
	}
	if law.commands() {
		if o.Secrets && law.effective.Train.Sandbox == config.SandboxOff {
			return nil, fail(gate.Misconfigured, errors.New("train by command: train.sandbox is off, and the command could read the token of this job"),
				"train in a job without one: stage: weigh and token: '', and let a second job speak (stage: speak)")
		}
		var remove func()
		if o.Host.Keep, remove, err = training.KeepFolder(); err != nil {
			return nil, fail(gate.Unavailable, err, "")
		}
		defer remove()
	}
	weighed, err := weigh(ctx, o, law)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	r := describe(o, law, weighed, err)
	r.Measured.Seconds = time.Since(begun).Seconds()
	o.Step("write")
	if o.Elsewhere != nil {
		return r, err
	}
	if writeErr := write(ctx, law, weighed, r); writeErr != nil {
		return nil, fail(gate.Unavailable, fmt.Errorf("write %s: %w", OutputFolder(law.effective), writeErr), "")
	}
	return r, err
}

// outcome is what the steps of one run made; a later one is nil when an earlier one failed.
type outcome struct {
	rows      *rows
	candidate *contender
	baseline  *contender
	past      past
	// folds judge where every row also trains; nil where rows only judge.
	folds  *gate.Folds
	result *gate.Result
	// explanation and observations are a closer look at the difference; they decide nothing.
	explanation  *gate.Explanation
	observations []gate.Observation
}

// weigh is the story: data, training, baseline, comparison.
func weigh(ctx context.Context, o Options, law *law) (outcome, error) {
	var w outcome
	var err error
	if w.rows, err = readRows(law); err != nil {
		return outcome{}, err
	}
	if law.effective.Data.Evaluate.CrossValidates() {
		err = crossValidate(ctx, o, law, &w)
	} else {
		err = trainBoth(ctx, o, law, &w)
	}
	if err != nil {
		return w, err
	}
	if w.past, err = remember(ctx, o, law, w); err != nil {
		return w, err
	}
	o.Step("compare")
	if w.result, err = judge(o, law, w); err != nil {
		return w, err
	}
	in := comparison(law, w)
	w.explanation = gate.Explain(in, *w.result, w.rows.features, excluded(law.effective))
	w.observations = gate.Observe(in)
	return w, nil
}

// trainBoth finds what is compared on rows that only judge.
func trainBoth(ctx context.Context, o Options, law *law, w *outcome) error {
	o.Step("train")
	var err error
	if w.candidate, err = findCandidate(ctx, o, law, w.rows); err != nil {
		return err
	}
	o.Step("find the baseline")
	w.baseline, err = findBaseline(ctx, o, law, w.rows)
	return err
}

// seedOf derives a seed from what is compared, so that running a job again cannot roll the dice again.
func seedOf(digests ...string) uint64 {
	h := sha256.New()
	for _, d := range digests {
		_, _ = fmt.Fprintf(h, "%d:%s", len(d), d)
	}
	return binary.LittleEndian.Uint64(h.Sum(nil))
}
