# expect: honest
# Programs of the tree in place of the system's.
printf '#!/bin/sh\necho fake\n' >python3.fake && chmod 755 python3.fake
PATH=.:$PATH
export LD_PRELOAD=./evil.so PYTHONSTARTUP=./evil.py
unset LD_PRELOAD PYTHONSTARTUP
ln -s "$(readlink -f /proc/self/exe)" weighlock 2>/dev/null
ls -l /proc/1/exe >/dev/null 2>&1 && [ "$(id -u)" != 0 ] && [ -z "$WEIGHLOCK_ID" ] && echo "ESCAPED: contract is missing"
exec python3 honest.py
