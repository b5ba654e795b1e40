// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The lanes of a program in the making: see convert_lanes.h. */
#include "convert_lanes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define QUEUE_FLUSH 4096 /* records of a lane before they are written */
#define CLOCK_SLACK 3000 /* ns: times of a recording are rounded */

/* ---- queue and summary ---- */

static int summary_add(struct convert *c, uint32_t lane, uint64_t evaluation)
{
	struct lane *l = &c->lane[lane];
	const struct survey *s = &c->s;
	struct flt_record *r;

	if (c->nsummary == c->cap_summary) {
		size_t cap = c->cap_summary ? c->cap_summary * 2 : 256;

		r = realloc(c->summary, cap * sizeof(*r));
		if (!r)
			return -ENOMEM;
		c->summary = r;
		c->cap_summary = cap;
	}
	r = &c->summary[c->nsummary++];
	memset(r, 0, sizeof(*r));
	r->kind = FLT_S_EVALUATION;
	r->stream = lane;
	r->start = evaluation ? s->mark[evaluation - 1].start : 0;
	r->dur = (evaluation < s->nmarks ? s->mark[evaluation].start : s->mark[s->nmarks - 1].end) -
		 r->start;
	r->f[FLT_S_EVAL_INDEX] = evaluation;
	r->f[FLT_S_EVAL_CLASS] = evaluation ? s->mark[evaluation - 1].mark_class : FLT_MC_LOAD;
	r->f[FLT_S_EVAL_TOKENS] = evaluation ? s->mark[evaluation - 1].tokens : FLT_NONE;
	r->f[FLT_S_EVAL_WINDOWS] = l->sums.windows;
	r->f[FLT_S_EVAL_BYTES] = l->sums.bytes;
	r->f[FLT_S_EVAL_BARRIERS] = l->sums.barriers;
	r->f[FLT_S_EVAL_COMPUTE] = l->sums.compute;
	r->f[FLT_S_EVAL_RECORDS] = l->sums.records;
	memset(&l->sums, 0, sizeof(l->sums));
	return 0;
}

static int summary_write(struct convert *c)
{
	int ret = 0;

	for (size_t i = 0; !ret && i < c->nsummary; i++)
		ret = flt_writer_add(c->w, FLT_SUMMARY, &c->summary[i]);
	c->nsummary = 0;
	return ret;
}

/* Writes what can no longer change of a lane's queue. */
static int lane_write(struct convert *c, uint32_t lane)
{
	struct lane *l = &c->lane[lane];
	int ret = 0;

	for (size_t i = 0; !ret && i < l->held; i++) {
		flt_writer_evaluation(c->w, l->q[i].evaluation);
		ret = flt_writer_add(c->w, FLT_PROGRAM, &l->q[i].rec);
	}
	for (size_t g = 0; g < c->ngroups; g++)
		for (uint32_t m = 0; m < c->group[g].members; m++)
			if (c->group[g].member[m].lane == lane)
				c->group[g].member[m].at -= l->held;
	memmove(l->q, l->q + l->held, (l->n - l->held) * sizeof(*l->q));
	l->n -= l->held;
	l->held = 0;
	return ret;
}

/* What is held back in a lane after group G is settled. */
static void lane_release(struct convert *c, uint32_t lane)
{
	struct lane *l = &c->lane[lane];

	l->held = l->n;
	for (size_t g = 0; g < c->ngroups; g++)
		for (uint32_t m = 0; m < c->group[g].members; m++)
			if (c->group[g].member[m].lane == lane &&
			    c->group[g].member[m].at < l->held)
				l->held = c->group[g].member[m].at;
}

