# expect: honest
# The labels under a second name of the same file.
import os

import hostile
import honest


def link():
    os.link(hostile.target["labels"], "hard.csv")
    return hostile.read("hard.csv")


hostile.attempt("hard link", link)
hostile.attempt("rename", lambda: os.rename(hostile.target["labels"], "moved.csv") is None)
honest.train()
