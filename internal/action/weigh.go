package action

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/weighlock/weighlock/internal/atomicfile"
	"github.com/weighlock/weighlock/internal/ci"
	"github.com/weighlock/weighlock/internal/forge"
	"github.com/weighlock/weighlock/internal/gate"
	"github.com/weighlock/weighlock/internal/git"
	"github.com/weighlock/weighlock/internal/pipeline"
	"github.com/weighlock/weighlock/internal/report"
)

// weigh trains and judges what is checked out, model by model, and speaks.
func (a *action) weigh(ctx context.Context, plan ci.Plan) error {
	if err := a.enter(); err != nil {
		return err
	}
	defer a.giveBack()
	run, err := ci.Detect(a.Getenv)
	if err != nil {
		return err
	}
	s := a.newSession(a.weighedHead())
	s.begin(ctx)
	defer s.abandon(ctx)
	if err := a.obtain(ctx, run); err != nil {
		return s.fail(ctx, err)
	}
	if run.Change.BaseCommit, err = a.baseOfPush(ctx, plan, run.Change.BaseCommit); err != nil {
		return s.fail(ctx, err)
	}
	people, err := a.people(ctx, plan)
	if err != nil {
		return s.fail(ctx, err)
	}
	for _, file := range a.inputs.configs {
		skip, err := a.untouched(ctx, plan, run, file)
		if err != nil {
			return s.fail(ctx, err)
		}
		if skip != "" {
			s.skipped = append(s.skipped, report.Skipped{Model: file, Why: skip})
			continue
		}
		if err := a.mayTrain(file); err != nil {
			return s.fail(ctx, err)
		}
		r, err := a.one(ctx, run, file, people)
		if errors.Is(err, context.Canceled) {
			return s.cancel(ctx)
		}
		s.add(file, r, err)
		if plan == ci.Publish && err == nil && r.Decision == gate.Passed {
			if err := a.publish(ctx, run, file, people, s); err != nil {
				return s.fail(ctx, err)
			}
		}
	}
	s.pull = people.pull
	// A merged pull request is not spoken to, and one in a queue only when it falls out of it.
	if plan != ci.Weigh || a.job.Event.Name == "merge_group" && report.Worst(s.reports) == gate.Passed {
		s.pull = nil
	}
	return s.finish(ctx)
}

// weighedHead is the commit that people look at.
func (a *action) weighedHead() string {
	if head := a.job.Event.Pull.Head; head != "" {
		return head
	}
	return a.job.Commit
}

// obtain fetches what a shallow checkout lacks: the base and its ancestors, which hold law, labels and baselines.
func (a *action) obtain(ctx context.Context, run ci.Run) error {
	repo, err := git.Open(ctx, a.job.Workspace)
	if err != nil {
		return err
	}
	head, err := repo.Head(ctx)
	if err != nil {
		return err
	}
	var wanted []string
	if head != "" {
		if wanted, err = repo.Parents(ctx, head); err != nil {
			return err
		}
	}
	wanted = append(wanted, run.Change.BaseCommit)
	for _, commit := range wanted {
		if strings.Trim(commit, "0") == "" { // a branch that is new was at nothing before
			continue
		}
		if err := repo.Obtain(ctx, commit, a.authorization()); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			// Not every parent is needed, and the run says which one it misses.
			a.talk("%v", err)
		}
	}
	return nil
}

// mayTrain refuses to start a foreign command beside credentials that the checkout left on the disk.
func (a *action) mayTrain(file string) error {
	if f := a.configOf(file); f == nil || f.Train.Command == nil {
		return nil
	}
	found, err := filepath.Glob(filepath.Join(a.job.Temp, "git-credentials-*"))
	if err != nil {
		return fmt.Errorf("look for credentials: %w", err)
	}
	settings, err := os.ReadFile(filepath.Join(a.job.Workspace, ".git", "config"))
	if err == nil && strings.Contains(strings.ToLower(string(settings)), "extraheader") {
		found = append(found, ".git/config")
	}
	if len(found) > 0 {
		return misconfigured(fmt.Errorf("train by command: the checkout left credentials where the command could read them (%s)", filepath.Base(found[0])), "uses: actions/checkout with persist-credentials: false")
	}
	return nil
}

