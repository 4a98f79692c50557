# Answers requests with a predict script that was written for one table: the interpreter and what it imported stay, and
# the script runs anew for each request, with the same environment variables as in training (docs/training.md).
import os
import runpy
import sys

script, folder = sys.argv[1], sys.argv[2]
sys.argv = [script, *sys.argv[3:]]
sys.path.insert(0, os.path.dirname(os.path.abspath(script)))
requests, answers = open(folder + "/requests"), open(folder + "/answers", "w")
for line in requests:
    where = line.strip()
    os.environ["WEIGHLOCK_EVALUATE"], os.environ["WEIGHLOCK_PREDICTIONS"] = where + "/evaluate.csv", where + "/predictions.csv"
    state = "ok"
    try:
        runpy.run_path(script, run_name="__main__")
    except SystemExit as end:
        if end.code:
            state = "exit code " + repr(end.code)
    except Exception as error:
        state = type(error).__name__ + ": " + " ".join(str(error).split())[:300]
    answers.write(state + "\n")
    answers.flush()
