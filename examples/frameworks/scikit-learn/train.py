import os

import joblib
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

env = os.environ
train = pd.read_csv(env["WEIGHLOCK_TRAIN"])
features, target = train.drop(columns=[env["WEIGHLOCK_ID"], env["WEIGHLOCK_TARGET"]]), train[env["WEIGHLOCK_TARGET"]]
model = make_pipeline(StandardScaler(), LogisticRegression(C=0.5, max_iter=500, random_state=int(env["WEIGHLOCK_SEED"])))
joblib.dump(model.fit(features, target), env["WEIGHLOCK_MODEL"] + "/model.joblib")
