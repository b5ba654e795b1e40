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

#include "convert_chunks.h"
#include "convert_lanes.h"

/*
 * Who touched which part of the model, and how often that changed from one
 * evaluation to the next. The bases are fault-around windows of all of the
 * model's bytes; prompts are kept apart, since a matrix may be shared in one way
 * there and in the other way for single tokens.
 */
#define SIZES_SHIFT 4 /* bases that share what is known of chunks */

struct owners {
	uint64_t bases;
	struct chunking *size[2]; /* of chunks, from the segment that showed most of them */
	struct owner {
		uint8_t lane; /* + 1; 0 = not touched yet */
		uint8_t seen, changed;
	} * of[2];     /* [1]: prompts; NULL: no memory was worth it */
	bool complete; /* they were gathered: decide by them */
};

int owners_init(struct owners *o, const struct survey *s, uint64_t fault_around);
void owners_free(struct owners *o);
/* What the touches of one segment look like. */
enum shape {
	SHAPE_SURE,    /* many more runs of different lanes than slices would have */
	SHAPE_MANY,    /* more runs than slices would have */
	SHAPE_REGULAR, /* as many as slices of several experts would have */
	SHAPE_FEW,     /* no more than slices, but all in one place at a time */
};

/*
 * Were the windows of bases FIRST to LAST dealt from a counter? WINDOWS: how many
 * there were in the segment at hand.
 */
bool owners_decide(const struct owners *o, bool prompt, uint64_t first, uint64_t last,
		   enum shape shape, uint32_t windows);

/* A segment has ended at meeting G: put its pool in if it has one. */
int segments_settle(struct convert *c, const struct meeting *g);

/* Fields of a pool record beyond those that are written, while it is measured only. */
enum { POOL_FIRST = 3, POOL_LAST, POOL_SHAPE, POOL_WINDOWS };

#endif
