import os

import joblib
import pandas as pd

env = os.environ
rows = pd.read_csv(env["WEIGHLOCK_EVALUATE"]).set_index(env["WEIGHLOCK_ID"])
model = joblib.load(env["WEIGHLOCK_MODEL"] + "/model.joblib")
answers = pd.DataFrame(model.predict_proba(rows), index=rows.index, columns=[f"probability:{c}" for c in model.classes_])
answers.to_csv(env["WEIGHLOCK_PREDICTIONS"])
