"""Compares a served model with its framework: the same rows, answered over HTTP and by predict.py in this interpreter."""

import csv
import importlib.metadata
import json
import os
import pathlib
import subprocess
import sys
import time
import urllib.request

import pandas as pd

repo, name, url = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3]
spec = json.loads((repo / ".weighlock" / name / "model" / "opaque.json").read_text())
data = next((repo / "data").iterdir())
rows = pd.read_csv(data).head(50)
rows = rows[[f["name"] for f in spec["features"]]]
rows.insert(0, spec["id"], range(1, len(rows) + 1))

work = repo / ".own"
work.mkdir()
rows.to_csv(work / "evaluate.csv", index=False)
env = dict(os.environ, WEIGHLOCK_EVALUATE=str(work / "evaluate.csv"), WEIGHLOCK_PREDICTIONS=str(work / "predictions.csv"),
           WEIGHLOCK_MODEL=str(repo / ".weighlock" / name / "model" / "model"), WEIGHLOCK_ID=spec["id"], WEIGHLOCK_TARGET=spec["target"],
           WEIGHLOCK_TASK=spec["task"], WEIGHLOCK_SEED="1")
subprocess.run([sys.executable, "predict.py"], cwd=repo, env=env, check=True, stderr=subprocess.DEVNULL)
with open(work / "predictions.csv", newline="") as f:
    own = sorted(csv.DictReader(f), key=lambda r: int(float(r[spec["id"]])))


def post(path, body, kind):
    request = urllib.request.Request(url + path, body, {"Content-Type": kind})
    with urllib.request.urlopen(request, timeout=60) as response:
        return json.load(response)


features = rows.drop(columns=spec["id"])
begun = time.perf_counter()
answers = {"csv": post("/invocations", features.to_csv(index=False).encode(), "text/csv")}
once = time.perf_counter() - begun
answers["json"] = post("/invocations", json.dumps({"dataframe_split": json.loads(features.to_json(orient="split", double_precision=15))}).encode(), "application/json")
compared = 0
for kind, answer in answers.items():
    for i, row in enumerate(own):
        if "prediction" in row:
            assert float(row["prediction"]) == answer["predictions"][i], (kind, i, row, answer["predictions"][i])
            compared += 1
            continue
        for c, label in enumerate(answer["classes"]):
            assert float(row["probability:" + label]) == answer["probabilities"][i][c], (kind, i, row, answer["probabilities"][i])
            compared += 1
packages = {"tumour": "scikit-learn", "credit": "xgboost-cpu", "diamonds": "lightgbm", "digits": "tensorflow-cpu", "progression": "keras"}
version = importlib.metadata.version(packages[name]) if name in packages else __import__("torch").__version__
print(f"  {packages.get(name, 'torch')} {version}: {compared} served numbers equal the framework's own; a request of 50 rows took {1000 * once:.0f} ms")
