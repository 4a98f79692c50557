package action

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/weighlock/weighlock/internal/ci"
	"github.com/weighlock/weighlock/internal/config"
	"github.com/weighlock/weighlock/internal/forge"
	"github.com/weighlock/weighlock/internal/gate"
	"github.com/weighlock/weighlock/internal/pipeline"
	"github.com/weighlock/weighlock/internal/report"
)

// session is what one run of the action says in public: a check or status that is yellow from the start and always ends,
// one comment, a summary, annotations.
type session struct {
	*action
	// head is the commit that the check stands on.
	head string
	// pull is the pull request to comment on, or nil.
	pull    *forge.Pull
	run     int64
	attempt int

	reports []*report.Report
	// files are the configurations of reports, one each.
	files   []string
	skipped []report.Skipped
	images  []string
	// comment and publishError are the strictest of the models' settings.
	comment      string
	publishError string

	// settings reads the configuration of a model that says how it wants to be spoken of; nil where there is none.
	settings func(file string) *config.File
	check    int64
	finished bool
}

func (a *action) newSession(head string) *session {
	return &session{action: a, head: head, run: a.job.Run, attempt: a.job.Attempt, settings: a.configOf, comment: config.CommentNever, publishError: config.PublishWarn}
}

// lastWords is how long speaking may take after the run was cancelled: the runner kills after 7.5 seconds.
const lastWords = 3 * time.Second

// begin makes the check yellow, so that an earlier green one counts no more.
func (s *session) begin(ctx context.Context) {
	if s.client == nil || s.head == "" {
		return
	}
	var err error
	switch s.inputs.check {
	case "check":
		s.check, err = s.client.StartCheck(ctx, s.inputs.key, s.head, s.job.URL())
	case "status":
		err = s.client.SetStatus(ctx, s.head, s.inputs.key, forge.Pending, "weighing", s.job.URL())
	}
	if err != nil {
		s.talk("warning: %v", err)
	}
}

// wait makes the status yellow for a run that has only begun: a green one of the same commit, from a pull request against
// another branch, counts no more. A check run would have to be ended by this very job, so there is none.
func (s *session) wait(ctx context.Context) error {
	if s.inputs.check == "status" {
		s.begin(ctx)
	}
	s.talk("run %d has begun, and is judged when it is done", s.run)
	return s.leave(gate.Passed, nil)
}

// add takes the result of one model. A run without a report gets one that says why.
func (s *session) add(file string, r *report.Report, err error) {
	if r == nil {
		r = s.failedReport(file, err)
	}
	s.reports, s.files = append(s.reports, r), append(s.files, file)
	s.heed(s.settings(file))
	s.annotate(file, r, err)
	s.print(r)
}

// heed takes over how a model wants to be spoken of; the loudest and the strictest of several wins. How loud a tool is
// decides nothing: exit code, check and summary stay.
func (s *session) heed(f *config.File) {
	if f == nil {
		s.comment = config.CommentAlways
		return
	}
	order := []string{config.CommentNever, config.CommentOnBlock, config.CommentOnChange, config.CommentAlways}
	if slices.Index(order, f.Comment) > slices.Index(order, s.comment) {
		s.comment = f.Comment
	}
	if f.PublishError == config.PublishFail {
		s.publishError = config.PublishFail
	}
}

// failedReport is the report of a run that had no law to judge by.
func (s *session) failedReport(file string, err error) *report.Report {
	in := report.Inputs{
		Tool: s.Tool, Model: modelName(file), Head: report.Head{Commit: s.head},
		FailedAs: gate.Misconfigured, Failure: &report.Failure{Message: "nothing was judged"},
	}
	if err != nil {
		in.Failure.Message, in.Failure.Hint = strings.TrimSpace(err.Error()), pipeline.HintOf(err)
		in.FailedAs = pipeline.DecisionOf(err)
	}
	return report.New(in)
}

// modelName calls a model by its folder where its own name cannot be read.
func modelName(file string) string {
	if dir := path.Base(path.Dir(file)); dir != "." && dir != "/" {
		return dir
	}
	return file
}

// print shows the report in the log, where no line of it can be a command.
func (s *session) print(r *report.Report) {
	s.job.Quote(func() {
		if err := report.Text(s.Stdout, r, report.TextOptions{Width: 100}); err != nil {
			s.talk("warning: %v", err)
		}
	})
}

// annotate shows mistakes of the configuration at their lines, and why a model did not pass.
func (s *session) annotate(file string, r *report.Report, err error) {
	if problems, ok := errors.AsType[config.Problems](err); ok {
		for _, p := range problems {
			s.job.Annotate(ci.Error, "weighlock", p.Message, p.Position.File, p.Position.Line)
		}
		return
	}
	if r.Decision != gate.Passed {
		s.job.Annotate(ci.Error, r.Model+" "+string(r.Decision), r.Headline(), file, 1)
	}
	for _, w := range r.Warnings {
		s.job.Annotate(ci.Warning, r.Model, w, "", 0)
	}
}

// fail ends a session that an error outside the models' own runs cut short.
func (s *session) fail(ctx context.Context, err error) error {
	if errors.Is(err, context.Canceled) || ctx.Err() != nil {
		return s.cancel(ctx)
	}
	s.talk("%v", err)
	s.add(s.inputs.configs[0], nil, err)
	return s.finish(ctx)
}

// cancel ends the check in the little time that is left.
func (s *session) cancel(ctx context.Context) error {
	s.abandon(ctx)
	s.talk("cancelled")
	return s.leave(gate.Cancelled, nil)
}

