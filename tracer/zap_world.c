// SPDX-License-Identifier: GPL-2.0-only
/*
 * What was dropped becomes records.
 */
#include "tracer/judge.h"
#include "tracer/world.h"
#include "tracer/zap.h"

void rec_zap_record(struct rec_world *w, const struct rec_event_zap *e)
{
	struct rec_thread *t = rec_thread_get(w, (pid_t)e->h.tid, e->pid);
	struct flt_record r = {.kind = FLT_ZAP};
	struct rec_region *region;

	if (!t)
		return;
	region = rec_mappings_find(w, t->process, e->addr, e->h.end);
	r.stream = rec_thread_stream(w, t, e->h.end);
	r.f[FLT_ZAP_REGION] = region ? region->id : FLT_NONE;
	r.f[FLT_ZAP_OFFSET] = region ? rec_region_offset(region, e->addr) : e->addr;
	r.f[FLT_ZAP_LENGTH] = e->length;
	rec_sink_time(w->sink, &r, e->h.end, rec_event_duration(&e->h));
	rec_sink_add(w->sink, &r);
	w->totals.zaps++;
	/* of several mappings that were dropped at once the last one begins the interval */
	if (w->judge && e->last)
		rec_judge_zap(w->judge, e->by_time);
}
