import os

import pandas as pd
import torch

env = os.environ
rows = pd.read_csv(env["WEIGHLOCK_EVALUATE"]).set_index(env["WEIGHLOCK_ID"])
net, grades = torch.load(env["WEIGHLOCK_MODEL"] + "/model.pt")
with torch.no_grad():
    p = torch.softmax(net.eval()(torch.tensor(rows.to_numpy("float32"))).double(), 1).numpy()
pd.DataFrame(p, index=rows.index, columns=[f"probability:{g}" for g in grades]).to_csv(env["WEIGHLOCK_PREDICTIONS"])