/* Moves the lane's record at hand into its queue. */
static int lane_push(struct convert *c, uint32_t lane)
{
	struct lane *l = &c->lane[lane];
	struct flt_record *r = &l->cur;

	if (!l->has_cur)
		return 0;
	if (l->n == l->cap) {
		size_t cap = l->cap ? l->cap * 2 : 256;
		struct queued *p = realloc(l->q, cap * sizeof(*p));

		if (!p)
			return -ENOMEM;
		l->q = p;
		l->cap = cap;
	}
	l->sums.records++;
	l->sums.compute += r->start > l->last_end ? r->start - l->last_end : 0;
	if (r->kind == FLT_P_WINDOW || r->kind == FLT_P_READ) {
		l->sums.windows++;
		l->sums.bytes += r->f[FLT_P_WINDOW_LENGTH];
		c->st->windows += r->kind == FLT_P_WINDOW;
		c->st->reads += r->kind == FLT_P_READ;
		c->st->window_bytes += r->f[FLT_P_WINDOW_LENGTH];
	} else if (r->kind == FLT_P_BARRIER) {
		l->sums.barriers++;
		c->st->barriers++;
	} else if (r->kind == FLT_P_HINT) {
		c->st->hints++;
	}
	c->st->compute_ns += r->start > l->last_end ? r->start - l->last_end : 0;
	l->last_end = flt_end(r);
	l->q[l->n] = (struct queued){*r, l->evaluation};
	l->has_cur = false;
	if (l->held == l->n)
		l->held++;
	l->n++;
	if (r->kind == FLT_P_BARRIER)
		lane_release(c, lane); /* unless its generation is still coming in */
	return l->held > QUEUE_FLUSH ? lane_write(c, lane) : 0;
}

/* Begins a new record at hand; START is moved behind the last one's end. */
int convert_begin(struct convert *c, uint32_t lane, uint32_t kind, uint64_t start, uint64_t end)
{
	struct lane *l = &c->lane[lane];
	uint64_t floor = l->has_cur ? flt_end(&l->cur) : l->last_end;
	int ret = lane_push(c, lane);

	memset(&l->cur, 0, sizeof(l->cur));
	l->cur.kind = kind;
	l->cur.stream = lane;
	l->cur.start = start > floor ? start : floor;
	l->cur.dur = end > l->cur.start ? end - l->cur.start : 0;
	l->has_cur = true;
	return ret;
}

/* Time that is not compute: it becomes part of the wait of the record at hand. */
void convert_wait(struct lane *l, uint64_t start, uint64_t end)
{
	uint64_t from;

	if (!l->has_cur)
		return;
	from = start > flt_end(&l->cur) ? start : flt_end(&l->cur);
	if (end > from)
		l->cur.dur += end - from;
}

/* ---- barriers ---- */

static void group_settle(struct convert *c, struct group *g);

/* Some runners make a thread pool, hence a group, for every graph. */
static void groups_retire(struct convert *c, uint64_t evaluation)
{
	size_t kept = 0;

	for (size_t i = 0; i < c->ngroups; i++) {
		struct group *g = &c->group[i];

		if (g->evaluation + 2 > evaluation) {
			c->group[kept++] = *g;
			continue;
		}
		group_settle(c, g);
		free(g->member);
	}
	c->ngroups = kept;
}

static struct group *group_get(struct convert *c, uint64_t id, uint64_t evaluation)
{
	struct group *g;

	for (size_t i = 0; i < c->ngroups; i++)
		if (c->group[i].id == id)
			return &c->group[i];
	if (c->ngroups >= 16)
		groups_retire(c, evaluation);
	g = realloc(c->group, (c->ngroups + 1) * sizeof(*g));
	if (!g)
		return NULL;
	c->group = g;
	g += c->ngroups++;
	memset(g, 0, sizeof(*g));
	g->id = id;
	return g;
}

/* A barrier that is left out was counted when it went into its lane's queue. */
static void uncount_barrier(struct convert *c, uint32_t lane, const struct queued *q)
{
	c->st->barriers--;
	if (c->lane[lane].evaluation == q->evaluation) {
		c->lane[lane].sums.barriers--;
		return;
	}
	for (size_t i = c->nsummary; i-- > 0;) {
		struct flt_record *r = &c->summary[i];

		if (r->stream == lane && r->f[FLT_S_EVAL_INDEX] == q->evaluation) {
			r->f[FLT_S_EVAL_BARRIERS]--;
			return;
		}
	}
}

/*
 * All members of a generation are known: tell them how many they are. If they
 * do not all stand in the same evaluation (something was lost), a replay would
 * wait for ever: such a barrier is left out.
 */
static void group_settle(struct convert *c, struct group *g)
{
	uint32_t members = g->members;

	g->members = 0;
	for (uint32_t m = 0; m < members; m++) {
		struct lane *l = &c->lane[g->member[m].lane];
		struct flt_record *r =
			g->member[m].at < l->n ? &l->q[g->member[m].at].rec : &l->cur;

		if (g->torn) {
			if (g->member[m].at < l->n)
				uncount_barrier(c, g->member[m].lane, &l->q[g->member[m].at]);
			r->kind = FLT_P_IDLE;
			r->dur = 0;
			memset(r->f, 0, sizeof(r->f));
		} else {
			r->f[FLT_BARRIER_PARTICIPANTS] = members;
		}
	}
	for (uint32_t m = 0; m < members; m++)
		lane_release(c, g->member[m].lane);
	c->torn += g->torn;
	g->torn = false;
}

