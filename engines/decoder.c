// SPDX-License-Identifier: GPL-2.0-only
#include "engines/decoder.h"

#include <errno.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "engines/dealer.h"
#include "engines/pool.h"
#include "engines/source.h"

#define REFILL    (ENG_RING_OPS / 4) /* places that have to be free before a lane is filled again */
#define SLEEP_NS  100000000
#define PRIME_NS  50000
#define PUBLISHED 64

/* A lane, on its way into its rings. */
struct feed {
	struct eng_source source;
	struct eng_op op; /* the next one, if there is one at hand */
	bool has_op, finished;
	struct eng_pool *pool; /* whose chunks follow */
	bool told;             /* the lane's job has its ENG_POOL */
};

struct eng_decoder {
	struct eng_group *group;
	pthread_t thread;
	struct feed *feed; /* of each lane */
	struct eng_dealer *dealer;
	_Atomic uint32_t sleeping, quit, primed;
};

/* ---- each lane its own -------------------------------------------------------------- */

/* The next op of a lane, with the ends of passes in between. */
static void produce(struct eng_decoder *d, uint32_t lane, struct eng_op *op)
{
	struct eng_group *g = d->group;
	struct feed *f = &d->feed[lane];
	struct eng_source *s = &f->source;
	int ret = eng_source_next(s, op);

	if (ret > 0)
		return;
	memset(op, 0, sizeof(*op));
	if (!ret) {
		op->kind = ENG_END;
		op->seq = UINT64_MAX - 1;
		if (s->pass + 1 < g->loops) {
			ret = eng_source_begin(s, g, lane, s->pass + 1);
			if (!ret)
				return;
		} else {
			f->finished = true;
			return;
		}
	}
	op->kind = ENG_STOP;
	op->offset = (uint64_t)-ret;
	f->finished = true;
}

/* Where the segment that began with a pool record ends. */
static bool ends_pool(const struct eng_op *op)
{
	switch (op->kind) {
	case ENG_BARRIER:
	case ENG_MARK:
	case ENG_POOL:
	case ENG_END:
	case ENG_STOP:
		return true;
	default:
		return false;
	}
}

enum placed {
	LATER,   /* there is no room, or the lane's job is too far behind */
	NOTHING, /* the op is dealt with, and nothing of it belongs into the lane's own ring */
	OWN,     /* *OUT belongs there; the op is dealt with */
	BEFORE,  /* *OUT belongs there, and the op has to be looked at again */
};

static void tell_pool(struct feed *f, struct eng_op *out)
{
	*out = (struct eng_op){.kind = ENG_POOL,
			       .slot = (uintptr_t)f->pool,
			       .start = f->op.start,
			       .seq = f->op.seq};
	/* What comes before the op of that number has been done when the pool is left, not that one. */
	if (out->seq && out->seq < UINT64_MAX - 1)
		out->seq--;
	f->told = true;
}

/* The compute that follows a pool record comes before the chunks. */
static enum placed begin_pool(struct eng_decoder *d, uint32_t lane, struct eng_op *out)
{
	struct eng_lane *l = &d->group->lane[lane];
	struct feed *f = &d->feed[lane];
	int ret = l->chunks.op ? 0 : eng_chunks_init(&l->chunks);

	if (ret) {
		*out = (struct eng_op){.kind = ENG_STOP, .offset = (uint64_t)-ret};
		f->finished = true;
		return OWN;
	}
	f->pool = eng_pool_open(d->group, l, f->source.pass, &f->op);
	if (!f->pool)
		return LATER;
	f->told = false;
	*out = f->op;
	out->kind = ENG_COMPUTE;
	return out->compute ? OWN : NOTHING;
}

static enum placed place(struct eng_decoder *d, uint32_t lane, struct eng_op *out)
{
	struct eng_lane *l = &d->group->lane[lane];
	struct feed *f = &d->feed[lane];

	if (f->pool && ends_pool(&f->op)) {
		if (!f->told) {
			tell_pool(f, out);
			return BEFORE;
		}
		if (!eng_pool_close(l, f->pool))
			return LATER;
		f->pool = NULL;
	}
	if (f->op.kind == ENG_POOL)
		return begin_pool(d, lane, out);
	if (!f->pool || f->op.kind != ENG_WINDOW || !(f->op.hint & ENG_DYNAMIC)) {
		*out = f->op;
		return OWN;
	}
	if (!f->told) {
		tell_pool(f, out);
		return BEFORE;
	}
	if ((f->op.hint & ENG_CHUNK_FIRST) || eng_chunk_length(&l->chunks) == ENG_CHUNK_MAX)
		eng_chunk_close(&l->chunks);
	return eng_chunk_add(&l->chunks, &f->op, f->pool) ? NOTHING : LATER;
}

