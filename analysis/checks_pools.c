// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pools of chunks: does each DYNAMIC window belong to a pool, does each pool end at the barrier
 * that it names, and do all that meet there have it? Otherwise a replay would wait for a lane that
 * never takes part.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <uthash.h>

#include "analysis/checks.h"

#define OPEN_POOLS 4096 /* that may be under way at once */

/* The pool that a lane is in. */
struct lane_pool {
	bool open, chunk; /* in one; a chunk of it has begun */
	uint64_t group, generation, participants;
};

/* A pool that not all lanes have come to yet. */
struct open_pool {
	struct {
		uint64_t group, generation;
	} key;
	uint64_t arrived, participants;
	UT_hash_handle hh;
};

struct ana_pools {
	struct lane_pool *lane;
	size_t lanes;
	struct open_pool *open;
};

#define WHERE       "lane %" PRIu32 ", record %" PRIu64
#define WHERE_OF(r) (r)->stream, (r)->seq
#define NOTE(c, good, rec, fmt, ...) \
	ana_check_note(c, ANA_CHECK_POOLS, good, WHERE ": " fmt, WHERE_OF(rec), ##__VA_ARGS__)

struct ana_pools *ana_pools_new(size_t lanes)
{
	struct ana_pools *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->lanes = lanes;
	p->lane = calloc(lanes + 1, sizeof(*p->lane));
	if (!p->lane) {
		free(p);
		return NULL;
	}
	return p;
}

static int arrive(struct ana_checks *c, struct ana_pools *p, const struct flt_record *rec)
{
	struct open_pool *o, key = {0};

	key.key.group = rec->f[FLT_P_POOL_GROUP];
	key.key.generation = rec->f[FLT_P_POOL_GENERATION];
	HASH_FIND(hh, p->open, &key.key, sizeof(key.key), o);
	if (!o) {
		if (HASH_COUNT(p->open) >= OPEN_POOLS)
			return 0; /* told at the end, by those that are open */
		o = calloc(1, sizeof(*o));
		if (!o)
			return -ENOMEM;
		o->key = key.key;
		o->participants = rec->f[FLT_P_POOL_PARTICIPANTS];
		HASH_ADD(hh, p->open, key, sizeof(o->key), o);
	}
	NOTE(c, o->participants == rec->f[FLT_P_POOL_PARTICIPANTS], rec,
	     "a pool of %" PRIu64 " lanes is one of %" PRIu64 " in another lane",
	     rec->f[FLT_P_POOL_PARTICIPANTS], o->participants);
	if (++o->arrived >= o->participants) {
		HASH_DEL(p->open, o);
		free(o);
	}
	return 0;
}

static int begin(struct ana_checks *c, struct ana_pools *p, struct lane_pool *lane,
		 const struct flt_record *rec)
{
	uint64_t participants = rec->f[FLT_P_POOL_PARTICIPANTS];

	NOTE(c, !lane->open, rec, "a pool inside of another one");
	NOTE(c, participants && participants <= p->lanes, rec,
	     "a pool of %" PRIu64 " lanes, the trace has %zu", participants, p->lanes);
	*lane = (struct lane_pool){
		.open = true,
		.group = rec->f[FLT_P_POOL_GROUP],
		.generation = rec->f[FLT_P_POOL_GENERATION],
		.participants = participants,
	};
	return participants && participants <= p->lanes ? arrive(c, p, rec) : 0;
}

static void check_window(struct ana_checks *c, struct lane_pool *lane, const struct flt_record *rec)
{
	bool dynamic = rec->f[FLT_P_WINDOW_FLAGS] & FLT_PW_DYNAMIC;
	bool chunk = rec->f[FLT_P_WINDOW_FLAGS] & FLT_PW_CHUNK;

	if (!dynamic && !chunk && !lane->open)
		return;
	NOTE(c, dynamic || !chunk, rec, "a chunk begins in a window that is not dynamic");
	NOTE(c, lane->open || !dynamic, rec, "a dynamic window outside of a pool");
	NOTE(c, dynamic || !lane->open, rec, "a window of the lane's own inside of a pool");
	NOTE(c, !lane->open || !dynamic || chunk || lane->chunk, rec,
	     "a pool's first window does not begin a chunk");
	lane->chunk |= chunk;
}

static void end_at_barrier(struct ana_checks *c, struct lane_pool *lane,
			   const struct flt_record *rec)
{
	if (!lane->open)
		return;
	NOTE(c,
	     lane->group == rec->f[FLT_BARRIER_GROUP] &&
		     lane->generation == rec->f[FLT_BARRIER_GENERATION],
	     rec, "a pool of barrier %" PRIu64 ", generation %" PRIu64 ", ends at another one",
	     lane->group, lane->generation);
	NOTE(c, lane->participants == rec->f[FLT_BARRIER_PARTICIPANTS], rec,
	     "a pool of %" PRIu64 " lanes ends at a barrier of %" PRIu64, lane->participants,
	     rec->f[FLT_BARRIER_PARTICIPANTS]);
	lane->open = false;
}

int ana_pools_add(struct ana_checks *c, struct ana_pools *p, size_t lane,
		  const struct flt_record *rec)
{
	struct lane_pool *l = &p->lane[lane < p->lanes ? lane : p->lanes];

	switch (rec->kind) {
	case FLT_P_POOL:
		return begin(c, p, l, rec);
	case FLT_P_WINDOW:
		check_window(c, l, rec);
		break;
	case FLT_P_BARRIER:
		end_at_barrier(c, l, rec);
		break;
	case FLT_P_MARK:
		l->open = false;
		break;
	}
	return 0;
}

void ana_pools_end(struct ana_checks *c, struct ana_pools *p, bool finished)
{
	struct open_pool *o, *next;

	if (!p)
		return;
	HASH_ITER (hh, p->open, o, next) {
		/* What comes after a trace was cut off is not known. */
		ana_check_note(c, ANA_CHECK_POOLS, !finished,
			       "%" PRIu64 " of %" PRIu64
			       " lanes come to the pool of barrier %" PRIu64
			       ", generation %" PRIu64,
			       o->arrived, o->participants, o->key.group, o->key.generation);
		HASH_DEL(p->open, o);
		free(o);
	}
	free(p->lane);
	free(p);
}
