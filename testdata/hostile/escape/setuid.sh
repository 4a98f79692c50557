# expect: honest
# Programs that run as somebody else.
cp /usr/bin/id ./id && chmod 6755 ./id 2>/dev/null
if [ "$(./id -u 2>/dev/null)" = 0 ] && [ "$(id -u)" != 0 ]; then echo "ESCAPED: own setuid program"; fi
for program in "su -c id" "sudo -n id" "newgrp root" "mount -t tmpfs none ." "passwd -d root" "chsh -s /bin/sh root" "pkexec id"; do
  if out=$($program </dev/null 2>/dev/null) && echo "$out" | grep -q 'uid=0'; then echo "ESCAPED: $program"; fi
done
grep -q 'NoNewPrivs:[[:space:]]*1' /proc/self/status || echo "ESCAPED: new privileges are possible"
exec python3 honest.py
