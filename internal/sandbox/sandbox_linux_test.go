package sandbox

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/elastic/go-seccomp-bpf"
	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) {
	Main()
	if marker := os.Getenv(parentMarker); marker != "" {
		os.Exit(beParent(marker))
	}
	if call := os.Getenv(missingCall); call != "" {
		os.Exit(beOldKernel(call))
	}
	if os.Getenv(withoutNotifications) != "" {
		os.Exit(beWithoutNotifications())
	}
	os.Exit(m.Run())
}

// start runs a shell script in a sandbox with one writable folder, and returns how it ended and what it printed.
func start(t *testing.T, script string, change func(*Spec)) (Result, string) {
	t.Helper()
	dir, err := os.MkdirTemp("/var/tmp", "sandbox-*") //nolint:usetesting // TempDir lies under a folder that only its owner may enter
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	var out bytes.Buffer
	spec := Spec{
		Argv: []string{"sh", "-c", script}, Dir: dir, Env: []string{"PATH=/usr/bin:/bin", "TMPDIR=" + dir}, Write: []string{dir},
		Output: &out, Limits: Limits{Wall: 20 * time.Second},
	}
	if change != nil {
		change(&spec)
	}
	result, err := Run(t.Context(), spec)
	if errors.Is(err, ErrUnavailable) {
		t.Skipf("this kernel cannot build the sandbox: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return result, out.String()
}

func TestChildRunsAndIsReported(t *testing.T) {
	result, out := start(t, "echo hello; echo there >&2; pwd > made; cat made >/dev/null; exit 3", nil)
	if result.Reason != Exited || result.Code != 3 {
		t.Errorf("got %+v", result)
	}
	if want := "  | hello\n  | there\n"; out != want {
		t.Errorf("got %q, want %q", out, want)
	}
	if len(result.Layers) < 4 {
		t.Errorf("layers: %v", result.Layers)
	}
	if err := result.Failure(Limits{}); err == nil || err.Error() != "exited with code 3: there" {
		t.Errorf("failure: %v", err)
	}
}

func TestMissingCommandIsAnError(t *testing.T) {
	_, err := Run(t.Context(), Spec{Argv: []string{"no-such-command"}, Dir: t.TempDir(), Env: []string{"PATH=/usr/bin"}})
	if err == nil || !strings.Contains(err.Error(), "no-such-command is not in PATH") {
		t.Errorf("got %v", err)
	}
}

// Each probe tries one way out and prints ESCAPED when it worked.
func TestNothingOutsideIsReached(t *testing.T) {
	t.Setenv("WEIGHLOCK_CANARY", "canary-in-the-parent")
	secret := filepath.Join(t.TempDir(), "labels.csv")
	if err := os.WriteFile(secret, []byte("label-canary"), 0o666); err != nil {
		t.Fatal(err)
	}
	python := func(code string) string { return "python3 -c '" + code + "'" }
	probes := map[string]string{
		"environment":               `env | grep -q canary && echo ESCAPED`,
		"environment of a parent":   `for p in /proc/[0-9]*; do tr "\0" "\n" < $p/environ 2>/dev/null | grep -q canary && echo ESCAPED; done`,
		"memory of a parent":        fmt.Sprintf(`head -c1 /proc/%d/mem && echo ESCAPED`, os.Getpid()),
		"descriptors of a parent":   fmt.Sprintf(`ls /proc/%d/fd/ 2>/dev/null | grep -q . && echo ESCAPED`, os.Getpid()),
		"a readable file elsewhere": `cat ` + secret + ` && echo ESCAPED`,
		"through its own root":      `cat /proc/self/root` + secret + ` && echo ESCAPED`,
		"by symbolic link":          `ln -s ` + secret + ` l; cat l && echo ESCAPED`,
		"by hard link":              `ln ` + secret + ` h && cat h && echo ESCAPED`,
		"writing elsewhere":         `(: >/tmp/escaped-probe) 2>/dev/null && echo ESCAPED`,
		"truncating elsewhere":      python(`import os; os.truncate("` + secret + `",0); print("ESCAPED")`),
		"listing home":              `ls /root && echo ESCAPED; ls /home && echo ESCAPED`,
		"password hashes":           `cat /etc/shadow && echo ESCAPED`,
		"internet socket":           python(`import socket; socket.socket(socket.AF_INET, socket.SOCK_STREAM); print("ESCAPED")`),
		"udp socket":                python(`import socket; socket.socket(socket.AF_INET6, socket.SOCK_DGRAM); print("ESCAPED")`),
		"unix datagram socket":      python(`import socket; socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); print("ESCAPED")`),
		"netlink socket":            python(`import socket; socket.socket(socket.AF_NETLINK, socket.SOCK_RAW); print("ESCAPED")`),
		"packet socket":             python(`import socket; socket.socket(socket.AF_PACKET, socket.SOCK_RAW); print("ESCAPED")`),
		"vsock socket":              python(`import socket; socket.socket(40, socket.SOCK_STREAM); print("ESCAPED")`),
		"io_uring":                  python(`import ctypes; l=ctypes.CDLL(None,use_errno=True); r=l.syscall(425,1,ctypes.create_string_buffer(256)); print("ESCAPED" if r>=0 else "no")`),
		"ptrace":                    python(fmt.Sprintf(`import ctypes; l=ctypes.CDLL(None); r=l.ptrace(16,%d,0,0); print("ESCAPED" if r==0 else "no")`, os.Getpid())),
		"user namespace":            `unshare -Ur true && echo ESCAPED`,
		"mount":                     `mount -t tmpfs none . && echo ESCAPED`,
		"device node":               `mknod d b 8 0 && echo ESCAPED`,
		"setuid program":            `cp /usr/bin/id . && chmod u+s id; su -c true && echo ESCAPED`,
		"becoming root":             python(`import os; os.setuid(0); print("ESCAPED")`),
		"signal to the parent":      fmt.Sprintf(`kill -0 %d && echo ESCAPED`, os.Getpid()),
		"open_by_handle_at":         python(`import ctypes; l=ctypes.CDLL(None); r=l.syscall(304,-100,ctypes.create_string_buffer(64),0); e=ctypes.get_errno(); print("ESCAPED" if r>=0 else "no")`),
		"raised limits":             `ulimit -c unlimited && echo ESCAPED`,
		"kernel log":                `dmesg && echo ESCAPED`,
	}
	for name, script := range probes {
		t.Run(name, func(t *testing.T) {
			if _, out := start(t, script+"; true", nil); strings.Contains(out, "ESCAPED") {
				t.Errorf("the probe got out:\n%s", out)
			}
		})
	}
	if content, err := os.ReadFile(secret); err != nil || string(content) != "label-canary" {
		t.Errorf("the file outside changed: %q, %v", content, err)
	}
}

func TestWhatTrainingNeedsWorks(t *testing.T) {
	if _, err := exec.LookPath("/usr/bin/python3"); err != nil {
		t.Skip("no /usr/bin/python3 here")
	}
	script := `/usr/bin/python3 - <<'END'
import multiprocessing, os, socket, tempfile, threading, subprocess, mmap
def square(x): return x * x
if __name__ == "__main__":
    with multiprocessing.Pool(2) as pool: assert pool.map(square, range(10))[-1] == 81
    t = threading.Thread(target=lambda: None); t.start(); t.join()
    a, b = socket.socketpair(); a.send(b"x"); assert b.recv(1) == b"x"
    with tempfile.NamedTemporaryFile() as f: f.write(b"x")
    os.makedirs("a/b"); open("a/b/c", "w").close(); os.rename("a/b/c", "d")
    assert subprocess.run(["true"]).returncode == 0
    assert os.cpu_count() > 0 and open("/proc/cpuinfo").read(1)
    mmap.mmap(-1, 1 << 20).close()
    print("fine")
END`
	if _, out := start(t, script, nil); !strings.Contains(out, "  | fine\n") {
		t.Error(out)
	}
}

func TestGrantedFilesAreReadable(t *testing.T) {
	dir, err := os.MkdirTemp("/var/tmp", "granted-*") //nolint:usetesting // TempDir lies under a folder that only its owner may enter
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "train.csv")
	if err := os.WriteFile(file, []byte("rows"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, out := start(t, "cat "+file+"; echo x > "+file+" || echo refused", func(s *Spec) { s.Read = []string{dir} })
	if !strings.Contains(out, "rows") || !strings.Contains(out, "refused") {
		t.Errorf("got %q", out)
	}
}

func TestNetworkIsOpenOnlyWhenGranted(t *testing.T) {
	script := `python3 -c 'import socket; socket.socket(socket.AF_INET); print("inet"); socket.socket(socket.AF_UNIX)'`
	_, out := start(t, script, func(s *Spec) { s.Network = true })
	if !strings.Contains(out, "inet") || !strings.Contains(out, "PermissionError") {
		t.Errorf("got %q", out)
	}
}

func TestLimits(t *testing.T) {
	tests := []struct {
		name, script string
		limits       Limits
		want         Reason
	}{
		{"time", "sleep 60", Limits{Wall: 300 * time.Millisecond}, OutOfTime},
		{"silence", "echo start; sleep 60", Limits{Wall: 30 * time.Second, Silence: 300 * time.Millisecond}, Silent},
		{"processor time", "while :; do :; done", Limits{Wall: 30 * time.Second, CPU: time.Second}, OutOfCPU},
		{"memory in one process", `python3 -c 'x = bytearray(1 << 30); print(len(x))' || exit 9`, Limits{Memory: 256 << 20}, Exited},
		{"memory in many processes", `for i in 1 2 3 4; do python3 -c 'import time; x = bytearray(100 << 20); time.sleep(20)' & done; wait`, Limits{Memory: 256 << 20}, OutOfMemory},
		{"file size", "exec dd if=/dev/zero of=big bs=1M count=100 2>/dev/null", Limits{File: 10 << 20}, FileTooBig},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			result, out := start(t, tt.script, func(s *Spec) {
				if tt.limits.Wall == 0 {
					tt.limits.Wall = 20 * time.Second
				}
				s.Limits = tt.limits
			})
			if result.Reason != tt.want || result.Failure(tt.limits) == nil {
				t.Errorf("got %+v, want %q\n%s", result, tt.want, out)
			}
		})
	}
}

func TestForkBombIsContained(t *testing.T) {
	result, _ := start(t, `bomb() { bomb | bomb & }; bomb; sleep 30`, func(s *Spec) {
		s.Limits = Limits{Wall: 2 * time.Second, Processes: 64}
	})
	if result.Took > 15*time.Second {
		t.Errorf("took %s", result.Took)
	}
}

func TestNothingSurvives(t *testing.T) {
	marker := fmt.Sprintf("7%07d", os.Getpid())
	script := fmt.Sprintf(`setsid sh -c 'setsid sleep %s & sleep %s' >/dev/null 2>&1 & (sleep %s &) ; nohup sleep %s >/dev/null 2>&1 & exit 0`, marker, marker, marker, marker)
	result, _ := start(t, script, nil)
	if result.Reason != Exited || result.Code != 0 {
		t.Fatalf("got %+v", result)
	}
	if left := running("sleep " + marker); len(left) > 0 {
		t.Errorf("still running: %v", left)
	}
}

func TestCancellationEndsEverything(t *testing.T) {
	marker := fmt.Sprintf("8%07d", os.Getpid())
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	begun := time.Now()
	_, err := Run(ctx, Spec{
		Argv: []string{"sh", "-c", "trap '' TERM INT HUP; setsid sleep " + marker + " & sleep " + marker}, Dir: "/usr",
		Env: []string{"PATH=/usr/bin:/bin"},
	})
	if errors.Is(err, ErrUnavailable) {
		t.Skipf("this kernel cannot build the sandbox: %v", err)
	}
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	if took := time.Since(begun); took > 10*time.Second {
		t.Errorf("took %s", took)
	}
	if left := running("sleep " + marker); len(left) > 0 {
		t.Errorf("still running: %v", left)
	}
}

// running lists processes whose command line is text.
func running(text string) []string {
	var found []string
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, file := range files {
		content, _ := os.ReadFile(file)
		if strings.TrimSpace(strings.ReplaceAll(string(content), "\x00", " ")) == text {
			found = append(found, file)
		}
	}
	return found
}

func TestOutputIsHarmless(t *testing.T) {
	_, out := start(t, `printf '::set-output name=x::y\n##[error]x\n\033[31mred\033[0m\n::add-mask::z\r::error::w\nlast'`, nil)
	for line := range strings.Lines(out) {
		if !strings.HasPrefix(line, "  | ") || strings.ContainsAny(line, "\x1b\r") {
			t.Errorf("line %q", line)
		}
	}
	if !strings.HasSuffix(out, "  | last\n") {
		t.Errorf("got %q", out)
	}
}

func TestFloodKeepsHeadAndTail(t *testing.T) {
	result, out := start(t, `echo first; i=0; while [ $i -lt 20000 ]; do echo 0123456789012345678901234567890123456789; i=$((i+1)); done; echo last`,
		func(s *Spec) { s.Limits.Output = 100 << 10 })
	if result.Dropped == 0 || len(out) > 110<<10 {
		t.Errorf("dropped %d, kept %d", result.Dropped, len(out))
	}
	if !strings.HasPrefix(out, "  | first\n") || !strings.HasSuffix(out, "  | last\n") || !strings.Contains(out, "left out here") {
		t.Error("head, tail or the note is missing")
	}
}

// The kernel's door for 32-bit programs has other numbers for its calls; a filter that lets it pass filters nothing.
func TestOtherInstructionSetIsRefused(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Skip("the probe is written for amd64")
	}
	// socket(AF_INET, SOCK_STREAM, 0) by int 0x80, number 359, from machine code in executable memory
	script := `python3 - <<'END'
import ctypes, mmap
code = bytes.fromhex("53 b8 67 01 00 00 bb 02 00 00 00 b9 01 00 00 00 31 d2 cd 80 5b c3")
m = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
m.write(code)
f = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(m)))
r = f()
print("ESCAPED" if r >= 0 else "refused", r, flush=True)
END`
	result, out := start(t, script, nil)
	if strings.Contains(out, "ESCAPED") {
		t.Errorf("the probe got out: %+v\n%s", result, out)
	}
	if result.LastLine != "Bad system call" {
		t.Errorf("ended with %+v\n%s", result, out)
	}
	if off, out := start(t, script, func(s *Spec) { s.Off = true }); !strings.Contains(out, "ESCAPED") {
		t.Logf("this kernel has no 32-bit calls, so the probe proves nothing here: %+v %s", off, out)
	}
}

