/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The evaluations of a trace in the order of time: the load phase first (number 0), then one
 * for each pass over the model. From the program's summary; of a trace without a program from
 * the recording's marks.
 */
#ifndef ANA_EVALUATIONS_H
#define ANA_EVALUATIONS_H

#include <stddef.h>
#include <stdint.h>

#include "analysis/common.h"

struct ana_evaluation_span {
	uint64_t start, end; /* ns of trace time */
	uint64_t mark_class; /* enum flt_mark_class */
	uint64_t tokens;     /* FLT_NONE: not known */
	/* of the program, over all lanes; 0 without one */
	uint64_t windows, window_bytes, compute_ns;
};

struct ana_evaluations {
	struct ana_evaluation_span *span;
	size_t count, room;
	bool planned; /* from a program */
};

/* 0, -ENOMEM or -EBADMSG (then with what could be read). ana_evaluations_free() in any case. */
int ana_evaluations_load(struct ana_evaluations *e, struct flt_reader *r);
void ana_evaluations_free(struct ana_evaluations *e);

/*
 * The evaluation in which T lies, or e->count. HINT is where the last search ended: records
 * come roughly in the order of time.
 */
size_t ana_evaluation_at(const struct ana_evaluations *e, uint64_t t, size_t *hint);

#endif
