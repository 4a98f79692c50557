// expect: honest
// The processes around it as a debugger.
#include "hostile.h"

int main(void) {
  pid_t pids[] = {getppid(), atoi(target("pid")), 1};
  for (int i = 0; i < 3; i++) {
    attempt("attach", ptrace(PTRACE_ATTACH, pids[i], 0, 0));
    attempt("seize", ptrace(PTRACE_SEIZE, pids[i], 0, 0));
    char buffer[16];
    struct iovec mine = {buffer, sizeof buffer}, theirs = {(void *)0x400000, sizeof buffer};
    attempt("read memory", process_vm_readv(pids[i], &mine, 1, &theirs, 1, 0));
    attempt("write memory", process_vm_writev(pids[i], &mine, 1, &theirs, 1, 0));
    attempt("kcmp", syscall(SYS_kcmp, pids[i], getpid(), 0, 0, 0));
  }
  return honest();
}