func TestSharedMemoryIsSwept(t *testing.T) {
	name := fmt.Sprintf("/dev/shm/weighlock-left-%d", os.Getpid())
	if _, out := start(t, "echo x > "+name+" && echo made; mkdir "+name+".d || echo flat", nil); !strings.Contains(out, "made") || !strings.Contains(out, "flat") {
		t.Errorf("got %q", out)
	}
	if _, err := os.Stat(name); err == nil {
		t.Errorf("%s is still there", name)
	}
}

func TestSharedMemoryCounts(t *testing.T) {
	for name, script := range map[string]string{
		"files":   `python3 -c 'f = open("/dev/shm/weighlock-flood", "wb"); [f.write(bytes(1 << 20)) for _ in range(400)]; f.flush(); import time; time.sleep(20)'`,
		"mapping": `python3 -c 'import mmap, time; m = mmap.mmap(-1, 400 << 20); [m.write(bytes(1 << 20)) for _ in range(400)]; time.sleep(20)'`,
	} {
		t.Run(name, func(t *testing.T) {
			result, out := start(t, script, func(s *Spec) { s.Limits = Limits{Wall: 15 * time.Second, Memory: 200 << 20} })
			full := name == "files" && strings.Contains(result.LastLine, "No space left") // a container's /dev/shm is small
			if result.Reason != OutOfMemory && !full {
				t.Errorf("got %+v\n%s", result, out)
			}
		})
	}
}

