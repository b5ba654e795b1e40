/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * source.h: one lane of the trace as a sequence of ops, selected and checked.
 *
 * Nothing that a trace says is believed: files, offsets, lanes and advice are checked here, once, so that
 * whoever works with ops needs no checks.
 */
#ifndef ENG_SOURCE_H
#define ENG_SOURCE_H

#include "engines/replay.h"

#define ENG_SOURCE_BATCH 128
#define ENG_SOURCE_READY 4

struct eng_source {
	struct eng_group *group;
	struct flt_cursor *cursor;
	uint32_t lane;
	uint64_t pass;
	struct flt_record rec[ENG_SOURCE_BATCH];
	size_t n, at;
	struct eng_op ready[ENG_SOURCE_READY]; /* complete ones, to be handed out */
	size_t nready;
	struct eng_op pending; /* its compute is known with the next record */
	bool has_pending, over;
	uint64_t last_start, last_end; /* of the last record */
	bool has_end, last_mark;       /* there was one; it was a mark */
	uint64_t index;                /* evaluation; UINT64_MAX before the first */
	enum eng_action action;
	uint64_t footprint; /* last one that was skipped; UINT64_MAX: none */
};

/* Begins PASS (from 0) of LANE anew. 0 or -errno. */
int eng_source_begin(struct eng_source *s, struct eng_group *g, uint32_t lane, uint64_t pass);
/* The next op: 1, 0 at the end of the selection, or -errno; -EBADMSG for what cannot be replayed. */
int eng_source_next(struct eng_source *s, struct eng_op *op);
void eng_source_end(struct eng_source *s);

#endif
