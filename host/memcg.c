// SPDX-License-Identifier: GPL-2.0-only
/*
 * host/memcg.c: life of a limited group: create, enter, limit, leave, remove.
 */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/host_int.h"
#include "host/memcg.h"

#define ENTERED_MAX 16

struct entered {
	pid_t pid;
	uint64_t start; /* the pid may belong to somebody else when we leave */
	char from[HOST_PATH_MAX];
	int undo;
};

struct host_memcg {
	enum host_memcg_version version;
	struct host_cg_mount mount;
	char parent[HOST_PATH_MAX];
	char path[HOST_PATH_MAX];
	uint64_t limit;
	uint64_t swap; /* HOST_UNKNOWN: no bound */
	enum host_memcg_kind kind;
	struct host_janitor *janitor;
	int undo_group;
	int undo_home;
	unsigned int count;
	struct entered entered[ENTERED_MAX];
};

static int write_in(const char *dir, const char *name, const char *text)
{
	char path[HOST_PATH_MAX];
	int ret = host_path(path, sizeof(path), "%s/%s", dir, name);

	return ret ? ret : host_file_write(path, text);
}

static int write_u64_in(const char *dir, const char *name, uint64_t val)
{
	char text[24];

	if (val == HOST_UNKNOWN)
		(void)snprintf(text, sizeof(text), strstr(name, "_in_bytes") ? "-1" : "max");
	else
		(void)snprintf(text, sizeof(text), "%" PRIu64, val);
	return write_in(dir, name, text);
}

static int read_u64_in(const char *dir, const char *name, uint64_t *val)
{
	char path[HOST_PATH_MAX];
	int ret = host_path(path, sizeof(path), "%s/%s", dir, name);

	return ret ? ret : host_file_read_u64(path, val);
}

static bool exists_in(const char *dir, const char *name)
{
	char path[HOST_PATH_MAX];

	return !host_path(path, sizeof(path), "%s/%s", dir, name) && !access(path, F_OK);
}

/* Identifies our pid namespace: pids in names mean something in their own one only. */
static uint64_t own_pidns(void)
{
	struct stat st;

	return stat("/proc/self/ns/pid", &st) ? 0 : (uint64_t)st.st_ino;
}

static bool owner_alive(int pid, uint64_t start)
{
	uint64_t now;

	return !host_pid_start(pid, &now) && now == start;
}

static int sweep_dir(const char *dir)
{
	uint64_t pidns = own_pidns();
	struct dirent *d;
	int count = 0;
	DIR *dp;

	dp = opendir(dir);
	if (!dp)
		return -errno;
	while ((d = readdir(dp))) {
		char path[HOST_PATH_MAX];
		char procs[64];
		uint64_t start, ns;
		int pid;

		if (!host_cg_parse_name(d->d_name, &pid, &start, &ns) || ns != pidns ||
		    owner_alive(pid, start))
			continue;
		/* its owner is dead, but a process that it left inside is alive: not ours to touch */
		if (host_path(path, sizeof(path), "%s/%s/cgroup.procs", dir, d->d_name) ||
		    host_file_read(path, procs, sizeof(procs)) != 0)
			continue;
		path[strlen(path) - strlen("/cgroup.procs")] = '\0';
		if (!host_cg_destroy(path, 200000000))
			count++;
	}
	closedir(dp);
	return count;
}

int host_memcg_sweep(void)
{
	struct host_memcg_probe p;
	int count;
	int ret;

	ret = host_memcg_probe(&p);
	if (ret)
		return ret;
	count = sweep_dir(p.parent);
	if (p.version == HOST_MEMCG_V2)
		(void)host_cg_home_undo(p.parent);
	return count;
}

/*
 * v2: hand the memory controller down to the children of @cg->parent. Anywhere but at the hierarchy's real top the
 * kernel refuses that while processes are in the group itself: they go into a leaf. The leaf also tells
 * later runs that it was us who prepared the group, so that the last one to leave undoes it. The caller
 * holds the lock.
 */
