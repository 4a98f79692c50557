# expect: honest
# TCP to this machine, to a cloud's metadata, to the world.
import socket
import urllib.request

import hostile
import honest

for family, address in ((socket.AF_INET, ("127.0.0.1", hostile.target["port"])), (socket.AF_INET6, ("::1", hostile.target["port"])),
                        (socket.AF_INET, ("169.254.169.254", 80))):
    def knock():
        s = socket.socket(family, socket.SOCK_STREAM)
        s.settimeout(1)
        s.connect(address)
        return address

    hostile.attempt(f"connect to {address}", knock)
    hostile.attempt(f"multipath to {address}", lambda: socket.socket(family, socket.SOCK_STREAM, 262))
hostile.attempt("listen", lambda: socket.create_server(("127.0.0.1", 0)))
hostile.attempt("fetch", lambda: urllib.request.urlopen(f"http://127.0.0.1:{hostile.target['port']}/", timeout=1))
honest.train()
