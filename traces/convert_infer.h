/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Barriers of a run that shows none (static binaries without symbols, other
 * engines). Private to the library.
 *
 * A pass over a model goes through its tensors one by one, and all threads have
 * their share of each: whoever touches the next one has met the others before.
 * So the model is cut into *parts* (the tensors that its file lists or, without
 * such a list, ranges that are touched one after the other), and between the
 * visits of two parts there is a barrier for all worker lanes.
 */
#ifndef FLT_CONVERT_INFER_H
#define FLT_CONVERT_INFER_H

#include "convert_lanes.h"

#define NO_PART UINT32_MAX

struct part {
	uint64_t begin, end; /* in all of the model's bytes: survey.file_base + offset */
};

struct parts {
	struct part *part; /* in order, disjoint */
	size_t n, cap;
	const char *from; /* "recorded", "tensors", "ranges", "none" */
};

/* Where the barriers come from: fills in p->from and, for tensors, the parts. */
int parts_choose(struct parts *p, const struct survey *s, struct flt_reader *in, int wish,
		 uint64_t fault_around);
/* Ranges are found by watching some evaluations. */
int parts_watch(struct parts *p, const struct survey *s, struct flt_reader *in,
		uint64_t fault_around);
void parts_free(struct parts *p);

/* One evaluation at a time. */
struct infer {
	const struct parts *parts;
	uint32_t *visit; /* parts in the order of their visits */
	size_t n, cap;
	uint64_t evaluation;
	uint64_t first; /* generation of the barrier after its first visit */
};

/* A lane is about to touch byte AT of the model's FILE. */
int infer_fault(struct convert *c, uint32_t lane, uint64_t file, uint64_t at, uint64_t start);
/* A lane leaves its evaluation at time AT. */
int infer_mark(struct convert *c, uint32_t lane, uint64_t at);
/* End of what a lane did before the barrier at entry AT of its queue. */
uint64_t infer_segment_end(const struct convert *c, uint32_t lane, size_t at);
/* Is the record after entry AT a mark? */
bool infer_before_mark(const struct convert *c, uint32_t lane, size_t at);

#endif
