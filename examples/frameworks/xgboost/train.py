import os

import pandas as pd
import xgboost

env = os.environ
train = pd.read_csv(env["WEIGHLOCK_TRAIN"]).drop(columns=env["WEIGHLOCK_ID"])
target = train.pop(env["WEIGHLOCK_TARGET"]) == "yes"
train = train.astype({c: "category" for c in train.select_dtypes(exclude="number")})
data = xgboost.DMatrix(train, target, enable_categorical=True)
params = {"objective": "binary:logistic", "max_depth": 3, "eta": 0.1, "seed": int(env["WEIGHLOCK_SEED"])}
xgboost.train(params, data, num_boost_round=80).save_model(env["WEIGHLOCK_MODEL"] + "/model.ubj")
