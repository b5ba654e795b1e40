/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * dealer.h: streams=shared: the ops of all lanes as one sequence, dealt to any number of jobs.
 *
 * The lanes are run through as they were recorded, each up to its next barrier or mark, always the one whose
 * next op began first. Where all lanes that meet have come to a barrier, everything dealt so far has to be done before
 * anything that follows may begin. A chunk that the recorded threads took from a counter is dealt whole, to one job.
 */
#ifndef ENG_DEALER_H
#define ENG_DEALER_H

#include "engines/replay.h"

struct eng_dealer;

int eng_dealer_new(struct eng_dealer **out, struct eng_group *g);
/* Deals until the ring is full; false if there was nothing to do. */
bool eng_dealer_fill(struct eng_dealer *d);
void eng_dealer_free(struct eng_dealer *d);

/*
 * Deals one op, wherever it goes: for tests. 1; 0 at the end (after the last pass); -EAGAIN if there is no room for the windows
 * of a chunk, which is dealt as one op.
 */
int eng_dealer_next(struct eng_dealer *d, struct eng_op *op);

#endif
