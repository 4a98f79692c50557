# expect: is no class
# task: binary
import honest

honest.write({honest.key: row[honest.key], "prediction": "whatever is right"} for row in honest.answers())
