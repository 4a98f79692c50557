# expect: honest
# A file of 100 GB, with holes and without.
import os

import hostile
import honest


def sparse():
    with open("huge", "wb") as f:
        os.ftruncate(f.fileno(), 100 << 30)
        return f


hostile.attempt("file with holes", sparse)
hostile.attempt("allocated file", lambda: os.posix_fallocate(os.open("huge", os.O_CREAT | os.O_WRONLY), 0, 100 << 30) is None)
hostile.attempt("last byte", lambda: os.pwrite(os.open("huge", os.O_CREAT | os.O_WRONLY), b"x", 100 << 30))
os.path.exists("huge") and os.remove("huge")
honest.train()
