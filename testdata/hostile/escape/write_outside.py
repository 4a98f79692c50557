# expect: honest
# Files wherever other programs look for some.
import os

import hostile
import honest

for folder in ("/tmp", "/var/tmp", "/dev", "/run", "/etc", "/usr/local/bin", "/usr/lib/python3/dist-packages", "/", os.environ["HOME"] + "/../in",
               os.environ["HOME"] + "/..", hostile.target["home"]):
    hostile.attempt(f"write to {folder}", lambda: open(os.path.join(folder, "weighlock-escaped"), "w"))
    hostile.attempt(f"folder in {folder}", lambda: os.mkdir(os.path.join(folder, "weighlock-escaped-folder")) is None)
honest.train()
