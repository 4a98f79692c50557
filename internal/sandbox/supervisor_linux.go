package sandbox

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// supervise starts the launcher, watches memory and disk of everything below it, and ends all of it when the command has
// exited, when a limit is reached, or when the parent says so or dies.
func supervise() int {
	orders, reports := os.NewFile(3, "orders"), os.NewFile(4, "reports")
	unix.CloseOnExec(4)
	end := outcome{}
	var o order
	decoder := json.NewDecoder(orders)
	err := decoder.Decode(&o)
	if err == nil {
		err = hide()
	}
	if err == nil {
		stop := make(chan struct{})
		go func() { // nothing more comes; the end of the pipe is the word to stop
			_, _ = io.Copy(io.Discard, orders)
			close(stop)
		}()
		end, err = superviseOrder(o, stop)
	}
	if err != nil {
		end.Error = err.Error()
	}
	if json.NewEncoder(reports).Encode(end) != nil {
		return 1
	}
	return 0
}

func superviseOrder(o order, stop <-chan struct{}) (outcome, error) {
	// Whatever loses its parent becomes a child of this process, setsid or not.
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return outcome{}, err
	}
	signal.Ignore(syscall.SIGINT, syscall.SIGHUP, syscall.SIGTERM)
	watched := newGauges(o)
	launcher, failed, err := startLauncher(o)
	if err != nil {
		return outcome{}, err
	}
	end := follow(launcher.Process.Pid, watched, stop)
	endEverything()
	watched.sweep()
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
	cmd := exec.Command("/proc/self/exe") //nolint:noctx // killing it alone would leave its descendants; its pipe ends all of them
	cmd.Args = []string{launcherName}
	cmd.Env = []string{}
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	ours, theirs, err := listenerPair()
	if err != nil {
		return nil, nil, err
	}
	cmd.ExtraFiles = []*os.File{toRead, failWrite, theirs}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return nil, nil, err
	}
	_ = toRead.Close()
	_ = failWrite.Close()
	_ = theirs.Close()
	go connectFor(ours, o)
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
func follow(command int, watched *gauges, stop <-chan struct{}) outcome {
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
	next := time.NewTimer(firstLook)
	defer next.Stop()
	for {
		select {
		case status := <-exited:
			if status.Signaled() {
				end.Signal = int(status.Signal())
			}
			end.Code = status.ExitStatus()
			end.OutOfMemory = end.OutOfMemory || end.Signal == int(syscall.SIGKILL) && watched.kernelKilled()
			return end
		case <-stop:
			end.Signal = int(syscall.SIGTERM)
			killAll(descendants())
			<-exited
			return end
		case <-next.C:
			begun := time.Now()
			watched.read(&end)
			if end.OutOfMemory || end.DiskFull {
				killAll(descendants())
				<-exited
				return end
			}
			// Looking takes its time on a machine with many processes; it may never cost the training more than 1 %.
			next.Reset(min(max(firstLook, 100*time.Since(begun)), longestLook))
		}
	}
}

// firstLook is after how long the memory is looked at, and how often where that is cheap; longestLook is the rarest.
const (
	firstLook   = 50 * time.Millisecond
	longestLook = time.Second
)
