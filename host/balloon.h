/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * host/balloon.h: take memory away from the whole machine for a while.
 *
 * A child process locks (mlock) anonymous memory until only so much is available. Unlike in a memory
 * cgroup, what runs beside it is then short of memory as on a smaller machine: kswapd reclaims, on another
 * core, below the zones' watermarks. The watermarks stay those of the real machine's size.
 *
 * The child dies with the process that inflated it, whatever ends that process, and frees its memory
 * within about a second. (It does not use PR_SET_PDEATHSIG, which speaks of the *thread* that forked.) It
 * is the OOM killer's first choice (oom_score_adj 1000), so that a limit that is too low costs the run its
 * validity, not the machine its programs; host_balloon_json() then says "alive": false.
 *
 * Order: evict what is to be evicted, inflate, then start what is to be measured. It is charged to the
 * memory cgroup of whoever inflates it: do that before entering a limited one.
 */
#ifndef HOST_BALLOON_H
#define HOST_BALLOON_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "host/util.h"

struct host_balloon;

/* With less than this the machine itself does not work. */
#define HOST_BALLOON_LEAVE_MIN (64ULL << 20)

/*
 * Lock all available memory (MemAvailable of /proc/meminfo: free, or reclaimable without swapping) but
 * @leave bytes, to within some 0.5 MiB if other programs keep still. Returns when it is locked and what is
 * available has stayed so for 0.75 s; locking itself takes a second for each 1 to 4 GiB (a virtual machine
 * whose host has to find the memory first: several seconds for one).
 *
 * -EINVAL: @leave is below HOST_BALLOON_LEAVE_MIN, or no less than what is available; -EPERM: this process
 * may not lock so much (RLIMIT_MEMLOCK, CAP_IPC_LOCK); -ENOMEM: the kernel did not give the memory;
 * -EINTR: a signal ended it meanwhile. @err says which in one line. The caller owns *out.
 */
int host_balloon_inflate(struct host_balloon **out, uint64_t leave, struct host_err *err);

/* Bytes that are locked. 0 for NULL. */
uint64_t host_balloon_bytes(const struct host_balloon *b);

/* Whether it still holds its memory: false once the OOM killer or somebody else has ended it. */
bool host_balloon_alive(const struct host_balloon *b);

/* The child's pid, for tests and messages. */
pid_t host_balloon_pid(const struct host_balloon *b);

/* Give the memory back: it is free when this returns. *b becomes NULL; NULL and *b == NULL are fine. */
void host_balloon_release(struct host_balloon **b);

/*
 * {"locked_bytes", "leave_bytes": as asked for, "available_before", "available_after": bytes of
 * MemAvailable before and after inflating, "alive"}. A new reference, or NULL without memory; JSON
 * null for a NULL balloon.
 */
json_t *host_balloon_json(const struct host_balloon *b);

#endif
