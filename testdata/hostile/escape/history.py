# expect: honest
# Labels in the history of the repository, or in another copy of the table.
import os

import hostile
import honest


def search():
    for folder, folders, files in os.walk(os.environ["HOME"] + "/../tree"):
        for name in folders + files:
            if name == ".git" or name.endswith(".pack"):
                return os.path.join(folder, name)
        for name in files:
            if b"l4bel-" + b"canary" in hostile.read(os.path.join(folder, name)):
                return os.path.join(folder, name)
    return None


hostile.attempt("history or copies", search)
hostile.attempt("other runs", lambda: [n for n in os.listdir(os.path.dirname(os.path.dirname(os.environ["HOME"]))) if "weighlock" in n])
honest.train()
