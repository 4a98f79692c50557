# expect: honest
# Open files, working folder and root of other processes.
import os

import hostile
import honest

for pid in hostile.target["pids"]:
    for fd in range(16):  # their numbers may be listed; what they lead to may not be seen
        hostile.attempt(f"file {fd} of {pid}", lambda: os.readlink(f"/proc/{pid}/fd/{fd}"))
        hostile.attempt(f"open file {fd} of {pid}", lambda: open(f"/proc/{pid}/fd/{fd}", "rb"))
    for link in ("cwd", "root", "exe"):
        hostile.attempt(f"{link} of {pid}", lambda: os.readlink(f"/proc/{pid}/{link}"))
    hostile.attempt(f"labels through the root of {pid}", lambda: hostile.read(f"/proc/{pid}/root{hostile.target['labels']}"))
honest.train()
