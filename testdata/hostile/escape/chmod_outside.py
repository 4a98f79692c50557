# expect: honest
# Modes, owners and times of files outside; the test looks at the label file afterwards.
import os

import hostile
import honest

labels = hostile.target["labels"]
for what, action in {
    "chmod": lambda: os.chmod(labels, 0o600), "chown": lambda: os.chown(labels, os.getuid(), os.getgid()),
    "utime": lambda: os.utime(labels, (1, 1)), "setxattr": lambda: os.setxattr(labels, "user.x", b"y"),
}.items():
    try:
        action()  # it may claim to have worked; what counts is the file
        print(what, "claims to have worked")
    except OSError as error:
        print(what, error)
honest.train()
