package action

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/weighlock/weighlock/internal/baseline"
	"github.com/weighlock/weighlock/internal/config"
	"github.com/weighlock/weighlock/internal/forge"
	"github.com/weighlock/weighlock/internal/git"
	"github.com/weighlock/weighlock/internal/pipeline"
	"github.com/weighlock/weighlock/internal/report"
)

// speakFor judges what a job without rights has trained, and speaks for it. Nothing of the change is checked out or run.
// The pull request is found by the commit, never by what the other job says; policy, rows and labels come from the base
// through the API; what the other job saved is taken for predictions alone.
func (a *action) speakFor(ctx context.Context) error {
	if a.client == nil {
		return misconfigured(errors.New("speak for another job: there is no token"), "with: token: ${{ github.token }}")
	}
	run, err := a.trainedRun(ctx)
	if err != nil {
		return err
	}
	if run.Event != "pull_request" {
		if a.job.Event.Name != "workflow_run" { // this job may be the gate, and nobody has judged anything here
			return misconfigured(fmt.Errorf("speak for run %d: it was started by %s, and only a pull request's can be spoken for", run.ID, run.Event), "let this job run for pull requests only, and require the job that weighs too")
		}
		a.talk("run %d was started by %s, not by a pull request: nothing to say", run.ID, run.Event)
		return a.leave("passed", nil)
	}
	s := a.newSession(run.Head)
	s.run, s.attempt = run.ID, run.Attempt
	if a.job.Event.Name == "workflow_run" && slices.Contains([]string{"requested", "in_progress"}, a.job.Event.Action) {
		return s.wait(ctx)
	}
	s.begin(ctx)
	defer s.abandon(ctx)
	if a.job.Event.Name == "workflow_run" && run.Conclusion == "cancelled" { // a newer one has taken its place, or will
		return s.cancel(ctx)
	}
	pull, err := a.pullOf(ctx, run)
	if err != nil {
		return s.fail(ctx, err)
	}
	s.pull = &pull
	e, err := a.elsewhere(ctx, pull)
	if err != nil {
		return s.fail(ctx, err)
	}
	s.settings = func(file string) *config.File { return configIn(e.BaseFiles, file) }
	if err := a.judgeAll(ctx, s, run, e); err != nil {
		return s.fail(ctx, err)
	}
	return s.finish(ctx)
}

// trainedRun is the run to speak for: the finished one of a workflow_run event, or this very run in a second job.
func (a *action) trainedRun(ctx context.Context) (forge.Run, error) {
	id := a.job.Event.Run.ID
	if a.job.Event.Name != "workflow_run" {
		id = a.job.Run
	}
	return a.client.WorkflowRun(ctx, id)
}

// pullOf is the open pull request that the run's commit heads.
func (a *action) pullOf(ctx context.Context, run forge.Run) (forge.Pull, error) {
	pulls, err := a.client.PullsWithHead(ctx, run.Head)
	if err != nil {
		return forge.Pull{}, err
	}
	pulls = slices.DeleteFunc(pulls, func(p forge.Pull) bool { return p.HeadRepository != run.HeadRepository })
	if number := a.job.Event.Pull.Number; number != 0 {
		pulls = slices.DeleteFunc(pulls, func(p forge.Pull) bool { return p.Number != number })
	}
	switch len(pulls) {
	case 0:
		return forge.Pull{}, &pipeline.Failure{Decision: "unavailable", Err: fmt.Errorf("find the pull request of %s: none that is open has it as its newest commit", run.Head)}
	case 1:
		pull, err := a.client.Pull(ctx, pulls[0].Number) // only the single form says what it merges to
		if err == nil && pull.Head != run.Head {
			err = &pipeline.Failure{Decision: "unavailable", Err: fmt.Errorf("find the pull request of %s: number %d has moved on to %s", run.Head, pull.Number, pull.Head)}
		}
		return pull, err
	}
	return forge.Pull{}, &pipeline.Failure{
		Decision: "unavailable", Err: fmt.Errorf("find the pull request of %s: %d have it as their newest commit", run.Head, len(pulls)),
		Hint: "close all but one: a decision about one base must not count for another",
	}
}

