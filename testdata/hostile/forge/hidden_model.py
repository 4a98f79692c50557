# expect: want a file of its own
# A model whose file has another name outside its folder.
import os

import honest

honest.train()
with open(os.environ["WEIGHLOCK_MODEL"] + "/model.bin", "w") as f:
    f.write("x")
os.link(os.environ["WEIGHLOCK_MODEL"] + "/model.bin", os.environ["HOME"] + "/model.bin")