func TestDeathOfTheParentEndsEverything(t *testing.T) {
	marker := fmt.Sprintf("9%07d", os.Getpid())
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), parentMarker+"="+marker)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	wait := func(want int) bool {
		for range 100 {
			if len(running("sleep "+marker)) == want {
				return true
			}
			time.Sleep(50 * time.Millisecond)
		}
		return false
	}
	begun := wait(2)
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	if !begun {
		t.Fatalf("the child was not seen running: %v", running("sleep "+marker))
	}
	if !wait(0) {
		t.Errorf("still running: %v", running("sleep "+marker))
	}
}

const parentMarker = "WEIGHLOCK_TEST_PARENT"

// beParent runs a sandbox that lasts; the test kills this process.
func beParent(marker string) int {
	_, err := Run(context.Background(), Spec{
		Argv: []string{"sh", "-c", "setsid sleep " + marker + " & sleep " + marker}, Dir: "/usr", Env: []string{"PATH=/usr/bin:/bin"},
	})
	if err != nil {
		return 1
	}
	return 0
}

// The program is started again with a filter that makes a kernel of an older time: the calls are answered as if they did not exist.
func TestRefusesWithoutLandlock(t *testing.T) {
	for kind, want := range map[string]string{"landlock_create_ruleset": "Landlock ABI 0"} {
		cmd := exec.Command("/proc/self/exe")
		cmd.Env = append(os.Environ(), missingCall+"="+kind)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v\n%s", kind, err, out)
		}
		if !strings.Contains(string(out), "sandbox is not available here: ") || !strings.Contains(string(out), want) {
			t.Errorf("%s: got %s", kind, out)
		}
	}
}

