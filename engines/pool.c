// SPDX-License-Identifier: GPL-2.0-only
#include "engines/pool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engines/decoder.h"
#include "engines/wait.h"

#define LANE_BITS  64
#define TRY_LOCK   256  /* looks at a lock before its holder is taken for preempted */
#define SPIN_FIRST 2000 /* looks for a chunk before the decoder is given this CPU */
#define FREED      256  /* windows between two words to the decoder */
#define LEFT       16   /* the same of pools */
#define BUCKETS    256

struct key {
	uint64_t pass, group, generation;
};

/* A segment of the trace while somebody has a part in it. */
struct eng_pool {
	struct eng_pool *next; /* of its bucket, or of the unused ones */
	struct key key;
	uint64_t serial;                          /* never used again */
	uint64_t participants;                    /* that will come */
	uint32_t joined, inside;                  /* have come; of those, have not left */
	uint64_t came[ENG_MAX_LANES / LANE_BITS]; /* lanes that have joined */
	uint64_t open[ENG_MAX_LANES / LANE_BITS]; /* those that may have chunks left */
};

struct eng_pools {
	/*
	 * One lock for all: it is held for a look at each lane's next chunk, some ten nanoseconds, between
	 * chunks that take tens of microseconds.
	 */
	pthread_mutex_t lock;
	struct eng_pool *bucket[BUCKETS], *unused, *all;
	uint64_t serial;
	uint32_t *ahead;         /* pools that each lane has joined and not left */
	_Atomic uint64_t rounds; /* of the decoder */
};

/* ---- pools ------------------------------------------------------------------------ */

int eng_pools_init(struct eng_group *g)
{
	struct eng_pools *t = calloc(1, sizeof(*t));
	size_t n = (size_t)g->lanes * ENG_POOLS_AHEAD;

	if (!t)
		return -ENOMEM;
	pthread_mutex_init(&t->lock, NULL);
	t->all = calloc(n, sizeof(*t->all));
	t->ahead = calloc(g->lanes, sizeof(*t->ahead));
	g->pools = t;
	if (!t->all || !t->ahead)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		t->all[i].next = t->unused;
		t->unused = &t->all[i];
	}
	return 0;
}

void eng_pools_free(struct eng_group *g)
{
	struct eng_pools *t = g->pools;

	if (!t)
		return;
	pthread_mutex_destroy(&t->lock);
	free(t->all);
	free(t->ahead);
	free(t);
	g->pools = NULL;
}

/* Spins first, since going to sleep would be counted as a fault that blocked. */
static void lock(struct eng_pools *t, uint64_t *sleeps)
{
	for (int i = 0; i < TRY_LOCK; i++) {
		if (!pthread_mutex_trylock(&t->lock))
			return;
		eng_relax();
	}
	if (sleeps)
		++*sleeps;
	pthread_mutex_lock(&t->lock);
}

static struct eng_pool **bucket_of(struct eng_pools *t, const struct key *key)
{
	/* Generations count up, so neighbours are in neighbouring buckets. */
	return &t->bucket[(key->generation + key->group * 61 + key->pass * 127) % BUCKETS];
}

static uint64_t bit(const struct eng_lane *lane)
{
	return UINT64_C(1) << lane->id % LANE_BITS;
}

/* The pool that LANE joins. No lane is in a pool twice: in a damaged trace, its second coming is another pool. */
static struct eng_pool *find(struct eng_pools *t, const struct key *key,
			     const struct eng_lane *lane, uint64_t participants)
{
	struct eng_pool **b = bucket_of(t, key), *p;

	for (p = *b; p; p = p->next)
		if (!memcmp(&p->key, key, sizeof(*key)) &&
		    !(p->came[lane->id / LANE_BITS] & bit(lane)))
			return p;
	/* Each one in use has somebody inside, and nobody is in more than ENG_POOLS_AHEAD: there is always one. */
	p = t->unused;
	t->unused = p->next;
	memset(p, 0, sizeof(*p));
	p->key = *key;
	p->serial = ++t->serial;
	p->participants = participants;
	p->next = *b;
	*b = p;
	return p;
}

