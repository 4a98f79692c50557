# expect: want one file
# Two files, of which the better one may count.
import os

import honest

honest.train()
honest.write(honest.answers(), os.path.dirname(os.environ["WEIGHLOCK_PREDICTIONS"]) + "/predictions.jsonl")
