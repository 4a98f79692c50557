# expect: exited with code 3
# Good predictions of a training that failed.
import sys

import honest

honest.train()
sys.exit(3)
