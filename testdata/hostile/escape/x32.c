// expect: any
// The numbers of the x32 instruction set.
#include "hostile.h"

int main(void) {
#ifdef __x86_64__
  attempt("x32 socket", syscall(0x40000000 | SYS_socket, AF_INET, SOCK_STREAM, 0));
  attempt("x32 ptrace", syscall(0x40000000 | 521, PTRACE_ATTACH, getppid(), 0, 0));
#endif
  return honest();
}
