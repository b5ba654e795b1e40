// SPDX-License-Identifier: GPL-2.0-only
/*
 * host/device.c: from a file to the disks it is on, and the disks' statistics.
 */
#include <dirent.h>
#include <errno.h>
#include <glob.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "host/device.h"
#include "host/host_int.h"

/* dm on md on loop on dm ...: deeper than this is a cycle or a joke */
#define DEPTH_MAX 8

struct walk {
	struct host_device *list;
	int max;
	int count;
};

static int add(struct walk *w, unsigned int major_nr, unsigned int minor_nr, int parent, int depth);

static bool exists_in(const char *dir, const char *name)
{
	char path[HOST_PATH_MAX];

	return !host_path(path, sizeof(path), "%s/%s", dir, name) && !access(path, F_OK);
}

/* Follow "MAJOR:MINOR" in the file @dir/@name. 1: something was added. */
static int add_from_file(struct walk *w, const char *dir, const char *name, int parent, int depth)
{
	char path[HOST_PATH_MAX];
	char text[32];
	unsigned int maj, min;

	if (host_path(path, sizeof(path), "%s/%s", dir, name) ||
	    host_file_read(path, text, sizeof(text)) <= 0 || sscanf(text, "%u:%u", &maj, &min) != 2)
		return 0;
	return add(w, maj, min, parent, depth + 1) >= 0;
}

static int add_slaves(struct walk *w, const char *dir, int parent, int depth)
{
	char path[HOST_PATH_MAX];
	struct dirent *d;
	int found = 0;
	DIR *dp;

	if (host_path(path, sizeof(path), "%s/slaves", dir))
		return 0;
	dp = opendir(path);
	if (!dp)
		return 0;
	while ((d = readdir(dp))) {
		char name[300];

		if (d->d_name[0] == '.')
			continue;
		(void)snprintf(name, sizeof(name), "%s/dev", d->d_name);
		found |= add_from_file(w, path, name, parent, depth);
	}
	closedir(dp);
	return found;
}

static int add_backing_file(struct walk *w, const char *dir, int parent, int depth)
{
	struct host_device below[HOST_DEVICES_MAX];
	char path[HOST_PATH_MAX];
	char file[HOST_PATH_MAX];
	int found = 0;
	int n;

	if (host_path(path, sizeof(path), "%s/loop/backing_file", dir) ||
	    host_file_read(path, file, sizeof(file)) <= 0 || depth >= DEPTH_MAX)
		return 0;
	/* the file's own walk: its file system may have an anonymous device number */
	n = host_devices_of_path(file, below, HOST_DEVICES_MAX);
	for (int i = 0; i < n; i++)
		if (below[i].parent == -1)
			found |= add(w, below[i].major, below[i].minor, parent, depth + 1) >= 0;
	return found;
}

static enum host_device_kind kind_of(const char *dir, const char *name)
{
	if (exists_in(dir, "partition"))
		return HOST_DEVICE_PARTITION;
	if (exists_in(dir, "dm"))
		return HOST_DEVICE_DM;
	if (exists_in(dir, "md"))
		return HOST_DEVICE_MD;
	if (exists_in(dir, "loop/backing_file"))
		return HOST_DEVICE_LOOP;
	return strncmp(name, "zram", 4) ? HOST_DEVICE_DISK : HOST_DEVICE_ZRAM;
}

/* The index in the list, or -errno. A disk that is reached twice (two partitions in one md) is listed once. */
static int add(struct walk *w, unsigned int major_nr, unsigned int minor_nr, int parent, int depth)
{
	struct host_device *d;
	char dir[HOST_PATH_MAX];
	char real[PATH_MAX];
	const char *name;
	int found = 0;
	int me;

	if (depth > DEPTH_MAX)
		return -ELOOP;
	for (int i = 0; i < w->count; i++)
		if (w->list[i].major == major_nr && w->list[i].minor == minor_nr)
			return i;
	if (w->count >= w->max)
		return -ENOSPC;
	if (host_path(dir, sizeof(dir), "/sys/dev/block/%u:%u", major_nr, minor_nr))
		return -ENAMETOOLONG;
	if (!realpath(dir, real))
		return -errno;
	name = strrchr(real, '/') + 1;

	me = w->count++;
	d = &w->list[me];
	memset(d, 0, sizeof(*d));
	/* sysfs writes the '/' of cciss/c0d0 as '!' */
	(void)snprintf(d->name, sizeof(d->name), "%.63s", name);
	for (char *s = d->name; *s; s++)
		if (*s == '!')
			*s = '/';
	d->major = major_nr;
	d->minor = minor_nr;
	d->parent = parent;
	d->kind = kind_of(real, d->name);
	if (d->kind == HOST_DEVICE_PARTITION)
		found = add_from_file(w, real, "../dev", me, depth);
	else if (d->kind == HOST_DEVICE_LOOP)
		found = add_backing_file(w, real, me, depth);
	else
		found = add_slaves(w, real, me, depth);
	w->list[me].leaf = !found;
	return me;
}

int host_devices(dev_t dev, struct host_device *list, int max)
{
	struct walk w = {.list = list, .max = max};
	int ret;

	/* major 0: an anonymous number, of tmpfs, NFS, btrfs, overlay */
	if (!major(dev))
		return 0;
	ret = add(&w, major(dev), minor(dev), -1, 0);
	return ret < 0 ? ret : w.count;
}

