// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Barriers of a program in the making: who meets at each of them.
 *
 * A recorded barrier's generation is complete when as many lanes have come as the
 * record says; where it does not say, when one of them is seen at the next one. An
 * inferred one (convert_infer.h) is complete when all worker lanes have passed it,
 * and then gets its times. Each of them ends a segment, which is looked at as soon
 * as all of its lanes are known.
 */
#include "convert_infer.h"
#include "convert_lanes.h"
#include "convert_segments.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define OPEN_MAX 2048 /* barriers that are not complete */

static struct queued *member_entry(struct convert *c, const struct meeting *g, uint32_t m)
{
	struct lane *l = &c->lane[g->member[m].lane];

	return g->member[m].at < l->n ? &l->q[g->member[m].at] : NULL;
}

static struct flt_record *member_record(struct convert *c, const struct meeting *g, uint32_t m)
{
	struct queued *q = member_entry(c, g, m);

	return q ? &q->rec : &c->lane[g->member[m].lane].cur;
}

/*
 * The times of an inferred barrier. All lanes leave it when the first of them
 * touches what comes next. The lane that faulted last before it is the one that
 * the others waited for; they are taken to have worked as long after their own
 * last fault as that one did, and to have waited for the rest.
 */
static void infer_times(struct convert *c, struct meeting *g)
{
	uint64_t release = UINT64_MAX, last = 0, tail;

	for (uint32_t m = 0; m < g->members; m++) {
		uint64_t start = member_record(c, g, m)->start;

		release = start < release ? start : release;
	}
	for (uint32_t m = 0; m < g->members; m++) {
		uint64_t end = infer_segment_end(c, g->member[m].lane, g->member[m].at);

		if (end <= release && end > last)
			last = end;
	}
	tail = last < release ? release - last : 0;
	for (uint32_t m = 0; m < g->members; m++) {
		struct flt_record *r = member_record(c, g, m);
		uint64_t from = infer_segment_end(c, g->member[m].lane, g->member[m].at);
		uint64_t end = release > from ? release : from;

		end = end < r->start ? end : r->start;
		/* A worker that the evaluation has nothing more for waits for the next one. */
		if (g->member[m].lane && infer_before_mark(c, g->member[m].lane, g->member[m].at))
			end = r->start;
		from = from + tail < end ? from + tail : end;
		r->start = from;
		r->dur = end - from;
	}
	c->st->inferred_barriers++;
}

/*
 * All members of a generation are known: tell them how many they are. If they
 * do not all stand in the same evaluation (something was lost), a replay would
 * wait for ever: such a barrier is left out.
 */
static int settle(struct convert *c, struct meeting *g)
{
	uint32_t members = g->members;
	int ret = 0;

	for (uint32_t m = 0; m < members; m++) {
		struct flt_record *r = member_record(c, g, m);

		if (g->torn) {
			r->kind = FLT_P_IDLE;
			r->dur = 0;
			memset(r->f, 0, sizeof(r->f));
		} else {
			r->f[FLT_BARRIER_PARTICIPANTS] = members;
		}
	}
	if (members && !g->torn && c->infer)
		infer_times(c, g);
	if (members && !g->torn)
		ret = segments_settle(c, g);
	g->members = 0;
	for (uint32_t m = 0; m < members; m++)
		convert_release(c, g->member[m].lane);
	c->torn += g->torn;
	g->torn = false;
	return ret;
}

/* Settles meetings that are wanted no more, oldest first, and drops them. */
static int settle_some(struct convert *c, bool (*old)(const struct meeting *g, uint64_t arg),
		       uint64_t arg)
{
	size_t kept = 0;
	int ret = 0;

	for (size_t i = 0; i < c->nmeetings; i++) {
		c->meeting[i].done = old(&c->meeting[i], arg);
		if (!ret && c->meeting[i].done)
			ret = settle(c, &c->meeting[i]);
	}
	for (size_t i = 0; i < c->nmeetings; i++) {
		if (c->meeting[i].done)
			free(c->meeting[i].member);
		else
			c->meeting[kept++] = c->meeting[i];
	}
	c->nmeetings = kept;
	return ret;
}

static bool is_retired(const struct meeting *g, uint64_t evaluation)
{
	return g->evaluation + 2 <= evaluation;
}

static bool is_older(const struct meeting *g, uint64_t number)
{
	return g->number < number;
}

