"""The peers' side of `make bench`: one piece of work per process, timed inside, printed as JSON. See main.go."""

import json
import sys
import time


def timed(work):
    begun, before = time.perf_counter(), time.process_time()
    out = work()
    return (time.perf_counter() - begun, time.process_time() - before), out


def finish(times, check):
    print(json.dumps({"seconds": times[0], "cpu": times[1], "check": [float(v) for v in check]}))


def csv(how, file):
    import numpy as np

    if how == "pandas":
        import pandas as pd

        times, df = timed(lambda: pd.read_csv(file))
    elif how == "pandas-exact":
        import pandas as pd

        times, df = timed(lambda: pd.read_csv(file, float_precision="round_trip"))
    elif how == "polars":
        import polars as pl

        times, df = timed(lambda: pl.read_csv(file))
        finish(times, [df[c].sum() for c in df.columns])
        return
    elif how == "pyarrow":
        from pyarrow import csv as reader

        times, df = timed(lambda: reader.read_csv(file))
        import pyarrow.compute as pc

        finish(times, [pc.sum(c).as_py() for c in df.columns])
        return
    elif how == "numpy":
        times, a = timed(lambda: np.loadtxt(file, delimiter=",", skiprows=1))
        finish(times, a.sum(axis=0))
        return
    finish(times, df.sum())


def arrays(file):
    import numpy as np

    return np.load(file + ".x.npy"), np.load(file + ".y.npy"), np.load(file + ".c.npy")


def linear(how, file):
    import numpy as np

    x, y, _ = arrays(file)
    if how == "sklearn":
        from sklearn.linear_model import LinearRegression

        times, m = timed(lambda: LinearRegression().fit(x, y))
        finish(times, [m.intercept_, *m.coef_])
        return

    def normal():
        xm, ym = x.mean(axis=0), y.mean()
        xc, yc = x - xm, y - ym
        w = np.linalg.solve(xc.T @ xc, xc.T @ yc)
        return [ym - xm @ w, *w]

    def lstsq():
        return np.linalg.lstsq(np.column_stack([np.ones(len(x)), x]), y, rcond=None)[0]

    finish(*timed({"numpy-normal": normal, "numpy-lstsq": lstsq}[how]))


def logistic(how, file):
    from sklearn.linear_model import LogisticRegression

    x, _, c = arrays(file)
    solver, tol = {"lbfgs": ("lbfgs", 1e-4), "newton-cholesky": ("newton-cholesky", 1e-4), "lbfgs-tight": ("lbfgs", 1e-8)}[how]
    times, m = timed(lambda: LogisticRegression(solver=solver, tol=tol, max_iter=1000).fit(x, c))
    finish(times, [m.intercept_[0], *m.coef_[0]])


def save(file):
    """Arrays, so that the fits need not read CSV, and a pickled model for the server."""
    import joblib
    import numpy as np
    import pandas as pd
    from sklearn.linear_model import LinearRegression

    df = pd.read_csv(file, float_precision="round_trip")
    x = np.ascontiguousarray(df[[f"x{j}" for j in range(20)]].to_numpy())
    np.save(file + ".x.npy", x)
    np.save(file + ".y.npy", df["y"].to_numpy())
    np.save(file + ".c.npy", df["c"].to_numpy())
    joblib.dump(LinearRegression().fit(x, df["y"]), file + ".joblib")


def versions():
    import flask, gunicorn, numpy, pandas, polars, pyarrow, sklearn  # noqa: E401,F401
    from importlib.metadata import version

    names = ["numpy", "pandas", "polars", "pyarrow", "scikit-learn", "Flask", "gunicorn"]
    print("Python " + sys.version.split()[0] + ", " + ", ".join(n + " " + version(n) for n in names))


if __name__ == "__main__":
    {"csv": csv, "linear": linear, "logistic": logistic, "save": save, "versions": versions}[sys.argv[1]](*sys.argv[2:])
