// SPDX-License-Identifier: GPL-2.0-only
/*
 * host/child.c: what the small processes that we fork have in common; see host_int.h.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "host/host_int.h"

#ifndef SYS_close_range
#define SYS_close_range 436
#endif

pid_t host_bare_fork(unsigned long flags)
{
#if defined(__s390__) || defined(__CRIS__)
	return (pid_t)syscall(SYS_clone, NULL, flags, NULL, NULL, NULL);
#else
	return (pid_t)syscall(SYS_clone, flags, NULL, NULL, NULL, NULL);
#endif
}

/* Without close_range(2) (5.9) by asking /proc, for the limit may be a billion. */
void host_child_close_all(void)
{
	char buf[4096];
	struct dirent64_head {
		uint64_t ino;
		int64_t off;
		uint16_t len;
		uint8_t type;
		char name[];
	};
	bool again = true;
	int dir;

	if (!syscall(SYS_close_range, 1U, ~0U, 0U))
		return;
	dir = open("/proc/self/fd", O_RDONLY | O_DIRECTORY);
	while (dir >= 0 && again) {
		long n;

		again = false;
		(void)lseek(dir, 0, SEEK_SET);
		while ((n = syscall(SYS_getdents64, dir, buf, sizeof(buf))) > 0) {
			for (long at = 0; at < n;) {
				const struct dirent64_head *d = (const void *)(buf + at);
				int fd = 0;

				for (const char *s = d->name; *s >= '0' && *s <= '9'; s++)
					fd = fd * 10 + (*s - '0');
				if (fd > 0 && fd != dir && !close(fd))
					again = true;
				at += d->len;
			}
		}
	}
	if (dir > 0) {
		close(dir);
		return;
	}
	for (int fd = 1; fd < 65536; fd++)
		close(fd);
}
