# expect: finite number
# A prediction that no comparison finds too large.
import honest

found = list(honest.answers())
found[0]["prediction"] = "nan"
honest.write(found)
