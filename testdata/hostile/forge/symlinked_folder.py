# expect: model
# A model's folder that leads to the labels.
import os

import hostile
import honest

honest.train()
os.rmdir(os.environ["WEIGHLOCK_MODEL"])
os.symlink(os.path.dirname(hostile.target["labels"]), os.environ["WEIGHLOCK_MODEL"])
