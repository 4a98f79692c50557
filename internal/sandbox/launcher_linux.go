package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// listenerFile is the file descriptor by which the launcher hands its connect calls to the supervisor.
const listenerFile = 5

// launch takes away what this process may do, layer by layer, and becomes the command. What goes wrong is written to
// file descriptor 4, which closes by itself when the command starts.
func launch() int {
	runtime.LockOSThread()
	orders, failures := os.NewFile(3, "orders"), os.NewFile(4, "failures")
	unix.CloseOnExec(3)
	unix.CloseOnExec(4)
	unix.CloseOnExec(listenerFile)
	var o order
	err := json.NewDecoder(orders).Decode(&o)
	if err == nil {
		err = becomeCommand(o)
	}
	_, _ = fmt.Fprint(failures, err)
	return 1
}

func becomeCommand(o order) error {
	if err := os.Chdir(o.Spec.Dir); err != nil {
		return err
	}
	// The kernel should take the training first when memory runs out, not the judge.
	_ = os.WriteFile("/proc/self/oom_score_adj", []byte("1000"), 0)
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("set no_new_privs: %w", err)
	}
	if o.Landlock > 0 {
		if err := restrictFiles(o); err != nil {
			return fmt.Errorf("restrict files: %w", err)
		}
	}
	if o.UID >= 0 {
		if err := becomeUser(o.UID); err != nil {
			return fmt.Errorf("change user: %w", err)
		}
	}
	// The supervisor ends everything; should it be killed itself, the command goes with it.
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0); err != nil {
		return fmt.Errorf("set death signal: %w", err)
	}
	// What this program was started with besides its own three files is not for the command.
	if err := unix.CloseRange(3, math.MaxInt32, unix.CLOSE_RANGE_CLOEXEC); err != nil && !errors.Is(err, unix.ENOSYS) {
		return fmt.Errorf("close files: %w", err)
	}
	unix.Umask(0o022)
	if o.Seccomp {
		if err := restrictSystemCalls(o); err != nil {
			return fmt.Errorf("restrict system calls: %w", err)
		}
	}
	// The last of all: a small limit of memory would leave this program itself too little.
	if err := setLimits(o); err != nil {
		return fmt.Errorf("set limits: %w", err)
	}
	return execute(o.Spec)
}

// execute becomes the first program of that name in the PATH of the child's own environment that the child may run. A
// folder that it may not enter, such as root's home, is passed over.
func execute(spec Spec) error {
	var denied error
	var closed []string
	for _, path := range candidates(spec) {
		err := syscall.Exec(path, spec.Argv, spec.Env)
		switch {
		case errors.Is(err, unix.EACCES) && errors.Is(unix.Access(path, unix.F_OK), unix.EACCES):
			closed = append(closed, filepath.Dir(path))
		case errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM):
			denied = fmt.Errorf("%s: the sandbox does not let it run: %w", path, err)
		case !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.ENOTDIR):
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	switch {
	case denied != nil:
		return denied
	case strings.ContainsRune(spec.Argv[0], filepath.Separator):
		return fmt.Errorf("%s: %w", spec.Argv[0], unix.ENOENT)
	case len(closed) > 0:
		return fmt.Errorf("%s is not in PATH, of which the sandbox may not enter %s", spec.Argv[0], strings.Join(closed, ", "))
	}
	return fmt.Errorf("%s is not in PATH", spec.Argv[0])
}

func candidates(spec Spec) []string {
	name := spec.Argv[0]
	if strings.ContainsRune(name, filepath.Separator) {
		if !filepath.IsAbs(name) {
			name = filepath.Join(spec.Dir, name)
		}
		return []string{name}
	}
	var paths []string
	for _, variable := range spec.Env {
		if list, ok := strings.CutPrefix(variable, "PATH="); ok {
			for _, folder := range filepath.SplitList(list) {
				paths = append(paths, filepath.Join(folder, name))
			}
		}
	}
	return paths
}

func setLimits(o order) error {
	l := o.Spec.Limits
	seconds := max(uint64(l.CPU.Seconds()), 1)
	const grace = 5 // seconds between the signal that names the reason and the one that cannot be caught
	processes := l.Processes
	if o.UID < 0 {
		processes += tasksOf(os.Getuid()) // the limit counts all of the user's
	}
	for _, limit := range []struct {
		resource    int
		value, more uint64
	}{
		{unix.RLIMIT_CORE, 0, 0},
		{unix.RLIMIT_FSIZE, l.File, 0},
		{unix.RLIMIT_DATA, l.Memory, 0},
		{unix.RLIMIT_NPROC, processes, 0},
		{unix.RLIMIT_CPU, seconds, grace},
		{unix.RLIMIT_MEMLOCK, 64 << 10, 0},
		{unix.RLIMIT_MSGQUEUE, 0, 0},
	} {
		var now unix.Rlimit
		if err := unix.Getrlimit(limit.resource, &now); err != nil {
			return err
		}
		value, most := min(limit.value, now.Max), min(limit.value+limit.more, now.Max)
		if err := unix.Setrlimit(limit.resource, &unix.Rlimit{Cur: value, Max: most}); err != nil {
			return err
		}
	}
	return nil
}

func becomeUser(uid int) error {
	if err := syscall.Setgroups(nil); err != nil {
		return err
	}
	if err := syscall.Setresgid(uid, uid, uid); err != nil {
		return err
	}
	return syscall.Setresuid(uid, uid, uid)
}