// people is what people have said about this change.
type people struct {
	pull      *forge.Pull
	accepts   []forge.Accept
	shown     forge.Shown
	approvals []pipeline.Approval
}

// people asks the code host. On the protected branch it is the pull request that brought the commit there: a waiver or an
// approval survives the merge. What cannot be read counts as not given.
func (a *action) people(ctx context.Context, plan ci.Plan) (people, error) {
	var p people
	if a.client == nil {
		return p, nil
	}
	number, err := a.pullNumber(ctx, plan)
	if err != nil || number == 0 {
		return p, a.optional(ctx, err)
	}
	pull, err := a.client.Pull(ctx, number)
	if err != nil {
		return p, a.optional(ctx, err)
	}
	if head := a.job.Event.Pull.Head; head != "" {
		pull.Head = head // what is checked out here: words about a newer commit are about another change
	}
	return a.peopleOf(ctx, pull)
}

// peopleOf reads waivers and approvals of one pull request.
func (a *action) peopleOf(ctx context.Context, pull forge.Pull) (people, error) {
	p := people{pull: &pull}
	var err error
	if p.accepts, err = a.client.Accepts(ctx, pull.Number); err != nil {
		return p, a.optional(ctx, err)
	}
	if p.shown, err = a.client.Shown(ctx, pull.Number, a.inputs.key, pull.Head); err != nil {
		return p, a.optional(ctx, err)
	}
	reviews, err := a.client.Approvals(ctx, pull.Number)
	if err != nil {
		return p, a.optional(ctx, err)
	}
	for _, r := range reviews {
		p.approvals = append(p.approvals, pipeline.Approval{By: r.By, Commit: r.Commit})
	}
	return p, nil
}

// optional turns a failure to read what people said into a word in the log: without it the run is only stricter.
func (a *action) optional(ctx context.Context, err error) error {
	if err == nil || ctx.Err() != nil {
		return ctx.Err()
	}
	a.talk("warning: waivers and approvals do not count in this run: %v", err)
	return nil
}

func (a *action) pullNumber(ctx context.Context, plan ci.Plan) (int, error) {
	if n := a.job.Event.Pull.Number; n != 0 {
		return n, nil
	}
	if n := queuedPull(a.job.Event.Group); n != 0 {
		return n, nil
	}
	if plan != ci.Publish && plan != ci.Remeasure {
		return 0, nil
	}
	merged, err := a.client.PullsOfCommit(ctx, a.job.Commit)
	if err != nil || len(merged) != 1 {
		return 0, err
	}
	return merged[0].Number, nil
}

// queuedPull reads the pull request's number out of the ref of a merge group, gh-readonly-queue/BRANCH/pr-N-COMMIT.
func queuedPull(ref string) int {
	_, rest, ok := strings.Cut(ref[strings.LastIndex(ref, "/")+1:], "pr-")
	if !ok {
		return 0
	}
	number := 0
	if _, err := fmt.Sscanf(rest, "%d-", &number); err != nil {
		return 0
	}
	return number
}

// waivers are the words of people as wishes about one model. A word that is not about the reviewed commit keeps no
// commit, and the gate refuses it, saying so.
func (p people) waivers(model string) []gate.Waiver {
	var out []gate.Waiver
	for _, word := range p.accepts {
		if word.Model != "" && word.Model != model {
			continue
		}
		wish := gate.Waiver{
			Metric: word.Metric, Slice: word.Slice, By: word.By, Permission: word.Permission, Reason: word.Reason, Given: word.Given, Value: word.Value,
			Exact: word.Exact(),
		}
		if word.About(p.pull.Head, p.shown) {
			wish.Commit = p.pull.Head
		}
		if value, ok := p.shown.Values[report.AcceptKey(model, word.Metric, word.Slice)]; ok && wish.Value == nil && word.Answers(p.shown) {
			wish.Value = &value
		}
		out = append(out, wish)
	}
	return out
}

