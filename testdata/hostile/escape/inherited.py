# expect: honest
# Files that the processes before it left open.
import os

import hostile
import honest

for fd in range(3, 256):
    hostile.attempt(f"file {fd}", lambda: os.readlink(f"/proc/self/fd/{fd}"))
hostile.attempt("input", lambda: os.read(0, 1))
honest.train()
