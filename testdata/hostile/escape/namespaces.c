// expect: honest
// A world of its own, in which it is root.
#include <linux/sched.h>
#include "hostile.h"

static int nothing(void *x) { return x != 0; }

int main(void) {
  int flags[] = {CLONE_NEWUSER, CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWNET, CLONE_NEWIPC, CLONE_NEWUTS, CLONE_NEWCGROUP, CLONE_NEWUSER | CLONE_NEWNS};
  static char stack[65536];
  for (unsigned i = 0; i < sizeof flags / sizeof *flags; i++) {
    attempt("unshare", unshare(flags[i]));
    attempt("clone", clone(nothing, stack + sizeof stack, flags[i] | SIGCHLD, 0));
    struct clone_args args = {.flags = flags[i], .exit_signal = SIGCHLD};
    long child = syscall(SYS_clone3, &args, sizeof args);
    if (child == 0) _exit(0);
    attempt("clone3", child);
  }
  while (wait(0) > 0) {
  }
  return honest();
}
