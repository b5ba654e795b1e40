// SPDX-License-Identifier: GPL-2.0-only
/*
 * host/cgroup.c: moves, emptying and removal of cgroup directories, either version, by path.
 *
 * The janitor runs these after a fork from a process with threads: no malloc, no stdio, no opendir.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "host/host_int.h"

/* dir + "/" + name without snprintf(); false if it does not fit. */
static bool join(char *buf, size_t size, const char *dir, const char *name)
{
	size_t d = strlen(dir);
	size_t n = strlen(name);

	if (d + 1 + n + 1 > size)
		return false;
	memcpy(buf, dir, d);
	buf[d] = '/';
	memcpy(buf + d + 1, name, n + 1);
	return true;
}

static int write_in(const char *dir, const char *name, const char *text)
{
	char path[HOST_PATH_MAX];

	return join(path, sizeof(path), dir, name) ? host_file_write(path, text) : -ENAMETOOLONG;
}

static bool exists_in(const char *dir, const char *name)
{
	char path[HOST_PATH_MAX];

	return join(path, sizeof(path), dir, name) && !access(path, F_OK);
}

/* One pass over the processes of @from: how many were seen; *last_error of the moves that failed. */
static int move_pass(const char *from, const char *to, int *last_error)
{
	char path[HOST_PATH_MAX];
	char buf[4096];
	size_t kept = 0;
	int seen = 0;
	int fd;

	*last_error = 0;
	if (!join(path, sizeof(path), from, "cgroup.procs"))
		return -ENAMETOOLONG;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	for (;;) {
		ssize_t n = read(fd, buf + kept, sizeof(buf) - 1 - kept);
		char *p = buf;
		char *nl;

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		buf[kept + (size_t)n] = '\0';
		while ((nl = strchr(p, '\n'))) {
			int ret;

			*nl = '\0';
			seen++;
			/* "0" is a process of another pid namespace, but written it would mean ourselves */
			ret = strcmp(p, "0") ? write_in(to, "cgroup.procs", p) : -EPERM;
			/* ESRCH: it ended meanwhile, as it should */
			if (ret && ret != -ESRCH)
				*last_error = ret;
			p = nl + 1;
		}
		kept = strlen(p);
		memmove(buf, p, kept);
	}
	close(fd);
	return seen;
}

int host_cg_move_all(const char *from, const char *to)
{
	int err = 0;

	/* a process that forks while we read shows its child in the next pass only */
	for (int pass = 0; pass < 20; pass++) {
		int seen = move_pass(from, to, &err);

		if (seen <= 0)
			return seen;
		if (err && pass >= 5)
			break;
	}
	return err ? err : -EBUSY;
}

int host_cg_empty(const char *dir)
{
	char path[HOST_PATH_MAX];
	char buf[32];
	int ret;

	if (exists_in(dir, "memory.force_empty"))
		return write_in(dir, "memory.force_empty", "0");
	if (!join(path, sizeof(path), dir, "memory.current"))
		return -ENAMETOOLONG;
	if (!exists_in(dir, "memory.reclaim"))
		return write_in(dir, "memory.high", "0");
	ret = -EAGAIN;
	for (int pass = 0; pass < 8 && ret == -EAGAIN; pass++) {
		if (host_file_read(path, buf, sizeof(buf)) <= 0 || !strcmp(buf, "0"))
			return 0;
		/* EAGAIN: less than asked for was reclaimed, kernel memory never is */
		ret = write_in(dir, "memory.reclaim", buf);
	}
	return ret;
}

int host_cg_destroy(const char *dir, uint64_t ns)
{
	uint64_t end = host_now_ns() + ns;
	uint64_t pause = 1000000;
	int ret;

	for (;;) {
		(void)host_cg_empty(dir);
		if (!rmdir(dir))
			return 0;
		ret = -errno;
		if (ret == -ENOENT)
			return 0;
		/* EBUSY: a process is still ending, or (v1) a reference is still held */
		if (ret != -EBUSY || host_now_ns() >= end)
			return ret;
		host_sleep_ns(pause);
		if (pause < 50000000)
			pause *= 2;
	}
}

bool host_cg_parse_name(const char *name, int *pid, uint64_t *start, uint64_t *pidns)
{
	uint64_t field[3];
	const char *p = name + strlen(HOST_CG_PREFIX);

	if (strncmp(name, HOST_CG_PREFIX, strlen(HOST_CG_PREFIX)) != 0)
		return false;
	p += strcspn(p, ".");
	for (int i = 0; i < 3; i++) {
		char *end;

		if (*p != '.' || p[1] < '0' || p[1] > '9')
			return false;
		field[i] = strtoull(p + 1, &end, 10);
		p = end;
	}
	if (*p || field[0] > 0x7fffffff)
		return false;
	*pid = (int)field[0];
	*start = field[1];
	*pidns = field[2];
	return true;
}

/* Is there a limited group of ours in @dir? */
static bool has_groups(const char *dir)
{
	char buf[4096] __attribute__((aligned(8)));
	bool found = false;
	long n;
	int fd;

	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return false;
	while (!found && (n = syscall(SYS_getdents64, fd, buf, sizeof(buf))) > 0) {
		for (long at = 0; at < n && !found;) {
			const struct dirent64 *d = (const void *)(buf + at);
			uint64_t start, pidns;
			int pid;

			found = host_cg_parse_name(d->d_name, &pid, &start, &pidns);
			at += d->d_reclen;
		}
	}
	close(fd);
	return found;
}

int host_cg_lock(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	while (flock(fd, LOCK_EX) && errno == EINTR)
		;
	return fd;
}

int host_cg_home_undo(const char *dir)
{
	char home[HOST_PATH_MAX];
	int ret = 0;
	int lock;

	if (!join(home, sizeof(home), dir, HOST_CG_HOME))
		return -ENAMETOOLONG;
	lock = host_cg_lock(dir);
	if (lock < 0)
		return lock;
	if (access(home, F_OK))
		goto out;
	if (has_groups(dir)) {
		ret = -EBUSY;
		goto out;
	}
	/* the controller first: a group that has any for its children may not hold processes */
	ret = write_in(dir, "cgroup.subtree_control", "-memory");
	if (ret)
		goto out;
	ret = host_cg_move_all(home, dir);
	/* a process that is just ending is in no list any more, but holds the group for a moment */
	for (int i = 0; !ret && rmdir(home); i++) {
		if (errno != EBUSY || i == 200)
			ret = -errno;
		else
			host_sleep_ns(10000000);
	}
out:
	close(lock);
	return ret;
}
