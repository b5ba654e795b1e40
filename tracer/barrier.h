/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * tracer/barrier.h: which waits at a barrier belong together.
 */
#ifndef REC_BARRIER_H
#define REC_BARRIER_H

#include <stdint.h>

/* One barrier object of one process. All zero is a barrier that nobody has met at. */
struct rec_barrier {
	uint64_t first_exit; /* of the current generation */
	uint64_t generations;
	uint32_t waits;        /* of the current generation so far */
	uint32_t participants; /* waits of the generation before; 0 = not known */
};

/*
 * Adds a wait, in the order of the exits. Returns its generation, from 0: no thread leaves a barrier
 * before all have entered it, so whoever enters after the first exit waits for the next meeting.
 */
uint64_t rec_barrier_add(struct rec_barrier *b, uint64_t entry, uint64_t exit);

#endif
