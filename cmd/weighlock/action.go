package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/weighlock/weighlock/internal/ci"
	"github.com/weighlock/weighlock/internal/forge"
	"github.com/weighlock/weighlock/internal/gate"
	"github.com/weighlock/weighlock/internal/pipeline"
	"github.com/weighlock/weighlock/internal/registry"
)

func newAction(w world) *cobra.Command {
	return &cobra.Command{
		Use:   "action",
		Short: "What the container action runs: pick the steps from the event",
		Long: withCodes(`
Run inside GitHub Actions, as action.yml does. What happens depends on the event:

  pull_request, merge_group      weigh the change and speak
  push to the default branch     weigh, push the image
  workflow_run                   judge what a pull request's run has trained, and speak for it
  issue_comment                  take a waiver from a comment
  workflow_dispatch, schedule    weigh the default branch, publish nothing

In every other event nothing is trained, for a writable token may be within reach.
Inputs are read from the environment (INPUT_*), as GitHub sets them.`,
			codePassed, codeBlocked, codeMisconfigured, codeUndecided, codeInvalid, codeUnavailable, codeCancelled),
		Example: `  # a step of a workflow:
  - uses: weighlock/weighlock@v1      # starts weighlock action`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return act(c.Context(), w) },
	}
}

// action is one run of the container action.
type action struct {
	world
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

// act runs the action. The first thing is to move the secrets out of the environment, for a trainer could read that of
// its parent.
func act(ctx context.Context, w world) error {
	hidden, err := hideSecrets(w)
	if err != nil {
		return err
	}
	job, err := ci.OpenActions(w.getenv, w.stdout)
	if err != nil {
		return err
	}
	a := &action{world: w, job: job, secrets: hidden}
	if a.inputs, err = readInputs(job); err != nil {
		return err
	}
	if a.secrets.token != "" && a.inputs.stage != "weigh" {
		a.client, err = forge.Open(forge.Options{
			APIURL: job.APIURL, GraphQLURL: job.GraphQLURL, ServerURL: job.ServerURL, Repository: job.Repository, Token: a.secrets.token,
			Log: func(line string) { a.talk("%s", line) },
		})
		if err != nil {
			return err
		}
	}
	return a.dispatch(ctx)
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
	return hinted{fmt.Errorf("run in event %s: %s", a.job.Event.Name, why), "on: pull_request, merge_group, push to the default branch, workflow_run, issue_comment, workflow_dispatch or schedule"}
}

// talk writes one line for people to the log. What could be a workflow command is none any more: the runner takes one in
// double square brackets wherever in a line it stands.
func (a *action) talk(format string, args ...any) {
	line := strings.NewReplacer("\n", " ", "\r", " ", "\x1b", "", "##[", "# #[").Replace(fmt.Sprintf(format, args...))
	_, _ = fmt.Fprintln(a.stderr, "weighlock:", line)
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
	o := a.world.registry()
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
		return hinted{fmt.Errorf("find the checkout in %s: there is no git repository", workspace), "uses: actions/checkout comes first"}
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
	if code := d.ExitCode(); code != 0 {
		return exit{code}
	}
	return nil
}
