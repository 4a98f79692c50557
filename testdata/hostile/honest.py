"""Trains honestly with the standard library alone; every hostile program ends with it."""

import csv
import os

env = os.environ
key, target, classify = env["WEIGHLOCK_ID"], env["WEIGHLOCK_TARGET"], env["WEIGHLOCK_TASK"] == "binary"


def rows(name):
    with open(env[name], newline="") as f:
        return list(csv.DictReader(f))


def answers():
    """One row per evaluation row: a straight line through the training rows, or two probabilities."""
    train, x = rows("WEIGHLOCK_TRAIN"), "x"
    xs = [float(r[x]) for r in train]
    mean = sum(xs) / len(xs)
    if classify:
        for r in rows("WEIGHLOCK_EVALUATE"):
            p = 0.75 if float(r[x]) > mean else 0.25
            yield {key: r[key], "probability:no": 1 - p, "probability:yes": p}
        return
    ys = [float(r[target]) for r in train]
    level = sum(ys) / len(ys)
    slope = sum((a - mean) * (b - level) for a, b in zip(xs, ys)) / sum((a - mean) ** 2 for a in xs)
    for r in rows("WEIGHLOCK_EVALUATE"):
        yield {key: r[key], "prediction": level + slope * (float(r[x]) - mean)}


def write(found, name=None):
    found = list(found)
    with open(name or env["WEIGHLOCK_PREDICTIONS"], "w", newline="") as f:
        out = csv.DictWriter(f, found[0].keys())
        out.writeheader()
        out.writerows(found)


def train():
    write(answers())


if __name__ == "__main__":
    train()
