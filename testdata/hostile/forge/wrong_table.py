# expect: predictions.parquet
# Something else under the name of a table.
import os

with open(os.environ["WEIGHLOCK_PREDICTIONS"], "wb") as f:
    f.write(b"PAR1" + os.urandom(5000) + b"PAR1")
