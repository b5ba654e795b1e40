// SPDX-License-Identifier: GPL-2.0-only
#include <stddef.h>

#include "tracer/reclaim.h"

static const struct {
	const char *name, *unit;
	size_t at; /* in struct rec_reclaim */
} metrics[] = {
	{"scanned_kswapd", "pages", offsetof(struct rec_reclaim, scanned_kswapd)},
	{"scanned_direct", "pages", offsetof(struct rec_reclaim, scanned_direct)},
	{"reclaimed_kswapd", "pages", offsetof(struct rec_reclaim, reclaimed_kswapd)},
	{"reclaimed_direct", "pages", offsetof(struct rec_reclaim, reclaimed_direct)},
	{"direct_ns", "ns", offsetof(struct rec_reclaim, direct_ns)},
	{"direct_count", "times", offsetof(struct rec_reclaim, direct_count)},
};

#define METRICS (sizeof(metrics) / sizeof(metrics[0]))

static uint64_t value(const struct rec_reclaim *sum, size_t i)
{
	return *(const __u64 *)((const char *)sum + metrics[i].at);
}

void rec_reclaim_define(struct rec_session *s)
{
	char name[64];

	if (!rec_attach_capabilities(s->attach)->reclaim)
		return;
	for (size_t i = 0; i < METRICS; i++) {
		snprintf(name, sizeof(name), "reclaim.%s", metrics[i].name);
		rec_sink_define(&s->sink, "metric",
				json_pack("{s:i, s:s, s:s, s:b}", "id",
					  (int)(HOST_METRIC_COUNT + i), "name", name, "unit",
					  metrics[i].unit, "cumulative", 1));
	}
}

void rec_reclaim_sample(struct rec_session *s, struct flt_record *r)
{
	struct rec_reclaim sum;

	if (!rec_attach_capabilities(s->attach)->reclaim)
		return;
	rec_attach_reclaim(s->attach, &sum);
	for (size_t i = 0; i < METRICS; i++) {
		r->f[FLT_SAMPLE_METRIC] = HOST_METRIC_COUNT + i;
		r->f[FLT_SAMPLE_VALUE] = value(&sum, i);
		rec_sink_add(&s->sink, r);
	}
}

json_t *rec_reclaim_json(const struct rec_session *s)
{
	struct rec_reclaim sum;
	json_t *o;

	if (!rec_attach_capabilities(s->attach)->reclaim)
		return json_null();
	rec_attach_reclaim(s->attach, &sum);
	o = json_pack("{s:s}", "source", "tracepoint");
	for (size_t i = 0; o && i < METRICS; i++)
		json_object_set_new(o, metrics[i].name, json_integer((json_int_t)value(&sum, i)));
	return o;
}
