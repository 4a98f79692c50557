# expect: honest
# The same answers in another order: rows are matched by id.
import random

import honest

found = list(honest.answers())
random.Random(1).shuffle(found)
honest.write(found)
