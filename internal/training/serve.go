package training

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/weighlock/weighlock/internal/config"
	"github.com/weighlock/weighlock/internal/model"
	"github.com/weighlock/weighlock/internal/sandbox"
)

// longestService is how long a command of a served model may run before it is started again.
const longestService = 7 * 24 * time.Hour

// Serve prepares to run the predict command of an opaque model whose files stand in folder, for as long as it is
// served: without network, and with nothing but folder to read and work to write. The result runs one command and
// returns when it has ended.
func Serve(ctx context.Context, host Host, o *model.Opaque, folder, work string) (func(ctx context.Context, argv, env []string, dir string) error, error) {
	spec := o.Spec()
	train := config.Train{Setup: spec.Setup, Sandbox: config.SandboxOn}
	ready, err := install(ctx, host, train, filepath.Join(folder, "source", filepath.FromSlash(spec.Folder)))
	if err != nil {
		return nil, fmt.Errorf("serve opaque model: %w", err)
	}
	w := &workspace{dir: work}
	return func(ctx context.Context, argv, env []string, dir string) error {
		limits := sandbox.Limits{Wall: longestService, CPU: longestService}
		result, err := sandbox.Run(ctx, sandbox.Spec{
			Argv: argv, Dir: dir, Env: slices.Concat(host.environment(w, ready.bin()), ready.variables(), env),
			Read: slices.Concat([]string{folder}, ready.folders(), host.Read), Write: []string{work}, Limits: limits, Output: host.Log,
		})
		if err != nil {
			return err
		}
		return result.Failure(limits)
	}, nil
}
