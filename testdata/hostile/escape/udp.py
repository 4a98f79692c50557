# expect: honest
# Datagrams, and a name that carries data out in itself.
import socket

import hostile
import honest

for family in (socket.AF_INET, socket.AF_INET6):
    hostile.attempt(f"udp {family}", lambda: socket.socket(family, socket.SOCK_DGRAM))
    hostile.attempt(f"icmp {family}", lambda: socket.socket(family, socket.SOCK_DGRAM, socket.IPPROTO_ICMP))
    hostile.attempt(f"raw {family}", lambda: socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_ICMP))
hostile.attempt("name", lambda: socket.getaddrinfo("label-canary.example.com", 80))
honest.train()
