package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/weighlock/weighlock/internal/ci"
	"github.com/weighlock/weighlock/internal/config"
	"github.com/weighlock/weighlock/internal/forge"
	"github.com/weighlock/weighlock/internal/report"
)

// postReport makes or updates the comment on the pull request that this job belongs to.
func postReport(ctx context.Context, w world, r *report.Report, key string) error {
	job, err := ci.OpenActions(w.getenv, io.Discard)
	if err != nil {
		return hinted{err, "--post works in GitHub Actions; elsewhere render with --format markdown"}
	}
	number := job.Event.Pull.Number
	if number == 0 {
		return fmt.Errorf("post report: the event %s belongs to no pull request", job.Event.Name)
	}
	token := cmp.Or(w.getenv("WEIGHLOCK_TOKEN"), w.getenv("GITHUB_TOKEN"))
	if token == "" {
		return hinted{errors.New("post report: there is no token"), "env: GITHUB_TOKEN: ${{ github.token }}"}
	}
	a := &action{world: w, job: job, inputs: inputs{key: key}}
	a.client, err = forge.Open(forge.Options{
		APIURL: job.APIURL, GraphQLURL: job.GraphQLURL, ServerURL: job.ServerURL, Repository: job.Repository, Token: token,
		Log: func(line string) { a.talk("%s", line) },
	})
	if err != nil {
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
