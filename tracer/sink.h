/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * tracer/sink.h: where records go: the trace's writer, until it fails.
 *
 * Nothing that goes wrong with the output may disturb the run: after the first error everything is
 * dropped, the run goes on, and what was written so far stays.
 */
#ifndef REC_SINK_H
#define REC_SINK_H

#include <stdint.h>

#include "traces/fltrace.h"

struct rec_sink {
	struct flt_writer *writer;
	uint64_t epoch;   /* CLOCK_MONOTONIC of the trace's time 0 */
	int error;        /* the first one */
	uint64_t refused; /* records after it */
};

/* OBJ is stolen, also on errors. */
void rec_sink_define(struct rec_sink *s, const char *what, json_t *obj);
void rec_sink_add(struct rec_sink *s, const struct flt_record *r);

/* Fills start and dur from an event's end and length on CLOCK_MONOTONIC. What began before the epoch
 * is cut there. */
void rec_sink_time(const struct rec_sink *s, struct flt_record *r, uint64_t end, uint64_t dur);

#endif
