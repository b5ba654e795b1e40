// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sampled counters by phase. A sample tells what a counter rose by since the last one, ten times a
 * second, and an evaluation may be shorter: the rise is spread evenly over the time between.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/explain.h"

/* In the order of preference: what our own tracepoints counted, the group's, the machine's. */
static const char *const names[ANA_SOURCES][ANA_GAUGES] = {
	{
		[ANA_G_SCAN_KSWAPD] = "reclaim.scanned_kswapd",
		[ANA_G_SCAN_DIRECT] = "reclaim.scanned_direct",
		[ANA_G_STEAL_KSWAPD] = "reclaim.reclaimed_kswapd",
		[ANA_G_STEAL_DIRECT] = "reclaim.reclaimed_direct",
		[ANA_G_DIRECT_NS] = "reclaim.direct_ns",
		[ANA_G_DIRECT_COUNT] = "reclaim.direct_count",
	},
	{
		[ANA_G_SCAN_KSWAPD] = "memcg.scan_kswapd",
		[ANA_G_SCAN_DIRECT] = "memcg.scan_direct",
		[ANA_G_STEAL_KSWAPD] = "memcg.steal_kswapd",
		[ANA_G_STEAL_DIRECT] = "memcg.steal_direct",
		[ANA_G_REFAULT] = "memcg.refault_file",
	},
	{
		[ANA_G_SCAN_KSWAPD] = "vmstat.pgscan_kswapd",
		[ANA_G_SCAN_DIRECT] = "vmstat.pgscan_direct",
		[ANA_G_STEAL_KSWAPD] = "vmstat.pgsteal_kswapd",
		[ANA_G_STEAL_DIRECT] = "vmstat.pgsteal_direct",
		[ANA_G_REFAULT] = "vmstat.workingset_refault_file",
	},
};

struct gauge {
	int source, gauge; /* -1: of no interest */
	bool seen;
	uint64_t at, value; /* last sample */
	size_t hint;        /* evaluation that it fell into */
};

struct ana_gauges {
	struct gauge *gauge; /* by position of the metric */
	size_t count;
};

const char *ana_source_name(int source)
{
	static const char *const text[ANA_SOURCES] = {"reclaim", "memcg", "vmstat"};

	return text[source];
}

int ana_gauges_open(struct ana_gauges **out, struct ana_side *s)
{
	struct ana_gauges *g = calloc(1, sizeof(*g));

	*out = g;
	if (!g)
		return -ENOMEM;
	g->gauge = calloc(s->metrics.count + 1, sizeof(*g->gauge));
	if (!g->gauge)
		return -ENOMEM;
	g->count = s->metrics.count;
	for (size_t i = 0; i < g->count; i++) {
		const char *name = ana_text(json_array_get(s->metrics.defs, i), "name", "");

		g->gauge[i].source = -1;
		for (int source = 0; source < ANA_SOURCES; source++) {
			for (int k = 0; k < ANA_GAUGES; k++) {
				if (!names[source][k] || strcmp(names[source][k], name))
					continue;
				g->gauge[i].source = source;
				g->gauge[i].gauge = k;
			}
		}
	}
	return 0;
}

void ana_gauges_add(struct ana_gauges *g, struct ana_side *s, const struct flt_record *rec)
{
	size_t i = ana_ids_index(&s->metrics, rec->f[FLT_SAMPLE_METRIC]);
	struct gauge *gauge = i < g->count ? &g->gauge[i] : NULL;
	uint64_t value = rec->f[FLT_SAMPLE_VALUE], from, until = flt_end(rec);
	double per_ns;

	if (!gauge || gauge->source < 0 || value == FLT_NONE)
		return;
	from = gauge->at;
	per_ns = gauge->seen && until > from && value > gauge->value
			 ? (double)(value - gauge->value) / (double)(until - from)
			 : 0;
	if (gauge->seen)
		s->has_gauge[gauge->source][gauge->gauge] = true;
	gauge->seen = true;
	gauge->at = until;
	gauge->value = value;
	while (gauge->hint < s->passes && s->pass[gauge->hint].end <= from)
		gauge->hint++;
	for (size_t k = gauge->hint; per_ns > 0 && k < s->passes; k++) {
		const struct ana_pass *pass = &s->pass[k];
		uint64_t a = pass->start > from ? pass->start : from;
		uint64_t b = pass->end < until ? pass->end : until;

		if (pass->start >= until)
			break;
		if (pass->wanted && b > a)
			s->gauge[pass->phase][gauge->source][gauge->gauge] +=
				per_ns * (double)(b - a);
	}
}

void ana_gauges_close(struct ana_gauges *g)
{
	if (!g)
		return;
	free(g->gauge);
	free(g);
}
