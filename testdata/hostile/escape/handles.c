// expect: honest
// Files by number instead of by path.
#include "hostile.h"

int main(void) {
  struct { struct file_handle h; char more[128]; } one = {{.handle_bytes = 128}};
  int mount;
  attempt("name_to_handle_at", name_to_handle_at(AT_FDCWD, target("labels"), &one.h, &mount, 0));
  one.h.handle_bytes = 8;
  one.h.handle_type = 1;
  one.h.f_handle[0] = 2;
  attempt("open_by_handle_at", open_by_handle_at(open("/", O_PATH), &one.h, O_RDONLY));
  return honest();
}
