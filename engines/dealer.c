// SPDX-License-Identifier: GPL-2.0-only
#include "engines/dealer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engines/pool.h"
#include "engines/source.h"

/* A recorded lane, as the dealer sees it. */
struct hand {
	struct eng_source source;
	struct eng_op op; /* its next one */
	bool has_op, at_end;
	uint64_t done_seq; /* 1 + the last record that was dealt */
	uint64_t rest;     /* compute to deal after a barrier or mark has been passed, ns */
};

struct eng_dealer {
	struct eng_group *group;
	struct hand *hand;
	uint64_t pass;
	uint64_t dealt;      /* ops so far */
	uint64_t need;       /* so many have to be done before the next */
	uint32_t ends;       /* END ops still to deal, one for each job */
	struct hand *chunk;  /* whose chunk is being put together */
	struct eng_op first; /* its first window */
	bool over, full;
	int error;
};

int eng_dealer_new(struct eng_dealer **out, struct eng_group *g)
{
	struct eng_dealer *d = calloc(1, sizeof(*d));
	int ret = 0;

	if (!d)
		return -ENOMEM;
	d->group = g;
	d->hand = calloc(g->lanes, sizeof(*d->hand));
	if (!d->hand)
		ret = -ENOMEM;
	for (uint32_t i = 0; i < g->lanes && !ret; i++)
		ret = eng_source_begin(&d->hand[i].source, g, i, 0);
	for (uint64_t i = 0; g->deal.op && i < ENG_RING_OPS; i++)
		g->deal.op[i].slot = i;
	if (ret)
		eng_dealer_free(d);
	else
		*out = d;
	return ret;
}

void eng_dealer_free(struct eng_dealer *d)
{
	if (!d)
		return;
	for (uint32_t i = 0; d->hand && i < d->group->lanes; i++)
		eng_source_end(&d->hand[i].source);
	free(d->hand);
	free(d);
}

static void draw_one(struct eng_dealer *d, struct hand *h)
{
	int ret;

	if (h->has_op || h->at_end)
		return;
	ret = eng_source_next(&h->source, &h->op);
	h->has_op = ret > 0;
	h->at_end = !ret;
	d->error = ret < 0 ? ret : 0;
}

/* Looks at each lane's next op. */
static void draw(struct eng_dealer *d)
{
	for (uint32_t i = 0; i < d->group->lanes && !d->error; i++)
		draw_one(d, &d->hand[i]);
}

static bool waits(const struct eng_dealer *d, const struct hand *h)
{
	switch (h->op.kind) {
	case ENG_BARRIER:
	case ENG_MARK:
		return true;
	case ENG_EDGE:
		return !d->hand[h->op.file].at_end && d->hand[h->op.file].done_seq <= h->op.offset;
	default:
		return false;
	}
}

static struct hand *earliest(struct eng_dealer *d)
{
	struct hand *best = NULL;

	for (uint32_t i = 0; i < d->group->lanes; i++) {
		struct hand *h = &d->hand[i];

		if (h->has_op && !waits(d, h) && (!best || h->op.start < best->op.start))
			best = h;
	}
	return best;
}

static void put_down(struct hand *h)
{
	h->has_op = false;
	h->done_seq = h->op.seq + 1;
}

/* The lanes that stand at the same barrier as H; they go on if FORCE or if they are all that meet there. */
static bool pass_barrier(struct eng_dealer *d, const struct hand *h, bool force)
{
	const struct eng_op at = h->op;
	uint64_t expected = at.length, here = 0;

	if (!expected || expected > d->group->barrier_lanes)
		expected = d->group->barrier_lanes;
	for (int twice = 0; twice < 2; twice++) {
		for (uint32_t i = 0; i < d->group->lanes; i++) {
			struct hand *o = &d->hand[i];

			if (!o->has_op || o->op.kind != ENG_BARRIER || o->op.need != at.need ||
			    o->op.offset != at.offset)
				continue;
			here += !twice;
			if (!twice)
				continue;
			o->rest += o->op.compute;
			put_down(o);
		}
		if (here < expected && !force)
			return false;
	}
	d->need = d->dealt;
	return true;
}

/* All lanes have come to the mark of an evaluation: it is one op, and nothing overtakes it. */
static bool pass_mark(struct eng_dealer *d, struct eng_op *op)
{
	struct hand *first = NULL;

	for (uint32_t i = 0; i < d->group->lanes; i++) {
		struct hand *h = &d->hand[i];

		if (!h->has_op)
			continue;
		if (h->op.kind != ENG_MARK)
			return false;
		if (!first || h->op.offset < first->op.offset)
			first = h;
	}
	if (!first)
		return false;
	*op = first->op;
	op->compute = 0;
	for (uint32_t i = 0; i < d->group->lanes; i++) {
		struct hand *h = &d->hand[i];

		if (!h->has_op || h->op.offset != op->offset)
			continue;
		h->rest += h->op.compute;
		put_down(h);
	}
	op->need = d->dealt;
	d->need = d->dealt + 1;
	return true;
}

/* Lets through whoever waits at a barrier that is complete; forces one if all wait. */
static bool release(struct eng_dealer *d, bool force)
{
	bool any = false;

	for (uint32_t i = 0; i < d->group->lanes; i++) {
		const struct hand *h = &d->hand[i];

		if (h->has_op && h->op.kind == ENG_BARRIER && pass_barrier(d, h, force)) {
			any = true;
			force = false;
		}
	}
	return any;
}

