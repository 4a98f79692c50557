//go:build !linux

package sandbox

import (
	"context"
	"fmt"
	"runtime"
)

// Main does nothing here: the sandbox needs Linux.
func Main() {}

func run(context.Context, Spec) (Result, error) {
	return Result{}, fmt.Errorf("%w: it needs Linux, this is %s", ErrUnavailable, runtime.GOOS)
}
