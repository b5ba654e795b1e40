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

/* Between two looks at the clock: more, and the thread was not on its CPU. The recorder draws the same line. */
#define ENG_OFF_CPU_NS 20000.0

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
/* The same without a pause, for a caller who has had his own. */
bool eng_wait_look(struct eng_wait *w);
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

/*
 * Computes: keeps the CPU from *NOW on until UNTIL, both ticks. It is CPU time that counts: what the thread spends off its
 * CPU meanwhile comes on top. False if the group has stopped; else *NOW is the time, *OVER the ticks that it took too long.
 */
bool eng_spin(struct eng_job *j, uint64_t *now, uint64_t until, uint64_t *over);
/* Sleeps until UNTIL (ticks), the last bit of it awake. False if the group has stopped. */
bool eng_pause(struct eng_job *j, uint64_t until);

#endif
