// Package sandbox runs a child process that reaches nothing it was not given.
//
// The child loses its privileges, sees only the files that it was granted (Landlock), cannot open sockets or use the
// system calls that escapes are made of (seccomp), gets an environment of its own, and is bounded in memory, processes,
// file size, processor time, wall-clock time, silence and output. When it ends, for whatever reason, every process that
// it started is dead before Run returns. It works inside a default, unprivileged container as root, and as a plain user.
package sandbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// ErrUnavailable says that this machine cannot build the sandbox. Nothing was run.
var ErrUnavailable = errors.New("sandbox is not available here")

// Spec is everything that a child process gets.
type Spec struct {
	// Argv is the command; its first element is looked up in PATH of Env. There is no shell.
	Argv []string
	// Dir is the working folder; it must lie in Read or Write.
	Dir string
	// Env is the whole environment, as NAME=value.
	Env []string
	// Read are files and folders that may be read and executed, besides the system's own.
	Read []string
	// Write are folders that may be changed. As root they are handed to the sandbox's user.
	Write []string
	// Network allows sockets of the internet families. Others stay closed.
	Network bool
	// Off runs the command without any layer but the limits, the environment and the killing. The report must say so.
	Off    bool
	Limits Limits
	// Output takes what the child prints, a cleaned line at a time; nil drops it.
	Output io.Writer `json:"-"`
}

// Limits bound the child; a zero field takes the default beside it.
type Limits struct {
	// Wall is how long it may take (1 h), Silence how long it may print nothing (Wall).
	Wall, Silence time.Duration
	// CPU is how much processor time each process may use (Wall times the number of processors).
	CPU time.Duration
	// Memory is how many bytes all processes together may hold (90 % of what the machine or the container has).
	Memory uint64
	// File is the size of the largest file (16 GiB), Free how many bytes have to stay free on the disks of the writable
	// folders (512 MiB, or half of what is free at the start).
	File, Free uint64
	// Processes is how many processes and threads there may be at once (512).
	Processes uint64
	// Output is how many bytes of output are kept; the middle of a longer one is dropped (10 MiB).
	Output int
}

// Reason is why a child ended.
type Reason string

// The reasons. Exited is the only one under which an exit code means anything.
const (
	Exited      Reason = "exited"
	Killed      Reason = "was killed by a signal"
	OutOfMemory Reason = "ran out of memory"
	OutOfTime   Reason = "ran out of time"
	Silent      Reason = "printed nothing for too long"
	OutOfCPU    Reason = "used up its processor time"
	FileTooBig  Reason = "wrote a file beyond the limit"
	DiskFull    Reason = "filled the disk"
)

// Result is how a child ended.
type Result struct {
	Reason Reason
	// Code is the exit code when Reason is Exited.
	Code int
	// Signal names the signal when Reason is Killed.
	Signal string
	// Took is the wall-clock time, Peak the largest memory seen, in bytes.
	Took time.Duration
	Peak uint64
	// Dropped is how many bytes of output were not kept.
	Dropped int64
	// Layers names what was active, for the report: "user 61184", "landlock 7", "seccomp", "no new privileges", "limits".
	Layers []string
	// LastLine is the last line of output that was not empty, without the prefix.
	LastLine string
}

// Failure says in one sentence how a child failed, or returns nil when it exited with code 0.
func (r Result) Failure(limits Limits) error {
	limits = limits.withDefaults()
	switch r.Reason {
	case Exited:
		switch {
		case r.Code == 0:
			return nil
		case r.starved():
			return fmt.Errorf("ran out of memory: the limit is %s: %s", bytesOf(limits.Memory), r.LastLine)
		case r.LastLine != "":
			return fmt.Errorf("exited with code %d: %s", r.Code, r.LastLine)
		}
		return fmt.Errorf("exited with code %d", r.Code)
	case Killed:
		return fmt.Errorf("was killed by signal %s", r.Signal)
	case OutOfMemory:
		return fmt.Errorf("ran out of memory: the limit is %s", bytesOf(limits.Memory))
	case OutOfTime:
		return fmt.Errorf("did not end within %s", limits.Wall)
	case Silent:
		return fmt.Errorf("printed nothing for %s", limits.Silence)
	case OutOfCPU:
		return fmt.Errorf("used more than %s of processor time", limits.CPU)
	case FileTooBig:
		return fmt.Errorf("wrote a file larger than %s", bytesOf(limits.File))
	case DiskFull:
		return fmt.Errorf("filled the disk: %s have to stay free", bytesOf(limits.Free))
	}
	return fmt.Errorf("ended: %s", r.Reason)
}

// starved guesses from the last words of a program whether an allocation was refused; the kernel leaves no other trace.
func (r Result) starved() bool {
	for _, words := range []string{"MemoryError", "std::bad_alloc", "Cannot allocate memory", "OutOfMemoryError", "ResourceExhausted"} {
		if strings.Contains(r.LastLine, words) {
			return true
		}
	}
	return false
}

func bytesOf(n uint64) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%d bytes", n)
}

// Run starts the child and returns when it and everything it started is dead. An error means that it could not be run
// (ErrUnavailable where the machine cannot build the sandbox) or that ctx ended; how the child fared is in the Result.
func Run(ctx context.Context, spec Spec) (Result, error) {
	if len(spec.Argv) == 0 {
		return Result{}, errors.New("run in sandbox: no command")
	}
	spec.Limits = spec.Limits.withDefaults()
	return run(ctx, spec)
}
