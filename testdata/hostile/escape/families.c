// expect: honest
// A socket of every family and type.
#include "hostile.h"

int main(void) {
  for (int family = 0; family < 64; family++)
    for (int type = 1; type <= 6; type++)
      for (int protocol = 0; protocol <= 1; protocol++)
        if (socket(family, type, protocol) >= 0) printf("ESCAPED: socket(%d, %d, %d)\n", family, type, protocol);
  fflush(stdout);
  return honest();
}