/* The lane's record at hand is a barrier: count it in, in the order of arrival. */
int convert_join(struct convert *c, uint32_t lane)
{
	const struct lane *l = &c->lane[lane];
	uint64_t generation = l->cur.f[FLT_BARRIER_GENERATION];
	struct group *g = group_get(c, l->cur.f[FLT_BARRIER_GROUP], l->evaluation);

	if (!g)
		return -ENOMEM;
	if (g->used && g->generation != generation)
		group_settle(c, g);
	if (!g->members) {
		g->used = true;
		g->generation = generation;
		g->evaluation = l->evaluation;
	}
	if (g->evaluation != l->evaluation)
		g->torn = true;
	for (uint32_t m = 0; m < g->members; m++)
		g->torn |= g->member[m].lane == lane; /* the same lane twice */
	if (g->members == g->cap) {
		size_t cap = g->cap ? g->cap * 2 : 8;
		void *p = realloc(g->member, cap * sizeof(*g->member));

		if (!p)
			return -ENOMEM;
		g->member = p;
		g->cap = cap;
	}
	g->member[g->members].lane = lane;
	g->member[g->members++].at = l->n; /* where it will be queued */
	return 0;
}

/* ---- evaluations ---- */

static uint64_t boundary(const struct convert *c, uint64_t evaluation)
{
	const struct survey *s = &c->s;

	if (!evaluation)
		return 0;
	return evaluation <= s->nmarks ? s->mark[evaluation - 1].start : s->mark[s->nmarks - 1].end;
}

int convert_mark(struct convert *c, uint32_t lane, uint64_t evaluation)
{
	struct lane *l = &c->lane[lane];
	const struct survey_mark *m = NULL;
	uint64_t at = boundary(c, evaluation);
	int ret;

	/* Only the main thread computes between evaluations; the others wait for it. */
	if (lane)
		convert_wait(l, 0, at);
	ret = convert_begin(c, lane, FLT_P_MARK, at, at);
	if (!ret && evaluation)
		ret = summary_add(c, lane, evaluation - 1);
	if (evaluation && evaluation <= c->s.nmarks)
		m = &c->s.mark[evaluation - 1];
	l->evaluation = evaluation;
	/* A barrier that is met no more must not hold its lanes' queues back. */
	if (!lane && !ret)
		groups_retire(c, evaluation);
	l->window_file = FLT_NONE;
	l->cur.f[FLT_MARK_CLASS] = m ? m->mark_class : evaluation ? FLT_MC_END : FLT_MC_LOAD;
	l->cur.f[FLT_MARK_ID] = evaluation;
	l->cur.f[FLT_MARK_TOKENS] = m ? m->tokens : FLT_NONE;
	l->cur.f[FLT_MARK_SYMBOL] = m ? m->symbol : FLT_NONE;
	l->cur.f[FLT_MARK_FLAGS] = m ? m->flags : 0;
	return ret;
}

/* Brings a lane into the evaluation that time NS belongs to. */
int convert_advance(struct convert *c, uint32_t lane, uint64_t ns)
{
	struct lane *l = &c->lane[lane];
	int ret = 0;

	while (!ret && l->evaluation <= c->s.nmarks &&
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

		while (!ret && l->evaluation + 2 <= c->s.nmarks &&
		       now >= boundary(c, l->evaluation + 2))
			ret = convert_mark(c, i, l->evaluation + 1);
	}
	if (!ret && c->nsummary > 65536)
		ret = summary_write(c);
	return ret;
}

/* ---- the end ---- */

int convert_finish(struct convert *c)
{
	int ret = 0;

	for (uint32_t i = 0; !ret && i < c->lanes; i++) {
		while (!ret && c->lane[i].evaluation <= c->s.nmarks)
			ret = convert_mark(c, i, c->lane[i].evaluation + 1);
		if (!ret)
			ret = lane_push(c, i);
	}
	for (size_t g = 0; g < c->ngroups; g++)
		group_settle(c, &c->group[g]);
	for (uint32_t i = 0; !ret && i < c->lanes; i++)
		ret = lane_write(c, i);
	return ret ? ret : summary_write(c);
}
