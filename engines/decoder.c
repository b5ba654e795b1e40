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
#include "engines/source.h"

#define REFILL    (ENG_RING_OPS / 4) /* places that have to be free before a lane is filled again */
#define SLEEP_NS  100000000
#define PRIME_NS  50000
#define PUBLISHED 64

struct eng_decoder {
	struct eng_group *group;
	pthread_t thread;
	struct eng_source *source; /* of each lane */
	bool *finished;
	struct eng_dealer *dealer;
	_Atomic uint32_t sleeping, quit, primed;
};

/* ---- each lane its own -------------------------------------------------------------- */

/* The next op of a lane, with the ends of passes in between. */
static void produce(struct eng_decoder *d, uint32_t lane, struct eng_op *op)
{
	struct eng_group *g = d->group;
	struct eng_source *s = &d->source[lane];
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
			d->finished[lane] = true;
			return;
		}
	}
	op->kind = ENG_STOP;
	op->offset = (uint64_t)-ret;
	d->finished[lane] = true;
}

/* Fills the ring of a lane; false if there was nothing to do. */
static bool fill(struct eng_decoder *d, uint32_t lane)
{
	struct eng_ring *r = &d->group->lane[lane].ring;
	uint64_t head = atomic_load_explicit(&r->head, memory_order_relaxed);
	uint64_t room = ENG_RING_OPS - (head - atomic_load(&r->tail));

	if (d->finished[lane] || room < REFILL)
		return false;
	while (room-- && !d->finished[lane]) {
		produce(d, lane, &r->op[head % ENG_RING_OPS]);
		head++;
		if (head % PUBLISHED == 0)
			atomic_store_explicit(&r->head, head, memory_order_release);
	}
	atomic_store_explicit(&r->head, head, memory_order_release);
	return true;
}

static bool fill_all(struct eng_decoder *d)
{
	bool worked = false;

	if (d->dealer)
		return eng_dealer_fill(d->dealer);
	for (uint32_t i = 0; i < d->group->lanes && !atomic_load(&d->quit); i++)
		worked |= fill(d, i);
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
	d->source = calloc(g->lanes, sizeof(*d->source));
	d->finished = calloc(g->lanes, sizeof(*d->finished));
	if (!d->source || !d->finished)
		return -ENOMEM;
	for (uint32_t i = 0; i < g->lanes && !ret; i++) {
		struct eng_ring *r = &g->lane[i].ring;

		memset(r, 0, sizeof(*r));
		r->op = ops();
		ret = r->op ? eng_source_begin(&d->source[i], g, i, 0) : -ENOMEM;
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
		if (d->source)
			eng_source_end(&d->source[i]);
		free(g->lane[i].ring.op);
		g->lane[i].ring.op = NULL;
	}
	eng_dealer_free(d->dealer);
	free(g->deal.op);
	g->deal.op = NULL;
	free(d->source);
	free(d->finished);
	free(d);
	g->decoder = NULL;
}
