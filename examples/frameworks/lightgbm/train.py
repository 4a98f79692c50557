import os

import lightgbm
import pandas as pd

env = os.environ
train = pd.read_csv(env["WEIGHLOCK_TRAIN"]).drop(columns=env["WEIGHLOCK_ID"])
target = train.pop(env["WEIGHLOCK_TARGET"])
train = train.astype({c: "category" for c in train.select_dtypes(exclude="number")})
params = {"objective": "regression", "learning_rate": 0.05, "seed": int(env["WEIGHLOCK_SEED"]), "deterministic": True, "verbose": -1}
lightgbm.train(params, lightgbm.Dataset(train, target), num_boost_round=300).save_model(env["WEIGHLOCK_MODEL"] + "/model.txt")