static int prepare_parent(struct host_memcg *cg, struct host_err *err)
{
	char home[HOST_PATH_MAX];
	int ret;

	if (cg->version != HOST_MEMCG_V2)
		return 0;
	if (host_path(home, sizeof(home), "%s/%s", cg->parent, HOST_CG_HOME))
		return -ENAMETOOLONG;
	if (host_cg_list_has(cg->parent, "cgroup.subtree_control", "memory") && access(home, F_OK))
		return 0;
	ret = host_janitor_add(cg->janitor, HOST_UNDO_HOME, cg->parent, NULL);
	if (ret < 0)
		return ret;
	cg->undo_home = ret;
	if (mkdir(home, 0755) && errno != EEXIST)
		return host_fail(err, -errno, "cannot create %s: %s", home, strerror(errno));
	/* only the real top has no cgroup.events, and only it may hold processes beside children */
	if (exists_in(cg->parent, "cgroup.events")) {
		ret = host_cg_move_all(cg->parent, home);
		if (ret)
			return host_fail(err, ret, "cannot move the processes of %s to %s: %s",
					 cg->parent, home, strerror(-ret));
	}
	ret = write_in(cg->parent, "cgroup.subtree_control", "+memory");
	if (ret)
		return host_fail(err, ret, "cannot enable the memory controller below %s: %s",
				 cg->parent, strerror(-ret));
	return 0;
}

static bool name_ok(const char *name)
{
	size_t len = strlen(name);

	return len && len <= 32 &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") ==
		       len;
}

static int make_dir(struct host_memcg *cg, const char *name, struct host_err *err)
{
	uint64_t start;
	int ret;

	ret = host_pid_start(getpid(), &start);
	/* the same process may make several of one name: then the name gets a letter more */
	for (int i = 0; !ret && i < 100; i++) {
		char suffix[16] = "";

		if (i)
			(void)snprintf(suffix, sizeof(suffix), "-%d", i);
		ret = host_path(cg->path, sizeof(cg->path), "%s/%s%s%s.%d.%" PRIu64 ".%" PRIu64,
				cg->parent, HOST_CG_PREFIX, name, suffix, (int)getpid(), start,
				own_pidns());
		if (ret)
			break;
		if (!access(cg->path, F_OK))
			continue;
		ret = host_janitor_add(cg->janitor, HOST_UNDO_MEMCG, cg->path, NULL);
		if (ret < 0)
			break;
		cg->undo_group = ret;
		if (!mkdir(cg->path, 0755))
			return 0;
		ret = -errno;
		break;
	}
	if (!ret)
		ret = -EEXIST;
	host_fail(err, ret, "cannot create the memory cgroup %s: %s", cg->path, strerror(-ret));
	cg->path[0] = '\0';
	return ret;
}

int host_memcg_create(const char *name, uint64_t limit, enum host_memcg_kind kind,
		      struct host_memcg **out, struct host_err *err)
{
	struct host_memcg_probe p;
	struct host_memcg *cg;
	int lock = -1;
	int ret;

	*out = NULL;
	if (!name_ok(name))
		return host_fail(err, -EINVAL, "'%s' cannot be the name of a memory cgroup", name);
	ret = host_memcg_probe(&p);
	if (ret)
		return host_fail(err, ret, "%s", p.reason);
	if (kind == HOST_MEMCG_HIGH && p.version == HOST_MEMCG_V1)
		return host_fail(
			err, -ENOTSUP,
			"a memory limit of the kind high needs cgroup v2, this machine has v1: use max");
	cg = calloc(1, sizeof(*cg));
	if (!cg)
		return host_fail(err, -ENOMEM, "cannot create a memory cgroup: out of memory");
	cg->version = p.version;
	cg->limit = HOST_UNKNOWN;
	cg->swap = HOST_UNKNOWN;
	(void)host_path(cg->parent, sizeof(cg->parent), "%s", p.parent);
	ret = host_cg_find("", &cg->mount);
	if (!ret)
		ret = host_janitor_start(&cg->janitor, err);
	if (ret)
		goto out;
	(void)sweep_dir(cg->parent);
	/* from the preparation until the group exists nobody may undo the preparation */
	lock = host_cg_lock(cg->parent);
	ret = prepare_parent(cg, err);
	if (!ret)
		ret = make_dir(cg, name, err);
	if (lock >= 0)
		close(lock);
	if (ret)
		goto out;
	ret = host_memcg_set_limit(cg, limit, kind, err);
	if (ret)
		goto out;
	*out = cg;
	cg = NULL;
out:
	if (cg)
		(void)host_memcg_remove(cg, NULL);
	return ret;
}

