# Draws rows and writes what Fairlearn makes of them to fairlearn.json, beside this file.
import json, os
import numpy as np
from fairlearn import metrics as m

random = np.random.default_rng(11)
cases = []
for name, n, groups, weighted in [("two groups", 200, 2, False), ("four groups", 600, 4, False), ("weighted", 300, 3, True)]:
    truth = (random.random(n) < 0.4).astype(int)
    pick = np.where(random.random(n) < 0.25, 1 - truth, truth)
    group = np.array(["abcd"[g] for g in random.integers(0, groups, n)])
    weight = random.integers(1, 9, n) / 4 if weighted else None
    def frame(f):
        p = {"sample_weight": weight} if weighted else None
        by = m.MetricFrame(metrics=f, y_true=truth, y_pred=pick, sensitive_features=group, sample_params=p).by_group
        return {k: float(v) for k, v in by.items()}
    gap = lambda f: float(f(truth, pick, sensitive_features=group, sample_weight=weight))
    cases.append({
        "Name": name, "Truth": truth.tolist(), "Pick": pick.tolist(), "Group": group.tolist(),
        "Weight": weight.tolist() if weighted else None, "Selection": frame(m.selection_rate),
        "TPR": frame(m.true_positive_rate), "FPR": frame(m.false_positive_rate),
        "DPD": gap(m.demographic_parity_difference), "DPR": gap(m.demographic_parity_ratio),
        "EOD": gap(m.equalized_odds_difference), "EODRatio": gap(m.equalized_odds_ratio),
    })
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "fairlearn.json"), "w") as f:
    json.dump(cases, f)
    f.write("\n")
