# expect: exited with code 1
# A file that never ends, so that the judge waits for ever.
import os

os.mkfifo(os.environ["WEIGHLOCK_PREDICTIONS"])
