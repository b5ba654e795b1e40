// SPDX-License-Identifier: GPL-2.0-only
/* See evaluations.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/evaluations.h"

#define BATCH 256

static bool is_evaluation(uint64_t mark_class)
{
	switch (mark_class) {
	case FLT_MC_LOAD:
	case FLT_MC_EVALUATION:
	case FLT_MC_PROMPT:
	case FLT_MC_DECODE:
	case FLT_MC_WARMUP:
		return true;
	}
	return false;
}

static int add(struct ana_evaluations *e, const struct ana_evaluation_span *span)
{
	if (e->count == e->room) {
		size_t room = e->room ? e->room * 2 : 64;
		struct ana_evaluation_span *grown = reallocarray(e->span, room, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		e->span = grown;
		e->room = room;
	}
	e->span[e->count++] = *span;
	return 0;
}

static int from_plan(struct ana_evaluations *e, const struct flt_plan *plan)
{
	e->planned = true;
	for (uint64_t i = 0; i < plan->evaluations; i++) {
		const struct flt_evaluation *p = &plan->evaluation[i];
		struct ana_evaluation_span span = {
			.start = p->start,
			.end = p->start + p->dur,
			.mark_class = p->mark_class,
			.tokens = p->tokens,
			.windows = p->windows,
			.window_bytes = p->bytes,
			.compute_ns = p->compute_ns,
		};
		int ret = add(e, &span);

		if (ret)
			return ret;
	}
	return 0;
}

/* A recording that was not prepared: a pass over all of it, for marks may be in any stream. */
static int from_marks(struct ana_evaluations *e, struct flt_reader *r)
{
	struct flt_record *rec = malloc(BATCH * sizeof(*rec));
	struct ana_evaluation_span load = {
		.end = FLT_NONE, .mark_class = FLT_MC_LOAD, .tokens = FLT_NONE};
	struct flt_cursor *c = NULL;
	bool loaded = false;
	ssize_t n = 0;
	int ret = rec ? flt_cursor_open(&c, r, FLT_RECORDING, FLT_ALL_STREAMS) : -ENOMEM;

	while (!ret && (n = flt_cursor_next(c, rec, BATCH)) > 0) {
		for (ssize_t i = 0; i < n && !ret; i++) {
			struct ana_evaluation_span span = {
				.start = rec[i].start,
				.end = flt_end(&rec[i]),
				.mark_class = rec[i].f[FLT_MARK_CLASS],
				.tokens = rec[i].f[FLT_MARK_TOKENS],
			};

			if (rec[i].kind != FLT_MARK || !is_evaluation(span.mark_class))
				continue;
			loaded |= span.mark_class == FLT_MC_LOAD;
			if (span.start < load.end)
				load.end = span.start;
			ret = add(e, &span);
		}
	}
	if (!ret && n < 0)
		ret = (int)n;
	if (e->count && !loaded && add(e, &load))
		ret = -ENOMEM;
	flt_cursor_close(c);
	free(rec);
	return ret;
}

/*
 * Times of a trace are rounded, ends and durations each for themselves: where an evaluation begins
 * about when the one before it ends, it begins exactly then.
 */
#define ROUNDING_NS 20000

static void join_borders(struct ana_evaluations *e)
{
	uint64_t before = 0;

	for (size_t i = 0; i < e->count; i++) {
		struct ana_evaluation_span *span = &e->span[i];
		uint64_t apart = span->start > before ? span->start - before : before - span->start;

		if (apart <= ROUNDING_NS && before <= span->end)
			span->start = before;
		before = span->end;
	}
}

static int by_start(const void *a, const void *b)
{
	const struct ana_evaluation_span *x = a, *y = b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	return x->end < y->end ? -1 : x->end > y->end;
}

int ana_evaluations_load(struct ana_evaluations *e, struct flt_reader *r)
{
	struct flt_plan *plan = NULL;
	int ret = flt_plan_open(r, &plan);

	memset(e, 0, sizeof(*e));
	if (!ret)
		ret = from_plan(e, plan);
	else if (ret == -ENODATA)
		ret = from_marks(e, r);
	if (!e->planned && e->count)
		qsort(e->span, e->count, sizeof(*e->span), by_start);
	join_borders(e);
	flt_plan_close(plan);
	return ret;
}

void ana_evaluations_free(struct ana_evaluations *e)
{
	free(e->span);
	memset(e, 0, sizeof(*e));
}

size_t ana_evaluation_at(const struct ana_evaluations *e, uint64_t t, size_t *hint)
{
	size_t i = *hint;

	if (!e->count)
		return 0;
	if (i >= e->count)
		i = e->count - 1;
	while (i > 0 && e->span[i].start > t)
		i--;
	while (i + 1 < e->count && e->span[i + 1].start <= t)
		i++;
	*hint = i;
	if (t < e->span[i].start || t >= e->span[i].end)
		return e->count;
	return i;
}
