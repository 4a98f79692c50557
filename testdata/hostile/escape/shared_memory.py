# expect: honest
# Memory that outlives its processes.
import ctypes
import os

import hostile
import honest

with open(f"/dev/shm/{hostile.target['marker']}", "w") as f:
    f.write("left")
hostile.attempt("folder in shared memory", lambda: os.mkdir("/dev/shm/folder-" + hostile.target["marker"]) is None)
libc = ctypes.CDLL(None, use_errno=True)
for what, result in {
    "shmget": libc.shmget(0x5EA1, 4096, 0o1666), "semget": libc.semget(0x5EA1, 1, 0o1666), "msgget": libc.msgget(0x5EA1, 0o1666),
    "mq_open": ctypes.CDLL("librt.so.1").mq_open(b"/canary", os.O_CREAT | os.O_RDWR, 0o666, None),
}.items():
    print("ESCAPED:" if result >= 0 else "refused:", what, result)
honest.train()
