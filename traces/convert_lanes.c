// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The lanes of a program in the making: see convert_lanes.h. */
#include "convert_lanes.h"
#include "convert_infer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define QUEUE_FLUSH   4096  /* records of a lane before they are written */
#define SEGMENT_LIMIT 65536 /* records of a segment, all lanes: longer ones are not held back */
#define QUEUE_LIMIT   (4 * SEGMENT_LIMIT)
#define CLOCK_SLACK   3000 /* ns: times of a recording are rounded */
#define WAITS_MAX     4096

/* ---- waits ---- */

/* Too many without a record (a load phase that fills memory): the older half is summed up. */
static void fold_waits(struct lane *l)
{
	size_t half = WAITS_MAX / 2;

	for (size_t i = 0; i < half; i++) {
		uint64_t from = l->wait[i].start > l->cur_until ? l->wait[i].start : l->cur_until;

		l->folded += l->wait[i].end > from ? l->wait[i].end - from : 0;
	}
	l->nwait -= half;
	memmove(l->wait, l->wait + half, l->nwait * sizeof(*l->wait));
}

/* An interval may enclose earlier ones: a thread that was stopped was also off its CPU. */
int convert_wait(struct lane *l, uint64_t start, uint64_t end)
{
	size_t i = l->nwait, j;

	if (!l->has_cur || end <= start)
		return 0;
	while (i && l->wait[i - 1].end >= start)
		i--;
	for (j = i; j < l->nwait && l->wait[j].start <= end; j++) {
		start = l->wait[j].start < start ? l->wait[j].start : start;
		end = l->wait[j].end > end ? l->wait[j].end : end;
	}
	if (i == j && l->nwait == WAITS_MAX) {
		fold_waits(l);
		i = j = i > WAITS_MAX / 2 ? i - WAITS_MAX / 2 : 0;
	}
	if (i == j && l->nwait == l->cap_wait) {
		size_t cap = l->cap_wait ? l->cap_wait * 2 : 16;
		struct span *p = realloc(l->wait, cap * sizeof(*p));

		if (!p)
			return -ENOMEM;
		l->wait = p;
		l->cap_wait = cap;
	}
	memmove(&l->wait[i + 1], &l->wait[j], (l->nwait - j) * sizeof(*l->wait));
	l->wait[i] = (struct span){start, end};
	l->nwait = l->nwait - (j - i) + 1;
	return 0;
}

/*
 * How much of the intervals lies between FROM and TO. Those that end within the
 * next record, before UNTIL, are part of that; what reaches beyond stays.
 */
static uint64_t take_waits(struct lane *l, uint64_t from, uint64_t to, uint64_t until)
{
	uint64_t sum = l->folded;
	size_t kept = 0;

	for (size_t i = 0; i < l->nwait; i++) {
		struct span w = l->wait[i];
		uint64_t a = w.start > from ? w.start : from, b = w.end < to ? w.end : to;

		sum += b > a ? b - a : 0;
		if (w.end > until)
			l->wait[kept++] = (struct span){w.start > until ? w.start : until, w.end};
	}
	l->nwait = kept;
	if (to > from) /* what takes no time leaves them to what comes next */
		l->folded = 0;
	return sum < to - from ? sum : to - from;
}

/* ---- queue ---- */

/* Writes what can no longer change of a lane's queue. */
static int lane_write(struct convert *c, uint32_t lane)
{
	struct lane *l = &c->lane[lane];
	int ret = 0;

	for (size_t i = 0; !ret && i < l->held; i++)
		ret = convert_emit(c, lane, &l->q[i]);
	for (size_t g = 0; g < c->nmeetings; g++)
		for (uint32_t m = 0; m < c->meeting[g].members; m++)
			if (c->meeting[g].member[m].lane == lane)
				c->meeting[g].member[m].at -= l->held;
	memmove(l->q, l->q + l->held, (l->n - l->held) * sizeof(*l->q));
	l->n -= l->held;
	l->held = 0;
	return ret;
}

