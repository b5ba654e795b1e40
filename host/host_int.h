/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * host/host_int.h: what the files of this room share, not for other rooms.
 *
 * The host_cg_* functions work on cgroup directories by path, with either version, and are
 * async-signal-safe: the janitor runs them after a fork.
 */
#ifndef HOST_INT_H
#define HOST_INT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "host/memcg.h"
#include "host/mount.h"
#include "host/util.h"

#define HOST_CG_PREFIX "faultline."
#define HOST_CG_HOME   "faultline.home"

/* Move every process of the cgroup @from into @to, for a moment repeatedly, for they fork. */
int host_cg_move_all(const char *from, const char *to);

/* Give back the memory of an empty cgroup and remove it; tries again for up to @ns. 0 or -errno. */
int host_cg_destroy(const char *dir, uint64_t ns);

/* Ask the kernel to take back what it can of the group's memory. */
int host_cg_empty(const char *dir);

/*
 * Undo the preparation of the delegated cgroup @dir: controllers off, processes back out of its leaf, the
 * leaf removed. Does nothing (and returns -EBUSY) while another limited group of ours is in @dir.
 */
int host_cg_home_undo(const char *dir);

/*
 * Lock a cgroup directory against other faultlines that prepare or undo it at the same time; close() the
 * returned descriptor to unlock. -errno on failure.
 */
int host_cg_lock(const char *dir);

/* Whether a name is one of our limited groups', and whose. False for "faultline.home" and strangers. */
bool host_cg_parse_name(const char *name, int *pid, uint64_t *start, uint64_t *pidns);

/* Where cgroups are, as /proc/PID/mountinfo and /proc/PID/cgroup tell; memcg_probe.c. */
struct host_cg_mount {
	int version;               /* 1, 2, or 0: no memory controller */
	char mount[HOST_PATH_MAX]; /* mount point */
	char top[HOST_PATH_MAX]; /* which directory of the hierarchy is mounted there, mostly "/" */
};

/* Find the hierarchy with the memory controller, every path below @root (""). 0 or -errno. */
int host_cg_find(const char *root, struct host_cg_mount *m);

/* The directory of the cgroup that @pid (0: ourselves) is in. 0 or -errno. */
int host_cg_of(const char *root, const struct host_cg_mount *m, int pid, char *buf, size_t size);

/* Whether the space-separated list in the file @dir/@name has @word. */
bool host_cg_list_has(const char *dir, const char *name, const char *word);

/* Fill the fields of *st that memory.stat's text tells; others stay as they are. */
void host_memcg_stat_parse(const char *text, enum host_memcg_version v, struct host_memcg_stat *st);

/*
 * fork(2) as the bare system call: the C library's runs handlers that take locks (malloc's, stdio's) which
 * another thread may hold. @flags 0 is a child whose end sends no signal and which a plain wait() never
 * returns (__WALL does), so that the process that we live in is not told of a child that it did not make.
 * The caller blocks signals around it; the child uses async-signal-safe calls only.
 */
pid_t host_bare_fork(unsigned long flags);

/* In such a child: close all descriptors but 0. */
void host_child_close_all(void);

/* Undo octal escapes (\040) of mountinfo in place. */
void host_unescape(char *s);

#endif
