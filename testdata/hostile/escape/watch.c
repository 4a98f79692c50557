// expect: honest
// What happens in folders that it may not read.
#include <sys/fanotify.h>
#include <sys/inotify.h>
#include "hostile.h"

int main(void) {
  int fd = inotify_init1(0);
  attempt("watch a folder", fd < 0 ? -1 : inotify_add_watch(fd, target("home"), IN_ALL_EVENTS));
  attempt("fanotify", fanotify_init(0, 0));
  return honest();
}
