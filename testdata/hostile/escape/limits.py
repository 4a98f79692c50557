# expect: honest
# Limits that it raises for itself.
import resource

import hostile
import honest

for name in ("RLIMIT_CORE", "RLIMIT_FSIZE", "RLIMIT_DATA", "RLIMIT_NPROC", "RLIMIT_CPU", "RLIMIT_MEMLOCK", "RLIMIT_MSGQUEUE"):
    which = getattr(resource, name)
    soft, hard = resource.getrlimit(which)
    if hard == resource.RLIM_INFINITY:
        print(f"ESCAPED: {name} is not limited")
    hostile.attempt(name, lambda: resource.setrlimit(which, (hard + 4096, hard + 4096)) is None)
honest.train()