struct eng_pool *eng_pool_open(struct eng_group *g, struct eng_lane *lane, uint64_t pass,
			       const struct eng_op *op)
{
	struct key key = {.pass = pass, .group = op->need, .generation = op->offset};
	uint64_t participants = op->length;
	struct eng_pools *t = g->pools;
	struct eng_pool *p = NULL;

	if (!participants || participants > g->lanes)
		participants = g->barrier_lanes ? g->barrier_lanes : g->lanes;
	lock(t, NULL);
	if (t->ahead[lane->id] < ENG_POOLS_AHEAD) {
		p = find(t, &key, lane, participants);
		t->ahead[lane->id]++;
		p->joined++;
		p->inside++;
		p->came[lane->id / LANE_BITS] |= bit(lane);
		p->open[lane->id / LANE_BITS] |= bit(lane);
	}
	pthread_mutex_unlock(&t->lock);
	return p;
}

static void leave(struct eng_pools *t, struct eng_pool *p, const struct eng_job *j)
{
	struct eng_pool **b;

	t->ahead[j->lane->id]--;
	if (--p->inside)
		return;
	for (b = bucket_of(t, &p->key); *b != p;)
		b = &(*b)->next;
	*b = p->next;
	p->next = t->unused;
	t->unused = p;
}

void eng_pools_went_round(struct eng_group *g)
{
	atomic_fetch_add_explicit(&g->pools->rounds, 1, memory_order_release);
}

/* ---- rings of chunks --------------------------------------------------------------- */

static struct eng_op *place(const struct eng_chunks *c, uint64_t at)
{
	return &c->op[at % ENG_CHUNK_OPS];
}

int eng_chunks_init(struct eng_chunks *c)
{
	memset(c, 0, sizeof(*c));
	c->op = aligned_alloc(ENG_CACHE_LINE, ENG_CHUNK_OPS * sizeof(*c->op));
	if (!c->op)
		return -ENOMEM;
	memset(c->op, 0, ENG_CHUNK_OPS * sizeof(*c->op));
	return 0;
}

void eng_chunks_free(struct eng_chunks *c)
{
	free(c->op);
	memset(c, 0, sizeof(*c));
}

/* Several jobs may be at work on a lane's chunks, so places become free in any order. */
static bool put(struct eng_chunks *c, const struct eng_op *op, uint64_t serial)
{
	struct eng_op *to = place(c, c->head);

	if (__atomic_load_n(&to->kind, __ATOMIC_ACQUIRE))
		return false;
	*to = *op;
	to->slot = serial;
	c->head++;
	return true;
}

static void give_back(struct eng_op *op)
{
	__atomic_store_n(&op->kind, 0, __ATOMIC_RELEASE);
}

bool eng_chunk_add(struct eng_chunks *c, const struct eng_op *op, const struct eng_pool *p)
{
	return put(c, op, p ? p->serial : 0);
}

uint64_t eng_chunk_length(const struct eng_chunks *c)
{
	return c->head - c->first;
}

void eng_chunk_close(struct eng_chunks *c)
{
	if (c->head == c->first)
		return;
	place(c, c->first)->need = c->head - c->first;
	c->first = c->head;
	atomic_store_explicit(&c->published, c->head, memory_order_release);
}

bool eng_pool_close(struct eng_lane *lane, const struct eng_pool *p)
{
	struct eng_op end = {.kind = ENG_END};

	eng_chunk_close(&lane->chunks);
	if (!put(&lane->chunks, &end, p->serial))
		return false;
	eng_chunk_close(&lane->chunks);
	return true;
}

/* ---- taking -------------------------------------------------------------------------- */

/*
 * The next chunk that LANE has in P: NULL if it has none now; *KNOWN then tells whether it will have none any more. Under the
 * lock, which keeps what is at the ring's start where it is.
 */
static struct eng_op *next_of(struct eng_lane *lane, struct eng_pool *p, bool *known)
{
	struct eng_chunks *c = &lane->chunks;
	uint64_t published = atomic_load_explicit(&c->published, memory_order_acquire);
	struct eng_op *op;

