import os

import pandas as pd
import tensorflow as tf

env = os.environ
rows = pd.read_csv(env["WEIGHLOCK_EVALUATE"]).set_index(env["WEIGHLOCK_ID"])
model = tf.saved_model.load(env["WEIGHLOCK_MODEL"])
p = tf.nn.softmax(tf.cast(model(tf.constant(rows.to_numpy(), tf.float32) / 16), tf.float64)).numpy()
pd.DataFrame(p, index=rows.index, columns=[f"probability:{c}" for c in range(10)]).to_csv(env["WEIGHLOCK_PREDICTIONS"])