/* Fills the ring of a lane; false if there was nothing to do. */
static bool fill(struct eng_decoder *d, uint32_t lane)
{
	struct eng_ring *r = &d->group->lane[lane].ring;
	uint64_t head = atomic_load_explicit(&r->head, memory_order_relaxed);
	uint64_t room = ENG_RING_OPS - (head - atomic_load(&r->tail));
	struct feed *f = &d->feed[lane];
	bool any = false;

	if ((f->finished && !f->has_op) || room < REFILL)
		return false;
	while (room && (f->has_op || !f->finished)) {
		enum placed p;

		if (!f->has_op)
			produce(d, lane, &f->op);
		f->has_op = true;
		p = place(d, lane, &r->op[head % ENG_RING_OPS]);
		if (p == LATER)
			break;
		f->has_op = p == BEFORE;
		any = true;
		if (p == NOTHING)
			continue;
		room--;
		head++;
		if (head % PUBLISHED == 0)
			atomic_store_explicit(&r->head, head, memory_order_release);
	}
	atomic_store_explicit(&r->head, head, memory_order_release);
	return any;
}

static bool fill_all(struct eng_decoder *d)
{
	bool worked = false;

	if (d->dealer)
		return eng_dealer_fill(d->dealer);
	for (uint32_t i = 0; i < d->group->lanes && !atomic_load(&d->quit); i++)
		worked |= fill(d, i);
	eng_pools_went_round(d->group);
	return worked;
}

/* ---- the thread ---------------------------------------------------------------------- */

static void *decoder_main(void *arg)
{
	struct eng_decoder *d = arg;
	struct timespec ts = {.tv_nsec = SLEEP_NS};

	prctl(PR_SET_NAME, "flt-decoder");
	while (!atomic_load(&d->quit)) {
		if (fill_all(d))
			continue;
		atomic_store(&d->primed, 1);
		/* Told before the last look, so that a job which makes room now sees a sleeper. */
		atomic_store(&d->sleeping, 1);
		if (!fill_all(d) && !atomic_load(&d->quit))
			syscall(SYS_futex, &d->sleeping, FUTEX_WAIT_PRIVATE, 1, &ts, NULL, 0);
		atomic_store(&d->sleeping, 0);
	}
	return NULL;
}

bool eng_decoder_sleeps(const struct eng_group *g)
{
	return atomic_load_explicit(&g->decoder->sleeping, memory_order_relaxed);
}

void eng_decoder_wake(struct eng_group *g)
{
	if (atomic_exchange(&g->decoder->sleeping, 0))
		syscall(SYS_futex, &g->decoder->sleeping, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static struct eng_op *ops(void)
{
	struct eng_op *op = aligned_alloc(ENG_CACHE_LINE, ENG_RING_OPS * sizeof(*op));

	if (op)
		memset(op, 0,
		       ENG_RING_OPS * sizeof(*op)); /* touched here, not in the first evaluation */
	return op;
}

static int rings(struct eng_decoder *d)
{
	struct eng_group *g = d->group;
	int ret = 0;

	if (g->shared) {
		memset(&g->deal, 0, sizeof(g->deal));
		g->deal.op = ops();
		return g->deal.op ? eng_dealer_new(&d->dealer, g) : -ENOMEM;
	}
	d->feed = calloc(g->lanes, sizeof(*d->feed));
	if (!d->feed)
		return -ENOMEM;
	ret = eng_pools_init(g);
	for (uint32_t i = 0; i < g->lanes && !ret; i++) {
		struct eng_ring *r = &g->lane[i].ring;

		memset(r, 0, sizeof(*r));
		r->op = ops();
		ret = r->op ? eng_source_begin(&d->feed[i].source, g, i, 0) : -ENOMEM;
	}
	return ret;
}

int eng_decoder_start(struct eng_group *g, struct host_err *err)
{
	struct eng_decoder *d = calloc(1, sizeof(*d));
	sigset_t all, old;
	int ret;

	if (!d)
		return host_fail(err, -ENOMEM, "%s", strerror(ENOMEM));
	g->decoder = d;
	d->group = g;
	ret = rings(d);
	/* fio's signals are fio's: none may be delivered to this thread. */
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	if (!ret)
		ret = -pthread_create(&d->thread, NULL, decoder_main, d);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (ret) {
		d->thread = 0;
		eng_decoder_stop(g);
		return host_fail(err, ret, "cannot start reading %s: %s", g->set.trace,
				 strerror(-ret));
	}
	/* No job has to wait for its first ops. */
	while (!atomic_load(&d->primed))
		host_sleep_ns(PRIME_NS);
	return 0;
}

void eng_decoder_stop(struct eng_group *g)
{
	struct eng_decoder *d = g->decoder;

	if (!d)
		return;
	if (d->thread) {
		atomic_store(&d->quit, 1);
		eng_decoder_wake(g);
		pthread_join(d->thread, NULL);
	}
	for (uint32_t i = 0; i < g->lanes; i++) {
		if (d->feed)
			eng_source_end(&d->feed[i].source);
		eng_chunks_free(&g->lane[i].chunks);
		free(g->lane[i].ring.op);
		g->lane[i].ring.op = NULL;
	}
	eng_dealer_free(d->dealer);
	free(g->deal.op);
	g->deal.op = NULL;
	eng_chunks_free(&g->deal.chunks);
	eng_pools_free(g);
	free(d->feed);
	free(d);
	g->decoder = NULL;
}
