/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * host/memcg.h: a memory cgroup for a run: cgroup v1, cgroup v2, hybrid hosts, and delegated v2 scopes.
 *
 * The usual course:
 *
 *	host_memcg_create("replay", limit, HOST_MEMCG_MAX, &cg, &err);
 *	host_memcg_enter(cg, 0, &err);		// 0: ourselves, the whole process
 *	... host_memcg_stat(cg, &st) ...
 *	host_memcg_remove(cg, &err);		// everybody goes back to where they were
 *
 * What to know
 * - Charges do not move. Pages that are in memory before a process enters stay charged to whoever
 *   brought them in: evict the file first (host/evict.h) and verify, or the limit has no effect.
 * - Always the whole process moves: on v1 a single moved thread would charge nothing.
 * - A janitor (host/janitor.h) is forked by host_memcg_create(), so that the group vanishes after
 *   SIGKILL too.
 * - On v2 a group with controllers for its children may not hold processes. Inside a delegated scope
 *   we therefore move the scope's processes into a leaf "faultline.home", make the limited group its
 *   sibling, and put everything back at the end.
 * - Groups are called faultline.<name>.<pid>.<start>.<pidns>; those of dead processes are removed by
 *   host_memcg_create() or host_memcg_sweep().
 */
#ifndef HOST_MEMCG_H
#define HOST_MEMCG_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "host/janitor.h"
#include "host/util.h"

enum host_memcg_version {
	HOST_MEMCG_NONE = 0,
	HOST_MEMCG_V1 = 1,
	HOST_MEMCG_V2 = 2,
};

enum host_memcg_kind {
	HOST_MEMCG_MAX = 0, /* hard limit: reclaim in the allocating thread, then OOM (v1 and v2) */
	HOST_MEMCG_HIGH,    /* memory.high: reclaim and throttle, never OOM (v2 only) */
};

/* What this process can do about memory cgroups here. */
struct host_memcg_probe {
	enum host_memcg_version version; /* the hierarchy that has the memory controller */
	char mount[HOST_PATH_MAX];       /* where it is mounted */
	char own[HOST_PATH_MAX];         /* our own group's directory */
	char parent[HOST_PATH_MAX];      /* where a group would be created; "" if nowhere */
	bool usable;                     /* a limited group can be created and entered */
	bool delegated;            /* parent is a delegated v2 group, not the hierarchy's root */
	bool swap_limit;           /* memory.swap.max, or memory.memsw.*, can be set */
	char reason[HOST_ERR_MAX]; /* not usable: why, and what to do, in one line; else "" */
};

/* Look, change nothing. Always fills *p; 0 if usable, else -errno (-ENODEV: no controller, -EACCES). */
int host_memcg_probe(struct host_memcg_probe *p);

/*
 * The same with @root in front of every path that is read (/proc/self/mountinfo, /proc/self/cgroup,
 * /proc/cgroups, the mount points): for tests with a made-up tree. Paths in *p carry @root too.
 */
int host_memcg_probe_at(const char *root, struct host_memcg_probe *p);

struct host_memcg;

/*
 * Create a group with a limit in bytes (HOST_UNKNOWN: none). @name: letters, digits, '-', '_', at most
 * 32; it shows in the directory's name. *out belongs to the caller; it ends by host_memcg_remove().
 * -ENODEV, -EACCES (err says what to do), -ENOTSUP (high on v1), -EINVAL, ...
 */
int host_memcg_create(const char *name, uint64_t limit, enum host_memcg_kind kind,
		      struct host_memcg **out, struct host_err *err);

/*
 * Move process @pid (0: the caller) into the group and remember where it came from. Its future
 * children follow. Up to 16 processes may be entered. 0 or -errno.
 */
int host_memcg_enter(struct host_memcg *cg, pid_t pid, struct host_err *err);

/*
 * Change the limit. The kernel reclaims down to it before this returns; -EBUSY (v1) if it cannot.
 * On v2 "max" below what can be reclaimed invites the OOM killer: look at host_memcg_stat() first.
 */
int host_memcg_set_limit(struct host_memcg *cg, uint64_t limit, enum host_memcg_kind kind,
			 struct host_err *err);

