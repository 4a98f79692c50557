// expect: honest
// The end of the judge before it can judge.
#include "hostile.h"

int main(void) {
  // Signal 0 only asks whether one could be sent; what it may do to its own group is its own affair.
  if (strcmp(target("signals"), "true") == 0) {
    attempt("signal to the judge", kill(atoi(target("pid")), 0));
    attempt("signal to the supervisor", kill(getppid(), 0));
  }
  signal(SIGTERM, SIG_IGN);
  signal(SIGHUP, SIG_IGN);
  struct { uint64_t soft, hard; } none = {0, 0};
  attempt("limits of the judge", syscall(SYS_prlimit64, atoi(target("pid")), 1, &none, 0));
  return honest();
}
