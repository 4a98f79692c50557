// expect: honest
// Another view of the files.
#include "hostile.h"

int main(void) {
  attempt("mount", mount("none", ".", "tmpfs", 0, ""));
  attempt("bind", mount("/", ".", 0, MS_BIND, 0));
  attempt("umount", umount2("/proc", MNT_DETACH));
  attempt("chroot", chroot("."));
  attempt("pivot_root", syscall(SYS_pivot_root, ".", "."));
  attempt("fsopen", syscall(SYS_fsopen, "tmpfs", 0));
  attempt("open_tree", syscall(SYS_open_tree, AT_FDCWD, "/", 1));
  attempt("move_mount", syscall(SYS_move_mount, AT_FDCWD, "/", AT_FDCWD, ".", 0));
  return honest();
}
