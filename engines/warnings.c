// SPDX-License-Identifier: GPL-2.0-only
#include "engines/warnings.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define OTHERS_SHARE 0.05 /* of one CPU: more of it by other programs is worth a warning */

/* ---- the trace ---------------------------------------------------------------------- */

static const char *text_of(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s && *s ? s : "no reason is given";
}

static void warn_of_capture(struct eng_group *g, const json_t *trailer)
{
	const json_t *judgement = json_object_get(trailer, "judgement");

	if (json_is_true(json_object_get(trailer, "lossy")))
		eng_warn(g, "the trace is lossy: the recorder could not keep up with all events");
	if (json_is_false(json_object_get(judgement, "usable")))
		eng_warn(g, "the recorder calls this trace not usable: %s",
			 text_of(judgement, "why"));
	else if (json_is_false(json_object_get(judgement, "predictive")))
		eng_warn(g, "the trace does not claim to predict other limits or drives: %s",
			 text_of(judgement, "why"));
}

/* 0 says: any limit; no number: the recorder does not know. */
static void warn_of_limit(struct eng_group *g, const json_t *trailer)
{
	const json_t *serves = json_object_get(trailer, "serves_limit");
	uint64_t least = json_is_integer(serves) ? (uint64_t)json_integer_value(serves) : 0;

	if (g->limit == HOST_UNKNOWN || g->limit >= least)
		return;
	eng_warn(
		g,
		"the limit of %" PRIu64 " MiB is below the %" PRIu64
		" MiB that the trace serves: pages that stayed in memory while it was recorded are missing "
		"from it, so less will be read than by a real run",
		g->limit >> 20, least >> 20);
}

static void warn_of_program(struct eng_group *g, const json_t *header, const json_t *trailer)
{
	const char *barriers =
		json_string_value(json_object_get(json_object_get(trailer, "program"), "barriers"));
	const char *mode = json_string_value(json_object_get(header, "mode"));
	uint64_t page = (uint64_t)json_integer_value(json_object_get(header, "page_size"));

	if (page && page != g->page)
		eng_warn(g,
			 "recorded with pages of %" PRIu64 " KiB, replayed with pages of %" PRIu64
			 " KiB: faults and read-ahead differ",
			 page >> 10, g->page >> 10);
	/* A recording under pressure is its own calibration: its compute is used as it is. */
	if (mode && !strcmp(mode, "reference") &&
	    !json_is_object(json_object_get(trailer, "calibration")))
		eng_warn(
			g,
			"the trace has no calibration: its compute was slowed down by being recorded, by up to a quarter");
	if (!barriers || !strcmp(barriers, "recorded"))
		return;
	if (!strcmp(barriers, "none"))
		eng_warn(g, "no barriers were recorded: lanes do not wait for each other");
	else
		eng_warn(g, "the barriers were not recorded but inferred from %s",
			 !strcmp(barriers, "tensors") ? "the borders of tensors"
						      : "the ranges that were touched");
}

void eng_warn_of_trace(struct eng_group *g)
{
	const json_t *header = flt_header(g->trace), *trailer = flt_trailer(g->trace);

	warn_of_capture(g, trailer);
	warn_of_limit(g, trailer);
	warn_of_program(g, header, trailer);
}

/* ---- the run ------------------------------------------------------------------------- */

/*
 * Read-ahead and reclaim have a memory. They have settled when the first measured evaluation reads and waits about as the
 * later ones of its kind do; a quarter is more than such evaluations vary among themselves.
 */
#define SETTLED       0.25
#define LATER_LEAST   3
#define BLOCKED_LEAST 50 /* fewer are chance */
#define READ_LEAST    (16u << 20)

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static bool differs(double first, double *later, size_t n, double least)
{
	double middle;

	qsort(later, n, sizeof(*later), by_size);
	middle = later[n / 2];
	return (first > least || middle > least) && fabs(first - middle) > SETTLED * middle;
}

static void warn_unsettled(struct eng_group *g)
{
	const struct eng_evaluation *first = NULL;
	double *read = calloc(2 * g->evaluations + 1, sizeof(*read)),
	       *blocked = read ? read + g->evaluations : NULL;
	size_t n = 0;

	for (uint64_t i = 0; read && i < g->evaluations; i++) {
		const struct eng_evaluation *e = &g->evaluation[i];
		uint32_t c;

		if (!e->measured || e->end <= 0 || e->read_bytes == HOST_UNKNOWN)
			continue;
		c = g->plan->evaluation[e->index].mark_class;
		if (c == FLT_MC_LOAD || c == FLT_MC_PROMPT || c == FLT_MC_WARMUP)
			continue;
		if (!first) {
			first = e;
			continue;
		}
		read[n] = (double)e->read_bytes;
		blocked[n++] = (double)atomic_load(&e->blocked);
	}
	if (n >= LATER_LEAST &&
	    (differs((double)first->read_bytes, read, n, READ_LEAST) ||
	     differs((double)atomic_load(&first->blocked), blocked, n, BLOCKED_LEAST)))
		eng_warn(
			g,
			"read-ahead and reclaim had not settled at evaluation %u, the first that was measured: measure later "
			"ones (tokens=) or raise warmup=",
			first->index);
	free(read);
}

void eng_warn_of_run(struct eng_group *g, const struct eng_figures *f)
{
	double others = g->to.others_cpu - g->from.others_cpu;
	const json_t *limit = json_object_get(flt_header(g->trace), "memory_limit");
	uint64_t starved = 0;

	for (uint32_t i = 0; i < g->jobs; i++)
		starved += g->job[i].starved;
	if (g->set.pressure == ENG_PRESSURE_NONE && json_is_integer(limit))
		eng_warn(g,
			 "recorded under a limit of %" JSON_INTEGER_FORMAT
			 " MiB, replayed without one (pressure=memcg): the two do not compare",
			 json_integer_value(limit) >> 20);
	if (g->from.others_cpu >= 0 && g->to.others_cpu >= 0 &&
	    others > OTHERS_SHARE * f->duration && others > 0.1)
		eng_warn(
			g,
			"other programs had the CPUs for %.1f s meanwhile, and lanes wait for each other at "
			"barriers: repeat it on a quiet machine",
			others);
	if (f->duration > 0 && (double)starved * ENG_EMPTY_NS / 1e9 > 0.005 * f->duration * g->jobs)
		eng_warn(g, "jobs waited %" PRIu64 " times for the trace to be decoded", starved);
	if (f->foreign_read != HOST_UNKNOWN && f->foreign_read > f->read_bytes / 20 + (1u << 20))
		eng_warn(g, "others read %" PRIu64 " MiB from the same drive meanwhile",
			 f->foreign_read >> 20);
	if (g->left_bytes)
		eng_warn(g,
			 "%" PRIu64 " KiB of the data files could not be evicted before the start",
			 g->left_bytes >> 10);
	warn_unsettled(g);
}
