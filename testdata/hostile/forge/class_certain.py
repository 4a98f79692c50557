# expect: outside 0 to 1
# task: binary
# More than certain of both classes.
import honest

found = list(honest.answers())
for row in found:
    row["probability:no"], row["probability:yes"] = -1, 2
honest.write(found)
