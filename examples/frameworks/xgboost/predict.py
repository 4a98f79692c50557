import os

import pandas as pd
import xgboost

env = os.environ
rows = pd.read_csv(env["WEIGHLOCK_EVALUATE"]).set_index(env["WEIGHLOCK_ID"])
rows = rows.astype({c: "category" for c in rows.select_dtypes(exclude="number")})
model = xgboost.Booster(model_file=env["WEIGHLOCK_MODEL"] + "/model.ubj")
p = model.predict(xgboost.DMatrix(rows, enable_categorical=True)).astype(float)
pd.DataFrame({"probability:no": 1 - p, "probability:yes": p}, index=rows.index).to_csv(env["WEIGHLOCK_PREDICTIONS"])
