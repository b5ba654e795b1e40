/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * wait.h: waiting for other jobs, without missing that the replay has ended.
 *
 *	struct eng_wait w = eng_wait_begin(job);
 *	while (!condition)
 *		if (!eng_wait_step(&w))
 *			return stopped;
 *	eng_wait_end(&w);
 *
 * Whoever makes a condition true calls eng_wake() afterwards. With a CPU for every job waits spin, as the
 * LLM's threads do; otherwise they sleep.
 */
#ifndef ENG_WAIT_H
#define ENG_WAIT_H

#include "engines/replay.h"

struct eng_wait {
	struct eng_job *job;
	uint64_t began;     /* ticks */
	uint64_t next_look; /* ticks: when to ask fio */
	uint32_t turn, spins;
	uint32_t alone; /* looks at which everybody was stuck */
	bool stuck;
};

struct eng_wait eng_wait_begin(struct eng_job *j);
/* False if the group has stopped; the wait is then over. */
bool eng_wait_step(struct eng_wait *w);
/* Returns the ticks that were waited. */
uint64_t eng_wait_end(struct eng_wait *w);

void eng_wake_sleepers(struct eng_group *g);

static inline void eng_wake(struct eng_group *g)
{
	if (!g->spin)
		eng_wake_sleepers(g);
}

/* Asks fio, too: true if the group has stopped. */
bool eng_look(struct eng_job *j);

/* Spins until UNTIL (ticks), or sleeps if that is far away and SLEEP is set. False if the group has stopped. */
bool eng_pause(struct eng_job *j, uint64_t until, bool sleep);

#endif
