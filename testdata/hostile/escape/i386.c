// expect: any
// The kernel's door for 32-bit programs, where a socket has another number.
#include "hostile.h"

int main(void) {
#ifdef __x86_64__
  int result;
  __asm__ volatile("int $0x80" : "=a"(result) : "a"(359), "b"(AF_INET), "c"(SOCK_STREAM), "d"(0) : "memory");
  if (result >= 0) printf("ESCAPED: 32-bit socket %d\n", result);
  fflush(stdout);
#endif
  return honest();
}
