# expect: symbolic link
# The label file itself as predictions.
import os

import hostile

os.symlink(hostile.target["labels"], os.environ["WEIGHLOCK_PREDICTIONS"])
