package forge

import (
	"context"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/google/go-github/v60/github"
)

// Conclusion is how a check ends. There is no neutral one: GitHub lets it satisfy a required check.
type Conclusion string

// The conclusions that are used.
const (
	Success   Conclusion = "success"
	Failure   Conclusion = "failure"
	Cancelled Conclusion = "cancelled"
)

// Finding is a check's note on one line of a file.
type Finding struct {
	Path string
	Line int
	// Level is notice, warning or failure.
	Level          string
	Title, Message string
}

// Outcome is what a check says in the end.
type Outcome struct {
	Conclusion Conclusion
	Title      string
	// Summary is Markdown.
	Summary  string
	Findings []Finding
}

// The limits of GitHub's checks and statuses.
const (
	maxCheckText     = 65_535
	maxCheckTitle    = 250
	findingsPerCall  = 50
	maxFindings      = 200
	maxStatusText    = 140
	maxFindingText   = 4_000
	maxFindingTitle  = 250
	maxStatusContext = 200
)

// StartCheck makes a check run on a commit, in progress: a check that ran before stops being green at once.
func (c *Client) StartCheck(ctx context.Context, name, commit, url string) (int64, error) {
	// Two check runs of one name are harmless: GitHub shows the newer.
	run, _, err := c.gh.Checks.CreateCheckRun(withRepeat(ctx), c.owner, c.repo, github.CreateCheckRunOptions{
		Name: name, HeadSHA: commit, DetailsURL: optional(url), Status: new("in_progress"),
	})
	if err != nil {
		return 0, explain("start check", err)
	}
	return run.GetID(), nil
}

// FinishCheck ends a check run. What is not success is red.
func (c *Client) FinishCheck(ctx context.Context, id int64, name string, o Outcome) error {
	title := cut(o.Title, maxCheckTitle)
	if title == "" {
		title = name
	}
	findings := o.Findings[:min(len(o.Findings), maxFindings)]
	for {
		part := findings[:min(len(findings), findingsPerCall)]
		findings = findings[len(part):]
		options := github.UpdateCheckRunOptions{Name: name, Output: &github.CheckRunOutput{
			Title: &title, Summary: new(cut(o.Summary, maxCheckText)), Annotations: annotations(part),
		}}
		if len(findings) == 0 {
			options.Status, options.Conclusion = new("completed"), new(string(o.Conclusion))
		}
		if _, _, err := c.gh.Checks.UpdateCheckRun(ctx, c.owner, c.repo, id, options); err != nil {
			return explain("finish check", err)
		}
		if len(findings) == 0 {
			return nil
		}
	}
}

func annotations(findings []Finding) []*github.CheckRunAnnotation {
	var out []*github.CheckRunAnnotation
	for _, f := range findings {
		line := max(1, f.Line)
		level := f.Level
		if level != "notice" && level != "warning" {
			level = "failure"
		}
		out = append(out, &github.CheckRunAnnotation{
			Path: new(f.Path), StartLine: &line, EndLine: &line, AnnotationLevel: &level,
			Title: optional(cut(f.Title, maxFindingTitle)), Message: new(cut(f.Message, maxFindingText)),
		})
	}
	return out
}

// State is that of a commit status.
type State string

// The states of a commit status.
const (
	Pending State = "pending"
	Green   State = "success"
	Red     State = "failure"
)

// SetStatus sets a commit status, the form of a check that every code host and every kind of token knows.
func (c *Client) SetStatus(ctx context.Context, commit, name string, state State, text, url string) error {
	_, _, err := c.gh.Repositories.CreateStatus(withRepeat(ctx), c.owner, c.repo, commit, &github.RepoStatus{
		State: new(string(state)), Context: new(cut(strings.Map(statusLetter, name), maxStatusContext)),
		Description: new(cut(strings.Map(statusLetter, text), maxStatusText)), TargetURL: optional(url),
	})
	return explain("set commit status", err)
}

// statusLetter replaces what a commit status may not hold: GitHub refuses one whose text has a letter of four bytes, and a
// status that is refused stays yellow.
func statusLetter(c rune) rune {
	switch {
	case c == '\n', c == '\r':
		return ' '
	case c > 0xFFFF:
		return '\uFFFD'
	}
	return c
}

// optional is nil for the empty string.
func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// cut shortens a text to at most n UTF-16 units, on a rune.
func cut(s string, n int) string {
	units := 0
	for i, c := range s {
		units++
		if c > 0xFFFF {
			units++
		}
		if units > n-1 && i+utf8.RuneLen(c) < len(s) {
			return s[:i] + "…"
		}
	}
	return s
}

// Reaction is a small answer to somebody's comment.
type Reaction string

// The reactions that are used.
const (
	ThumbsUp   Reaction = "+1"
	ThumbsDown Reaction = "-1"
)

// React answers a comment with a reaction; the same one twice counts once.
func (c *Client) React(ctx context.Context, comment int64, r Reaction) error {
	_, _, err := c.gh.Reactions.CreateIssueCommentReaction(withRepeat(ctx), c.owner, c.repo, comment, string(r))
	return explain("react to comment", err)
}

// Rerun starts the failed jobs of a run again.
func (c *Client) Rerun(ctx context.Context, run int64) error {
	_, err := c.gh.Actions.RerunFailedJobsByID(withRepeat(ctx), c.owner, c.repo, run)
	return explain(fmt.Sprintf("run the failed jobs of run %d again", run), err)
}

// Run is one run of a workflow.
type Run struct {
	ID      int64
	Attempt int
	// Event is what started it, Path its workflow file, Head the commit of the change.
	Event, Path, Head string
	Conclusion        string
	URL               string
	HeadRepository    string
}

// WorkflowRun reads one run.
func (c *Client) WorkflowRun(ctx context.Context, id int64) (Run, error) {
	what := fmt.Sprintf("read run %d", id)
	req, err := c.gh.NewRequest("GET", fmt.Sprintf("repos/%s/%s/actions/runs/%d", c.owner, c.repo, id), nil)
	if err != nil {
		return Run{}, fmt.Errorf("%s: %w", what, err)
	}
	var answer struct {
		github.WorkflowRun
		Path string `json:"path"` // go-github v60 does not know it
	}
	if _, err := c.gh.Do(ctx, req, &answer); err != nil {
		return Run{}, explain(what, err)
	}
	file, _, _ := strings.Cut(answer.Path, "@")
	return Run{
		ID: answer.GetID(), Attempt: answer.GetRunAttempt(), Event: answer.GetEvent(), Path: file, Head: answer.GetHeadSHA(),
		Conclusion: answer.GetConclusion(), URL: answer.GetHTMLURL(), HeadRepository: answer.GetHeadRepository().GetFullName(),
	}, nil
}