int host_memcg_enter(struct host_memcg *cg, pid_t pid, struct host_err *err)
{
	struct entered *e = &cg->entered[cg->count];
	char text[16];
	int ret;

	if (cg->count >= ENTERED_MAX)
		return host_fail(err, -ENOSPC, "more than %d processes in one memory cgroup",
				 ENTERED_MAX);
	e->pid = pid ? pid : getpid();
	e->undo = 0;
	ret = host_pid_start(e->pid, &e->start);
	if (!ret)
		ret = host_cg_of("", &cg->mount, e->pid, e->from, sizeof(e->from));
	if (!ret && !strcmp(e->from, cg->path))
		return 0;
	/* whoever outlives us goes back to where its first process was; one registration does for all */
	if (!ret && !cg->count) {
		ret = host_janitor_add(cg->janitor, HOST_UNDO_MOVE, cg->path, e->from);
		if (ret > 0) {
			e->undo = ret;
			ret = 0;
		}
	}
	if (!ret) {
		(void)snprintf(text, sizeof(text), "%d", (int)e->pid);
		ret = write_in(cg->path, "cgroup.procs", text);
	}
	if (ret) {
		if (e->undo)
			(void)host_janitor_drop(cg->janitor, e->undo);
		return host_fail(err, ret, "cannot move process %d into the memory cgroup %s: %s",
				 (int)e->pid, cg->path, strerror(-ret));
	}
	cg->count++;
	return 0;
}

/* v1: memory + swap has to be at least memory at every moment, so the order depends on the direction. */
static int set_v1(struct host_memcg *cg, uint64_t limit, uint64_t swap)
{
	uint64_t both = HOST_UNKNOWN;
	int ret;

	if (limit != HOST_UNKNOWN && swap != HOST_UNKNOWN)
		both = limit > HOST_UNKNOWN - 1 - swap ? HOST_UNKNOWN : limit + swap;
	/* nothing was bound and nothing is to be: the file may not exist */
	if (swap == HOST_UNKNOWN && cg->swap == HOST_UNKNOWN)
		return write_u64_in(cg->path, "memory.limit_in_bytes", limit);
	ret = write_u64_in(cg->path, "memory.limit_in_bytes", limit);
	if (ret == -EINVAL) {
		ret = write_u64_in(cg->path, "memory.memsw.limit_in_bytes", both);
		return ret ? ret : write_u64_in(cg->path, "memory.limit_in_bytes", limit);
	}
	return ret ? ret : write_u64_in(cg->path, "memory.memsw.limit_in_bytes", both);
}

int host_memcg_set_limit(struct host_memcg *cg, uint64_t limit, enum host_memcg_kind kind,
			 struct host_err *err)
{
	const char *set = kind == HOST_MEMCG_HIGH ? "memory.high" : "memory.max";
	const char *lift = kind == HOST_MEMCG_HIGH ? "memory.max" : "memory.high";
	char size[32];
	int ret;

	if (cg->version == HOST_MEMCG_V1) {
		ret = kind == HOST_MEMCG_HIGH ? -ENOTSUP : set_v1(cg, limit, cg->swap);
	} else {
		/* the new bound first: the other must not be missed for a moment */
		ret = write_u64_in(cg->path, set, limit);
		if (!ret)
			ret = write_u64_in(cg->path, lift, HOST_UNKNOWN);
	}
	if (ret)
		return host_fail(
			err, ret, "cannot set the limit of the memory cgroup %s to %s: %s%s",
			cg->path, host_size_format(limit, size, sizeof(size)), strerror(-ret),
			ret == -EBUSY ? " (more than that is in use and cannot be reclaimed)" : "");
	cg->limit = limit;
	cg->kind = kind;
	return 0;
}

int host_memcg_set_swap(struct host_memcg *cg, uint64_t bytes, struct host_err *err)
{
	const char *file =
		cg->version == HOST_MEMCG_V1 ? "memory.memsw.limit_in_bytes" : "memory.swap.max";
	int ret;

	if (!exists_in(cg->path, file))
		return host_fail(err, -ENOTSUP,
				 "this kernel does not account swap to cgroups (%s is missing): %s",
				 file,
				 cg->version == HOST_MEMCG_V1 ? "boot with swapaccount=1"
							      : "it was built without CONFIG_SWAP");
	if (cg->version == HOST_MEMCG_V1)
		ret = set_v1(cg, cg->limit, bytes);
	else
		ret = write_u64_in(cg->path, file, bytes);
	if (ret)
		return host_fail(err, ret, "cannot bound the swap of the memory cgroup %s: %s",
				 cg->path, strerror(-ret));
	cg->swap = bytes;
	return 0;
}

/* Lower @file for a moment: the kernel reclaims before the write returns. Put back at once. */
static int squeeze(struct host_memcg *cg, const char *file, uint64_t to)
{
	uint64_t back = HOST_UNKNOWN;
	int ret, ret2;

	ret = read_u64_in(cg->path, file, &back);
	if (ret)
		return ret;
	if (back <= to)
		return 0;
	ret = write_u64_in(cg->path, file, to);
	/* v1's idea of "no limit" is a number, which reads back as it was written */
	ret2 = write_u64_in(cg->path, file, back);
	if (ret == -EBUSY)
		ret = 0;
	return ret ? ret : ret2;
}

