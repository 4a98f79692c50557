# expect: undefined
# Finite, but not when squared.
import honest

found = list(honest.answers())
for row in found:
    row["prediction"] = "1e308"
honest.write(found)
