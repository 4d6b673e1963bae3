//go:build cgo

// What happens before the Go runtime starts: a process with several threads
// cannot enter a user namespace (unshare(2)), and Go's always has several.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "enter_linux.h"

int tidegate_run_errno = 0;
int tidegate_run_step = TIDEGATE_RUN_NOT_ASKED;
unsigned long long tidegate_run_ignored = 0;

// asked says whether the command line is: PROGRAM run --inside=...
static int asked(void) {
	static const char want[] = "run\0--inside=";
	char line[4096];
	int fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	ssize_t n = read(fd, line, sizeof line);
	close(fd);
	if (n <= 0)
		return 0;
	const char *rest = memchr(line, 0, n);
	if (!rest)
		return 0;
	rest++;
	size_t left = n - (rest - line);
	return left >= sizeof want - 1 && memcmp(rest, want, sizeof want - 1) == 0;
}

static int put(const char *path, const char *text) {
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	ssize_t n = write(fd, text, strlen(text));
	int why = errno;
	close(fd);
	errno = why;
	return n == (ssize_t)strlen(text) ? 0 : -1;
}

static int failed(int step) {
	tidegate_run_errno = errno;
	tidegate_run_step = step;
	return -1;
}

static int enter(void) {
	char uid[64], gid[64];
	snprintf(uid, sizeof uid, "%u %u 1\n", geteuid(), geteuid());
	snprintf(gid, sizeof gid, "%u %u 1\n", getegid(), getegid());
	if (unshare(CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWNS) < 0)
		return failed(TIDEGATE_RUN_UNSHARE);
	if (put("/proc/self/setgroups", "deny") < 0 || put("/proc/self/uid_map", uid) < 0 || put("/proc/self/gid_map", gid) < 0)
		return failed(TIDEGATE_RUN_MAP);
	tidegate_run_step = TIDEGATE_RUN_ENTERED;
	return 0;
}

__attribute__((constructor)) static void begin(void) {
	for (int s = 1; s < 64; s++) { // Go does not tell which were ignored
		struct sigaction a;
		if (sigaction(s, NULL, &a) == 0 && a.sa_handler == SIG_IGN)
			tidegate_run_ignored |= 1ULL << s;
	}
	if (asked())
		enter();
}
