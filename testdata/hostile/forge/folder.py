# expect: is a folder
import os

os.mkdir(os.environ["WEIGHLOCK_PREDICTIONS"])
