// SPDX-License-Identifier: GPL-2.0-only
#include "engines/barriers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engines/wait.h"

int eng_barriers_init(struct eng_group *g)
{
	size_t bytes;

	/* One more than can be in use at a time, so that there is always one to take. */
	g->barriers = g->jobs + 8;
	bytes = g->barriers * sizeof(*g->barrier);
	g->barrier = aligned_alloc(ENG_CACHE_LINE, bytes);
	if (!g->barrier)
		return -ENOMEM;
	memset(g->barrier, 0, bytes);
	for (uint32_t i = 0; i < g->barriers; i++)
		atomic_init(&g->barrier[i].id, FLT_NONE);
	return 0;
}

void eng_barriers_free(struct eng_group *g)
{
	free(g->barrier);
	g->barrier = NULL;
}

/*
 * Entering is a step in and a look at the sign on the door; taking a place away is a change of the sign
 * and a look inside. One of the two sees the other (both are sequentially consistent).
 */
static bool enter(struct eng_barrier *b, uint64_t id)
{
	atomic_fetch_add(&b->inside, 1);
	if (atomic_load(&b->id) == id)
		return true;
	atomic_fetch_sub(&b->inside, 1);
	return false;
}

static bool take_away(struct eng_barrier *b)
{
	uint64_t id = atomic_load(&b->id);

	if (atomic_load(&b->inside))
		return false;
	atomic_store(&b->id, FLT_NONE);
	if (!atomic_load(&b->inside))
		return true;
	atomic_store(&b->id, id);
	return false;
}

static struct eng_barrier *find(struct eng_group *g, uint64_t id)
{
	struct eng_barrier *free_one = NULL, *found = NULL;

	pthread_mutex_lock(&g->barrier_lock);
	for (uint32_t i = 0; i < g->barriers && !found; i++)
		if (enter(&g->barrier[i], id))
			found = &g->barrier[i];
	while (!found) {
		for (uint32_t i = 0; i < g->barriers && !free_one; i++)
			if (atomic_load(&g->barrier[i].id) == FLT_NONE)
				free_one = &g->barrier[i];
		for (uint32_t i = 0; i < g->barriers && !free_one; i++)
			if (take_away(&g->barrier[i]))
				free_one = &g->barrier[i];
		if (!free_one)
			continue; /* somebody who tried a wrong door steps out at once */
		for (int i = 0; i < ENG_GENERATIONS; i++)
			atomic_store(&free_one->count[i], 0);
		atomic_store(&free_one->released, 0);
		atomic_store(&free_one->id, id);
		if (enter(free_one, id))
			found = free_one;
	}
	pthread_mutex_unlock(&g->barrier_lock);
	return found;
}

/*
 * How many have come to GENERATION, this one included. The counts of a generation that was left behind before all had
 * come must not be taken for those of the one that uses its place next, so each place says whose it is.
 */
static uint64_t arrive(_Atomic uint64_t *count, uint64_t generation)
{
	uint64_t was = atomic_load(count), now;

	do {
		now = (was ^ generation << ENG_COUNT_BITS) >> ENG_COUNT_BITS
			      ? (generation << ENG_COUNT_BITS) + 1
			      : was + 1;
	} while (!atomic_compare_exchange_weak(count, &was, now));
	return now & ((UINT64_C(1) << ENG_COUNT_BITS) - 1);
}

bool eng_barrier_meet(struct eng_job *j, uint64_t id, uint64_t generation, uint64_t participants,
		      uint64_t *waited)
{
	struct eng_group *g = j->group;
	struct eng_barrier *b = j->last;
	_Atomic uint64_t *count;
	bool going = true;

	if (!participants || participants > g->barrier_lanes)
		participants = g->barrier_lanes;
	if (participants <= 1)
		return true;
	if (!b || !enter(b, id))
		b = j->last = find(g, id);
	count = &b->count[generation % ENG_GENERATIONS];
	if (atomic_load_explicit(&b->released, memory_order_acquire) > generation) {
		/* Late: counted, it would let those of a later generation go too early. */
	} else if (arrive(count, generation) >= participants) {
		/* Generations may be released out of order when not all meet at each. */
		uint64_t now = atomic_load(&b->released);

		while (now < generation + 1 &&
		       !atomic_compare_exchange_weak(&b->released, &now, generation + 1))
			;
		eng_wake(g);
	} else {
		struct eng_wait w = eng_wait_begin(j);

		while (going &&
		       atomic_load_explicit(&b->released, memory_order_acquire) <= generation)
			going = eng_wait_step(&w);
		*waited += going ? eng_wait_end(&w) : 0;
	}
	atomic_fetch_sub(&b->inside, 1);
	return going;
}

bool eng_pass_meet(struct eng_job *j)
{
	struct eng_group *g = j->group;
	uint64_t mine = atomic_load(&g->passes);

	if (atomic_fetch_add(&g->step, 1) + 1 == g->jobs) {
		atomic_store(&g->step, 0);
		for (uint32_t i = 0; i < g->lanes; i++) {
			atomic_store(&g->lane[i].done_seq, 0);
			atomic_store(&g->lane[i].dealt_seq, 0);
			atomic_store(&g->lane[i].evaluation, 0);
		}
		/* Generations begin again: nobody is inside, so all places can be given up. */
		for (uint32_t i = 0; i < g->barriers; i++)
			atomic_store(&g->barrier[i].id, FLT_NONE);
		atomic_fetch_add(&g->passes, 1);
		eng_wake(g);
		return true;
	}
	struct eng_wait w = eng_wait_begin(j);

	while (atomic_load_explicit(&g->passes, memory_order_acquire) == mine)
		if (!eng_wait_step(&w))
			return false;
	eng_wait_end(&w);
	return true;
}
