# expect: at most
# More than a judge's memory holds.
import os

with open(os.environ["WEIGHLOCK_PREDICTIONS"], "wb") as f:
    os.ftruncate(f.fileno(), 8 << 30)