/* All devices of the btrfs that @source ("/dev/nvme0n1p2") belongs to. */
static void add_btrfs(struct walk *w, const char *source)
{
	const char *name = strrchr(source, '/');
	char pattern[HOST_PATH_MAX];
	glob_t g;

	if (!name || host_path(pattern, sizeof(pattern), "/sys/fs/btrfs/*/devices/%s", name + 1) ||
	    glob(pattern, GLOB_NOSORT, NULL, &g))
		return;
	if (g.gl_pathc) {
		char *dir = g.gl_pathv[0];
		struct dirent *d;
		DIR *dp;

		*strrchr(dir, '/') = '\0';
		dp = opendir(dir);
		while (dp && (d = readdir(dp))) {
			char file[300];

			(void)snprintf(file, sizeof(file), "%s/dev", d->d_name);
			if (d->d_name[0] != '.')
				(void)add_from_file(w, dir, file, -1, 0);
		}
		if (dp)
			closedir(dp);
	}
	globfree(&g);
}

/* The value of @key= in mount options, cut at the next comma. */
static bool option(const char *options, const char *key, char *buf, size_t size)
{
	size_t len = strlen(key);

	for (const char *p = options; p; p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL) {
		if (strncmp(p, key, len) != 0 || p[len] != '=')
			continue;
		return !host_path(buf, size, "%.*s", (int)strcspn(p + len + 1, ","), p + len + 1);
	}
	return false;
}

int host_devices_of_path(const char *path, struct host_device *list, int max)
{
	struct walk w = {.list = list, .max = max};
	char upper[HOST_PATH_MAX];
	struct host_mount mt;
	struct stat st;

	if (stat(path, &st))
		return -errno;
	if (major(st.st_dev))
		return host_devices(st.st_dev, list, max);
	if (host_mount_of(path, &mt))
		return 0;
	if (!strcmp(mt.fstype, "overlay") && option(mt.options, "upperdir", upper, sizeof(upper)) &&
	    !stat(upper, &st))
		return host_devices(st.st_dev, list, max);
	if (!strcmp(mt.fstype, "btrfs"))
		add_btrfs(&w, mt.source);
	if (!w.count && mt.source[0] == '/' && !stat(mt.source, &st) && S_ISBLK(st.st_mode))
		(void)add(&w, major(st.st_rdev), minor(st.st_rdev), -1, 0);
	return w.count;
}

const char *host_device_kind_name(enum host_device_kind kind)
{
	static const char *const names[] = {"disk", "partition", "dm", "md", "loop", "zram"};

	return (unsigned int)kind < sizeof(names) / sizeof(names[0]) ? names[kind] : "unknown";
}

char *host_devices_text(const struct host_device *list, int n, char *buf, size_t size)
{
	size_t len = 0;

	if (n <= 0) {
		(void)snprintf(buf, size, "no block device");
		return buf;
	}
	for (int i = 0; i < n && len < size; i++) {
		const char *before = i == 0 ? "" : i == 1 ? " on " : ", ";
		int r;

		r = snprintf(buf + len, size - len, "%s%s", before, list[i].name);
		if (r < 0)
			break;
		len += (size_t)r;
	}
	return buf;
}

static int parse_diskstat(const char *text, struct host_diskstat *st)
{
	if (sscanf(text,
		   "%" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64
		   " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64,
		   &st->reads, &st->reads_merged, &st->read_sectors, &st->read_ms, &st->writes,
		   &st->writes_merged, &st->write_sectors, &st->write_ms, &st->in_flight,
		   &st->busy_ms, &st->queue_ms) != 11)
		return -EIO;
	st->when_ns = host_now_ns();
	return 0;
}

int host_diskstat_read(unsigned int major_nr, unsigned int minor_nr, struct host_diskstat *st)
{
	char path[64];
	char text[512];
	ssize_t n;

	memset(st, 0, sizeof(*st));
	(void)snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/stat", major_nr, minor_nr);
	n = host_file_read(path, text, sizeof(text));
	return n < 0 ? (int)n : parse_diskstat(text, st);
}

/* Times are printed as 32 bits, and so is everything on 32-bit machines. */
static uint64_t delta(uint64_t a, uint64_t b)
{
	return b >= a ? b - a : (uint32_t)(b - a);
}

void host_diskstat_diff(const struct host_diskstat *a, const struct host_diskstat *b,
			struct host_diskdiff *d)
{
	uint64_t read_ms = delta(a->read_ms, b->read_ms);
	uint64_t ns = delta(a->when_ns, b->when_ns);

	memset(d, 0, sizeof(*d));
	d->seconds = (double)ns / 1e9;
	d->reads = delta(a->reads, b->reads);
	d->read_bytes = delta(a->read_sectors, b->read_sectors) * 512;
	d->writes = delta(a->writes, b->writes);
	d->write_bytes = delta(a->write_sectors, b->write_sectors) * 512;
	if (d->reads) {
		d->read_await_ms = (double)read_ms / (double)d->reads;
		d->read_size = (double)d->read_bytes / (double)d->reads;
	}
	if (!ns)
		return;
	d->read_iops = (double)d->reads / d->seconds;
	d->read_mibps = (double)d->read_bytes / d->seconds / 1048576;
	d->util = (double)delta(a->busy_ms, b->busy_ms) / 1e3 / d->seconds;
	if (d->util > 1)
		d->util = 1;
	d->queue = (double)delta(a->queue_ms, b->queue_ms) / 1e3 / d->seconds;
}

int host_process_read_bytes(pid_t pid, uint64_t *bytes)
{
	char path[64];
	char text[512];
	ssize_t n;

	if (pid)
		(void)snprintf(path, sizeof(path), "/proc/%d/io", (int)pid);
	else
		(void)snprintf(path, sizeof(path), "/proc/self/io");
	n = host_file_read(path, text, sizeof(text));
	if (n < 0)
		return n == -ENOENT ? -ESRCH : (int)n;
	return host_text_u64(text, "read_bytes:", bytes);
}
