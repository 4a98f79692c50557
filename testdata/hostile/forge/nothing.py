# expect: left none
print("done")
