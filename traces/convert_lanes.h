/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The lanes of a program in the making: their queues, barriers and evaluations.
 * Private to the library.
 *
 * Each lane is one record behind: the record at hand ("cur") grows while what
 * follows belongs to it. Every wait that the program does not replay (a fault on
 * anonymous memory, a read of another file) is added to its wait. What is left
 * between the end of one record and the start of the next is then the lane's own
 * compute.
 */
#ifndef FLT_CONVERT_LANES_H
#define FLT_CONVERT_LANES_H

#include "survey.h"

struct lane_sums {
	uint64_t windows, bytes, barriers, compute, records;
};

struct queued {
	struct flt_record rec;
	uint64_t evaluation;
};

struct lane {
	struct queued *q;
	size_t n, cap;
	size_t held; /* entries from here on may still change (open barriers) */
	bool has_cur;
	struct flt_record cur;
	uint64_t evaluation;              /* of cur */
	uint64_t last_end;                /* of the last queued record */
	uint64_t window_file, window_end; /* of the last window, for streaming */
	struct lane_sums sums;
};

/* A barrier generation that is still coming in. */
struct group {
	bool used;
	uint64_t id, generation, evaluation;
	uint32_t members;
	bool torn; /* its members disagree about the evaluation */
	struct {
		uint32_t lane;
		size_t at; /* index in the lane's queue */
	} * member;
	size_t cap;
};

struct convert {
	struct survey s;
	struct flt_writer *w;
	struct flt_prepare_stats *st;
	struct lane *lane;
	uint32_t lanes;
	struct group *group;
	size_t ngroups;
	uint64_t fault_around;
	uint64_t anon, shmem, swap, footprint; /* last samples; last one emitted */
	uint64_t torn;
	struct flt_record *summary; /* kept back: another layer closes the chunk */
	size_t nsummary, cap_summary;
};

/* Begins a new record at hand; START is moved behind the last one's end. */
int convert_begin(struct convert *c, uint32_t lane, uint32_t kind, uint64_t start, uint64_t end);
/* Time that is not compute: it becomes part of the wait of the record at hand. */
void convert_wait(struct lane *l, uint64_t start, uint64_t end);
/* The lane's record at hand is a barrier: count it in, in the order of arrival. */
int convert_join(struct convert *c, uint32_t lane);
/* Puts the mark that begins EVALUATION into a lane. */
int convert_mark(struct convert *c, uint32_t lane, uint64_t evaluation);
/* Brings a lane into the evaluation that time NS belongs to. */
int convert_advance(struct convert *c, uint32_t lane, uint64_t ns);
/* Takes lanes along that have seen nothing for a whole evaluation before NOW. */
int convert_catch_up(struct convert *c, uint64_t now);
/* Ends all lanes and writes what is left of them. */
int convert_finish(struct convert *c);

#endif
