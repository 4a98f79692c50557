// expect: honest
// Open files of other processes by a handle on the process.
#include "hostile.h"

int main(void) {
  pid_t pids[] = {getppid(), atoi(target("pid")), 1};
  for (int i = 0; i < 3; i++) {
    int handle = syscall(SYS_pidfd_open, pids[i], 0);
    if (handle < 0) continue;
    for (int fd = 0; fd < 16; fd++)
      if (syscall(SYS_pidfd_getfd, handle, fd, 0) >= 0) printf("ESCAPED: file %d of %d\n", fd, pids[i]);
    attempt("madvise", syscall(SYS_process_madvise, handle, 0, 0, 0, 0));
    attempt("enter namespaces", syscall(SYS_setns, handle, CLONE_NEWNET | CLONE_NEWNS));
  }
  fflush(stdout);
  return honest();
}
