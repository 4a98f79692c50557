// expect: honest
// A pair of sockets needs no permission to be made; half of one might be pointed elsewhere.
#include "hostile.h"

int main(void) {
  struct sockaddr_un there = {.sun_family = AF_UNIX};
  strncpy(there.sun_path, target("unix_datagram"), sizeof there.sun_path - 1);
  for (int type = 1; type <= 5; type++) {
    int pair[2];
    if (socketpair(AF_UNIX, type, 0, pair) < 0) {
      printf("pair %d: %s\n", type, strerror(errno));
      continue;
    }
    long sent = sendto(pair[0], "canary", 6, 0, (struct sockaddr *)&there, sizeof there);
    char back[8];
    if (sent >= 0 && recv(pair[1], back, sizeof back, MSG_DONTWAIT) == sent) printf("pair %d: it went to the other half\n", type);
    else attempt("send to a socket outside", sent);
    attempt("connect to a socket outside", connect(pair[0], (struct sockaddr *)&there, sizeof there));
    attempt("listen", listen(pair[1], 1));
  }
  return honest();
}
