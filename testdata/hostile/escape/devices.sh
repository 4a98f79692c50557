# expect: honest
# Disks, memory and terminals as files.
mknod disk b 8 0 2>/dev/null && echo "ESCAPED: block device"
mknod memory c 1 1 2>/dev/null && echo "ESCAPED: character device"
for device in /dev/sda /dev/vda /dev/mem /dev/kmem /dev/kmsg /dev/port /dev/tty /dev/console /dev/pts/0 /dev/fuse /dev/kvm /dev/net/tun /dev/loop0 /proc/kcore /proc/kmsg; do
  if head -c 1 "$device" >/dev/null 2>&1; then echo "ESCAPED: read $device"; fi
  if (: >>"$device") 2>/dev/null; then echo "ESCAPED: write $device"; fi
done
for file in /proc/sysrq-trigger /proc/sys/kernel/core_pattern /proc/sys/kernel/modprobe /sys/kernel/uevent_helper /sys/fs/cgroup/release_agent /proc/self/oom_score_adj_outside; do
  if (echo x >>"$file") 2>/dev/null; then echo "ESCAPED: write $file"; fi
done
exec python3 honest.py
