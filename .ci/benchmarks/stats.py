"""Times scipy's bootstrap on the work that ours is measured on; prints name, seconds and processor seconds."""
import time

import numpy as np
from scipy import stats
from sklearn.metrics import roc_auc_score

random = np.random.default_rng(1)
n = 100_000
positive = random.random(n) < 0.3
shared = random.normal(size=n) + positive
a, b = shared + random.normal(size=n) / 2, shared + random.normal(size=n) / 2


def clock(name, times, work):
    wall, used = time.perf_counter(), time.process_time()
    work()
    print(name, (time.perf_counter() - wall) * times, (time.process_time() - used) * times, flush=True)


def difference(y, x, z):
    return roc_auc_score(y, x) - roc_auc_score(y, z)


clock("area", 50, lambda: stats.bootstrap(
    (positive, a, b), difference, paired=True, vectorized=False, n_resamples=20, method="percentile", rng=random))
x = random.normal(size=n)
clock("mean", 1, lambda: stats.bootstrap((x,), np.mean, n_resamples=1000, method="percentile", batch=50, rng=random))
