# expect: honest
# Lines that a CI system obeys.
import itertools
import sys

import honest

names = ["set-output name=decision", "set-env name=PATH", "add-path", "add-mask", "error file=a.py,line=1", "warning", "notice", "debug", "group",
         "endgroup", "stop-commands", "save-state name=x", "echo", "add-matcher", "remove-matcher owner=x", "internal-set-repo-path"]
starts = ["::", " ::", "\t::", "\r::", "\n::", "\x1b[2K::", "x\r::", "\u2028::", "\x85::", "\x0b::", "\ufeff::", "\u200b::"]
for name, start in itertools.product(names, starts):
    sys.stdout.write(f"{start}{name}::/tmp/x\n")
for line in ["##[add-mask]x", "##[set-env name=A;]x", "a ##[error]x", "##vso[task.setvariable variable=a]x", "##teamcity[buildStatus status='SUCCESS']",
             "\x1b[0Ksection_start:1:a\r", "\x1b]0;title\x07", "\x1b[31mred", "\x9b31m", "last line without end ::error::x"]:
    sys.stdout.write(line + "\n")
sys.stdout.write("::error::unfinished")
sys.stdout.flush()
honest.train()
