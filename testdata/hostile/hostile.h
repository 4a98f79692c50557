// What the hostile C programs share: attempts that print ESCAPED when they work, and the honest end.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void attempt(const char *what, long result) {
  if (result >= 0)
    printf("ESCAPED: %s: %ld\n", what, result);
  else
    printf("%s: %s\n", what, strerror(errno));
  fflush(stdout);
}

// target reads a text value of targets.json; the test writes it without escapes.
static const char *target(const char *name) {
  static char text[65536], found[4096];
  FILE *f = fopen("targets.json", "r");
  size_t n = f ? fread(text, 1, sizeof text - 1, f) : 0;
  if (f) fclose(f);
  text[n] = 0;
  char key[128];
  snprintf(key, sizeof key, "\"%s\":", name);
  char *at = strstr(text, key);
  if (!at) return "";
  at += strlen(key);
  if (*at == '"') at++;
  size_t length = strcspn(at, "\",}");
  snprintf(found, sizeof found, "%.*s", (int)length, at);
  return found;
}

static int honest(void) {
  execlp("python3", "python3", "honest.py", (char *)0);
  perror("python3");
  return 1;
}
