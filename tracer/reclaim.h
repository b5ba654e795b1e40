/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * tracer/reclaim.h: who reclaimed memory while the run ran, as metrics of the samples and for the trailer.
 */
#ifndef REC_RECLAIM_H
#define REC_RECLAIM_H

#include "tracer/session.h"

/* Their ids follow the machine's (HOST_METRIC_COUNT). Nothing where the kernel does not tell. */
void rec_reclaim_define(struct rec_session *s);
/* One record for each metric; *r has stream and time. Counted from the first call on. */
void rec_reclaim_sample(struct rec_session *s, struct flt_record *r);
/* {"source": "tracepoint", "scanned_kswapd": pages, ..., "direct_ns", "direct_count"}; null: not told */
json_t *rec_reclaim_json(const struct rec_session *s);

#endif
