# expect: honest
# Other predictions, once the judge has looked away.
import os
import time

import honest

honest.train()
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        time.sleep(0.5)
        with open(os.environ["WEIGHLOCK_PREDICTIONS"], "w") as f:
            f.write("too late\n")
    os._exit(0)