// options are those of everything that is done with the checkout for one model.
func (a *action) options(run ci.Run, file string) pipeline.Options {
	return pipeline.Options{
		Dir: a.job.Workspace, Config: filepath.FromSlash(file), CI: run, Tool: a.Tool, Registry: a.registry(), Host: a.Host,
	}
}

// one runs the pipeline for one model.
func (a *action) one(ctx context.Context, run ci.Run, file string, p people) (*report.Report, error) {
	o := a.options(run, file)
	o.Secrets = a.secrets != secrets{} && run.Change.Checkout != git.ProtectedBranch // there the code has been reviewed
	if a.job.Workflow != "" {
		o.Guarded = []string{a.job.Workflow}
	}
	if p.pull != nil {
		o.Waivers, o.Author, o.Approvals, o.Reviewed = p.waivers(a.modelIn(file)), p.pull.Author, p.approvals, p.pull.Head
	}
	begin, stop := a.Steps()
	defer stop()
	o.Step = begin
	r, err := pipeline.Run(ctx, o)
	if err != nil || a.inputs.stage != "weigh" {
		return r, err
	}
	if err := a.handOver(filepath.Join(a.job.Workspace, filepath.Dir(filepath.FromSlash(file)), ".weighlock", r.Model), r.Model); err != nil {
		return nil, &pipeline.Failure{Decision: gate.Unavailable, Err: err} // the report alone would be a pass of which nobody hears
	}
	return r, nil
}

// modelIn is the name of the model that a configuration is about, or "" where that cannot be read.
func (a *action) modelIn(file string) string {
	f := a.configOf(file)
	if f == nil {
		return ""
	}
	return f.Model
}

// handedOver is the folder below the runner's own that the next step uploads.
const handedOver = "weighlock"

// handOver copies what a speaking job needs to the runner's folder for such things, outside the checkout.
func (a *action) handOver(folder, model string) error {
	if a.job.Temp == "" {
		return errors.New("hand over to the next job: RUNNER_TEMP is empty")
	}
	to := filepath.Join(a.job.Temp, handedOver, model)
	if err := os.MkdirAll(to, 0o755); err != nil {
		return fmt.Errorf("hand over to the next job: %w", err)
	}
	for _, name := range []string{pipeline.ReportFile, pipeline.PredictionsFile} {
		content, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			return fmt.Errorf("hand over to the next job: %w", err)
		}
		if err := atomicfile.WriteFile(filepath.Join(to, name), content, 0o644); err != nil {
			return fmt.Errorf("hand over to the next job: %w", err)
		}
	}
	return nil
}

// untouched says why a model need not be weighed, or "". With one configuration and no paths everything counts.
func (a *action) untouched(ctx context.Context, plan ci.Plan, run ci.Run, file string) (string, error) {
	if len(a.inputs.configs) == 1 && len(a.inputs.paths) == 0 || plan == ci.Remeasure {
		return "", nil
	}
	repo, err := git.Open(ctx, a.job.Workspace)
	if err != nil {
		return "", err
	}
	base, err := repo.FindBase(ctx, run.Change)
	if err != nil || base.Commit == "" {
		return "", nil //nolint:nilerr // the run says what is wrong with the base; nothing is skipped for it
	}
	return sameParts(watched(file, a.inputs.paths, a.job.Workflow), func(name string) (before, after string, err error) {
		if before, err = repo.Entry(ctx, base.Commit, name); err == nil {
			after, err = repo.Entry(ctx, "HEAD", name)
		}
		return before, after, err
	})
}
