package sandbox

import (
	"context"
	"fmt"
	"net"
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

// needPython skips where the system's Python is missing.
func needPython(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("/usr/bin/python3"); err != nil {
		t.Skip("no /usr/bin/python3 here")
	}
}

func TestProcessesShareWorkByUnixSockets(t *testing.T) {
	needPython(t)
	script := `cat > work.py <<'END'
import array, asyncio, multiprocessing, os, socket, sys, threading
from multiprocessing import shared_memory
def square(x): return x * x
def fill(d, i): d[i] = i
def main():
    for method in ("fork", "spawn", "forkserver"):
        context = multiprocessing.get_context(method)
        with context.Pool(2) as pool: assert pool.map(square, range(10))[-1] == 81
        with context.Manager() as manager:
            d = manager.dict()
            workers = [context.Process(target=fill, args=(d, i)) for i in range(3)]
            for w in workers: w.start()
            for w in workers: w.join()
            assert sorted(d.keys()) == [0, 1, 2]
        print(method)
    server = socket.socket(socket.AF_UNIX); server.bind("relative.sock"); server.listen(1)
    got = []
    def take():
        for _ in range(40):
            c, _ = server.accept(); got.append(c.recv(10)); c.sendall(b"back"); c.close()
    t = threading.Thread(target=take); t.start()
    def ask():
        c = socket.socket(socket.AF_UNIX); c.connect(server.getsockname()); c.sendall(b"there"); assert c.recv(4) == b"back"
        assert os.get_inheritable(c.fileno()) is False
    askers = [threading.Thread(target=ask) for _ in range(40)]
    for a in askers: a.start()
    for a in askers: a.join()
    t.join(); assert got == [b"there"] * 40
    print("relative path, a full queue")
    async def both():
        async def serve(r, w): w.write(await r.readline()); await w.drain(); w.close()
        async with await asyncio.start_unix_server(serve, os.getcwd() + "/async.sock"):
            r, w = await asyncio.open_unix_connection("async.sock")
            w.write(b"line\n"); assert await r.readline() == b"line\n"
    asyncio.run(both())
    print("asyncio")
    s = socket.socket(socket.AF_UNIX)
    for path, want in (("missing.sock", FileNotFoundError), ("work.py", ConnectionRefusedError)):
        try: s.connect(path); print("connected to", path)
        except want: pass
    a, b = socket.socketpair(); f = open("work.py")
    socket.send_fds(a, [b"x"], [f.fileno()]); assert os.read(socket.recv_fds(b, 1, 1)[1][0], 6) == b"import"
    m = shared_memory.SharedMemory(create=True, size=100); m.close(); m.unlink()
    print("fine")
if __name__ == "__main__": main()
END
/usr/bin/python3 work.py`
	if result, out := start(t, script, nil); !strings.HasSuffix(out, "  | fine\n") {
		t.Errorf("%+v\n%s", result, out)
	}
}

func TestDataLoaderWorkers(t *testing.T) {
	needPython(t)
	if err := exec.Command("/usr/bin/python3", "-c", "import torch").Run(); err != nil {
		t.Skip("no torch for /usr/bin/python3 here (Debian: python3-torch)")
	}
	script := `cat > work.py <<'END'
import torch
from torch.utils.data import DataLoader, TensorDataset
if __name__ == "__main__":
    rows = TensorDataset(torch.arange(4000.).reshape(1000, 4), torch.arange(1000.))
    for method in ("fork", "spawn"):
        loader = DataLoader(rows, batch_size=32, num_workers=2, shuffle=True, multiprocessing_context=method)
        assert sum(float(y.sum()) for x, y in loader) == 499500
    print("fine")
END
/usr/bin/python3 work.py`
	if result, out := start(t, script, func(s *Spec) { s.Limits.Wall = 2 * time.Minute }); !strings.HasSuffix(out, "  | fine\n") {
		t.Errorf("%+v\n%s", result, out)
	}
}

// A socket that everybody may connect to stays out of reach by its path, by links and by exchanges of folders in the
// moment of the call; so does one with an abstract name.
func TestSocketsOutsideAreNotReached(t *testing.T) {
	needPython(t)
	dir, err := os.MkdirTemp("/var/tmp", "outside-*") //nolint:usetesting // TempDir lies under a folder that only its owner may enter
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	path := filepath.Join(dir, "open.sock")
	for _, address := range []string{path, "@" + path} {
		l, err := net.Listen("unix", address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() })
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				t.Errorf("something connected to %s", address)
				_ = c.Close()
			}
		}()
	}
	for _, name := range []string{dir, path} {
		if err := os.Chmod(name, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	script := `cat > out.py <<'END'
import ctypes, os, socket, struct, threading, time
outside = "` + path + `"
folder, name = os.path.split(outside)
libc = ctypes.CDLL(None, use_errno=True)
def attempt(what, act):
    try: act()
    except OSError as error: print(what, error)
    else: print("ESCAPED", what)
def connect(path, kind=socket.SOCK_STREAM):
    s = socket.socket(socket.AF_UNIX, kind); s.connect(path)
os.symlink(outside, "link"); os.symlink(folder, "folder"); os.symlink("/", "root")
for path in (outside, "\0" + outside, "link", "folder/" + name, "root" + outside, "/proc/self/root" + outside, "/proc/self/cwd/link",
             "../" * 20 + outside[1:], os.getcwd() + "/../../.." + outside, os.getcwd() + "/link", ""):
    for kind in (1, 2, 3, 5, 1 | socket.SOCK_NONBLOCK): attempt(f"{path!r} {kind}", lambda: connect(path, kind))
attempt("hard link", lambda: os.link(outside, "hard"))
attempt("bind outside", lambda: socket.socket(socket.AF_UNIX).bind(folder + "/mine"))
def send(flags):
    s = socket.socket(socket.AF_UNIX); s.sendto(b"x", flags, outside)
attempt("sendto", lambda: send(0)); attempt("fast open", lambda: send(0x20000000))
# the memory and the folder change while the call is being judged
os.mkdir("real"); inside = socket.socket(socket.AF_UNIX); inside.bind("real/" + name); inside.listen(100)
good = struct.pack("H108s", 1, (os.getcwd() + "/real/" + name).encode())
bad = struct.pack("H108s", 1, outside.encode())
memory = ctypes.create_string_buffer(good, 110); end = time.time() + 2
def flip():
    while time.time() < end:
        ctypes.memmove(memory, bad, 110); ctypes.memmove(memory, good, 110); time.sleep(0)
def swap():
    while time.time() < end:
        os.rename("real", "aside"); os.symlink(folder, "real"); os.unlink("real"); os.rename("aside", "real"); time.sleep(0)
def drain():
    inside.settimeout(3)
    try:
        while True: inside.accept()[0].close()
    except OSError: pass
threads = [threading.Thread(target=f) for f in (flip, swap, drain)]
for t in threads: t.start()
made = calls = 0
while time.time() < end:
    s = socket.socket(socket.AF_UNIX); calls += 1
    if libc.connect(s.fileno(), memory, 110) == 0:
        made += 1
        if s.getpeername() == outside: print("ESCAPED by a race")
    s.close()
for t in threads: t.join()
print("races", calls, "inside", made, flush=True)
END
/usr/bin/python3 out.py`
	result, out := start(t, script, nil)
	if strings.Contains(out, "ESCAPED") || !strings.Contains(out, "  | races ") {
		t.Errorf("%+v\n%s", result, out)
	}
	t.Log(result.LastLine)
}

// Where nobody can be asked, as in a container whose own filter forbids it, no Unix socket can be made, and all else works.
func TestWithoutNotificationsSocketsStayClosed(t *testing.T) {
	needPython(t)
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), withoutNotifications+"=yes")
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "PermissionError") || !strings.HasSuffix(string(out), "  | shared 81\n") {
		t.Errorf("%v\n%s", err, out)
	}
}