	*known = false;
	if (c->take == published)
		return NULL;
	op = place(c, c->take);
	if (op->slot != p->serial)
		return NULL; /* of a pool before this one, which the lane has not left */
	*known = true;
	if (op->kind != ENG_END)
		return op;
	c->take++;
	give_back(op);
	p->open[lane->id / LANE_BITS] &= ~bit(lane);
	return NULL;
}

/*
 * 1: a chunk is in the job's hand; 0: there are none left; -EAGAIN. With ANY, lanes of which nothing is known do not hold up
 * what is known of the others: they are too far behind for the decoder, which cannot go on before they do.
 */
static int take(struct eng_job *j, struct eng_pool *p, bool any)
{
	struct eng_group *g = j->group;
	struct eng_op *best = NULL;
	struct eng_lane *from = NULL;
	bool known, all = p->joined >= p->participants;
	bool open = false;

	for (uint32_t w = 0; w * LANE_BITS < g->lanes; w++) {
		for (uint64_t bits = p->open[w]; bits; bits &= bits - 1) {
			struct eng_lane *lane =
				&g->lane[w * LANE_BITS + (uint32_t)__builtin_ctzll(bits)];
			struct eng_op *op = next_of(lane, p, &known);

			all &= known;
			open |= op || !known;
			if (op && (!best || op->start < best->start)) {
				best = op;
				from = lane;
			}
		}
	}
	if (!all && !any)
		return -EAGAIN;
	if (best) {
		j->hand = (struct eng_hand){.from = &from->chunks,
					    .lane = from,
					    .at = from->chunks.take,
					    .left = (uint32_t)best->need};
		from->chunks.take += best->need;
		return 1;
	}
	if (open)
		return -EAGAIN; /* nobody leaves before all have said that they have no more */
	leave(g->pools, p, j);
	return 0;
}

static uint64_t rounds(const struct eng_group *g)
{
	return atomic_load_explicit(&g->pools->rounds, memory_order_acquire);
}

static void call_decoder(struct eng_group *g)
{
	if (g->decoder && eng_decoder_sleeps(g))
		eng_decoder_wake(g);
}

int eng_pool_take(struct eng_job *j)
{
	struct eng_group *g = j->group;
	struct eng_pools *t = g->pools;
	uint64_t begun = rounds(g), tries = 0;
	struct eng_wait w;
	int ret;

	for (;;) {
		/* One round may have been half over when we came: after two, whatever could be brought is there. */
		bool any = rounds(g) >= begun + 2;

		lock(t, &j->own_sleeps);
		ret = take(j, j->pool, any);
		pthread_mutex_unlock(&t->lock);
		if (ret >= 0)
			break;
		if (!tries++)
			w = eng_wait_begin(j);
		call_decoder(g);
		if (tries > SPIN_FIRST || !g->spin) {
			host_sleep_ns(ENG_EMPTY_NS);
			j->own_sleeps++;
			j->starved++;
		} else {
			eng_relax();
		}
		if (!eng_wait_look(&w))
			return -ECANCELED;
	}
	if (tries) {
		j->count.waited += eng_wait_end(&w);
		j->busy = 0;
	}
	if (ret) {
		j->count.chunks++;
	} else {
		j->pool = NULL;
		if (++j->pools_left % LEFT == 0)
			call_decoder(g);
	}
	return ret;
}

const struct eng_op *eng_hand_window(struct eng_job *j)
{
	return place(j->hand.from, j->hand.at);
}

bool eng_hand_done(struct eng_job *j, const struct eng_op *op)
{
	struct eng_hand *h = &j->hand;

	if (h->lane) {
		uint64_t was = atomic_load_explicit(&h->lane->dealt_seq, memory_order_relaxed);

		/* Chunks of one lane are at work in several jobs, so a later one may be done before. */
		while (was <= op->seq && !atomic_compare_exchange_weak_explicit(
						 &h->lane->dealt_seq, &was, op->seq + 1,
						 memory_order_release, memory_order_relaxed))
			;
	}
	give_back(place(h->from, h->at));
	if (++h->at % FREED == 0)
		call_decoder(j->group);
	return !--h->left;
}
