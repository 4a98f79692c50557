import os

import lightgbm
import pandas as pd

env = os.environ
rows = pd.read_csv(env["WEIGHLOCK_EVALUATE"]).set_index(env["WEIGHLOCK_ID"])
rows = rows.astype({c: "category" for c in rows.select_dtypes(exclude="number")})
model = lightgbm.Booster(model_file=env["WEIGHLOCK_MODEL"] + "/model.txt")
pd.DataFrame({"prediction": model.predict(rows)}, index=rows.index).to_csv(env["WEIGHLOCK_PREDICTIONS"])
