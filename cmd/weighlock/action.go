package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/weighlock/weighlock/internal/action"
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

// act wires the action to this process, and its decision to the exit code.
func act(ctx context.Context, w world) error {
	decision, err := action.Run(ctx, w.action())
	if err != nil {
		return err
	}
	if code := decision.ExitCode(); code != 0 {
		return exit{code}
	}
	return nil
}

// action is what the action may have of this process.
func (w world) action() action.Options {
	return action.Options{
		Getenv: w.getenv, Stdout: w.stdout, Stderr: w.stderr, Tool: "weighlock " + version, Registry: w.registry(), Host: w.host(false),
		Steps: func() (func(string), func()) {
			s := newSteps(w, false)
			return s.begin, s.stop
		},
		Servers: imageServers,
	}
}
