// SPDX-License-Identifier: GPL-2.0-only
/*
 * host/evict.c: residency by mincore(2) and cachestat(2), eviction that is verified, warming.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "host/evict.h"

#ifndef SYS_cachestat
#define SYS_cachestat 451
#endif

#define TMPFS_TYPE   0x01021994
#define RAMFS_TYPE   0x858458f6
#define MINCORE_STEP (256ULL << 20)
#define WARM_STEP    (1ULL << 20)
#define TRIES        12

/* The kernel's, which the C library's headers have only from 6.5 on. */
struct cache_range {
	uint64_t off;
	uint64_t len;
};

struct cache_stat {
	uint64_t cache, dirty, writeback, evicted, recently_evicted;
};

static uint64_t page_size(void)
{
	return (uint64_t)sysconf(_SC_PAGESIZE);
}

/*
 * Since 5.2 mincore() says "all resident" of files that the caller neither owns nor may write, for the page
 * cache tells what others do.
 */
static bool may_know(int fd, const struct stat *st)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return geteuid() == 0 || st->st_uid == geteuid() ||
	       !faccessat(AT_FDCWD, path, W_OK, AT_EACCESS);
}

int host_resident_range(int fd, uint64_t offset, uint64_t len, uint64_t *resident)
{
	uint64_t page = page_size();
	uint64_t at = offset - offset % page;
	uint64_t end = offset + len;
	unsigned char *vec;
	struct stat st;
	int ret = 0;

	*resident = 0;
	if (fstat(fd, &st))
		return -errno;
	if (!may_know(fd, &st))
		return -EPERM;
	if (end < offset || end > (uint64_t)st.st_size)
		end = (uint64_t)st.st_size;
	vec = malloc(MINCORE_STEP / page);
	if (!vec)
		return -ENOMEM;
	while (at < end) {
		size_t step = (size_t)(end - at < MINCORE_STEP ? end - at : MINCORE_STEP);
		/* a mapping that is never touched makes no page-table entries, so it changes nothing */
		void *map = mmap(NULL, step, PROT_READ, MAP_SHARED, fd, (off_t)at);

		if (map == MAP_FAILED) {
			ret = -errno;
			break;
		}
		if (mincore(map, step, vec))
			ret = -errno;
		(void)munmap(map, step);
		if (ret)
			break;
		for (uint64_t i = 0; i < (step + page - 1) / page; i++) {
			uint64_t from = at + i * page;
			uint64_t to = from + page;

			if (!(vec[i] & 1))
				continue;
			from = from < offset ? offset : from;
			to = to > end ? end : to;
			*resident += to - from;
		}
		at += step;
	}
	free(vec);
	return ret;
}

int host_residency(int fd, struct host_residency *res, struct host_err *err)
{
	struct cache_range range = {0, 0};
	struct cache_stat cs;
	struct stat st;
	int ret;

	memset(res, 0, sizeof(*res));
	res->dirty = HOST_UNKNOWN;
	res->evicted = HOST_UNKNOWN;
	if (fstat(fd, &st))
		return host_fail(err, -errno, "cannot look at the file: %s", strerror(errno));
	res->size = (uint64_t)st.st_size;
	ret = host_resident_range(fd, 0, res->size, &res->resident);
	if (ret == -EPERM)
		return host_fail(
			err, ret,
			"the kernel tells what is cached of a file to its owner only: run as "
			"its owner or as root, or make it writable for you");
	if (ret)
		return host_fail(err, ret, "cannot ask what is cached of the file: %s",
				 strerror(-ret));
	if (!syscall(SYS_cachestat, fd, &range, &cs, 0U)) {
		res->dirty = (cs.dirty + cs.writeback) * page_size();
		res->evicted = cs.evicted * page_size();
	}
	return 0;
}

/* Does /proc/PID/maps show the file? */
static bool maps_file(const char *pid, const struct stat *st, const char *path)
{
	char name[64];
	char *line = NULL;
	size_t cap = 0;
	bool found = false;
	FILE *f;

	(void)snprintf(name, sizeof(name), "/proc/%.20s/maps", pid);
	f = fopen(name, "re");
	if (!f)
		return false;
	while (!found && getline(&line, &cap, f) > 0) {
		unsigned int maj, min;
		unsigned long long ino;
		int at = 0;

		if (sscanf(line, "%*s %*s %*s %x:%x %llu %n", &maj, &min, &ino, &at) < 3 || !ino ||
		    ino != (unsigned long long)st->st_ino)
			continue;
		line[strcspn(line, "\n")] = '\0';
		/* btrfs and overlay show another device here than in stat(): then the name decides */
		found = makedev(maj, min) == st->st_dev || (at && !strcmp(line + at, path));
	}
	free(line);
	(void)fclose(f);
	return found;
}

