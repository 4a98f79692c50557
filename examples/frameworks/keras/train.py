import os

import keras
import pandas as pd

env = os.environ
keras.utils.set_random_seed(int(env["WEIGHLOCK_SEED"]))
train = pd.read_csv(env["WEIGHLOCK_TRAIN"]).drop(columns=env["WEIGHLOCK_ID"])
y = train.pop(env["WEIGHLOCK_TARGET"]).to_numpy("float32")
x = train.assign(sex=train["sex"] == "A").to_numpy("float32")
scale = keras.layers.Normalization()
scale.adapt(x)
model = keras.Sequential([scale, keras.layers.Dense(16, "relu"), keras.layers.Dense(1), keras.layers.Rescaling(75.0, 150.0)])
model.compile(optimizer=keras.optimizers.Adam(0.01), loss="mse")
model.fit(x, y, epochs=40, batch_size=64, verbose=0)
model.save(env["WEIGHLOCK_MODEL"] + "/model.keras")
