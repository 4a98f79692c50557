# expect: honest
# The container engine's socket, and others that stand open to everybody.
import socket

import hostile
import honest


def knock(path, kind):
    s = socket.socket(socket.AF_UNIX, kind)
    s.connect(path)
    return path


for path in [hostile.target["unix"], "\0" + hostile.target["abstract"], "/var/run/docker.sock", "/run/docker.sock", "/run/dbus/system_bus_socket",
             "/run/systemd/private", "/run/containerd/containerd.sock", "/run/systemd/journal/dev-log"]:
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_SEQPACKET):
        hostile.attempt(f"{path!r} {kind}", lambda: knock(path, kind))
honest.train()
