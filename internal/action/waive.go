package action

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/weighlock/weighlock/internal/ci"
	"github.com/weighlock/weighlock/internal/config"
	"github.com/weighlock/weighlock/internal/forge"
	"github.com/weighlock/weighlock/internal/gate"
)

// waive looks at a new comment: if it is a waiver from somebody who may, the failed job runs again, and that run takes
// the waiver from the comment itself. Nothing is stored here and nothing is decided here; the answer is a reaction.
func (a *action) waive(ctx context.Context) error {
	e := a.job.Event
	word, meant, parseErr := forge.ParseCommand(e.Comment.Body)
	if e.Action != "created" || !e.Comment.OnPull || !meant {
		a.talk("the comment is not a new one for weighlock on a pull request: nothing to do")
		return a.leave(gate.Passed, nil)
	}
	if a.client == nil {
		return misconfigured(errors.New("take a waiver: there is no token"), "with: token: ${{ github.token }}")
	}
	pull, err := a.client.Pull(ctx, e.Pull.Number)
	if err != nil {
		return err
	}
	refused := ""
	if parseErr != nil {
		refused = parseErr.Error()
	} else if refused, err = a.refuses(ctx, pull, word); err != nil {
		return err
	}
	if refused != "" {
		return a.answer(ctx, forge.ThumbsDown, "the waiver does not count: "+refused)
	}
	if err := a.runAgain(ctx, pull); err != nil {
		return a.answer(ctx, forge.ThumbsUp, fmt.Sprintf("the waiver is taken, but the failed job has to be run again by hand: %v", err))
	}
	return a.answer(ctx, forge.ThumbsUp, "the waiver is taken, and the failed job runs again")
}

// answer reacts to the comment and says why on the page of the run.
func (a *action) answer(ctx context.Context, r forge.Reaction, why string) error {
	a.talk("%s", why)
	a.job.Annotate(ci.Notice, "weighlock", why, "", 0)
	if err := a.client.React(ctx, a.job.Event.Comment.ID, r); err != nil {
		a.talk("warning: %v", err)
	}
	return a.leave(gate.Passed, nil)
}

// refuses says why a waiver cannot count, as far as that can be said before the run: by the policy of the base branch.
func (a *action) refuses(ctx context.Context, pull forge.Pull, word forge.Accept) (string, error) {
	permission, err := a.client.Permission(ctx, a.job.Event.Comment.Author)
	if err != nil {
		return "", err
	}
	chain, err := a.client.FirstParents(ctx, pull.BaseBranch, 1)
	if err != nil {
		return "", err
	}
	wish := gate.Waiver{By: a.job.Event.Comment.Author, Permission: permission, Given: time.Now()}
	models, allowed, exact := 0, 0, 0
	for _, file := range a.inputs.configs {
		f, err := a.configAt(ctx, chain[0], file)
		if err != nil {
			return "", err
		}
		if f == nil || word.Model != "" && word.Model != f.Model {
			continue
		}
		models++
		policy := f.Policy.Waivers
		if policy.Allows(wish) && (policy.Author || !strings.EqualFold(wish.By, pull.Author)) {
			allowed++
			if policy.Exact {
				exact++
			}
		}
	}
	shown, err := a.client.Shown(ctx, pull.Number, a.inputs.key, pull.Head)
	if err != nil {
		return "", err
	}
	switch {
	case models == 0:
		return fmt.Sprintf("no policy of %s names the model %q", pull.BaseBranch, word.Model), nil
	case allowed == 0:
		return fmt.Sprintf("the policy of %s does not let %s waive (permission %q)", pull.BaseBranch, wish.By, permission), nil
	case exact == allowed && !word.Exact():
		return fmt.Sprintf("the policy of %s wants the value and the commit named in it, as our comment offers for copying", pull.BaseBranch), nil
	case word.Commit != "" && !strings.HasPrefix(pull.Head, word.Commit):
		return fmt.Sprintf("it is for %s, and the pull request is at %s now", word.Commit, pull.Head), nil
	case word.Commit == "" && shown.Since.IsZero():
		return "no comment of ours shows this commit yet: add at " + pull.Head[:min(12, len(pull.Head))], nil
	}
	return "", nil
}

// configAt reads a configuration of a commit, or returns nil where there is none.
func (a *action) configAt(ctx context.Context, commit, file string) (*config.File, error) {
	found, err := a.client.Blob(ctx, commit, file)
	if err != nil || found == "" {
		return nil, err
	}
	files := a.client.FS(ctx, commit)
	content, err := fs.ReadFile(files, file)
	if err != nil {
		return nil, err
	}
	return config.Parse(file, content)
}

// runAgain starts the failed jobs of the run that our comment is about. That run is looked up, not believed: it must be
// one of this pull request's newest commit.
func (a *action) runAgain(ctx context.Context, pull forge.Pull) error {
	shown, err := a.client.Shown(ctx, pull.Number, a.inputs.key, pull.Head)
	if err != nil {
		return err
	}
	if shown.Run == 0 {
		return errors.New("no run of this commit is known")
	}
	run, err := a.client.WorkflowRun(ctx, shown.Run)
	if err != nil {
		return err
	}
	if run.Head != pull.Head || run.Event != "pull_request" {
		return fmt.Errorf("run %d is not one of this commit", run.ID)
	}
	if run.Conclusion == "" || run.Conclusion == "success" {
		return fmt.Errorf("run %s has not failed", run.URL)
	}
	if err := a.client.Rerun(ctx, run.ID); err != nil {
		return fmt.Errorf("%w; open %s and choose to run the failed jobs again (or give this job actions: write)", err, run.URL)
	}
	return nil
}
