# expect: take such a name for a deletion
# A model file that an image would take for an order to delete.
import os

import honest

honest.train()
with open(os.environ["WEIGHLOCK_MODEL"] + "/.wh..wh..opq", "w") as f:
    f.write("x")
