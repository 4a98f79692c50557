# expect: honest
# Tokens in the environment of every process that it can see.
import glob

import hostile
import honest

for name in glob.glob("/proc/[0-9]*/environ") + glob.glob("/proc/[0-9]*/task/*/environ"):
    hostile.attempt(name, lambda: b"canary" in hostile.read(name))
honest.train()
