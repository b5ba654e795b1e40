/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * barriers.h: where the lanes of a group meet.
 */
#ifndef ENG_BARRIERS_H
#define ENG_BARRIERS_H

#include "engines/replay.h"

int eng_barriers_init(struct eng_group *g);
void eng_barriers_free(struct eng_group *g);

/*
 * Meets PARTICIPANTS jobs (0: all lanes that have barriers) at GENERATION of barrier group ID. False if the replay has
 * stopped. Adds the ticks that were waited to *WAITED.
 */
bool eng_barrier_meet(struct eng_job *j, uint64_t id, uint64_t generation, uint64_t participants,
		      uint64_t *waited);

/* All jobs of the group are at the end of a pass; the last one to come counts it. False if stopped. */
bool eng_pass_meet(struct eng_job *j);

#endif
