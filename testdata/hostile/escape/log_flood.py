# expect: honest
# A log that fills the disk of the runner.
import sys

import honest

line = "x" * 5000 + "\n"
for _ in range(20_000):
    sys.stdout.write(line)
sys.stdout.write("y" * (32 << 20))
sys.stdout.flush()
honest.train()
