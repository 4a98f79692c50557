# expect: honest
# Tokens in its own environment.
import os

import hostile
import honest

hostile.attempt("environment", lambda: [v for v in os.environ.values() if "canary" in v])
hostile.attempt("names", lambda: [n for n in os.environ if "TOKEN" in n or "SECRET" in n or n.startswith(("GITHUB_", "ACTIONS_"))])
honest.train()
