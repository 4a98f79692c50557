package pipeline

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/weighlock/weighlock/internal/gate"
	"github.com/weighlock/weighlock/internal/report"
)

// judge lets the gate compare candidate and baseline by the law of the base revision.
func judge(o Options, law *law, weighed outcome) (*gate.Result, error) {
	in := comparison(law, weighed)
	result, err := gate.Decide(in)
	if err != nil {
		return nil, fail(gate.Misconfigured, fmt.Errorf("judge: %w", err), "")
	}
	result = gate.Apply(result, waiversOf(o, law), gate.Change{
		Head: law.reviewed, Author: o.Author, Now: time.Now().Add(clockSkew), Policy: law.effective.Policy.Waivers,
	})
	return &result, nil
}

// comparison is what the gate looks at. Its seed comes from what is compared, whichever of the two is the candidate.
func comparison(law *law, weighed outcome) gate.Input {
	in := gate.Input{
		Policy: law.effective.Policy, Rows: weighed.rows.evaluation, Candidate: weighed.candidate.predictions, Folds: weighed.folds,
		Seeds: larger(weighed.past.seeds, weighed.candidate.spread(law.effective.Policy, weighed.rows.evaluation)), Judged: weighed.past.judged, Anchor: weighed.past.anchor, KnownLevels: weighed.past.levels,
	}
	models := []string{weighed.candidate.digest}
	if base := weighed.baseline; base != nil {
		in.Baseline = &base.predictions
		models = append(models, base.digest)
	}
	slices.Sort(models)
	in.Seed = seedOf(append([]string{in.Rows.Digest, law.effective.LawDigest()}, models...)...)
	return in
}

// larger takes the larger of two spreads of each rule: that of the baseline's trainings with other seeds, and what
// training this candidate a second time with the same seed changed.
func larger(one, other map[string]gate.SeedSpread) map[string]gate.SeedSpread {
	if one == nil {
		return other
	}
	out := maps.Clone(one)
	for name, spread := range other {
		if spread.SD > out[name].SD {
			out[name] = spread
		}
	}
	return out
}

// headOf names the change, and what people saw of it where that is another commit.
func headOf(law *law) report.Head {
	h := report.Head{Commit: law.head, Dirty: law.dirty}
	if law.reviewed != law.head {
		h.Reviewed = law.reviewed
	}
	return h
}

// clockSkew is how far the clock of a code host, which stamps a waiver, may run ahead of this machine's.
const clockSkew = 5 * time.Minute

// waiversOf are those that may be about this model's rules. A working tree that differs from its commit has none: nobody
// saw what it holds.
func waiversOf(o Options, law *law) []gate.Waiver {
	if law.dirty {
		return nil
	}
	return o.Waivers
}

// describe puts everything that was learned into a report, as far as the steps came. A failure of a step becomes the
// report's decision.
func describe(o Options, law *law, weighed outcome, err error) *report.Report {
	in := report.Inputs{
		Tool: o.Tool, Model: law.effective.Model, Task: law.effective.Task, FirstRun: law.firstRun,
		Head: headOf(law),
		Base: report.Base{Commit: law.base.Commit, How: law.base.How},
		Policy: report.Policy{
			Digest: law.effective.LawDigest(), Commit: law.base.Commit, Mode: string(law.effective.Policy.Mode),
			Inconclusive: law.effective.Policy.Inconclusive, Changed: slices.Clone(law.changed),
			Owners: slices.Clone(law.owners), Waivers: slices.Clone(law.effective.Policy.Waivers.Allow),
		},
		Result: weighed.result, Explanation: weighed.explanation, Observations: weighed.observations,
		Reveal: law.effective.Policy.Reveal, Judged: weighed.past.judged, Warnings: slices.Clone(weighed.past.warnings),
	}
	if law.firstRun {
		in.Policy.Commit = law.head
	}
	if err != nil {
		in.FailedAs, in.Failure = gate.Invalid, &report.Failure{Message: strings.TrimSpace(err.Error())}
		if failure, ok := asFailure(err); ok {
			in.FailedAs, in.Failure.Hint = failure.Decision, failure.Hint
		}
	}
	if rows := weighed.rows; rows != nil {
		in.Data = report.Data{
			Digest: rows.digest, Rows: rows.total,
			Evaluation: report.Evaluation{Digest: rows.evaluation.Digest, Rows: rows.evaluation.Truth.Rows()},
		}
		in.Checks, in.Truth, in.Keys = rows.checks, &rows.evaluation.Truth, rows.evaluation.Keys
		in.Policy.Changed = append(in.Policy.Changed, rows.changed...)
		in.Measured.TrainRows = rows.train.Rows()
		if rows.moved != "" {
			in.Warnings = append(in.Warnings, rows.moved)
		}
		for _, name := range rows.added {
			in.Warnings = append(in.Warnings, fmt.Sprintf("column %q is new in the change: its values were joined to the evaluation rows by id, and nobody has reviewed them before", name))
		}
	}
	in.Policy.ApprovedBy = approvers(o.Approvals, law)
	if law.dirty && len(o.Waivers)+len(o.Approvals) > 0 {
		in.Warnings = append(in.Warnings, "waivers and approvals do not count, for the working tree differs from its commit: a step before this one has changed or added files that git does not ignore")
	}
	describeContenders(&in, weighed)
	describeTraining(&in, law, weighed)
	return report.New(in)
}

func describeContenders(in *report.Inputs, weighed outcome) {
	if c := weighed.candidate; c != nil {
		in.Candidate = &report.Contender{Predictions: c.predictions, Evaluation: c.evaluation}
		in.Measured.TrainSeconds, in.Measured.RowMicroseconds = c.training.Seconds(), c.rowMicroseconds()
		in.Training.Sandbox, in.Training.Repeated = c.layers, c.again != nil
		in.Warnings = append(in.Warnings, c.notes...)
		if c.opaque != nil {
			in.ModelFile = report.ModelFile{Digest: c.opaque.Digest(), Kind: c.opaque.Kind(), Bytes: c.opaque.Size()}
		}
		if c.model != nil {
			in.ModelFile = report.ModelFile{Digest: c.model.Digest(), Kind: c.model.Kind(), Bytes: c.model.Size()}
		}
	}
	if b := weighed.baseline; b != nil {
		in.Baseline = &report.Contender{Predictions: b.predictions, Evaluation: b.evaluation}
		in.Base.Commit, in.Base.Image, in.Base.CommitsBack = b.origin.Commit, b.origin.Image, b.origin.Back
		in.Base.How = b.origin.How
		in.Measured.BaselineRowMicroseconds = b.rowMicroseconds()
		if b.model != nil {
			in.Measured.BaselineModelBytes = b.model.Size()
		}
	}
}

// rowMicroseconds is what scoring one row took in a batch, 0 where it was not measured.
func (c *contender) rowMicroseconds() float64 {
	if c.evaluation.Latency == nil {
		return 0
	}
	return c.evaluation.Latency.RowMicroseconds
}

// approvers are the owners, named in the law, who approved exactly this head.
func approvers(given []Approval, law *law) []string {
	var out []string
	for _, a := range given {
		owner := slices.ContainsFunc(law.owners, func(name string) bool { return strings.EqualFold(name, a.By) })
		mine := a.Commit == law.reviewed || a.Commit == ""
		if owner && mine && law.head != "" && !law.dirty && !slices.Contains(out, a.By) {
			out = append(out, a.By)
		}
	}
	return out
}
