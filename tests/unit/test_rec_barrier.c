// SPDX-License-Identifier: GPL-2.0-only
/* Which waits at a barrier belong together, seen in the order of their exits only. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tracer/barrier.h"

static void waits_of_one_meeting_share_a_generation(void **state)
{
	struct rec_barrier b = {0};

	(void)state;
	assert_int_equal(rec_barrier_add(&b, 10, 30), 0);
	assert_int_equal(b.participants, 0);
	assert_int_equal(rec_barrier_add(&b, 29, 31), 0);
	assert_int_equal(rec_barrier_add(&b, 20, 40), 0);
	/* entered after the first had left */
	assert_int_equal(rec_barrier_add(&b, 33, 50), 1);
	assert_int_equal(b.participants, 3);
}

/* The last arrival may enter and leave within the clock's resolution. */
static void entering_at_the_very_exit_is_the_same_meeting(void **state)
{
	struct rec_barrier b = {0};

	(void)state;
	assert_int_equal(rec_barrier_add(&b, 10, 30), 0);
	assert_int_equal(rec_barrier_add(&b, 30, 30), 0);
	assert_int_equal(rec_barrier_add(&b, 31, 40), 1);
}

/* A thread that is slow to leave may do so when others have been at the next barrier for long. */
static void a_straggler_is_counted_with_its_own(void **state)
{
	struct rec_barrier b = {0};

	(void)state;
	assert_int_equal(rec_barrier_add(&b, 1, 10), 0);
	assert_int_equal(rec_barrier_add(&b, 9, 60),
			 0); /* leaves late, but before it enters the next */
	assert_int_equal(rec_barrier_add(&b, 20, 70), 1); /* so nobody has left that one before */
	assert_int_equal(rec_barrier_add(&b, 65, 71), 1);
	assert_int_equal(rec_barrier_add(&b, 72, 80), 2);
	assert_int_equal(b.participants, 2);
}

struct wait {
	uint64_t entry, exit, meeting;
};

static int by_exit(const void *a, const void *b)
{
	const struct wait *x = a, *y = b;

	return x->exit < y->exit ? -1 : x->exit > y->exit;
}

/* Threads that arrive and leave at random, but all arrive before the first one leaves. */
static void random_meetings_are_told_apart(void **state)
{
	enum { THREADS = 5, MEETINGS = 2000 };
	static struct wait wait[THREADS * MEETINGS];
	uint64_t ready[THREADS] = {0}, seed = 88172645463325252ull;
	struct rec_barrier b = {0};

	(void)state;
	for (int m = 0; m < MEETINGS; m++) {
		uint64_t last = 0;

		for (int t = 0; t < THREADS; t++) {
			struct wait *w = &wait[m * THREADS + t];

			seed ^= seed << 13;
			seed ^= seed >> 7;
			seed ^= seed << 17;
			w->entry = ready[t] + 1 + seed % 1000;
			w->meeting = (uint64_t)m;
			last = w->entry > last ? w->entry : last;
		}
		for (int t = 0; t < THREADS; t++) {
			seed ^= seed << 13;
			seed ^= seed >> 7;
			seed ^= seed << 17;
			wait[m * THREADS + t].exit = ready[t] = last + seed % 300;
		}
	}
	qsort(wait, THREADS * MEETINGS, sizeof(wait[0]), by_exit);
	for (int i = 0; i < THREADS * MEETINGS; i++) {
		assert_int_equal(rec_barrier_add(&b, wait[i].entry, wait[i].exit), wait[i].meeting);
		assert_int_equal(b.participants, wait[i].meeting ? THREADS : 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(waits_of_one_meeting_share_a_generation),
		cmocka_unit_test(entering_at_the_very_exit_is_the_same_meeting),
		cmocka_unit_test(a_straggler_is_counted_with_its_own),
		cmocka_unit_test(random_meetings_are_told_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
