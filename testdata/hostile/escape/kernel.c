// expect: honest
// The kernel's own affairs: modules, clock, keys, log, restart.
#include "hostile.h"

int main(void) {
  attempt("init_module", syscall(SYS_init_module, "", 0, ""));
  attempt("finit_module", syscall(SYS_finit_module, 0, "", 0));
  attempt("kexec", syscall(SYS_kexec_load, 0, 0, 0, 0));
  attempt("reboot", syscall(SYS_reboot, 0, 0, 0, 0));
  attempt("sethostname", sethostname("x", 1));
  attempt("log", syscall(SYS_syslog, 3, target("labels"), 16));
  attempt("add_key", syscall(SYS_add_key, "user", "canary", "x", 1, -3));
  attempt("keyctl", syscall(SYS_keyctl, 0, -3, 1));
  struct timespec now = {1, 1};
  attempt("clock", clock_settime(CLOCK_REALTIME, &now));
  attempt("acct", acct("x"));
  attempt("swapon", syscall(SYS_swapon, "honest.py", 0));
  attempt("quotactl", syscall(SYS_quotactl, 0, "", 0, 0));
  return honest();
}
