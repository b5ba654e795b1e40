// SPDX-License-Identifier: GPL-2.0-only
/* Events of several rings come out in the order of their ends, and none gets lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tracer/merge.h"

struct seen {
	uint64_t count, last, sum;
	size_t out_of_order;
};

static void see(void *arg, const struct rec_event *e)
{
	struct seen *s = arg;

	if (e->end < s->last)
		s->out_of_order++;
	s->last = e->end;
	s->count++;
	s->sum += e->tid;
}

static void push(struct rec_merge *m, unsigned int source, uint64_t end, uint32_t tid, size_t extra)
{
	unsigned char buf[sizeof(struct rec_event) + 64] = {0};
	struct rec_event e = {.end = end, .tid = tid};

	memcpy(buf, &e, sizeof(e));
	assert_int_equal(rec_merge_push(m, source, buf, sizeof(e) + extra), 0);
}

static void later_events_are_held_back(void **state)
{
	struct rec_merge *m;
	struct seen s = {0};

	(void)state;
	assert_int_equal(rec_merge_open(&m, 2), 0);
	push(m, 0, 10, 1, 0);
	push(m, 0, 30, 2, 8);
	push(m, 1, 20, 4, 0);
	push(m, 1, 21, 8, 0);
	rec_merge_run(m, 20, see, &s);
	assert_int_equal(s.count, 2);
	assert_int_equal(s.sum, 5);
	assert_int_equal(rec_merge_pending(m), 2);
	push(m, 1, 25, 16, 3);
	rec_merge_run(m, UINT64_MAX, see, &s);
	assert_int_equal(s.count, 5);
	assert_int_equal(s.sum, 31);
	assert_int_equal(s.out_of_order, 0);
	assert_int_equal(rec_merge_late(m), 0);
	rec_merge_close(m);
}

static void swapped_neighbours_are_put_right(void **state)
{
	struct rec_merge *m;
	struct seen s = {0};

	(void)state;
	assert_int_equal(rec_merge_open(&m, 1), 0);
	push(m, 0, 12, 1, 0);
	push(m, 0, 11, 1, 40);
	push(m, 0, 13, 1, 0);
	push(m, 0, 10, 1, 1);
	rec_merge_run(m, UINT64_MAX, see, &s);
	assert_int_equal(s.count, 4);
	assert_int_equal(s.out_of_order, 0);
	rec_merge_close(m);
}

static void events_that_come_too_late_are_counted(void **state)
{
	struct rec_merge *m;
	struct seen s = {0};

	(void)state;
	assert_int_equal(rec_merge_open(&m, 2), 0);
	push(m, 0, 50, 1, 0);
	rec_merge_run(m, 100, see, &s);
	push(m, 1, 40, 1, 0);
	rec_merge_run(m, 100, see, &s);
	assert_int_equal(s.count, 2);
	assert_int_equal(rec_merge_late(m), 1);
	rec_merge_close(m);
}

static void many_events_of_many_rings_stay_whole(void **state)
{
	enum { SOURCES = 9, STEPS = 200, EACH = 37 };
	struct rec_merge *m;
	struct seen s = {0};
	uint64_t seed = 88172645463325252ull, sum = 0;
	uint32_t n = 0;

	(void)state;
	assert_int_equal(rec_merge_open(&m, SOURCES), 0);
	for (uint64_t step = 1; step <= STEPS; step++) {
		for (unsigned int source = 0; source < SOURCES; source++) {
			for (int i = 0; i < EACH; i++) {
				seed ^= seed << 13;
				seed ^= seed >> 7;
				seed ^= seed << 17;
				push(m, source, step * 1000 + seed % 1000, ++n, seed >> 20 & 63);
				sum += n;
			}
		}
		rec_merge_run(m, step * 1000 - 1, see, &s);
	}
	rec_merge_run(m, UINT64_MAX, see, &s);
	assert_int_equal(s.count, SOURCES * STEPS * EACH);
	assert_int_equal(s.sum, sum);
	assert_int_equal(s.out_of_order, 0);
	assert_int_equal(rec_merge_pending(m), 0);
	rec_merge_close(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(later_events_are_held_back),
		cmocka_unit_test(swapped_neighbours_are_put_right),
		cmocka_unit_test(events_that_come_too_late_are_counted),
		cmocka_unit_test(many_events_of_many_rings_stay_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
