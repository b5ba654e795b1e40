/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * tracer/passes.h: what each evaluation of the model took, for the trailer: its time, and what the process
 * read and faulted meanwhile, as the kernel accounts for it anyway. So the same figures exist of a run
 * that is recorded in full and of one that is only timed.
 */
#ifndef REC_PASSES_H
#define REC_PASSES_H

#include <jansson.h>
#include <stdint.h>

#include "tracer/hooks.h"

struct rec_pass {
	uint32_t class;        /* enum flt_mark_class */
	uint64_t tokens;       /* FLT_NONE: not known */
	uint64_t index;        /* as the function was told; FLT_NONE: it was not */
	uint64_t begin, end;   /* CLOCK_MONOTONIC, ns */
	struct rec_usage from; /* at its begin */
	struct rec_usage to;   /* at its end; all ones: not known */
};

/* All zero is empty. */
struct rec_passes {
	struct rec_pass *pass;
	size_t count, room;
	uint64_t left_out; /* a server's day need not fit into a trailer */
	uint64_t load_ns;  /* from the run's start to the first one's begin; 0: none yet */
};

void rec_passes_add(struct rec_passes *p, const struct rec_pass *pass);
/*
 * [{"class", "tokens", "index", "start_ns", "ns", "read_bytes", "majflt", "minflt", "read_bytes_total",
 * "majflt_total", "minflt_total"}, ...]: from the begin to the end, and since the process' start. EPOCH
 * is the trace's time 0. A new reference.
 */
json_t *rec_passes_json(const struct rec_passes *p, uint64_t epoch);
void rec_passes_free(struct rec_passes *p);

#endif
