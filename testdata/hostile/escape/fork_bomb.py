# expect: any
# More processes than a machine can hold; the limit ends it.
import os

import honest

honest.train()
for _ in range(20):
    try:
        if os.fork() == 0:
            while True:
                try:
                    os.fork()
                except OSError:
                    pass
    except OSError as error:
        print(error)
        break
