// Package action does what one event of the code host calls for: weigh and speak, speak for another job, take a waiver, publish.
package action

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/weighlock/weighlock/internal/ci"
	"github.com/weighlock/weighlock/internal/forge"
	"github.com/weighlock/weighlock/internal/gate"
	"github.com/weighlock/weighlock/internal/pipeline"
	"github.com/weighlock/weighlock/internal/registry"
	"github.com/weighlock/weighlock/internal/training"
)

// Options is what the action reaches besides files, the network and the code host.
type Options struct {
	// Getenv reads the environment, where the runner puts inputs and the event; Stdout takes results and the runner's
	// commands, Stderr the talk.
	Getenv         func(string) string
	Stdout, Stderr io.Writer
	// Tool is the name and version of this program, as reports show it.
	Tool string
	// Registry is how to reach a registry where the inputs say nothing else, Host what training commands may have.
	Registry registry.Options
	Host     training.Host
	// Steps begins to show the steps of one model; stop ends that.
	Steps func() (begin func(name string), stop func())
	// Servers are the programs for an image, by platform, and what is missing of them in words.
	Servers func() (servers map[string][]byte, warning string, err error)
}

// action is one run of the container action.
type action struct {
	Options
	job    *ci.Actions
	inputs inputs
	// secrets are what the environment held and no child may see.
	secrets secrets
	// client is nil where there is no token: then nothing is said, and the exit code and the summary speak alone.
	client *forge.Client
}

// inputs are those of action.yml.
type inputs struct {
	// configs are configuration files, paths what else counts as a change of every model.
	configs, paths []string
	// key names the comment and the check.
	key string
	// check is none, check or status.
	check string
	// stage is all, weigh or speak.
	stage string
	// artifact is the artifact that a weighing job uploads for a speaking one.
	artifact string
}

// Run does what the event calls for and returns the decision that it came to. With an error nothing was decided: what that
// means says pipeline.DecisionOf.
//
// The first thing is to move the secrets out of the environment, for a trainer could read that of its parent: on Unix this
// starts the program again, in the same process.
func Run(ctx context.Context, o Options) (gate.Decision, error) {
	hidden, err := hideSecrets(o.Getenv)
	if err != nil {
		return "", err
	}
	job, err := ci.OpenActions(o.Getenv, o.Stdout)
	if err != nil {
		return "", err
	}
	a := &action{Options: o, job: job, secrets: hidden}
	if a.inputs, err = readInputs(job); err != nil {
		return "", err
	}
	if a.secrets.token != "" && a.inputs.stage != "weigh" {
		if a.client, err = a.open(a.secrets.token); err != nil {
			return "", err
		}
	}
	err = a.dispatch(ctx)
	if done, ok := errors.AsType[decided](err); ok {
		return done.decision, nil
	}
	return "", err
}

// decided carries the decision out of the action: everything that had to be said was said.
type decided struct{ decision gate.Decision }

// Error is never shown.
func (d decided) Error() string { return "decided: " + string(d.decision) }

// misconfigured is a mistake in how the action is called, and the one thing to do about it.
func misconfigured(err error, hint string) error {
	return &pipeline.Failure{Decision: gate.Misconfigured, Err: err, Hint: hint}
}

// open connects to the code host of this job.
func (a *action) open(token string) (*forge.Client, error) {
	return forge.Open(forge.Options{
		APIURL: a.job.APIURL, GraphQLURL: a.job.GraphQLURL, ServerURL: a.job.ServerURL, Repository: a.job.Repository, Token: token,
		Log: func(line string) { a.talk("%s", line) },
	})
}

func (a *action) dispatch(ctx context.Context) error {
	plan, why := ci.PlanFor(a.job.Event, a.job.Ref)
	if a.inputs.stage == "speak" && plan == ci.Weigh {
		plan = ci.Speak
	}
	switch plan {
	case ci.Weigh, ci.Publish, ci.Remeasure:
		return a.weigh(ctx, plan)
	case ci.Speak:
		return a.speakFor(ctx)
	case ci.Waive:
		return a.waive(ctx)
	case ci.Refuse:
	}
	a.job.Annotate(ci.Error, "weighlock", why, "", 0)
	return misconfigured(fmt.Errorf("run in event %s: %s", a.job.Event.Name, why), "on: pull_request, merge_group, push to the default branch, workflow_run, issue_comment, workflow_dispatch or schedule")
}

// talk writes one line for people to the log. What could be a workflow command is none any more: the runner takes one in
// double square brackets wherever in a line it stands.
func (a *action) talk(format string, args ...any) {
	line := strings.NewReplacer("\n", " ", "\r", " ", "\x1b", "", "##[", "# #[").Replace(fmt.Sprintf(format, args...))
	_, _ = fmt.Fprintln(a.Stderr, "weighlock:", line)
}

