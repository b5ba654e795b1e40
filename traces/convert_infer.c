// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Inferred barriers: see convert_infer.h. convert_parts.c finds the parts. */
#include "convert_infer.h"

#include <errno.h>
#include <stdlib.h>

#define GROUP      0
#define VISITS_MAX (1u << 20)

static uint32_t part_at(const struct parts *p, uint64_t at)
{
	size_t low = 0, high = p->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (p->part[mid].end <= at)
			low = mid + 1;
		else
			high = mid;
	}
	return low < p->n && p->part[low].begin <= at ? (uint32_t)low : NO_PART;
}

uint64_t infer_segment_end(const struct convert *c, uint32_t lane, size_t at)
{
	const struct lane *l = &c->lane[lane];

	return at ? flt_end(&l->q[at - 1].rec) : l->out.has ? l->out.end : 0;
}

bool infer_before_mark(const struct convert *c, uint32_t lane, size_t at)
{
	const struct lane *l = &c->lane[lane];
	const struct flt_record *next = at + 1 < l->n ? &l->q[at + 1].rec : &l->cur;

	return next->kind == FLT_P_MARK;
}

/* The lane goes through all barriers up to its evaluation's visit number TO. */
static int cross(struct convert *c, uint32_t lane, size_t to, uint64_t at)
{
	struct lane *l = &c->lane[lane];
	struct infer *f = c->infer;
	int ret = convert_settle_complete(c);

	for (; !ret && l->visit < to; l->visit++) {
		if (convert_is_closed(c, GROUP, f->first + l->visit))
			continue;
		ret = convert_begin(c, lane, FLT_P_BARRIER, at, at);
		l->cur.f[FLT_BARRIER_GROUP] = GROUP;
		l->cur.f[FLT_BARRIER_GENERATION] = f->first + l->visit;
		if (!ret)
			ret = convert_join(c, lane);
	}
	return ret;
}

static int visit_new(struct infer *f, uint32_t part)
{
	if (f->n == f->cap) {
		size_t cap = f->cap ? f->cap * 2 : 512;
		uint32_t *p = realloc(f->visit, cap * sizeof(*p));

		if (!p)
			return -ENOMEM;
		f->visit = p;
		f->cap = cap;
	}
	f->visit[f->n++] = part;
	return 0;
}

/*
 * A part that was visited just before is a straggler's (a last page that another
 * thread had left), one that was visited earlier is visited again (tied weights).
 */
int infer_fault(struct convert *c, uint32_t lane, uint64_t file, uint64_t at, uint64_t start)
{
	struct lane *l = &c->lane[lane];
	struct infer *f = c->infer;
	uint64_t size = c->s->file_size[file];
	uint32_t part;
	size_t to;
	int ret;

	at = size && at >= size ? size - 1 : at;
	part = part_at(f->parts, c->s->file_base[file] + at);
	if (part == NO_PART || lane >= c->s->workers || l->evaluation < f->evaluation)
		return 0;
	if (l->evaluation > f->evaluation) {
		f->first += f->n;
		f->n = 0;
		f->evaluation = l->evaluation;
	}
	for (to = l->visit ? l->visit - 1 : 0; to < f->n && f->visit[to] != part; to++)
		;
	if (to < f->n)
		return to > l->visit ? cross(c, lane, to, start) : 0;
	if (f->n == VISITS_MAX)
		return 0;
	ret = visit_new(f, part);
	return ret ? ret : cross(c, lane, f->n - 1, start);
}

int infer_mark(struct convert *c, uint32_t lane, uint64_t at)
{
	struct lane *l = &c->lane[lane];
	int ret = 0;

	if (lane < c->s->workers && l->evaluation == c->infer->evaluation && c->infer->n)
		ret = cross(c, lane, c->infer->n - 1, at);
	l->visit = 0;
	return ret;
}
