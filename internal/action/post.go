package action

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/weighlock/weighlock/internal/ci"
	"github.com/weighlock/weighlock/internal/config"
	"github.com/weighlock/weighlock/internal/report"
)

// Post makes or updates the comment on the pull request that this job belongs to, from a saved report. key is the name of
// the comment. Of the options it needs the environment and where to talk.
func Post(ctx context.Context, o Options, r *report.Report, key string) error {
	job, err := ci.OpenActions(o.Getenv, io.Discard)
	if err != nil {
		return misconfigured(err, "--post works in GitHub Actions; elsewhere render with --format markdown")
	}
	number := job.Event.Pull.Number
	if number == 0 {
		return fmt.Errorf("post report: the event %s belongs to no pull request", job.Event.Name)
	}
	token := cmp.Or(o.Getenv("WEIGHLOCK_TOKEN"), o.Getenv("GITHUB_TOKEN"))
	if token == "" {
		return misconfigured(errors.New("post report: there is no token"), "env: GITHUB_TOKEN: ${{ github.token }}")
	}
	a := &action{Options: o, job: job, inputs: inputs{key: key}}
	if a.client, err = a.open(token); err != nil {
		return err
	}
	pull, err := a.client.Pull(ctx, number)
	if err != nil {
		return err
	}
	s := a.newSession(pull.Head)
	s.pull, s.reports, s.comment = &pull, []*report.Report{r}, config.CommentAlways
	if commit := cmp.Or(r.Head.Reviewed, r.Head.Commit); commit != pull.Head {
		return fmt.Errorf("post report: it is about %.12s, but pull request %d is at %.12s", commit, number, pull.Head)
	}
	return s.say(ctx, r.Decision)
}
