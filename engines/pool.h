/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * pool.h: chunks that the recorded threads took from a shared counter, dealt anew to whoever is free.
 *
 * The decoder puts the windows of each lane's chunks, in that lane's order, into that lane's own ring of chunks,
 * and an ENG_POOL op into its ring of ops. A job that comes to that op takes chunks until there are none: always
 * the one that began first in the recording, of all lanes that have a part in the pool; then it goes on
 * to the barrier. So chunks are handed out in the order of the recorded counter, whoever comes for them.
 *
 * Nothing here can wait in a circle. A lane's rings are filled by its own records alone, and emptied at the latest by its own
 * job; nobody waits for a chunk that the decoder cannot bring before that lane has moved on. Memory is fixed: a
 * ring of chunks for each lane that has any, ENG_POOLS_AHEAD pools for each lane.
 */
#ifndef ENG_POOL_H
#define ENG_POOL_H

#include "engines/replay.h"

#define ENG_POOLS_AHEAD 64 /* pools of which the decoder may tell a lane before it is there */

int eng_pools_init(struct eng_group *g);
void eng_pools_free(struct eng_group *g);

/* ---- the decoder's side ------------------------------------------------------------- */

/*
 * LANE comes to the pool that ends at GENERATION of barrier group ID. NULL if it is too far ahead of its job: try again
 * later.
 */
struct eng_pool *eng_pool_open(struct eng_group *g, struct eng_lane *lane, uint64_t pass,
			       const struct eng_op *op);
/* Makes room for chunks. 0 or -ENOMEM. */
int eng_chunks_init(struct eng_chunks *c);
void eng_chunks_free(struct eng_chunks *c);
/* Adds a window to the chunk at hand, which begins if there is none. False if there is no room: try again later. */
bool eng_chunk_add(struct eng_chunks *c, const struct eng_op *op, const struct eng_pool *p);
/* Windows of the chunk at hand. */
uint64_t eng_chunk_length(const struct eng_chunks *c);
/* The chunk at hand is complete: it can be taken. */
void eng_chunk_close(struct eng_chunks *c);
/* LANE has no more chunks in P. False if there is no room to say so: try again later. */
bool eng_pool_close(struct eng_lane *lane, const struct eng_pool *p);
/* The decoder has gone through all lanes once more: what it could bring is there. */
void eng_pools_went_round(struct eng_group *g);

/* ---- a job's side ---------------------------------------------------------------------- */

/*
 * Takes the next chunk of the pool that the job is in into its hand. 1; 0 if there is none left, and the job is no longer
 * in the pool; -ECANCELED if the replay has stopped.
 */
int eng_pool_take(struct eng_job *j);
/* The next window in the job's hand. */
const struct eng_op *eng_hand_window(struct eng_job *j);
/* It is done. True if it was the last one of its chunk. */
bool eng_hand_done(struct eng_job *j, const struct eng_op *op);

#endif