/*
 * How many bytes of swap the group may use: 0 keeps anonymous memory in RAM, HOST_UNKNOWN removes the
 * bound. v2: memory.swap.max; v1: memory.memsw.limit_in_bytes = limit + @bytes (kept so by later
 * host_memcg_set_limit() calls). -ENOTSUP where the kernel does not account swap.
 */
int host_memcg_set_swap(struct host_memcg *cg, uint64_t bytes, struct host_err *err);

/*
 * Give back up to @bytes of the group's memory (HOST_UNKNOWN: all that can be): v2 memory.reclaim (5.19
 * and later) or a moment under a low memory.high; v1 force_empty, which takes all and needs an empty
 * group, else a moment under a lower limit. 0, or -errno; less than wished for is not an error.
 */
int host_memcg_reclaim(struct host_memcg *cg, uint64_t bytes);

/* Everything that was entered and still lives goes back to where it was. 0 or the first -errno. */
int host_memcg_leave(struct host_memcg *cg, struct host_err *err);

/*
 * Leave, free the memory, remove the directory, undo what was prepared in the parent, end the janitor,
 * free *cg. Processes still inside (children of an entered process) are moved to where the first
 * entered process came from. On an error the janitor goes on trying for 10 s. NULL is fine.
 */
int host_memcg_remove(struct host_memcg *cg, struct host_err *err);

/* Remove groups of faultline processes that are dead. Returns how many, or -errno. */
int host_memcg_sweep(void);

enum host_memcg_version host_memcg_version(const struct host_memcg *cg);
const char *host_memcg_path(const struct host_memcg *cg);

/* The group's janitor, to register further things to undo (tunables). Lives as long as the group. */
struct host_janitor *host_memcg_janitor(struct host_memcg *cg);

/*
 * What the group holds and did. Bytes and counts since its creation; HOST_UNKNOWN where this kernel
 * does not tell (v1 shows neither page tables nor who reclaimed).
 */
struct host_memcg_stat {
	uint64_t usage; /* bytes charged now: file + anon + kernel */
	uint64_t peak;  /* highest usage (v2: 5.19 and later) */
	uint64_t limit; /* max; HOST_UNKNOWN: none */
	uint64_t high;  /* memory.high; HOST_UNKNOWN: none */
	uint64_t file;  /* page cache, mapped or not, shmem included */
	uint64_t anon;  /* anonymous memory in RAM */
	uint64_t shmem;
	uint64_t mapped;     /* page cache that is mapped */
	uint64_t kernel;     /* all kernel memory (v2: 5.18 and later) */
	uint64_t pagetables; /* v2 */
	uint64_t slab;       /* v2 */
	uint64_t swap;       /* bytes swapped out now */
	uint64_t dirty;
	uint64_t writeback;
	uint64_t inactive_file;
	uint64_t active_file;
	uint64_t pgfault;
	uint64_t pgmajfault;
	uint64_t refault_file; /* pages read again soon after reclaim took them */
	uint64_t refault_anon;
	uint64_t activate_file; /* v2: refaults that went to the active list at once */
	uint64_t scan_kswapd;   /* v2: pages looked at by kswapd */
	uint64_t scan_direct;   /* v2: pages looked at by the allocating threads */
	uint64_t steal_kswapd;  /* v2: pages reclaimed by kswapd */
	uint64_t steal_direct;  /* v2: pages reclaimed by the allocating threads */
	uint64_t failcnt;       /* how often the limit was hit (v2: memory.events max) */
	uint64_t high_events;   /* v2: how often memory.high was exceeded */
	uint64_t oom_kill;
};

int host_memcg_stat(const struct host_memcg *cg, struct host_memcg_stat *st);

/* The same of a group's directory, created by whom ever (a container's, say). 0 or -errno. */
int host_memcg_stat_path(const char *dir, enum host_memcg_version v, struct host_memcg_stat *st);

/* An object of the known fields, named as in the struct; a new reference, or NULL without memory. */
json_t *host_memcg_stat_json(const struct host_memcg_stat *st);

#endif