static bool deal_rest(struct eng_dealer *d, struct eng_op *op)
{
	for (uint32_t i = 0; i < d->group->lanes; i++) {
		struct hand *h = &d->hand[i];

		if (!h->rest)
			continue;
		memset(op, 0, sizeof(*op));
		op->kind = ENG_COMPUTE;
		op->compute = h->rest;
		op->start = h->op.start;
		op->need = d->need;
		h->rest = 0;
		return true;
	}
	return false;
}

static bool next_pass(struct eng_dealer *d)
{
	struct eng_group *g = d->group;

	d->need = d->dealt;
	if (++d->pass >= g->loops)
		return false;
	for (uint32_t i = 0; i < g->lanes && !d->error; i++) {
		struct hand *h = &d->hand[i];

		h->has_op = h->at_end = false;
		h->done_seq = 0;
		d->error = eng_source_begin(&h->source, g, i, d->pass);
	}
	return true;
}

static bool all_at_end(const struct eng_dealer *d)
{
	for (uint32_t i = 0; i < d->group->lanes; i++)
		if (!d->hand[i].at_end)
			return false;
	return true;
}

/* All windows of a chunk, one after the other, as far as there is room; then it is one op. */
static bool gather(struct eng_dealer *d, struct eng_op *op, bool *dealt)
{
	struct eng_chunks *c = &d->group->deal.chunks;
	struct hand *h = d->chunk;

	while (!d->error && h->has_op && h->op.kind == ENG_WINDOW && (h->op.hint & ENG_DYNAMIC)) {
		uint64_t n = eng_chunk_length(c);

		if (n == ENG_CHUNK_MAX || (n && (h->op.hint & ENG_CHUNK_FIRST)))
			break;
		if (!eng_chunk_add(c, &h->op, NULL)) {
			d->full = true;
			return false;
		}
		put_down(h);
		draw_one(d, h);
	}
	memset(op, 0, sizeof(*op));
	op->kind = ENG_CHUNK;
	op->offset = c->first;
	op->length = eng_chunk_length(c);
	op->start = d->first.start;
	op->need = d->need;
	eng_chunk_close(c);
	d->chunk = NULL;
	return *dealt = !d->error;
}

static bool begin_chunk(struct eng_dealer *d, struct hand *h)
{
	struct eng_chunks *c = &d->group->deal.chunks;

	if (!c->op)
		d->error = eng_chunks_init(c);
	d->chunk = h;
	d->first = h->op;
	return !d->error;
}

/* One op that is not a barrier or an edge; false if none could be dealt and nothing moved. */
static bool choose(struct eng_dealer *d, struct eng_op *op, bool *dealt)
{
	struct hand *h;

	*dealt = false;
	if (d->chunk)
		return gather(d, op, dealt);
	draw(d);
	if (d->error)
		return false;
	if (release(d, false))
		return true;
	h = earliest(d);
	if (!h)
		return (*dealt = pass_mark(d, op)) || release(d, true);
	if (h->op.kind == ENG_WINDOW && (h->op.hint & ENG_DYNAMIC))
		return begin_chunk(d, h) && gather(d, op, dealt);
	put_down(h);
	if (h->op.kind == ENG_POOL) {
		h->rest += h->op.compute;
		return true;
	}
	if (h->op.kind == ENG_EDGE) {
		/* Its lane waited for another one's record, which has been dealt: now it has to be done. */
		h->rest += h->op.compute;
		d->need = d->dealt;
		return true;
	}
	*op = h->op;
	op->need = d->need;
	if (op->kind == ENG_HINT || op->kind == ENG_FOOTPRINT)
		d->need = d->dealt + 1;
	return *dealt = true;
}

int eng_dealer_next(struct eng_dealer *d, struct eng_op *op)
{
	bool dealt = false;

	if (d->over)
		return 0;
	d->full = false;
	while (!dealt) {
		if (deal_rest(d, op))
			break;
		if (d->ends) {
			memset(op, 0, sizeof(*op));
			op->kind = ENG_END;
			op->need = d->need;
			if (!--d->ends) {
				d->dealt++;
				d->over = !next_pass(d);
				return 1;
			}
			break;
		}
		if (choose(d, op, &dealt))
			continue;
		if (d->full)
			return -EAGAIN;
		if (!d->error && all_at_end(d)) {
			d->need = d->dealt;
			d->ends = d->group->jobs;
			continue;
		}
		/* Damaged: an edge to nowhere can only be an error, for all barriers have been forced. */
		memset(op, 0, sizeof(*op));
		op->kind = ENG_STOP;
		op->offset = (uint64_t) - (d->error ? d->error : -EBADMSG);
		d->over = true;
		break;
	}
	d->dealt++;
	return 1;
}

bool eng_dealer_fill(struct eng_dealer *d)
{
	struct eng_deal *deal = &d->group->deal;
	bool any = false;

	while (!d->over) {
		struct eng_op *place = &deal->op[deal->head % ENG_RING_OPS], op;

		if (__atomic_load_n(&place->slot, __ATOMIC_ACQUIRE) != deal->head)
			break;
		if (eng_dealer_next(d, &op) <= 0)
			break;
		/* All but the slot, which a job that waits for this place is looking at. */
		memcpy(place, &op, offsetof(struct eng_op, slot));
		__atomic_store_n(&place->slot, ++deal->head, __ATOMIC_RELEASE);
		any = true;
	}
	return any;
}
