# expect: finite number
import honest

found = list(honest.answers())
found[0]["prediction"] = "inf"
honest.write(found)
