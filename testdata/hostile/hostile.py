"""What the hostile Python programs share."""

import json
import os
import sys

sys.path.insert(0, os.getcwd())
with open("targets.json") as f:
    target = json.load(f)


def attempt(what, action):
    """Runs action; it got out if it returns something true and raises nothing."""
    try:
        got = action()
    except Exception as error:  # noqa: BLE001
        print(f"{what}: {type(error).__name__}: {error}"[:200])
        return
    if got:
        print(f"ESCAPED: {what}: {got!r}"[:300])


def read(path):
    with open(path, "rb") as f:
        return f.read(4096)


def call(number, *args):
    """A raw system call; the result, or an OSError."""
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    result = libc.syscall(ctypes.c_long(number), *args)
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result
