package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// The program starts itself again under these names. The supervisor is the parent of everything in the sandbox and
// nothing else, so that it can end all of it; the launcher takes its own privileges away and becomes the command.
const (
	supervisorName = "weighlock-supervisor"
	launcherName   = "weighlock-launcher"
)

// order is what the supervisor and the launcher read from file descriptor 3.
type order struct {
	Spec     Spec
	UID      int // -1 to keep the user
	Landlock int // ABI version, 0 to leave it out
	Seccomp  bool
	// Unix lets processes of the sandbox connect with each other by Unix sockets in their own folders.
	Unix bool
}

// outcome is what the supervisor writes to file descriptor 4.
type outcome struct {
	Code        int
	Signal      int
	OutOfMemory bool
	DiskFull    bool
	Peak        uint64
	// Error says that the command could not be started.
	Error string
}

// Main has to be the first call of a program that uses Run: where the program was started as one of the sandbox's own
// processes, it does that work and never returns.
func Main() {
	switch os.Args[0] {
	case supervisorName:
		os.Exit(supervise()) //nolint:forbidigo // this process is not the program's own
	case launcherName:
		os.Exit(launch()) //nolint:forbidigo // this process is not the program's own
	}
}

func run(ctx context.Context, spec Spec) (Result, error) {
	o, layers, err := plan(spec)
	if err != nil {
		return Result{}, err
	}
	if err := handOver(spec.Write, o.UID); err != nil {
		return Result{}, fmt.Errorf("prepare sandbox: %w", err)
	}
	if err := hide(); err != nil {
		return Result{}, fmt.Errorf("prepare sandbox: %w", err)
	}
	toRead, toWrite, err := os.Pipe()
	if err != nil {
		return Result{}, fmt.Errorf("prepare sandbox: %w", err)
	}
	fromRead, fromWrite, err := os.Pipe()
	if err != nil {
		return Result{}, errors.Join(fmt.Errorf("prepare sandbox: %w", err), toRead.Close(), toWrite.Close())
	}
	defer func() { _ = fromRead.Close() }()
	output := newCleaner(spec.Output, "  | ", spec.Limits.Output)
	cmd := exec.Command("/proc/self/exe") //nolint:noctx // killing it alone would leave its descendants; its pipe ends all of them
	cmd.Args = []string{supervisorName}
	cmd.Env = []string{}
	cmd.Stdout, cmd.Stderr = output, output
	cmd.ExtraFiles = []*os.File{toRead, fromWrite}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a terminal's Ctrl-C is for the parent, which then says so
	begun := time.Now()
	err = cmd.Start()
	_ = toRead.Close()
	_ = fromWrite.Close()
	if err != nil {
		_ = toWrite.Close()
		return Result{}, fmt.Errorf("start sandbox: %w", err)
	}
	// The pipe stays open as long as the sandbox may run: the supervisor ends everything when it closes, and the kernel
	// closes it when this process dies, however that happens.
	lifeline := sync.OnceFunc(func() { _ = toWrite.Close() })
	defer lifeline()
	if err := json.NewEncoder(toWrite).Encode(o); err != nil {
		lifeline()
		_ = cmd.Wait()
		return Result{}, fmt.Errorf("start sandbox: %w", err)
	}
	reported := make(chan outcome, 1)
	go func() {
		var end outcome
		if err := json.NewDecoder(fromRead).Decode(&end); err != nil {
			end.Signal = int(syscall.SIGKILL) // the supervisor itself was killed
		}
		reported <- end
	}()
	stopped := watch(ctx, lifeline, spec.Limits, output, reported)
	_ = cmd.Wait()
	result := Result{Took: time.Since(begun), Layers: layers}
	result.Dropped, result.LastLine = output.finish()
	if ctx.Err() != nil {
		return result, ctx.Err()
	}
	if stopped.end.Error != "" {
		return result, fmt.Errorf("start %s in sandbox: %s", spec.Argv[0], stopped.end.Error)
	}
	return fill(result, stopped), nil
}

// hide closes /proc/PID of this process to others of the same user, and keeps secrets out of core dumps.
func hide() error { return unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0) }

// ending is why watching came to its end: a limit of ours, or the outcome alone.
type ending struct {
	reason Reason
	end    outcome
}

// watch waits for the outcome and enforces what the parent can see: time, silence and cancellation.
func watch(ctx context.Context, end func(), limits Limits, output *cleaner, reported <-chan outcome) ending {
	wall := time.NewTimer(limits.Wall)
	defer wall.Stop()
	tick := time.NewTicker(min(time.Second, max(limits.Silence/4, 10*time.Millisecond)))
	defer tick.Stop()
	var e ending
	stop := func(reason Reason) {
		if e.reason == "" {
			e.reason = reason
			end()
		}
	}
	done := ctx.Done()
	for {
		select {
		case e.end = <-reported:
			return e
		case <-wall.C:
			stop(OutOfTime)
		case <-tick.C:
			if output.silence() > limits.Silence {
				stop(Silent)
			}
		case <-done:
			stop(Killed)
			done = nil
		}
	}
}

// fill turns what the supervisor saw into a result.
func fill(r Result, e ending) Result {
	r.Peak = e.end.Peak
	switch {
	case e.reason != "":
		r.Reason = e.reason
	case e.end.OutOfMemory:
		r.Reason = OutOfMemory
	case e.end.DiskFull:
		r.Reason = DiskFull
	case e.end.Signal == int(syscall.SIGXCPU):
		r.Reason = OutOfCPU
	case e.end.Signal == int(syscall.SIGXFSZ):
		r.Reason = FileTooBig
	case e.end.Signal != 0:
		r.Reason, r.Signal = Killed, syscall.Signal(e.end.Signal).String()
	default:
		r.Reason, r.Code = Exited, e.end.Code
	}
	return r
}
