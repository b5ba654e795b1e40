/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * lanes.h: a job at work: going through its ops, touching, computing.
 */
#ifndef ENG_LANES_H
#define ENG_LANES_H

#include "engines/replay.h"

enum eng_next {
	ENG_NEXT_IO = 1,  /* *op is a window or a read: a fio I/O */
	ENG_NEXT_END,     /* the selection is over */
	ENG_NEXT_STOPPED, /* the group has been stopped: eng_stopped() says why */
};

/* Called by a job's thread once, before its first op: when everybody is ready. */
void eng_job_begin(struct eng_job *j);
/*
 * Does what comes before the next I/O: barriers, waits, hints, marks. *MEASURED is set when the measured part
 * begins with this call. The op stays valid until eng_job_touch().
 */
enum eng_next eng_job_next(struct eng_job *j, const struct eng_op **op, bool *measured);
/*
 * Does the I/O that eng_job_next() returned, and the compute that follows it. Returns 0, -EIO if the file
 * could not be read (the group is stopped), or -errno of a read(). *COMPUTE_NS: time in it that was no I/O.
 */
int eng_job_touch(struct eng_job *j, uint64_t *compute_ns);
/* The job ends, whatever the reason: accounts what is left. By the job's own thread. */
void eng_job_end(struct eng_job *j);

#endif
