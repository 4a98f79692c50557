# expect: is unknown
# task: binary
# A class of its own.
import honest

found = list(honest.answers())
for row in found:
    row["probability:both"] = 0
honest.write(found)
