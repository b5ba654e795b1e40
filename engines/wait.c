// SPDX-License-Identifier: GPL-2.0-only
#include "engines/wait.h"

#include <errno.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LOOK_NS     50000ull    /* between two questions to fio */
#define SLEEP_NS    10000000ull /* a sleeper looks for itself after that */
#define STUCK_NS    200000000ull
#define SPINS_FIRST 200
#define ALONE_LOOKS 20 /* looks 50 ms apart */
#define ALONE_NS    50000000ull

static void futex_wait(_Atomic uint32_t *word, uint32_t value, uint64_t ns)
{
	struct timespec ts = {.tv_sec = (time_t)(ns / 1000000000),
			      .tv_nsec = (long)(ns % 1000000000)};

	syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, &ts, NULL, 0);
}

void eng_wake_sleepers(struct eng_group *g)
{
	atomic_fetch_add(&g->turn, 1);
	if (atomic_load(&g->sleepers))
		syscall(SYS_futex, &g->turn, FUTEX_WAKE_PRIVATE, INT32_MAX, NULL, NULL, 0);
}

bool eng_look(struct eng_job *j)
{
	enum eng_end why;

	if (eng_stopped(j->group))
		return true;
	why = j->ask ? j->ask(j->ask_arg) : ENG_RUNNING;
	if (why == ENG_RUNNING)
		return false;
	eng_stop(j->group, why, j->index, NULL);
	return true;
}

struct eng_wait eng_wait_begin(struct eng_job *j)
{
	uint64_t now = eng_ticks();

	return (struct eng_wait){
		.job = j,
		.began = now,
		.next_look = now + eng_ns_to_ticks(LOOK_NS),
		.turn = atomic_load(&j->group->turn),
	};
}

/*
 * If all jobs wait at one time or are done, nobody is left to release anybody: the trace's barriers do not fit together.
 * Somebody may have been released and not have noticed yet, so this has to be seen for a whole second.
 */
static void look_for_deadlock(struct eng_wait *w, uint64_t now)
{
	struct eng_group *g = w->job->group;

	if (!w->stuck) {
		if (eng_ticks_to_ns(now - w->began) < STUCK_NS)
			return;
		w->stuck = true;
		atomic_fetch_add(&g->stuck, 1);
	}
	if (eng_ticks_to_ns(now - w->began) < STUCK_NS + (w->alone + 1) * ALONE_NS)
		return;
	if (atomic_load(&g->stuck) < g->jobs) {
		w->began = now - eng_ns_to_ticks(STUCK_NS); /* begin to count anew */
		w->alone = 0;
	} else if (++w->alone >= ALONE_LOOKS) {
		eng_stop(g, ENG_NO_BARRIER, w->job->index, NULL);
	}
}

bool eng_wait_look(struct eng_wait *w)
{
	uint64_t now;

	if (eng_stopped(w->job->group))
		goto stopped;
	now = eng_ticks();
	if (now < w->next_look)
		return true;
	w->next_look = now + eng_ns_to_ticks(LOOK_NS);
	look_for_deadlock(w, now);
	if (!eng_look(w->job))
		return true;
stopped:
	eng_wait_end(w);
	return false;
}

bool eng_wait_step(struct eng_wait *w)
{
	struct eng_group *g = w->job->group;

	w->spins++;
	if (g->spin || w->spins < SPINS_FIRST) {
		eng_relax();
		if (w->spins % 64)
			return true;
	} else {
		/*
		 * The caller has looked at its condition after we read turn, so a wake-up in between changes the
		 * word and the kernel does not let us sleep.
		 */
		atomic_fetch_add(&g->sleepers, 1);
		futex_wait(&g->turn, w->turn, SLEEP_NS);
		atomic_fetch_sub(&g->sleepers, 1);
		w->job->own_sleeps++;
		w->turn = atomic_load(&g->turn);
	}
	return eng_wait_look(w);
}

uint64_t eng_wait_end(struct eng_wait *w)
{
	if (w->stuck)
		atomic_fetch_sub(&w->job->group->stuck, 1);
	w->stuck = false;
	return eng_ticks() - w->began;
}

bool eng_spin(struct eng_job *j, uint64_t *now_io, uint64_t until, uint64_t *over)
{
	uint64_t off = eng_ns_to_ticks(ENG_OFF_CPU_NS), look = eng_ns_to_ticks(LOOK_NS);
	uint64_t now = *now_io, next = now + look;

	while (now < until) {
		uint64_t t = eng_ticks();

		if (t - now > off)
			until += t - now;
		now = t;
		if (now < next)
			continue;
		if (eng_look(j))
			return false;
		next = now + look;
	}
	*over = now - until;
	*now_io = now;
	return true;
}

bool eng_pause(struct eng_job *j, uint64_t until)
{
	uint64_t now = eng_ticks(), slice = eng_ns_to_ticks(LOOK_NS);

	while (now < until) {
		uint64_t left = eng_ticks_to_ns(until - now);

		if (left > 2 * LOOK_NS) {
			host_sleep_ns(left - LOOK_NS > SLEEP_NS ? SLEEP_NS : left - LOOK_NS);
			j->own_sleeps++;
		} else {
			uint64_t stop = until - now > slice ? now + slice : until;

			while (eng_ticks() < stop)
				;
			if (stop == until)
				return true;
		}
		if (eng_look(j))
			return false;
		now = eng_ticks();
	}
	return true;
}
