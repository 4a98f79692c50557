import os

import pandas as pd
import torch

env = os.environ
torch.manual_seed(int(env["WEIGHLOCK_SEED"]))
train = pd.read_csv(env["WEIGHLOCK_TRAIN"]).drop(columns=env["WEIGHLOCK_ID"])
grades = train.pop(env["WEIGHLOCK_TARGET"]).astype("category").cat
y, x = torch.tensor(grades.codes.to_numpy("int64")), torch.tensor(train.to_numpy("float32"))
net = torch.nn.Sequential(torch.nn.BatchNorm1d(x.shape[1]), torch.nn.Linear(x.shape[1], 16), torch.nn.ReLU(), torch.nn.Linear(16, len(grades.categories)))
optimizer = torch.optim.Adam(net.parameters(), lr=0.01, weight_decay=1e-3)
for _ in range(150):
    optimizer.zero_grad()
    torch.nn.functional.cross_entropy(net(x), y).backward()
    optimizer.step()
torch.save((net, list(grades.categories)), env["WEIGHLOCK_MODEL"] + "/model.pt")
