// SPDX-License-Identifier: GPL-2.0-only
/*
 * Recorded threads that were off their CPU outside of faults: neither computing nor waiting for the model.
 */
#include "tracer/world.h"

void rec_offcpu_event(struct rec_world *w, const struct rec_event *e)
{
	struct rec_thread *t = rec_thread_find(w, (pid_t)e->tid);
	struct flt_record r = {.kind = FLT_OFFCPU};

	/* A thread that never did anything else of interest is not of interest for having slept. */
	if (!t || t->stream == REC_NO_STREAM)
		return;
	r.stream = rec_thread_stream(w, t, e->end);
	r.f[FLT_OFFCPU_FLAGS] = e->word & REC_EF_PREEMPTED ? FLT_OF_PREEMPTED : 0;
	rec_sink_time(w->sink, &r, e->end, rec_event_duration(e));
	rec_sink_add(w->sink, &r);
	w->totals.off_cpu++;
	w->totals.preempted += (e->word & REC_EF_PREEMPTED) != 0;
	w->totals.off_cpu_ns += rec_event_duration(e);
}