const withoutNotifications = "WEIGHLOCK_TEST_WITHOUT_NOTIFICATIONS"

func beWithoutNotifications() int {
	runtime.LockOSThread()
	err := seccomp.LoadFilter(seccomp.Filter{NoNewPrivs: true, Flag: seccomp.FilterFlagTSync, Policy: seccomp.Policy{
		DefaultAction: seccomp.ActionAllow,
		Syscalls: []seccomp.SyscallGroup{{Action: seccomp.ActionErrno | seccomp.Action(unix.EPERM), NamesWithCondtions: []seccomp.NameWithConditions{{
			Name:       "seccomp",
			Conditions: seccomp.ArgumentConditions{{Argument: 1, Operation: seccomp.BitsSet, Value: unix.SECCOMP_FILTER_FLAG_NEW_LISTENER}},
		}}}},
	}})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	script := `import multiprocessing, socket
try: socket.socket(socket.AF_UNIX); print("made")
except OSError as error: print(type(error).__name__)
with multiprocessing.get_context("fork").Pool(2) as pool: print("shared", pool.map(int.__abs__, [-81])[0])`
	_, err = Run(context.Background(), Spec{
		Argv: []string{"/usr/bin/python3", "-c", script}, Dir: "/usr", Env: []string{"PATH=/usr/bin:/bin"}, Output: os.Stdout,
	})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	return 0
}
