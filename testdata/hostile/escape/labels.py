# expect: honest
# The labels where they are, readable and writable for everybody.
import os

import hostile
import honest

labels = hostile.target["labels"]
hostile.attempt("read labels", lambda: hostile.read(labels))
hostile.attempt("read labels by descriptor path", lambda: hostile.read("/proc/self/root" + labels))
hostile.attempt("append to labels", lambda: open(labels, "ab"))
hostile.attempt("truncate labels", lambda: os.truncate(labels, 0) is None)
hostile.attempt("replace labels", lambda: os.replace("honest.py", labels) is None)
hostile.attempt("remove labels", lambda: os.remove(labels) is None)
honest.train()