const missingCall = "WEIGHLOCK_TEST_MISSING_CALL"

func beOldKernel(call string) int {
	runtime.LockOSThread()
	err := seccomp.LoadFilter(seccomp.Filter{NoNewPrivs: true, Flag: seccomp.FilterFlagTSync, Policy: seccomp.Policy{
		DefaultAction: seccomp.ActionAllow,
		Syscalls:      []seccomp.SyscallGroup{{Names: []string{call}, Action: seccomp.ActionErrno | seccomp.Action(unix.ENOSYS)}},
	}})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	_, err = Run(context.Background(), Spec{Argv: []string{"sh", "-c", "echo ran"}, Dir: "/usr", Env: []string{"PATH=/usr/bin:/bin"}, Output: os.Stdout})
	fmt.Println(err)
	if !errors.Is(err, ErrUnavailable) {
		return 1
	}
	return 0
}

// What is known about a file by its path is out of Landlock's sight; a plain user's own files are kept by the filter.
func TestPathsKeepTheirModes(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "outside")
	if err := os.WriteFile(outside, nil, 0o640); err != nil {
		t.Fatal(err)
	}
	script := `python3 - <<'END'
import os, shutil
with open("a", "w") as f: os.fchmod(f.fileno(), 0o600); os.utime(f.fileno(), (1, 1))
assert os.stat("a").st_mode & 0o777 == 0o600 and os.stat("a").st_mtime == 1
shutil.copy("a", "b"); shutil.copystat("a", "b")
try:
    os.chmod("` + outside + `", 0o777); os.utime("` + outside + `", (1, 1))
except OSError as error:
    print(error)
print("fine")
END`
	if _, out := start(t, script, nil); !strings.Contains(out, "  | fine\n") {
		t.Error(out)
	}
	info, err := os.Stat(outside)
	if err != nil || info.Mode().Perm() != 0o640 || info.ModTime().Unix() == 1 {
		t.Errorf("%v, %v", info, err)
	}
}
