# expect: honest
# The labels by symbolic links: from the tree, from the temporary folder, through several.
import os

import hostile
import honest

labels = hostile.target["labels"]
for folder in (".", os.environ["TMPDIR"], os.environ["HOME"], os.environ["WEIGHLOCK_MODEL"]):
    def follow():
        link = os.path.join(folder, "link.csv")
        os.symlink(labels, link)
        try:
            return hostile.read(link)
        finally:
            os.remove(link)

    hostile.attempt(f"link in {folder}", follow)


def chain():
    os.symlink(os.path.dirname(labels), "folder")
    os.symlink("folder/" + os.path.basename(labels), "chain")
    return hostile.read("chain")


hostile.attempt("chain of links", chain)
honest.train()
