package ci

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/sethvargo/go-githubactions"
)

// Actions is the GitHub Actions runner that this job runs on: what it says, and how it is answered.
type Actions struct {
	Event Event
	// Repository is OWNER/NAME, Commit what was checked out, Ref its ref.
	Repository, Commit, Ref string
	// Run and Attempt number the run.
	Run     int64
	Attempt int
	// APIURL, GraphQLURL and ServerURL are the code host's.
	APIURL, GraphQLURL, ServerURL string
	// Workspace is the checkout, Temp the runner's folder for files that a later step picks up.
	Workspace, Temp string
	// Workflow is the path of the workflow's file in the repository, or "".
	Workflow string

	action *githubactions.Action
	env    Getenv
	said   map[string]int
}

// OpenActions reads what the runner says. Annotations and masks go to stdout, where the runner looks for them.
func OpenActions(env Getenv, stdout io.Writer) (*Actions, error) {
	if !isGitHub(env) {
		return nil, errors.New("read GitHub Actions environment: GITHUB_ACTIONS is not true: this command is for the container action; on a laptop use weighlock run")
	}
	action := githubactions.New(githubactions.WithGetenv(githubactions.GetenvFunc(env)), githubactions.WithWriter(stdout))
	context, err := action.Context()
	if err != nil {
		return nil, fmt.Errorf("read GitHub Actions environment: %w", err)
	}
	p, err := readPayload(context.EventPath)
	if err != nil {
		return nil, err
	}
	return &Actions{
		Event: p.event(context.EventName), Repository: context.Repository, Commit: context.SHA, Ref: context.Ref,
		Run: context.RunID, Attempt: max(1, int(context.RunAttempt)),
		APIURL: context.APIURL, GraphQLURL: context.GraphqlURL, ServerURL: context.ServerURL,
		Workspace: context.Workspace, Temp: env("RUNNER_TEMP"), Workflow: workflowPath(env("GITHUB_WORKFLOW_REF"), context.Repository),
		action: action, env: env, said: map[string]int{},
	}, nil
}

// workflowPath cuts OWNER/NAME/PATH@REF down to PATH; a workflow of another repository is no file of ours.
func workflowPath(ref, repository string) string {
	file, _, _ := strings.Cut(ref, "@")
	file, ours := strings.CutPrefix(file, repository+"/")
	if !ours || !fs.ValidPath(file) {
		return ""
	}
	return file
}

// URL leads to this attempt of this run.
func (a *Actions) URL() string { return a.RunURL(a.Run, a.Attempt) }

// RunURL leads to an attempt of a run.
func (a *Actions) RunURL(run int64, attempt int) string {
	return fmt.Sprintf("%s/%s/actions/runs/%d/attempts/%d", a.ServerURL, a.Repository, run, attempt)
}

// Input is an input of the action, without the space around it.
func (a *Actions) Input(name string) string { return a.action.GetInput(name) }

// Quote runs print, which writes to the log, while the runner takes no line of it for a command.
func (a *Actions) Quote(print func()) {
	random := make([]byte, 32)
	if _, err := rand.Read(random); err != nil {
		return // without a token that nobody can guess nothing foreign is shown
	}
	token := hex.EncodeToString(random)
	a.action.IssueCommand(&githubactions.Command{Name: "stop-commands", Message: token})
	print()
	a.action.IssueCommand(&githubactions.Command{Name: token})
}

// Output sets an output of the action. It must be one line; the delimiter is our own and random, for go-githubactions has
// a fixed one that a value could contain.
func (a *Actions) Output(name, value string) error {
	if strings.ContainsAny(name+value, "\r\n\x00") {
		return fmt.Errorf("write output %q: it has more than one line", name)
	}
	return a.appendTo("GITHUB_OUTPUT", func(delimiter string) string {
		return name + "<<" + delimiter + "\n" + value + "\n" + delimiter + "\n"
	})
}

// maxSummary is what GitHub takes for one step; a longer one is dropped as a whole.
const maxSummary = 1 << 20

// Summary adds Markdown to the page of the run.
func (a *Actions) Summary(markdown string) error {
	if len(markdown) >= maxSummary {
		return fmt.Errorf("write summary: %d bytes are more than the %d that GitHub takes", len(markdown), maxSummary)
	}
	return a.appendTo("GITHUB_STEP_SUMMARY", func(string) string { return markdown + "\n" })
}

// appendTo adds to one of the runner's files; go-githubactions panics where there is none.
func (a *Actions) appendTo(variable string, text func(delimiter string) string) error {
	name := a.env(variable)
	if name == "" {
		return fmt.Errorf("write %s: the runner names no file", variable)
	}
	random := make([]byte, 32)
	if _, err := rand.Read(random); err != nil {
		return fmt.Errorf("write %s: %w", variable, err)
	}
	f, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("write %s: %w", variable, err)
	}
	_, err = io.WriteString(f, text("weighlock_"+hex.EncodeToString(random)))
	return errors.Join(err, f.Close())
}

// Level is how loud an annotation is.
type Level string

// The levels of an annotation.
const (
	Notice  Level = "notice"
	Warning Level = "warning"
	Error   Level = "error"
)

// mostAnnotations of one level are shown by the runner for one step, maxAnnotation letters of each.
const (
	mostAnnotations = 10
	maxAnnotation   = 4000
)

// Annotate shows a message on the page of the run, beside a line of a file where there is one.
func (a *Actions) Annotate(level Level, title, message, file string, line int) {
	if a.said[string(level)]++; a.said[string(level)] > mostAnnotations {
		return
	}
	if len(message) > maxAnnotation {
		message = strings.ToValidUTF8(message[:maxAnnotation], "") + "…"
	}
	fields := map[string]string{"title": title}
	if file != "" {
		fields["file"], fields["line"] = file, fmt.Sprint(max(1, line))
	}
	say := a.action.WithFieldsMap(fields)
	switch level {
	case Error:
		say.Errorf("%s", message)
	case Warning:
		say.Warningf("%s", message)
	case Notice:
		say.Noticef("%s", message)
	}
}
