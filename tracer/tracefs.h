/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * tracer/tracefs.h: which tracepoints the running kernel has, and what their records look like.
 */
#ifndef REC_TRACEFS_H
#define REC_TRACEFS_H

#include <stdbool.h>

/*
 * A descriptor of tracefs' top directory, or -errno. Where it is not mounted, an instance is opened
 * that appears nowhere in the file tree (fsmount(2)), so nothing on the machine changes.
 */
int rec_tracefs_open(void);

/* The id of "block/block_rq_issue", or -errno (-ENOENT: the kernel does not have it). */
int rec_tracepoint_id(int tracefs, const char *name);

/* Where a field begins in the tracepoint's record, in bytes; -ENOENT if there is no such field. */
int rec_tracepoint_field(int tracefs, const char *name, const char *field);

#endif
