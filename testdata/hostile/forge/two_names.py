# expect: names
# A file with a second name, through which it could change later.
import os

import honest

honest.train()
os.link(os.environ["WEIGHLOCK_PREDICTIONS"], os.environ["HOME"] + "/later.csv")
