# expect: want a finite number
import honest

found = list(honest.answers())
found[0]["prediction"] = "as the label says"
honest.write(found)
