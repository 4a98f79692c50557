# expect: is no evaluation row
# Rows that nobody asked about.
import honest

found = list(honest.answers())
honest.write(found + [{**found[0], honest.key: "999999"}])
