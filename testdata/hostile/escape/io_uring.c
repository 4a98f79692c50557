// expect: honest
// Work for the kernel that no filter sees.
#include "hostile.h"

int main(void) {
  char parameters[512] = {0};
  attempt("io_uring_setup", syscall(425, 8, parameters));
  attempt("io_uring_enter", syscall(426, 0, 0, 0, 0, 0, 0));
  attempt("io_uring_register", syscall(427, 0, 0, 0, 0));
  attempt("bpf", syscall(SYS_bpf, 0, parameters, sizeof parameters));
  attempt("userfaultfd", syscall(SYS_userfaultfd, 0));
  attempt("perf_event_open", syscall(SYS_perf_event_open, parameters, 0, -1, -1, 0));
  return honest();
}
