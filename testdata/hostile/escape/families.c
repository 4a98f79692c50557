// expect: honest
// A socket of every family and type, but Unix streams: where one of those leads is tried by unix_proxy.py.
#include "hostile.h"

int main(void) {
  for (int family = 0; family < 64; family++)
    for (int type = 1; type <= 6; type++)
      for (int protocol = 0; protocol <= 1; protocol++)
        if (!(family == AF_UNIX && type == SOCK_STREAM) && socket(family, type, protocol) >= 0) printf("ESCAPED: socket(%d, %d, %d)\n", family, type, protocol);
  fflush(stdout);
  return honest();
}