// abandon makes sure that no check stays yellow, and none turns green.
func (s *session) abandon(ctx context.Context) {
	if s.finished {
		return
	}
	s.finished = true
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), lastWords)
	defer stop()
	s.endCheck(ctx, gate.Cancelled, "cancelled before anything was decided")
}

// finish speaks: summary, check, comment. A failure to speak does not change the decision unless the policy says so.
func (s *session) finish(ctx context.Context) error {
	decision := report.Worst(s.reports)
	if ctx.Err() != nil {
		return s.cancel(ctx)
	}
	s.finished = true
	if err := s.job.Summary(report.MarkdownAll(s.reports, s.skipped, report.MarkdownOptions{Budget: 300_000, RunURL: s.job.URL()})); err != nil {
		s.talk("warning: %v", err)
	}
	failed := s.endCheck(ctx, decision, s.headline())
	if err := s.say(ctx, decision); err != nil {
		s.talk("warning: %v", err)
		s.job.Annotate(ci.Warning, "weighlock", "the comment could not be written: "+err.Error(), "", 0)
		failed = true
	}
	if failed && s.publishError == config.PublishFail && decision == gate.Passed {
		decision = gate.Unavailable
	}
	return s.leave(decision, s.images)
}

// headline is the whole run in one line.
func (s *session) headline() string {
	if len(s.reports) == 0 {
		return fmt.Sprintf("nothing to weigh, %d skipped", len(s.skipped))
	}
	worst := s.reports[0]
	for _, r := range s.reports {
		if report.Worst([]*report.Report{worst, r}) != worst.Decision {
			worst = r
		}
	}
	return fmt.Sprintf("%s %s: %s", worst.Model, worst.Decision, worst.Headline())
}

// endCheck ends the check or status; it reports whether that failed.
func (s *session) endCheck(ctx context.Context, d gate.Decision, line string) (failed bool) {
	if s.client == nil || s.head == "" {
		return false
	}
	var err error
	switch {
	case s.inputs.check == "status":
		state := forge.Red
		if d == gate.Passed {
			state = forge.Green
		}
		err = s.client.SetStatus(ctx, s.head, s.inputs.key, state, line, s.job.URL())
	case s.inputs.check == "check" && s.check != 0:
		o := forge.Outcome{Conclusion: forge.Failure, Title: line}
		switch d {
		case gate.Passed:
			o.Conclusion = forge.Success
		case gate.Cancelled:
			o.Conclusion = forge.Cancelled
		case gate.Blocked, gate.Misconfigured, gate.Undecided, gate.Invalid, gate.Unavailable:
		}
		o.Summary = report.MarkdownAll(s.reports, s.skipped, report.MarkdownOptions{Budget: report.DefaultBudget, RunURL: s.job.URL()})
		o.Findings = s.findings()
		err = s.client.FinishCheck(ctx, s.check, s.inputs.key, o)
	}
	if err != nil {
		s.talk("warning: %v", err)
	}
	return err != nil
}

// findings are the check's notes beside each configuration.
func (s *session) findings() []forge.Finding {
	var out []forge.Finding
	for i, r := range s.reports {
		if r.Decision != gate.Passed {
			out = append(out, forge.Finding{Path: s.files[i], Line: 1, Level: "failure", Title: r.Model, Message: r.Headline()})
		}
	}
	return out
}

// say makes or updates the comment.
func (s *session) say(ctx context.Context, d gate.Decision) error {
	if s.client == nil || s.pull == nil || s.comment == config.CommentNever && len(s.reports) > 0 {
		return nil
	}
	now := time.Now()
	first := s.comment == config.CommentAlways || s.comment == config.CommentOnBlock && d != gate.Passed ||
		s.comment == config.CommentOnChange && slices.ContainsFunc(s.reports, (*report.Report).Changed)
	values := map[string]float64{}
	for _, r := range s.reports {
		maps.Copy(values, r.AcceptedValues())
	}
	spoken, err := s.client.Speak(ctx, forge.Comment{
		Pull: s.pull.Number, Key: s.inputs.key, Head: s.pull.Head, Run: s.run, Attempt: s.attempt, At: now, Values: values, First: first,
		Summary: forge.Past{Head: s.pull.Head, Run: s.run, At: now.UTC().Format(time.RFC3339), Decision: string(d), Headline: s.headline()},
		Body: func(past []forge.Past) string {
			o := report.MarkdownOptions{RunURL: s.job.RunURL(s.run, s.attempt), Budget: report.DefaultBudget - 8_000}
			for _, p := range past {
				o.Past = append(o.Past, report.Past{Head: p.Head, When: p.At, Decision: p.Decision, Headline: p.Headline})
			}
			return report.MarkdownAll(s.reports, s.skipped, o)
		},
	})
	if err == nil {
		s.talk("comment on pull request %d: %s", s.pull.Number, spoken)
	}
	return err
}

// configOf reads a configuration of the checkout, or returns nil where there is none that can be read: the run itself says
// what is wrong with it.
func (a *action) configOf(file string) *config.File {
	root, err := os.OpenRoot(a.job.Workspace)
	if err != nil {
		return nil
	}
	defer func() { _ = root.Close() }()
	return configIn(root.FS(), file)
}

// configIn reads a configuration of a tree, or returns nil where there is none that can be read.
func configIn(files fs.FS, file string) *config.File {
	content, err := fs.ReadFile(files, file)
	if err != nil {
		return nil
	}
	f, err := config.Parse(file, content)
	if err != nil {
		return nil
	}
	return f
}
