import os

import keras
import pandas as pd

env = os.environ
rows = pd.read_csv(env["WEIGHLOCK_EVALUATE"]).set_index(env["WEIGHLOCK_ID"])
model = keras.saving.load_model(env["WEIGHLOCK_MODEL"] + "/model.keras")
x = rows.assign(sex=rows["sex"] == "A").to_numpy("float32")
pd.DataFrame({"prediction": model.predict(x, verbose=0)[:, 0].astype(float)}, index=rows.index).to_csv(env["WEIGHLOCK_PREDICTIONS"])
