# expect: have no prediction
# Only the rows that are easy.
import honest

found = list(honest.answers())
honest.write(found[: len(found) * 2 // 3])