int host_memcg_reclaim(struct host_memcg *cg, uint64_t bytes)
{
	const char *file =
		cg->version == HOST_MEMCG_V1 ? "memory.usage_in_bytes" : "memory.current";
	uint64_t usage, to;
	char procs[16];
	char path[HOST_PATH_MAX];
	int ret;

	ret = read_u64_in(cg->path, file, &usage);
	if (ret)
		return ret;
	to = bytes >= usage ? 0 : usage - bytes;
	if (cg->version == HOST_MEMCG_V1) {
		ret = host_path(path, sizeof(path), "%s/cgroup.procs", cg->path);
		if (!ret && bytes >= usage && host_file_read(path, procs, sizeof(procs)) == 0)
			return host_cg_empty(cg->path);
		return squeeze(cg, "memory.limit_in_bytes", to);
	}
	if (!exists_in(cg->path, "memory.reclaim"))
		return squeeze(cg, "memory.high", to);
	ret = write_u64_in(cg->path, "memory.reclaim", usage - to);
	/* EAGAIN: less than that could be reclaimed */
	return ret == -EAGAIN ? 0 : ret;
}

/*
 * Back to where it was. That group may be gone: systemd removes a scope as soon as its last process has
 * left it. Then the nearest group above that takes processes.
 */
static int send_back(const struct host_memcg *cg, const char *from, const char *text)
{
	char dir[HOST_PATH_MAX];
	int ret;

	(void)host_path(dir, sizeof(dir), "%s", from);
	for (;;) {
		char *slash;

		ret = write_in(dir, "cgroup.procs", text);
		if (!ret || ret == -ESRCH || !strcmp(dir, cg->mount.mount))
			return ret == -ESRCH ? 0 : ret;
		slash = strrchr(dir, '/');
		if (!slash || slash == dir)
			return ret;
		*slash = '\0';
	}
}

int host_memcg_leave(struct host_memcg *cg, struct host_err *err)
{
	int first = 0;

	while (cg->count) {
		struct entered *e = &cg->entered[--cg->count];
		char now[HOST_PATH_MAX];
		char text[16];
		int ret = 0;

		/* gone, or moved elsewhere by somebody since: nothing to put back */
		if (owner_alive(e->pid, e->start) &&
		    !host_cg_of("", &cg->mount, e->pid, now, sizeof(now)) &&
		    !strcmp(now, cg->path)) {
			(void)snprintf(text, sizeof(text), "%d", (int)e->pid);
			ret = send_back(cg, e->from, text);
		}
		if (ret && !first)
			first = host_fail(err, ret, "cannot move process %d back to %s: %s",
					  (int)e->pid, e->from, strerror(-ret));
		if (!ret && !cg->count) {
			/* children that the entered processes left inside */
			ret = host_cg_move_all(cg->path, e->from);
			if (ret && !first)
				first = host_fail(err, ret,
						  "cannot move processes from %s to %s: %s",
						  cg->path, e->from, strerror(-ret));
			if (!ret && e->undo)
				(void)host_janitor_drop(cg->janitor, e->undo);
		}
	}
	return first;
}

int host_memcg_remove(struct host_memcg *cg, struct host_err *err)
{
	int first = 0;
	int ret;

	if (!cg)
		return 0;
	if (cg->path[0]) {
		first = host_memcg_leave(cg, err);
		ret = host_cg_destroy(cg->path, 3000000000ULL);
		if (ret && !first)
			first = host_fail(err, ret, "cannot remove the memory cgroup %s: %s",
					  cg->path, strerror(-ret));
		if (!ret)
			(void)host_janitor_drop(cg->janitor, cg->undo_group);
	} else if (cg->undo_group) {
		(void)host_janitor_drop(cg->janitor, cg->undo_group);
	}
	if (cg->undo_home) {
		ret = host_cg_home_undo(cg->parent);
		/* EBUSY: another run is at work here and will undo it */
		if (ret && ret != -EBUSY && !first)
			first = host_fail(err, ret, "cannot restore the cgroup %s: %s", cg->parent,
					  strerror(-ret));
		if (!ret || ret == -EBUSY)
			(void)host_janitor_drop(cg->janitor, cg->undo_home);
	}
	/* what was not dropped above is now the janitor's */
	host_janitor_stop(cg->janitor);
	free(cg);
	return first;
}

enum host_memcg_version host_memcg_version(const struct host_memcg *cg)
{
	return cg->version;
}

const char *host_memcg_path(const struct host_memcg *cg)
{
	return cg->path;
}

struct host_janitor *host_memcg_janitor(struct host_memcg *cg)
{
	return cg->janitor;
}
