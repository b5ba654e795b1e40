/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The borders of chunks that threads took from a counter. Private to the library. */
#ifndef FLT_CONVERT_CHUNKS_H
#define FLT_CONVERT_CHUNKS_H

#include "convert_lanes.h"

struct touch {
	uint64_t at, length; /* in the file */
	uint64_t start;      /* ns */
	uint32_t lane;
	size_t index; /* in the lane's queue */
};

struct chunking {
	double bytes;    /* of a chunk; 0: not known, each run of a lane is one */
	double anchor;   /* where one of them begins, to a page */
	size_t evidence; /* distances that say so */
};

/* What the borders between the lanes' touches, sorted by place, say. 0 or -ENOMEM. */
int chunks_learn(struct chunking *how, const struct touch *t, size_t n, uint64_t fault_around);
/*
 * Gives each chunk the whole of what its thread touched. A fault-around window that
 * holds the end of one chunk and the beginning of the next is seen from whichever
 * thread comes first alone; a replay in which the other one does not touch its part
 * reads around other places than the run did. T is sorted by place.
 */
void chunks_divide(const struct chunking *how, struct convert *c, struct touch *t, size_t n);
/* Sets the flags of one lane's windows, and counts them. */
void chunks_flag(const struct chunking *how, struct queued *q, size_t n, uint64_t *windows);

#endif
