// SPDX-License-Identifier: GPL-2.0-only
#include "tracer/sink.h"

void rec_sink_define(struct rec_sink *s, const char *what, json_t *obj)
{
	int ret;

	if (s->error || !obj) {
		json_decref(obj);
		return;
	}
	ret = flt_writer_define(s->writer, what, obj);
	if (ret)
		s->error = ret;
}

void rec_sink_add(struct rec_sink *s, const struct flt_record *r)
{
	if (!s->error)
		s->error = flt_writer_add(s->writer, FLT_RECORDING, r);
	if (s->error)
		s->refused++;
}

void rec_sink_time(const struct rec_sink *s, struct flt_record *r, uint64_t end, uint64_t dur)
{
	uint64_t start = end > dur ? end - dur : 0;

	if (start < s->epoch)
		start = s->epoch;
	if (end < start)
		end = start;
	r->start = start - s->epoch;
	r->dur = end - start;
}