void convert_release(struct convert *c, uint32_t lane)
{
	struct lane *l = &c->lane[lane];

	l->held = l->n;
	if (!c->meets || convert_is_helper(c, lane))
		return;
	if (!l->cut)
		l->held -= l->segment;
	for (size_t g = 0; g < c->nmeetings; g++) {
		for (uint32_t m = 0; m < c->meeting[g].members; m++) {
			size_t at = c->meeting[g].member[m].at;

			if (c->meeting[g].member[m].lane != lane || at >= l->n)
				continue;
			at -= l->q[at].segment == SEGMENT_CUT ? 0 : l->q[at].segment;
			l->held = at < l->held ? at : l->held;
		}
	}
}

static int queue_room(struct lane *l)
{
	size_t cap = l->cap ? l->cap * 2 : 256;
	struct queued *p;

	if (l->n < l->cap)
		return 0;
	p = realloc(l->q, cap * sizeof(*p));
	if (!p)
		return -ENOMEM;
	l->q = p;
	l->cap = cap;
	return 0;
}

int convert_insert(struct convert *c, uint32_t lane, size_t at, const struct flt_record *r)
{
	struct lane *l = &c->lane[lane];
	int ret = queue_room(l);

	if (ret)
		return ret;
	memmove(&l->q[at + 1], &l->q[at], (l->n - at) * sizeof(*l->q));
	l->q[at] = (struct queued){.rec = *r, .evaluation = l->evaluation};
	if (at < l->n)
		l->q[at].evaluation = l->q[at + 1].evaluation;
	l->n++;
	for (size_t g = 0; g < c->nmeetings; g++)
		for (uint32_t m = 0; m < c->meeting[g].members; m++)
			if (c->meeting[g].member[m].lane == lane &&
			    c->meeting[g].member[m].at >= at)
				c->meeting[g].member[m].at++;
	return 0;
}

/* The record that goes into the queue ends a segment, or is part of one. */
static bool count_segment(struct convert *c, struct lane *l, struct queued *q)
{
	if (q->rec.kind == FLT_P_BARRIER) {
		q->segment = l->cut ? SEGMENT_CUT : l->segment;
		q->began = l->began;
	}
	if (q->rec.kind == FLT_P_BARRIER || q->rec.kind == FLT_P_MARK) {
		l->segment = 0;
		l->cut = false;
		l->began = boundary_key(&q->rec);
		return true;
	}
	if (++l->segment > SEGMENT_LIMIT / c->lanes + 64)
		l->cut = true;
	return l->cut && l->n - l->held > 256;
}

int convert_push(struct convert *c, uint32_t lane)
{
	struct lane *l = &c->lane[lane];
	struct queued *q;
	int ret = 0;

	if (!l->has_cur)
		return 0;
	ret = queue_room(l);
	if (ret)
		return ret;
	q = &l->q[l->n];
	*q = (struct queued){.rec = l->cur, .evaluation = l->evaluation, .events = l->cur_events};
	l->has_cur = false;
	l->n++;
	if (count_segment(c, l, q) || !c->meets)
		convert_release(c, lane);
	if (l->n > QUEUE_LIMIT / c->lanes + 1024)
		ret = convert_relieve(c);
	return ret ? ret : l->held > QUEUE_FLUSH ? lane_write(c, lane) : 0;
}

int convert_begin(struct convert *c, uint32_t lane, uint32_t kind, uint64_t start, uint64_t end)
{
	struct lane *l = &c->lane[lane];
	uint64_t floor = l->cur_until, waits;
	uint32_t events;
	int ret;

	start = start > floor ? start : floor;
	end = end > start ? end : start;
	waits = take_waits(l, floor, start, end);
	l->cur.dur += waits;
	/* Faults cost the compute that follows them: without any they wait for the next. */
	events = start - floor > waits ? l->events : 0;
	l->events -= events;
	ret = convert_push(c, lane);
	memset(&l->cur, 0, sizeof(l->cur));
	l->cur.kind = kind;
	l->cur.stream = lane;
	l->cur.start = start;
	l->cur.dur = end - start;
	l->cur_until = end;
	l->cur_events = events;
	l->has_cur = true;
	return ret;
}

