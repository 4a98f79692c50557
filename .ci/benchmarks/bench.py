"""Runs every program of a section once per round, round after round, and prints medians and ratios.

Only ratios of one interleaved run mean anything: a shared machine drifts. Each program is a process of its own, times
its own work with the data ready, and says with some numbers what it found; those must agree before anything is timed.
Beside the time on the clock stands the processor time of all threads, which a busy machine disturbs less.
"""

import argparse
import json
import os
import pathlib
import platform
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
ROWS = 1_000_000
CORES = len(os.sched_getaffinity(0))


def say(*words):
    print(*words, flush=True)


def run(command, **more):
    done = subprocess.run(command, capture_output=True, text=True, **more)
    if done.returncode != 0:
        sys.exit(f"bench: {' '.join(map(str, command))}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def equal(a, b, tolerance):
    return len(a) == len(b) and all(abs(x - y) <= tolerance * max(1, abs(x), abs(y)) for x, y in zip(a, b))


def section(title, programs, tolerance):
    """programs maps a name to a command that prints seconds, cpu and check; the first is ours."""
    say(f"\n## {title}\n")
    first, results = None, {name: [] for name in programs}
    for turn in range(ROUNDS + 1):
        for name, command in programs.items():
            found = json.loads(run(command))
            first = first or found["check"]
            if not equal(first, found["check"], tolerance):
                sys.exit(f"bench: {name} does not find what ours finds: {found['check'][:5]} and {first[:5]}")
            if turn > 0:  # the first round warms up
                results[name].append(found)
    table(results, "seconds", "cpu")


def table(results, *keys):
    ours = next(iter(results))
    median = {name: [statistics.median(r[k] for r in found) for k in keys] for name, found in results.items()}
    say(f"| | seconds | fastest to slowest | processor seconds | times ours | times ours, processor |")
    say("|---|---:|---:|---:|---:|---:|")
    for name, found in results.items():
        wall, cpu = median[name]
        times = [r[keys[0]] for r in found]
        ratios = " | ".join(f"{v / o:.2f}" for v, o in zip(median[name], median[ours]))
        say(f"| {name} | {wall:.3f} | {min(times):.3f} to {max(times):.3f} | {cpu:.3f} | {ratios} |")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def memory(pid):
    """Proportional set size in MB of a process and its children."""
    total = 0
    todo = [pid]
    while todo:
        p = todo.pop()
        try:
            for line in pathlib.Path(f"/proc/{p}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1])
            todo += [int(c) for c in pathlib.Path(f"/proc/{p}/task/{p}/children").read_text().split()]
        except OSError:
            pass
    return total / 1024


def processor(pid):
    """Processor seconds so far of a process and its children."""
    total, todo = 0, [pid]
    while todo:
        p = todo.pop()
        fields = pathlib.Path(f"/proc/{p}/stat").read_text().rsplit(")", 1)[1].split()
        total += int(fields[11]) + int(fields[12])
        todo += [int(c) for c in pathlib.Path(f"/proc/{p}/task/{p}/children").read_text().split()]
    return total / os.sysconf("SC_CLK_TCK")


class Server:
    """A server that is started, waited for, and ended by its process id."""

    def __init__(self, command, environment):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        command = [str(c).replace("{port}", str(self.port)) for c in command]
        environment = {k: v.replace("{port}", str(self.port)) for k, v in environment.items()}
        pinned = ["taskset", "-c", "0", *command] if CORES > 1 and shutil.which("taskset") else command
        begun = time.perf_counter()
        self.process = subprocess.Popen(pinned, env={**os.environ, **environment}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(20000):
            try:
                urllib.request.urlopen(self.url + "/ping", timeout=1).read()
                break
            except OSError:
                if self.process.poll() is not None:
                    sys.exit(f"bench: {command} ended")
                time.sleep(0.001)
        self.cold_start = time.perf_counter() - begun

    def end(self):
        self.process.terminate()
        self.process.wait(30)


def servers(cache, data):
    say("\n## Server: linear model, 20 features, 1,000 rows a request, 4 connections\n")
    model = cache / "model"
    body = cache / "body.json"
    import pandas as pd

    rows = pd.read_csv(data, nrows=1000)
    names = [f"x{j}" for j in range(20)]
    split = {"columns": names, "data": rows[names].to_numpy().tolist()}
    body.write_text(json.dumps({"dataframe_split": split}))
    one = cache / "one.json"
    one.write_text(json.dumps({"dataframe_split": {**split, "data": split["data"][:1]}}))
    programs = {
        "weighlock": ([cache / "weighlock-server", "serve"], {"MODEL_DIR": str(model), "PORT": "{port}", "GOMAXPROCS": "1", "DRAIN_SECONDS": "0"}),
        "Flask + scikit-learn (gunicorn, 1 worker)": (
            [cache / "venv/bin/gunicorn", "--chdir", HERE, "--bind", "127.0.0.1:{port}", "--workers", "1", "flask_server:app"],
            {"MODEL": str(data) + ".joblib", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        ),
    }
    results = {name: [] for name in programs}
    first = None
    for turn in range(ROUNDS + 1):
        for name, (command, environment) in programs.items():
            server = Server(command, environment)
            try:
                load = [cache / "benchmarks", "load", server.url + "/invocations"]
                before = processor(server.process.pid)
                length = 0.3 if turn == 0 else 2
                batch = json.loads(run([*load, body, str(length), "4"]))
                batch["cpu_ms"] = 1000 * (processor(server.process.pid) - before) / (batch["per_second"] * length)
                single = json.loads(run([*load, one, str(length), "16"]))
                held = memory(server.process.pid)
            finally:
                server.end()
            first = first or batch["check"]
            if not equal(first, batch["check"], 1e-9):
                sys.exit(f"bench: {name} predicts {batch['check']}, ours {first}")
            if turn > 0:
                results[name].append({"batch": batch, "single": single, "cold": server.cold_start, "memory": held})
    say("| | batches/s | p99 ms | processor ms a batch | single rows/s, 16 connections | p99 ms | cold start s | memory MB |")
    say("|---|---:|---:|---:|---:|---:|---:|---:|")
    middle = {}
    for name, found in results.items():
        m = lambda f: statistics.median(f(r) for r in found)  # noqa: E731
        middle[name] = (m(lambda r: r["batch"]["per_second"]), m(lambda r: r["batch"]["p99_ms"]), m(lambda r: r["batch"]["cpu_ms"]), m(lambda r: r["single"]["per_second"]),
                        m(lambda r: r["single"]["p99_ms"]), m(lambda r: r["cold"]), m(lambda r: r["memory"]))
        say("| {} | {:.0f} | {:.1f} | {:.2f} | {:.0f} | {:.1f} | {:.3f} | {:.0f} |".format(name, *middle[name]))
    ours, peer = middle.values()
    say("| ratio | {:.1f} | {:.2f} | {:.2f} | {:.1f} | {:.2f} | {:.3f} | {:.2f} |".format(*(a / b for a, b in zip(ours, peer))))


def gate(weighlock, examples):
    say("\n## weighlock run: diabetes, 442 rows, the base revision trained again\n")
    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder) / "repo"
        shutil.copytree(examples / "healthcare", work, ignore=shutil.ignore_patterns(".weighlock"))
        git = ["git", "-C", str(work), "-c", "user.name=bench", "-c", "user.email=bench@example.com", "-c", "commit.gpgsign=false"]
        run([*git, "init", "-q", "-b", "main"])
        run([*git, "add", "-A"])
        run([*git, "commit", "-qm", "base"])
        config = work / "weighlock.yaml"
        config.write_text(config.read_text().replace("alpha: 1}", "alpha: 1.01}"))
        run([*git, "commit", "-qam", "change"])
        found = []
        for turn in range(2 * ROUNDS + 1):
            begun, before = time.perf_counter(), os.times()
            done = subprocess.run([weighlock, "run", "--dir", work, "--baseline", "retrain", "--quiet"], capture_output=True, text=True)
            took, after = time.perf_counter() - begun, os.times()
            if done.returncode != 0:
                sys.exit(f"bench: weighlock run: exit {done.returncode}\n{done.stdout}{done.stderr}")
            if turn > 0:
                found.append((took, after.children_user + after.children_system - before.children_user - before.children_system))
        report = json.loads(next(work.glob(".weighlock/*/report.json")).read_text())
        if report["base"]["how"] == "" or report["decision"] != "passed":
            sys.exit(f"bench: the run was not compared with a base that was trained again: {report['base']}")
        wall, cpu = [f[0] for f in found], [f[1] for f in found]
        say(f"{report['base']['how']}: median of {len(found)} runs {statistics.median(wall):.3f} s ({min(wall):.3f} to {max(wall):.3f}), "
            f"{statistics.median(cpu):.3f} s of processor time, git included; the goal is less than 0.3 s")


def main():
    flags = argparse.ArgumentParser()
    for name in ("cache", "weighlock", "examples"):
        flags.add_argument("--" + name, type=pathlib.Path, required=True)
    o = flags.parse_args()
    wanted = os.environ.get("BENCH_ONLY", "csv linear logistic server run").split()
    python, peers, ours = o.cache / "venv/bin/python", HERE / "peers.py", o.cache / "benchmarks"
    cpu = next((l.split(":")[1].strip() for l in open("/proc/cpuinfo") if l.startswith("model name")), "unknown")
    say(f"{cpu}, {CORES} cores, {platform.system()} {platform.release()}, load {os.getloadavg()[0]:.1f}")
    say(run([o.weighlock, "version"]).strip() + ", " + run(["go", "version"]).strip())
    say(run([python, peers, "versions"]).strip())
    say(f"median of {ROUNDS} interleaved rounds after one that warms up")
    big, small = o.cache / "rows.csv", o.cache / "fewer.csv"
    for file, rows in ((big, ROWS), (small, ROWS // 10)):
        if not pathlib.Path(str(file) + ".joblib").exists():
            run([ours, "make", file, str(rows)])
            run([python, peers, "save", file])
    if not (o.cache / "model").exists():
        run([ours, "save", small, o.cache / "model"])

    def peer(kind, how, file):
        return [python, peers, kind, how, file]

    if "csv" in wanted:
        section(f"CSV, {ROWS:,} rows of 22 numbers, {big.stat().st_size / 1e6:.0f} MB", {
            "weighlock": [ours, "csv", big],
            "pandas": peer("csv", "pandas", big),
            "pandas, round_trip (as exact as ours)": peer("csv", "pandas-exact", big),
            "numpy.loadtxt": peer("csv", "numpy", big),
            "polars (all cores)": peer("csv", "polars", big),
            "pyarrow (all cores)": peer("csv", "pyarrow", big),
        }, 1e-9)
    if "linear" in wanted:
        section(f"Linear regression, {ROWS:,} rows of 20 numbers in memory", {
            "weighlock (with preprocessing)": [ours, "linear", big],
            "scikit-learn LinearRegression": peer("linear", "sklearn", big),
            "numpy.linalg.lstsq": peer("linear", "numpy-lstsq", big),
            "numpy, normal equations": peer("linear", "numpy-normal", big),
        }, 1e-9)
    if "logistic" in wanted:
        section(f"Logistic regression, {ROWS // 10:,} rows of 20 numbers in memory", {
            "weighlock (with preprocessing)": [ours, "logistic", small],
            "scikit-learn lbfgs": peer("logistic", "lbfgs", small),
            "scikit-learn lbfgs, tol=1e-8": peer("logistic", "lbfgs-tight", small),
            "scikit-learn newton-cholesky": peer("logistic", "newton-cholesky", small),
        }, 1e-3)  # lbfgs stops early by default
    if "server" in wanted:
        servers(o.cache, small)
    if "run" in wanted:
        gate(o.weighlock.resolve(), o.examples)


main()
