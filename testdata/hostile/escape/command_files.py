# expect: honest
# The files through which a step of a hosted runner sets outputs, variables and the path.
import os

import hostile
import honest

for name in hostile.target["command_files"]:
    hostile.attempt(name, lambda: open(name, "a").write("decision=passed\n"))
    hostile.attempt("chmod " + name, lambda: os.open(name, os.O_WRONLY))
honest.train()
