# expect: honest
# Another evaluator in place of the one that judges, and another policy.
import glob
import os

import hostile
import honest

for pid in hostile.target["pids"]:
    hostile.attempt(f"program of {pid}", lambda: open(f"/proc/{pid}/exe", "r+b"))
for folder in os.environ["PATH"].split(":"):
    hostile.attempt(f"program in {folder}", lambda: open(os.path.join(folder, "weighlock"), "w"))
for name in glob.glob(os.path.dirname(os.environ["WEIGHLOCK_EVALUATE"]) + "/*"):
    hostile.attempt(f"overwrite {name}", lambda: open(name, "r+b"))
    hostile.attempt(f"remove {name}", lambda: os.remove(name) is None)
with open("weighlock.yaml", "w") as f:
    f.write("policy: {rules: []}\n")
honest.train()