static void find_mappers(int fd, const struct stat *st, char *text, size_t size)
{
	char path[HOST_PATH_MAX] = "";
	char link[64];
	struct dirent *d;
	size_t len = 0;
	DIR *dp;

	text[0] = '\0';
	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	if (readlink(link, path, sizeof(path) - 1) < 0)
		path[0] = '\0';
	dp = opendir("/proc");
	if (!dp)
		return;
	while ((d = readdir(dp)) && len + 1 < size) {
		char name[300];
		char comm[64];
		int n;

		if (d->d_name[0] < '1' || d->d_name[0] > '9' || !maps_file(d->d_name, st, path))
			continue;
		(void)snprintf(name, sizeof(name), "/proc/%s/comm", d->d_name);
		if (host_file_read(name, comm, sizeof(comm)) < 0)
			continue;
		/* our janitor inherited the mapping, but none of its page-table entries */
		if (!strcmp(comm, "faultline-undo"))
			continue;
		n = snprintf(text + len, size - len, "%s%s (pid %.20s)", len ? ", " : "", comm,
			     d->d_name);
		if (n > 0)
			len += (size_t)n;
	}
	closedir(dp);
}

int host_evict(int fd, void *map, size_t map_len, struct host_evict_result *res,
	       struct host_err *err)
{
	struct host_residency now;
	struct statfs fs;
	struct stat st;
	char left[32];
	int ret;

	memset(res, 0, sizeof(*res));
	if (fstat(fd, &st) || fstatfs(fd, &fs))
		return host_fail(err, -errno, "cannot look at the file: %s", strerror(errno));
	res->size = (uint64_t)st.st_size;
	if ((unsigned long)fs.f_type == TMPFS_TYPE || (unsigned long)fs.f_type == RAMFS_TYPE)
		return host_fail(err, -ENOTSUP,
				 "the file lives in memory (tmpfs): put it on a drive");
	/* dirty pages cannot be dropped; a read-only file system has none */
	if (fsync(fd) && errno != EROFS && errno != EINVAL)
		return host_fail(err, -errno, "cannot write the file back: %s", strerror(errno));
	ret = host_residency(fd, &now, err);
	if (ret)
		return ret;
	res->before = now.resident;
	/*
	 * Even if nothing is resident: reclaim leaves a shadow entry for each page that it took, and a page
	 * that comes back to one counts as a refault and may go to the active list at once. A run's reclaim
	 * would depend on the run before it. This drops them.
	 */
	(void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	for (res->tries = 0; res->tries < TRIES; res->tries++) {
		ret = host_residency(fd, &now, err);
		if (ret)
			return ret;
		res->left = now.resident;
		if (!now.resident)
			return 0;
		/* pages in flight, or referenced for a moment by somebody: wait a little longer each time */
		if (res->tries)
			host_sleep_ns((uint64_t)res->tries * 15000000ULL);
		if (map && madvise(map, map_len, MADV_DONTNEED))
			return host_fail(err, -errno, "cannot unmap the file's pages: %s",
					 strerror(errno));
		(void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	}
	ret = host_residency(fd, &now, err);
	if (ret)
		return ret;
	res->left = now.resident;
	if (!res->left)
		return 0;
	find_mappers(fd, &st, res->mapped_by, sizeof(res->mapped_by));
	return host_fail(err, -EBUSY, "%s of the file stay in the page cache%s%s",
			 host_size_format(res->left, left, sizeof(left)),
			 res->mapped_by[0] ? ": mapped by " : " (locked, or in use elsewhere)",
			 res->mapped_by);
}

int host_warm(int fd, uint64_t offset, uint64_t len, host_progress_fn progress, void *arg)
{
	uint64_t done = 0;
	struct stat st;
	int ret = 0;
	char *buf;

	if (fstat(fd, &st))
		return -errno;
	if (offset > (uint64_t)st.st_size)
		offset = (uint64_t)st.st_size;
	if (!len || len > (uint64_t)st.st_size - offset)
		len = (uint64_t)st.st_size - offset;
	buf = malloc(WARM_STEP);
	if (!buf)
		return -ENOMEM;
	/* read-ahead would allocate large folios; this flag belongs to the open file, so it is reset below */
	(void)posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM);
	while (done < len) {
		size_t want = (size_t)(len - done < WARM_STEP ? len - done : WARM_STEP);
		ssize_t n = pread(fd, buf, want, (off_t)(offset + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			ret = -errno;
		if (n <= 0)
			break;
		done += (uint64_t)n;
		if (progress && progress(arg, done, len)) {
			ret = -ECANCELED;
			break;
		}
	}
	(void)posix_fadvise(fd, 0, 0, POSIX_FADV_NORMAL);
	free(buf);
	return ret;
}
