/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What threads do between two barriers: which of it was dealt in chunks. Private
 * to the library.
 *
 * ggml shares a matrix in one of two ways. Either each thread has one slice of the
 * rows, always the same one; or the threads take chunks of some rows from a
 * counter until there are none left, so that a thread that waits for a page does
 * fewer of them. A replay that deals the second kind as it was recorded would wait
 * where the real run does not, so the two have to be told apart.
 */
#ifndef FLT_CONVERT_SEGMENTS_H
#define FLT_CONVERT_SEGMENTS_H

#include "convert_lanes.h"

/*
 * Who touched which part of the model, and how often that changed from one
 * evaluation to the next. The bases are fault-around windows of all of the
 * model's bytes; prompts are kept apart, since a matrix may be shared in one way
 * there and in the other way for single tokens.
 */
struct owners {
	uint64_t bases;
	struct owner {
		uint8_t lane; /* + 1; 0 = not touched yet */
		uint8_t seen, changed;
	} * of[2];     /* [1]: prompts; NULL: no memory was worth it */
	bool complete; /* they were gathered: decide by them */
};

int owners_init(struct owners *o, const struct survey *s, uint64_t fault_around);
void owners_free(struct owners *o);
/*
 * Were the windows of bases FIRST to LAST dealt from a counter? REGULAR: their
 * borders alone would also fit slices of several experts. WINDOWS: how many there
 * were in the segment at hand.
 */
bool owners_decide(const struct owners *o, bool prompt, uint64_t first, uint64_t last, bool regular,
		   uint32_t windows);

/* A segment has ended at meeting G: put its pool in if it has one. */
int segments_settle(struct convert *c, const struct meeting *g);

/* Fields of a pool record beyond those that are written, while it is measured only. */
enum { POOL_FIRST = 3, POOL_LAST, POOL_REGULAR, POOL_WINDOWS };

#endif