func readInputs(job *ci.Actions) (inputs, error) {
	in := inputs{
		configs: strings.Fields(job.Input("config")), paths: strings.Fields(job.Input("paths")), key: job.Input("key"),
		check: job.Input("check"), stage: job.Input("stage"), artifact: job.Input("artifact"),
	}
	defaults := []struct {
		value   *string
		initial string
	}{{&in.check, "none"}, {&in.stage, "all"}, {&in.artifact, "weighlock"}}
	for _, d := range defaults {
		if *d.value == "" {
			*d.value = d.initial
		}
	}
	if len(in.configs) == 0 {
		in.configs = []string{pipeline.DefaultConfig}
	}
	for _, list := range [][]string{in.configs, in.paths} {
		for i, name := range list {
			list[i] = strings.TrimPrefix(path.Clean(name), "./")
			if !fs.ValidPath(list[i]) {
				return in, fmt.Errorf("read inputs: %q is not a path inside the repository", name)
			}
		}
	}
	if in.key == "" {
		in.key = defaultKey(in.configs)
	}
	for _, c := range []struct{ name, value, choices string }{
		{"check", in.check, "none check status"}, {"stage", in.stage, "all weigh speak"},
	} {
		if !strings.Contains(" "+c.choices+" ", " "+c.value+" ") {
			return in, fmt.Errorf("read inputs: %s is %q, want one of %s", c.name, c.value, strings.ReplaceAll(c.choices, " ", ", "))
		}
	}
	if len(in.key) > 120 || strings.ContainsAny(in.key, "\r\n\x00<>") {
		return in, fmt.Errorf("read inputs: key %.130q is longer than 120 bytes or has strange letters", in.key)
	}
	return in, nil
}

// defaultKey names a single configuration, for jobs of a matrix with one each would paint over each other's results: the
// last one's green status over another one's red.
func defaultKey(configs []string) string {
	if len(configs) == 1 && configs[0] != pipeline.DefaultConfig {
		return "weighlock " + configs[0]
	}
	return "weighlock"
}

// registry is how to reach the registry: the inputs win, for HOME is not the runner's here.
func (a *action) registry() registry.Options {
	o := a.Registry
	o.GitHubToken = a.secrets.token
	if a.secrets.registryPassword != "" {
		o.Username, o.Password = a.secrets.registryUsername, a.secrets.registryPassword
	}
	return o
}

// enter makes the checkout usable: git trusts it although it belongs to the runner's user, and every path starts there.
func (a *action) enter() error {
	workspace := a.job.Workspace
	if workspace == "" {
		return errors.New("find the checkout: GITHUB_WORKSPACE is empty")
	}
	for name, value := range map[string]string{"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*"} {
		if err := os.Setenv(name, value); err != nil {
			return fmt.Errorf("prepare git: %w", err)
		}
	}
	if _, err := os.Stat(filepath.Join(workspace, ".git")); err != nil {
		return misconfigured(fmt.Errorf("find the checkout in %s: there is no git repository", workspace), "uses: actions/checkout comes first")
	}
	return nil
}

// giveBack gives what this program wrote to whoever owns the folder that it stands in: a file of root would break the next
// job of a runner that is used again. Root's own folders stay as they are.
func (a *action) giveBack() {
	var outputs []string
	for _, config := range a.inputs.configs {
		outputs = append(outputs, path.Join(path.Dir(config), ".weighlock"))
	}
	giveTo(a.job.Workspace, outputs)
	giveTo(a.job.Temp, []string{handedOver})
}

// giveTo changes the owner of folders below a top one to the top's. Whatever links a change has planted, nothing outside
// is given away.
func giveTo(top string, folders []string) {
	owner, group, ok := ownerOf(top)
	if !ok || owner == 0 || os.Geteuid() != 0 {
		return
	}
	root, err := os.OpenRoot(top)
	if err != nil {
		return
	}
	defer func() { _ = root.Close() }()
	for _, folder := range folders {
		_ = fs.WalkDir(root.FS(), folder, func(name string, _ fs.DirEntry, err error) error {
			if err == nil {
				_ = root.Lchown(name, owner, group)
			}
			return nil
		})
	}
}

// leave ends the action with a decision: outputs, and the exit code.
func (a *action) leave(d gate.Decision, images []string) error {
	for _, o := range [][2]string{
		{"decision", string(d)}, {"exit_code", fmt.Sprint(d.ExitCode())}, {"images", strings.Join(images, " ")},
	} {
		if err := a.job.Output(o[0], o[1]); err != nil {
			a.talk("warning: %v", err)
		}
	}
	return decided{d}
}