// elsewhere are the two trees: the merge that the code host made of the pull request, and the base that it merged with.
func (a *action) elsewhere(ctx context.Context, pull forge.Pull) (*pipeline.Elsewhere, error) {
	cannot := func(why string) error {
		return &pipeline.Failure{Decision: "unavailable", Err: fmt.Errorf("read the merge of pull request %d: %s", pull.Number, why), Hint: "resolve conflicts with the base branch, or run the job again in a minute"}
	}
	if pull.Merge == "" {
		return nil, cannot("the code host has made none")
	}
	parents, err := a.client.Parents(ctx, pull.Merge)
	if err != nil {
		return nil, err
	}
	if len(parents) != 2 || parents[1] != pull.Head {
		return nil, cannot("the code host's is about another commit")
	}
	history, err := a.client.FirstParents(ctx, parents[0], baseline.Lookback)
	if err != nil {
		return nil, err
	}
	return &pipeline.Elsewhere{
		Head: pull.Merge, Base: git.Base{Commit: parents[0], How: "first parent of the pull request's merge commit"},
		HeadFiles: a.client.FS(ctx, pull.Merge), BaseFiles: a.client.FS(ctx, parents[0]), History: history,
	}, nil
}

// judgeAll judges every model that the change touches.
func (a *action) judgeAll(ctx context.Context, s *session, run forge.Run, e *pipeline.Elsewhere) error {
	people, err := a.peopleOf(ctx, *s.pull)
	if err != nil {
		return err
	}
	saved, err := a.saved(ctx, run, e)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		a.talk("warning: %v", err)
	}
	for _, file := range a.inputs.configs {
		skip, err := a.untouchedElsewhere(ctx, e, run.Path, file)
		if err != nil {
			return err
		}
		if skip != "" {
			s.skipped = append(s.skipped, report.Skipped{Model: file, Why: skip})
			continue
		}
		one := *e
		model := modelElsewhere(e.HeadFiles, file)
		one.Predictions = saved[path.Join(model, pipeline.PredictionsFile)]
		o := pipeline.Options{
			Config: file, Tool: a.Tool, Registry: a.registry(), Elsewhere: &one, Guarded: []string{run.Path},
			Waivers: people.waivers(model), Author: people.pull.Author, Approvals: people.approvals, Reviewed: people.pull.Head,
		}
		r, err := pipeline.Run(ctx, o)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		s.add(file, r, err)
	}
	return nil
}

// saved downloads what the other job handed over. Only the files that a model can have are taken.
func (a *action) saved(ctx context.Context, run forge.Run, e *pipeline.Elsewhere) (map[string][]byte, error) {
	var allowed []string
	for _, file := range a.inputs.configs {
		if model := modelElsewhere(e.HeadFiles, file); model != "" {
			allowed = append(allowed, path.Join(model, pipeline.ReportFile), path.Join(model, pipeline.PredictionsFile))
		}
	}
	return a.client.Artifact(ctx, run.ID, a.inputs.artifact, allowed)
}

// modelElsewhere is the name of the model that the change's configuration is about, or "".
func modelElsewhere(files fs.FS, file string) string {
	f := configIn(files, file)
	if f == nil {
		return ""
	}
	return f.Model
}

// untouchedElsewhere is untouched without a clone.
func (a *action) untouchedElsewhere(ctx context.Context, e *pipeline.Elsewhere, workflow, file string) (string, error) {
	if len(a.inputs.configs) == 1 && len(a.inputs.paths) == 0 {
		return "", nil
	}
	return sameParts(watched(file, a.inputs.paths, workflow), func(name string) (before, after string, err error) {
		if before, err = a.client.Blob(ctx, e.Base.Commit, name); err == nil {
			after, err = a.client.Blob(ctx, e.Head, name)
		}
		return before, after, err
	})
}

// watched are the parts of the repository whose change makes a model be weighed: the folder of its configuration, which
// holds its data too, the paths that the workflow names, and the workflow.
func watched(file string, paths []string, workflow string) []string {
	parts := append([]string{path.Dir(file), file}, paths...)
	if workflow != "" {
		parts = append(parts, workflow)
	}
	return parts
}

// sameParts says why a model need not be weighed: none of these parts has changed. Each is told by what identifies its
// content in both revisions; one that is in neither tells nothing, for it may be a mistake, so the model is weighed.
func sameParts(parts []string, content func(name string) (before, after string, err error)) (string, error) {
	for _, name := range parts {
		before, after, err := content(name)
		if err != nil || before != after || before == "" {
			return "", err
		}
	}
	return "the change touches nothing in " + strings.Join(parts, ", "), nil
}