static bool is_complete(const struct meeting *g, uint64_t lanes)
{
	return g->members == lanes;
}

static bool is_any(const struct meeting *g, uint64_t arg)
{
	(void)g;
	(void)arg;
	return true;
}

/* Some runners make a thread pool, hence a group, for every graph. */
int convert_retire(struct convert *c, uint64_t evaluation)
{
	return settle_some(c, is_retired, evaluation);
}

static bool is_marked(const struct meeting *g, uint64_t arg)
{
	(void)arg;
	return g->complete;
}

int convert_settle_complete(struct convert *c)
{
	return settle_some(c, is_complete, c->s->workers);
}

int convert_settle_all(struct convert *c)
{
	return settle_some(c, is_any, 0);
}

/*
 * Too much is held back by barriers that are not complete (something was lost, or
 * a thread's records come much later): the older half is settled with who is there.
 * Who comes later meets nobody.
 */
int convert_relieve(struct convert *c)
{
	const struct meeting *last;

	if (!c->nmeetings)
		return 0;
	last = &c->meeting[c->nmeetings / 2];
	c->closed_group = last->group;
	c->closed = last->generation;
	return settle_some(c, is_older, last->number + 1);
}

bool convert_is_closed(const struct convert *c, uint64_t group, uint64_t generation)
{
	return c->closed != FLT_NONE && group == c->closed_group && generation <= c->closed;
}

/* Where it is known how many come, several generations of a group may be open. */
static struct meeting *meeting_get(struct convert *c, uint64_t id, uint64_t generation, bool exact)
{
	struct meeting *g;

	for (size_t i = c->nmeetings; i-- > 0;)
		if (c->meeting[i].group == id && (!exact || c->meeting[i].generation == generation))
			return &c->meeting[i];
	g = realloc(c->meeting, (c->nmeetings + 1) * sizeof(*g));
	if (!g)
		return NULL;
	c->meeting = g;
	g += c->nmeetings++;
	memset(g, 0, sizeof(*g));
	g->group = id;
	g->number = c->meetings++;
	return g;
}

static int add_member(struct meeting *g, uint32_t lane, size_t at)
{
	if (g->members == g->cap) {
		size_t cap = g->cap ? g->cap * 2 : 8;
		void *p = realloc(g->member, cap * sizeof(*g->member));

		if (!p)
			return -ENOMEM;
		g->member = p;
		g->cap = cap;
	}
	g->member[g->members].lane = lane;
	g->member[g->members++].at = at;
	return 0;
}

static bool is_member(const struct meeting *g, uint32_t lane)
{
	for (uint32_t m = 0; m < g->members; m++)
		if (g->member[m].lane == lane)
			return true;
	return false;
}

static int make_room(struct convert *c, uint64_t evaluation, bool exact)
{
	int ret = 0;

	if (exact)
		ret = c->nmeetings >= OPEN_MAX ? convert_relieve(c) : 0;
	else if (c->nmeetings >= 16)
		ret = convert_retire(c, evaluation);
	return ret;
}

int convert_join(struct convert *c, uint32_t lane)
{
	const struct lane *l = &c->lane[lane];
	uint64_t id = l->cur.f[FLT_BARRIER_GROUP], generation = l->cur.f[FLT_BARRIER_GENERATION];
	uint64_t come = l->cur.f[FLT_BARRIER_PARTICIPANTS];
	bool exact = c->infer || (come && come != FLT_NONE);
	struct meeting *g;
	int ret = make_room(c, l->evaluation, exact);

	g = meeting_get(c, id, generation, exact);
	if (ret || !g)
		return ret ? ret : -ENOMEM;
	/* The same lane again: the address was given to another barrier that counts anew. */
	if (g->used && (g->generation != generation || (exact && is_member(g, lane))))
		ret = settle(c, g);
	if (!g->members) {
		g->used = true;
		g->generation = generation;
		g->evaluation = l->evaluation;
	}
	g->torn |= g->evaluation != l->evaluation || is_member(g, lane);
	if (!ret)
		ret = add_member(g, lane, l->n); /* where it will be queued */
	if (!ret && exact && !c->infer &&
	    g->members == (come < c->s->workers ? come : c->s->workers)) {
		g->complete = true;
		ret = settle_some(c, is_marked, 0);
	}
	return ret;
}
