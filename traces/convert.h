/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One pass over a recording that makes a program of it, or measures what the
 * program would be. Private to the library.
 */
#ifndef FLT_CONVERT_H
#define FLT_CONVERT_H

#include "convert_lanes.h"

/* C is all zero but for the writer, the figures and what the pass is to use. */
int convert_init(struct convert *c, const struct survey *s, uint64_t fault_around, uint64_t page);
void convert_free(struct convert *c);
/* PROGRESS (may be NULL) gets the number of records so far; false: -ECANCELED. */
int convert_pass(struct convert *c, struct flt_reader *in, bool (*progress)(void *arg, uint64_t n),
		 void *arg);

#endif
