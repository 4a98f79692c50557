# expect: honest
# The memory of the process that holds the labels.
import hostile
import honest

for pid in hostile.target["pids"]:
    hostile.attempt(f"maps of {pid}", lambda: hostile.read(f"/proc/{pid}/maps"))

    def memory():
        with open(f"/proc/{pid}/mem", "rb") as f:
            f.seek(0x400000)
            return f.read(16)

    hostile.attempt(f"memory of {pid}", memory)
honest.train()
