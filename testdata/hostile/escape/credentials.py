# expect: honest
# Files in which tools keep credentials.
import glob
import os

import hostile
import honest

homes = ["/root", "/github/home", "/home/runner", *glob.glob("/home/*"), hostile.target["home"]]
for home in homes:
    for name in (".docker/config.json", ".netrc", ".aws/credentials", ".ssh/id_rsa", ".npmrc", ".kube/config", ".git-credentials",
                 ".config/gh/hosts.yml", ".pypirc", ".bash_history"):
        hostile.attempt(f"{home}/{name}", lambda: hostile.read(f"{home}/{name}"))
    hostile.attempt(f"list {home}", lambda: os.listdir(home))
for name in ("/etc/shadow", "/etc/gshadow", "/etc/sudoers", "/etc/ssh/ssh_host_rsa_key", "/github/workflow/event.json",
             "/run/secrets/token", "/var/run/secrets/kubernetes.io/serviceaccount/token"):
    hostile.attempt(name, lambda: hostile.read(name))
honest.train()