/* ---- evaluations ---- */

static uint64_t boundary(const struct convert *c, uint64_t evaluation)
{
	const struct survey *s = c->s;

	if (!evaluation)
		return 0;
	return evaluation <= s->nmarks ? s->mark[evaluation - 1].start : s->mark[s->nmarks - 1].end;
}

int convert_mark(struct convert *c, uint32_t lane, uint64_t evaluation)
{
	struct lane *l = &c->lane[lane];
	const struct survey_mark *m = NULL;
	uint64_t at = boundary(c, evaluation);
	int ret = 0;

	if (c->infer && evaluation)
		ret = infer_mark(c, lane, at);
	/* Only the main thread computes between evaluations; the others wait for it. */
	if (!ret && lane)
		ret = convert_wait(l, 0, at);
	if (!ret)
		ret = convert_begin(c, lane, FLT_P_MARK, at, at);
	if (evaluation && evaluation <= c->s->nmarks)
		m = &c->s->mark[evaluation - 1];
	l->evaluation = evaluation;
	/* A barrier that is met no more must not hold its lanes' queues back. */
	if (!lane && !ret)
		ret = convert_retire(c, evaluation);
	l->window_file = FLT_NONE;
	l->cur.f[FLT_MARK_CLASS] = m ? m->mark_class : evaluation ? FLT_MC_END : FLT_MC_LOAD;
	l->cur.f[FLT_MARK_ID] = evaluation;
	l->cur.f[FLT_MARK_TOKENS] = m ? m->tokens : FLT_NONE;
	l->cur.f[FLT_MARK_SYMBOL] = m ? m->symbol : FLT_NONE;
	l->cur.f[FLT_MARK_FLAGS] = m ? m->flags : 0;
	if (evaluation > c->stop)
		c->stopped = true;
	return ret;
}

int convert_advance(struct convert *c, uint32_t lane, uint64_t ns)
{
	struct lane *l = &c->lane[lane];
	int ret = 0;

	while (!ret && l->evaluation <= c->s->nmarks &&
	       ns + CLOCK_SLACK >= boundary(c, l->evaluation + 1))
		ret = convert_mark(c, lane, l->evaluation + 1);
	return ret;
}

/*
 * Lanes without records must not lag behind for ever: one that has seen nothing
 * for a whole evaluation is taken along. (Stragglers of the last evaluation are
 * sorted in by their start, so one evaluation of patience is enough.)
 */
int convert_catch_up(struct convert *c, uint64_t now)
{
	int ret = 0;

	for (uint32_t i = 0; !ret && i < c->lanes; i++) {
		struct lane *l = &c->lane[i];

		while (!ret && l->evaluation + 2 <= c->s->nmarks &&
		       now >= boundary(c, l->evaluation + 2))
			ret = convert_mark(c, i, l->evaluation + 1);
	}
	if (!ret && c->nsummary > 65536)
		ret = convert_write_summary(c);
	return ret;
}

/* ---- the end ---- */

int convert_finish(struct convert *c)
{
	uint64_t last = c->stop < c->s->nmarks ? c->stop : c->s->nmarks;
	int ret = 0;

	for (uint32_t i = 0; !ret && i < c->lanes; i++) {
		while (!ret && c->lane[i].evaluation <= last)
			ret = convert_mark(c, i, c->lane[i].evaluation + 1);
		if (!ret)
			ret = convert_push(c, i);
	}
	if (!ret)
		ret = convert_settle_all(c);
	for (uint32_t i = 0; !ret && i < c->lanes; i++) {
		c->lane[i].held = c->lane[i].n;
		ret = lane_write(c, i);
		if (!ret)
			ret = convert_emit_last(c, i);
	}
	return ret ? ret : convert_write_summary(c);
}
