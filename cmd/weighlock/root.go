package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/weighlock/weighlock/internal/gate"
	"github.com/weighlock/weighlock/internal/pipeline"
)

// commands makes every subcommand; a new one is a file and a row here.
func commands(w world) []*cobra.Command {
	return []*cobra.Command{
		newInit(w), newCheck(w), newRun(w), newReport(w), newPush(w), newPromote(w), newRollback(w), newVerify(w),
		newHistory(w), newCopy(w), newGC(w), newServe(w), newPredict(w), newInspect(w), newAction(w),
		newPlan(w), newAA(w), newDemo(w), newVersion(w),
	}
}

// run executes one command line and returns the exit code.
func run(ctx context.Context, args []string, w world) int {
	root := newRoot(w)
	root.SetArgs(args)
	err := caught(w.getenv("WEIGHLOCK_DEBUG") != "", func() error { return root.ExecuteContext(ctx) })
	complain(w.stderr, err)
	return codeOf(err)
}

// caught turns a panic into an error that means invalid: what went wrong inside decides nothing, and is never a pass. debug
// lets it through, with its stack.
func caught(debug bool, work func() error) (err error) {
	defer func() {
		if debug {
			return
		}
		if fault := recover(); fault != nil {
			err = &pipeline.Failure{
				Decision: gate.Invalid, Err: fmt.Errorf("internal error: %v", fault),
				Hint: "this is a mistake of weighlock's, not of yours: please report it with what WEIGHLOCK_DEBUG=1 prints",
			}
		}
	}()
	return work()
}

func newRoot(w world) *cobra.Command {
	root := &cobra.Command{
		Use:   "weighlock",
		Short: "Weigh a change to a model before it may pass",
		Long: strings.TrimSpace(`
Weighlock trains the model of a change, compares it with the model of the revision
before on the same rows, says in one report what changed and how sure it is, and
lets only weighed models through to an OCI registry.

Start with "weighlock demo" to see it work, then "weighlock init" in your own
repository.`),
		Example: `  weighlock demo
  weighlock init data/customers.csv
  weighlock run`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Version:       version,
	}
	root.SetIn(w.stdin)
	root.SetOut(w.stdout)
	root.SetErr(w.stderr)
	root.SetVersionTemplate("weighlock {{.Version}}\n")
	root.CompletionOptions.HiddenDefaultCmd = false
	root.AddCommand(commands(w)...)
	return root
}

// completeFlag offers the words that a flag takes to the shell.
func completeFlag(c *cobra.Command, flag string, words ...string) {
	if err := c.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic(err) // a flag that was not declared is a mistake of this program
	}
}

// withCodes adds the exit codes to a command's description, so that they stand in its help.
func withCodes(long string, codes ...string) string {
	return strings.TrimSpace(long) + "\n\nExit codes:\n  " + strings.Join(codes, "\n  ")
}

// The exit codes that several commands share.
const (
	codePassed        = "0    passed"
	codeDone          = "0    done"
	codeBlocked       = "1    blocked: a rule is broken"
	codeMisconfigured = "2    misconfigured: the command line, weighlock.yaml or the data's schema is wrong"
	codeUndecided     = "3    undecided: not enough evidence, and the policy says that this blocks"
	codeInvalid       = "4    invalid: training failed, or what it handed back cannot be judged"
	codeUnavailable   = "5    unavailable: a registry or a baseline could not be reached; a retry may help"
	codeCancelled     = "130  cancelled"
)
