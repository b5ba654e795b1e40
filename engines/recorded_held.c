// SPDX-License-Identifier: GPL-2.0-only
#include "engines/recorded_held.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engines/measure.h"
#include "engines/result_parts.h"

#define MAX_METRICS 256
#define NO_METRIC   0xff

struct eng_recorded {
	bool cgroup;
	uint64_t evaluations;
	uint64_t held[]; /* of each */
};

struct samples {
	uint8_t metric[MAX_METRICS]; /* enum host_metric of the trace's numbers */
	uint64_t value[HOST_METRIC_COUNT];
	uint64_t next; /* evaluation whose start has not been passed */
};

_Static_assert(HOST_METRIC_COUNT < NO_METRIC, "metrics fit into a byte");

/* Numbers are the trace's own; names are for ever. */
static void name_metrics(const struct eng_group *g, struct samples *s)
{
	const json_t *defs = flt_definitions(g->trace, "metric"), *o;
	size_t i;

	memset(s->metric, NO_METRIC, sizeof(s->metric));
	json_array_foreach (defs, i, o) {
		json_int_t id = json_integer_value(json_object_get(o, "id"));
		const char *name = json_string_value(json_object_get(o, "name"));

		for (unsigned int m = 0; name && m < HOST_METRIC_COUNT; m++)
			if (id >= 0 && id < MAX_METRICS && !strcmp(name, host_metric_name(m)))
				s->metric[id] = (uint8_t)m;
	}
}

static bool sample_stream(const struct eng_group *g, uint32_t *stream)
{
	const json_t *defs = flt_definitions(g->trace, "stream"), *o;
	size_t i;

	json_array_foreach (defs, i, o) {
		const char *type = json_string_value(json_object_get(o, "type"));

		if (!type || strcmp(type, "sample"))
			continue;
		*stream = (uint32_t)json_integer_value(json_object_get(o, "id"));
		return true;
	}
	return false;
}

/* The evaluations that begin before NOW had what was sampled up to then. */
static void pass(const struct eng_group *g, struct eng_recorded *r, struct samples *s, uint64_t now)
{
	for (; s->next < r->evaluations && g->plan->evaluation[s->next].start < now; s->next++) {
		r->cgroup |= s->value[HOST_METRIC_CG_USAGE] != HOST_UNKNOWN;
		r->held[s->next] = eng_measure_held(s->value, r->cgroup);
	}
}

static int walk(const struct eng_group *g, struct eng_recorded *r, struct samples *s,
		uint32_t stream)
{
	struct flt_record rec[128];
	struct flt_cursor *c = NULL;
	ssize_t n = 0;
	int ret = flt_cursor_open(&c, g->trace, FLT_RECORDING, stream);

	while (!ret && (n = flt_cursor_next(c, rec, 128)) > 0) {
		for (ssize_t i = 0; i < n; i++) {
			uint64_t metric = rec[i].f[FLT_SAMPLE_METRIC];

			if (rec[i].kind != FLT_SAMPLE || metric >= MAX_METRICS)
				continue;
			pass(g, r, s, rec[i].start);
			if (s->metric[metric] != NO_METRIC)
				s->value[s->metric[metric]] = rec[i].f[FLT_SAMPLE_VALUE];
		}
	}
	flt_cursor_close(c);
	if (!ret && n >= 0)
		pass(g, r, s, UINT64_MAX);
	return ret ? ret : n < 0 ? (int)n : 0;
}

int eng_recorded_held_read(struct eng_group *g)
{
	uint64_t n = g->plan->evaluations;
	struct eng_recorded *r;
	struct samples s = {0};
	uint32_t stream;

	if (!sample_stream(g, &stream) || n > SIZE_MAX / 2 / sizeof(r->held[0]))
		return 0;
	r = malloc(sizeof(*r) + n * sizeof(r->held[0]));
	if (!r)
		return -ENOMEM;
	memset(r, 0xff, sizeof(*r) + n * sizeof(r->held[0]));
	r->cgroup = false;
	r->evaluations = n;
	g->recorded = r;
	memset(s.value, 0xff, sizeof(s.value));
	name_metrics(g, &s);
	return walk(g, r, &s, stream);
}

uint64_t eng_recorded_held(const struct eng_group *g, uint64_t index)
{
	const struct eng_recorded *r = g->recorded;

	return r && index < r->evaluations ? r->held[index] : HOST_UNKNOWN;
}

void eng_recorded_held_free(struct eng_group *g)
{
	free(g->recorded);
	g->recorded = NULL;
}

static json_t *point(const struct eng_group *g, const struct eng_evaluation *e)
{
	json_t *o;

	if (!e)
		return json_null();
	o = json_object();
	set(o, "evaluation", count(e->index));
	set(o, "recorded_bytes", count(eng_recorded_held(g, e->index)));
	set(o, "replayed_bytes", count(e->held));
	return o;
}

json_t *eng_recorded_held_json(const struct eng_group *g)
{
	const struct eng_evaluation *start = NULL, *prompt = NULL, *decode = NULL;
	uint64_t most = 0, n = 0;
	json_t *o;

	for (uint64_t i = 0; i < g->evaluations; i++) {
		const struct eng_evaluation *e = &g->evaluation[i];
		uint64_t was = eng_recorded_held(g, e->index), is = e->held, apart;
		uint32_t c;

		/* The load phase begins with nothing, and an evaluation of a later pass is not where the recorded one was. */
		if (e->end <= 0 || e->pass || !e->index || was == HOST_UNKNOWN ||
		    is == HOST_UNKNOWN)
			continue;
		c = g->plan->evaluation[e->index].mark_class;
		n++;
		start = start ? start : e;
		prompt = prompt || c != FLT_MC_PROMPT ? prompt : e;
		decode = c == FLT_MC_DECODE || c == FLT_MC_EVALUATION ? e : decode;
		apart = was > is ? was - is : is - was;
		most = apart > most ? apart : most;
	}
	if (!n)
		return json_null();
	o = json_object();
	set(o, "recorded_how", text(g->recorded->cgroup ? "cgroup" : "process"));
	set(o, "replayed_how", text(g->memcg_path[0] ? "cgroup" : "process"));
	set(o, "evaluations", count(n));
	set(o, "start", point(g, start));
	set(o, "prompt", point(g, prompt));
	set(o, "decode", point(g, decode));
	set(o, "max_difference_bytes", count(most));
	return o;
}
