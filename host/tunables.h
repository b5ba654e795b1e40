/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * host/tunables.h: set a sysctl or /sys value for a while, and put it back whatever happens.
 *
 * Old values are written to a journal (/run/faultline, or $XDG_RUNTIME_DIR/faultline for users) and synced
 * before a value is changed. They are put back by host_tunables_restore(), after a crash by the janitor if
 * one is given, and after a crash of both by the next faultline's host_tunables_recover().
 */
#ifndef HOST_TUNABLES_H
#define HOST_TUNABLES_H

#include "host/janitor.h"
#include "host/util.h"

struct host_tunables;

/* @j may be NULL. Recovers what dead processes left first. The journal appears with the first change. */
int host_tunables_open(struct host_tunables **out, struct host_janitor *j, struct host_err *err);

/*
 * Set @path (absolute; below /proc/sys/ or /sys/) to @value. The first old value of a path counts. A value
 * that reads back differently is an error (-EINVAL) and is put back at once. 0 or -errno.
 */
int host_tunables_set(struct host_tunables *t, const char *path, const char *value,
		      struct host_err *err);

/* Put everything back, last change first, remove the journal, free. 0 or the first -errno. NULL is fine. */
int host_tunables_restore(struct host_tunables *t, struct host_err *err);

/* Put back what journals of dead processes hold. Returns the number of values put back, or -errno. */
int host_tunables_recover(struct host_err *err);

/* The same three with another folder for the journal: for tests. */
int host_tunables_open_at(const char *dir, struct host_tunables **out, struct host_janitor *j,
			  struct host_err *err);
int host_tunables_recover_at(const char *dir, struct host_err *err);

#endif
