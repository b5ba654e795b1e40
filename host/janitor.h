/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * host/janitor.h: a small process that cleans up after us when we cannot, not even after SIGKILL.
 *
 * It is forked before anything on the machine is changed, sleeps in read(2) on a pipe whose other end
 * only we hold, and is told through that pipe what would have to be undone. When the pipe closes, it
 * undoes what was neither done nor dropped by then, last change first, and ends.
 *
 * It is nobody's child (a double fork, without SIGCHLD to us), leads its own session, ignores SIGINT,
 * SIGTERM, SIGHUP, SIGQUIT and SIGPIPE, keeps none of our files open, and uses async-signal-safe calls
 * only, for it is forked from a process with threads.
 *
 * A caller that makes itself a child subreaper has to start the janitor first, or it inherits it.
 * A child that we fork and do not exec holds the pipe open too: the janitor waits for its end as well.
 *
 * Calls on one janitor are serialised by the caller.
 */
#ifndef HOST_JANITOR_H
#define HOST_JANITOR_H

#include <sys/types.h>

#include "host/util.h"

struct host_janitor;

enum host_undo {
	HOST_UNDO_WRITE = 1, /* write the text @b into the existing file @a */
	HOST_UNDO_MOVE,      /* move all processes of the cgroup @a into the cgroup @b */
	HOST_UNDO_MEMCG, /* give back the memory of the empty cgroup @a and remove it (retried for 10 s) */
	HOST_UNDO_HOME,   /* as host_memcg does: undo our preparation of the delegated cgroup @a */
	HOST_UNDO_UNLINK, /* unlink the file @a */
	HOST_UNDO_MAX,
};

/* How many things may be pending at one time. */
#define HOST_JANITOR_SLOTS 64

/* Fork the janitor. 0 or -errno; the caller owns *out and ends it by host_janitor_stop(). */
int host_janitor_start(struct host_janitor **out, struct host_err *err);

/*
 * Register one undo *before* making the change. @a and @b (may be NULL) are copied; together they have
 * to stay below 3 KiB. Returns an id > 0, or -errno (-ENOSPC: no slot, -EPIPE: the janitor is dead).
 */
int host_janitor_add(struct host_janitor *j, enum host_undo what, const char *a, const char *b);

/* We have undone it ourselves. 0 or -errno. */
int host_janitor_drop(struct host_janitor *j, int id);

/* Close the pipe and free. What is still registered is undone by the janitor now. NULL is fine. */
void host_janitor_stop(struct host_janitor *j);

/* The janitor's pid, for tests and messages. */
pid_t host_janitor_pid(const struct host_janitor *j);

#endif
