// expect: honest
// Root, or any other user, by asking.
#include <grp.h>
#include <linux/capability.h>
#include "hostile.h"

int main(void) {
  if (getuid() == 0 || geteuid() == 0) printf("ESCAPED: it is root\n");
  attempt("setuid", setuid(0));
  attempt("setresuid", setresuid(0, 0, 0));
  attempt("setgid", setgid(0));
  gid_t root = 0;
  attempt("setgroups", setgroups(1, &root));
  if (getgroups(0, 0) > 0 && strcmp(target("plain"), "true") != 0) printf("ESCAPED: it has groups\n");
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[2] = {{~0u, ~0u, ~0u}, {~0u, ~0u, ~0u}};
  attempt("capset", syscall(SYS_capset, &header, data));
  memset(data, 0, sizeof data);
  syscall(SYS_capget, &header, data);
  if (data[0].effective || data[0].permitted || data[1].effective) printf("ESCAPED: it has capabilities %x\n", data[0].effective);
  fflush(stdout);
  return honest();
}
