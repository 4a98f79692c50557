// Command weighlock weighs a change to a machine-learning model: it trains the candidate, compares it with the baseline
// on the same rows, says what changed and how sure it is, and lets only weighed models through to a registry.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/weighlock/weighlock/internal/sandbox"
)

// version is set by the linker (see Makefile).
var version = "dev"

func main() {
	sandbox.Main()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	code := run(ctx, os.Args[1:], world{os.Stdin, os.Stdout, os.Stderr, os.Getenv})
	stop()
	os.Exit(code)
}

// world is everything that a command reaches besides files and the network.
type world struct {
	stdin  io.Reader
	stdout io.Writer
	stderr io.Writer
	getenv func(string) string
}
