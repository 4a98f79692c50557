package sandbox

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// supervise starts the launcher, watches the memory of everything below it, and ends all of it when the command has
// exited, when the memory is used up, or when the parent says so or dies.
func supervise() int {
	orders, reports := os.NewFile(3, "orders"), os.NewFile(4, "reports")
	unix.CloseOnExec(4)
	end := outcome{}
	var o order
	err := json.NewDecoder(orders).Decode(&o)
	_ = orders.Close()
	if err == nil {
		end, err = superviseOrder(o)
	}
	if err != nil {
		end.Error = err.Error()
	}
	if json.NewEncoder(reports).Encode(end) != nil {
		return 1
	}
	return 0
}

func superviseOrder(o order) (outcome, error) {
	// Whatever loses its parent becomes a child of this process, setsid or not.
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return outcome{}, err
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	launcher, failed, err := startLauncher(o)
	if err != nil {
		return outcome{}, err
	}
	end := follow(launcher.Process.Pid, o.Spec.Limits.Memory, stop)
	endEverything()
	if message := <-failed; message != "" {
		return end, errors.New(message)
	}
	return end, nil
}

// startLauncher returns the launcher and a channel that says why it could not become the command, or "" when it did.
func startLauncher(o order) (*exec.Cmd, <-chan string, error) {
	toRead, toWrite, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	failRead, failWrite, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	cmd := exec.Command("/proc/self/exe")
	cmd.Args = []string{launcherName}
	cmd.Env = []string{}
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.ExtraFiles = []*os.File{toRead, failWrite}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return nil, nil, err
	}
	_ = toRead.Close()
	_ = failWrite.Close()
	failed := make(chan string, 1)
	go func() {
		message := make([]byte, 4096)
		n, _ := failRead.Read(message)
		_ = failRead.Close()
		failed <- string(message[:n])
	}()
	err = json.NewEncoder(toWrite).Encode(o)
	_ = toWrite.Close()
	return cmd, failed, err
}

// follow reaps every process of the sandbox until the command itself has ended, and looks at their memory meanwhile.
func follow(command int, memory uint64, stop <-chan os.Signal) outcome {
	var end outcome
	exited := make(chan syscall.WaitStatus, 1)
	go func() {
		for {
			var status syscall.WaitStatus
			pid, err := syscall.Wait4(-1, &status, 0, nil)
			if pid == command && err == nil {
				exited <- status
				return
			}
			if err != nil && !errors.Is(err, syscall.EINTR) {
				exited <- syscall.WaitStatus(syscall.SIGKILL)
				return
			}
		}
	}()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case status := <-exited:
			if status.Signaled() {
				end.Signal = int(status.Signal())
			}
			end.Code = status.ExitStatus()
			return end
		case <-stop:
			end.Signal = int(syscall.SIGTERM)
			killAll(descendants())
			<-exited
			return end
		case <-tick.C:
			used := residentMemory(descendants())
			end.Peak = max(end.Peak, used)
			if used > memory {
				end.OutOfMemory = true
				killAll(descendants())
				<-exited
				return end
			}
		}
	}
}

// endEverything kills and reaps until nothing is left. A process that keeps forking loses: killing is repeated over the
// whole tree, and the number of processes is limited.
func endEverything() {
	for {
		left := descendants()
		killAll(left)
		for {
			pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil)
			if errors.Is(err, syscall.ECHILD) {
				return
			}
			if pid <= 0 {
				break
			}
		}
		time.Sleep(time.Millisecond)
	}
}

func killAll(pids []int) {
	for _, pid := range pids {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
}

// descendants are all processes below this one.
func descendants() []int {
	children := map[int][]int{}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		if parent := parentOf(pid); parent > 0 {
			children[parent] = append(children[parent], pid)
		}
	}
	var all []int
	for next := children[os.Getpid()]; len(next) > 0; {
		all = append(all, next...)
		var below []int
		for _, pid := range next {
			below = append(below, children[pid]...)
		}
		next = below
	}
	return all
}

// parentOf reads the fourth field of /proc/PID/stat; the second one, the name, may hold anything up to its last ")".
func parentOf(pid int) int {
	content, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return 0
	}
	text := string(content)
	fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	if len(fields) < 2 {
		return 0
	}
	parent, _ := strconv.Atoi(fields[1])
	return parent
}

// residentMemory sums the resident pages that are not shared with files. Pages shared between the processes count once
// for each, which errs towards ending a flood early.
func residentMemory(pids []int) uint64 {
	var pages uint64
	for _, pid := range pids {
		content, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "statm"))
		if err != nil {
			continue
		}
		fields := strings.Fields(string(content))
		if len(fields) < 3 {
			continue
		}
		resident, _ := strconv.ParseUint(fields[1], 10, 64)
		shared, _ := strconv.ParseUint(fields[2], 10, 64)
		pages += resident - min(shared, resident)
	}
	return pages * uint64(os.Getpagesize())
}
