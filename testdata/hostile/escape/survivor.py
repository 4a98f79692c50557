# expect: honest
# Processes that leave the group and the session, and outlive their parents.
import os
import subprocess

import hostile
import honest

marker = hostile.target["marker"]
subprocess.Popen(["setsid", "sh", "-c", f"setsid sleep {marker} & sleep {marker}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
for _ in range(3):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.execvp("sleep", ["sleep", marker])
        os._exit(0)
honest.train()
