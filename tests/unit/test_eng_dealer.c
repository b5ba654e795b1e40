// SPDX-License-Identifier: GPL-2.0-only
/* streams=shared: everything is dealt once, and what has to come before something is dealt and done before it. */
#include "eng_fixture.h"

#include "engines/dealer.h"

static struct eng_settings shared(void)
{
	return (struct eng_settings){.cpu_scale = 1.0,
				     .memory_limit = UINT64_MAX,
				     .footprint = ENG_FOOTPRINT_RECORDED,
				     .streams = ENG_STREAMS_SHARED};
}

#define MAX_OPS 512

struct deal {
	struct fx x;
	struct eng_op op[MAX_OPS + 1]; /* the last is never dealt */
	size_t n;
};

static void deal(struct deal *d, uint32_t jobs)
{
	struct eng_settings set = shared();
	struct eng_dealer *dealer;
	struct host_err err;

	assert_int_equal(fx_group(&d->x, &set, jobs, &err), 0);
	assert_int_equal(eng_dealer_new(&dealer, d->x.g), 0);
	d->n = 0;
	while (d->n < MAX_OPS && eng_dealer_next(dealer, &d->op[d->n]))
		d->n++;
	assert_true(d->n < MAX_OPS);
	eng_dealer_free(dealer);
	fx_end(&d->x);
}

/* Position of the window at OFFSET; it has to be there once. */
static size_t at(const struct deal *d, uint64_t offset)
{
	size_t found = MAX_OPS;

	for (size_t i = 0; i < d->n; i++) {
		if (d->op[i].kind != ENG_WINDOW || d->op[i].offset != offset)
			continue;
		assert_int_equal(found, MAX_OPS);
		found = i;
	}
	assert_int_not_equal(found, MAX_OPS);
	return found;
}

/* B may begin only when A is done. */
static void comes_before(const struct deal *d, uint64_t a, uint64_t b)
{
	if (d->op[at(d, b)].need <= at(d, a))
		fail_msg("%" PRIu64 " does not wait for %" PRIu64, b, a);
}

static void may_overlap(const struct deal *d, uint64_t a, uint64_t b)
{
	size_t i = at(d, a), k = at(d, b);

	if (d->op[k].need > i || d->op[i].need > k)
		fail_msg("%" PRIu64 " and %" PRIu64 " exclude each other", a, b);
}

static void test_windows_between_barriers_are_dealt_in_recorded_order(void **state)
{
	static struct deal d;

	(void)state;
	fx_begin(&d.x, 2);
	fx_mark(&d.x, 0, FLT_MC_LOAD, FLT_NONE, true);
	fx_window(&d.x, 0, 1000, 0x1000, 4096);
	fx_window(&d.x, 1, 1500, 0x2000, 4096);
	fx_window(&d.x, 0, 9000, 0x3000, 4096);
	fx_window(&d.x, 1, 1000, 0x4000, 4096);
	fx_barrier(&d.x, 0, 1, 1, 2);
	fx_barrier(&d.x, 1, 1, 1, 2);
	fx_window(&d.x, 1, 1000, 0x5000, 4096);
	fx_window(&d.x, 0, 1000, 0x6000, 4096);
	fx_finish(&d.x);
	deal(&d, 3);
	assert_true(at(&d, 0x1000) < at(&d, 0x2000));
	assert_true(at(&d, 0x4000) < at(&d, 0x3000));
	may_overlap(&d, 0x1000, 0x2000);
	may_overlap(&d, 0x1000, 0x3000);
	for (uint64_t a = 0x1000; a <= 0x4000; a += 0x1000) {
		comes_before(&d, a, 0x5000);
		comes_before(&d, a, 0x6000);
	}
	may_overlap(&d, 0x5000, 0x6000);
	/* Each of the three jobs is told that it is over, after everything. */
	for (size_t i = d.n - 3; i < d.n; i++) {
		assert_int_equal(d.op[i].kind, ENG_END);
		assert_int_equal(d.op[i].need, d.n - 3);
	}
}

/* A fast lane has gone on while the slow one has not reported its release yet. */
static void test_a_late_release_holds_nobody_back_wrongly(void **state)
{
	static struct deal d;

	(void)state;
	fx_begin(&d.x, 2);
	fx_mark(&d.x, 0, FLT_MC_LOAD, FLT_NONE, true);
	fx_window(&d.x, 0, 1000, 0x1000, 4096);
	fx_window(&d.x, 1, 1000, 0x2000, 4096);
	fx_barrier(&d.x, 0, 1, 1, 2);
	fx_window(&d.x, 0, 100, 0x3000, 4096);
	fx_add(&d.x, 1, FLT_P_BARRIER, 0, 900000, 1, 1, 2, 0);
	fx_window(&d.x, 1, 100, 0x4000, 4096);
	fx_finish(&d.x);
	deal(&d, 2);
	comes_before(&d, 0x2000, 0x3000);
	comes_before(&d, 0x1000, 0x4000);
	may_overlap(&d, 0x3000, 0x4000);
}

static void test_marks_and_hints_stand_between(void **state)
{
	static struct deal d;
	size_t mark = MAX_OPS, hint = MAX_OPS;

	(void)state;
	fx_begin(&d.x, 2);
	fx_mark(&d.x, 0, FLT_MC_LOAD, FLT_NONE, false);
	fx_window(&d.x, 0, 1000, 0x1000, 4096);
	fx_window(&d.x, 1, 500000, 0x2000, 4096);
	fx_mark(&d.x, 1, FLT_MC_DECODE, 1, false);
	fx_add(&d.x, 0, FLT_P_HINT, 100, 0, FLT_HO_FADVISE, 2, 3, 0);
	fx_window(&d.x, 0, 1000, 0x3000, 4096);
	fx_window(&d.x, 1, 2000, 0x4000, 4096);
	fx_finish(&d.x);
	deal(&d, 2);
	for (size_t i = 0; i < d.n; i++) {
		if (d.op[i].kind == ENG_MARK && d.op[i].offset == 1) {
			assert_int_equal(mark, MAX_OPS); /* one for all lanes */
			mark = i;
		}
		if (d.op[i].kind == ENG_HINT)
			hint = i;
	}
	assert_int_not_equal(mark, MAX_OPS);
	assert_int_not_equal(hint, MAX_OPS);
	assert_int_equal(d.op[mark].need, mark);
	assert_true(d.op[at(&d, 0x3000)].need > mark);
	assert_true(d.op[at(&d, 0x4000)].need > mark);
	assert_true(d.op[at(&d, 0x3000)].need > hint);
	comes_before(&d, 0x2000, 0x3000);
}

static void test_no_compute_is_lost(void **state)
{
	static struct deal d;
	uint64_t compute = 0;

	(void)state;
	fx_begin(&d.x, 3);
	fx_mark(&d.x, 0, FLT_MC_LOAD, FLT_NONE, true);
	for (uint32_t i = 0; i < 3; i++) {
		fx_window(&d.x, i, 1000, 0x1000 * (i + 1), 4096);
		fx_window(&d.x, i, 2000, 0x1000 * (i + 11), 4096);
		fx_barrier(&d.x, i, 1, 1, 3);
		fx_window(&d.x, i, 4000, 0x1000 * (i + 21), 4096);
	}
	fx_finish(&d.x);
	deal(&d, 1);
	for (size_t i = 0; i < d.n; i++)
		compute += d.op[i].compute;
	assert_int_equal(compute, 3 * (1000 + 2000 + 4000));
}

static void test_an_edge_waits_for_the_other_lane(void **state)
{
	static struct deal d;

	(void)state;
	fx_begin(&d.x, 2);
	fx_mark(&d.x, 0, FLT_MC_LOAD, FLT_NONE, false);
	fx_window(&d.x, 0, 1000, 0x1000, 4096);
	fx_window(&d.x, 0, 90000, 0x2000, 4096); /* record 2 of lane 0 */
	fx_add(&d.x, 1, FLT_P_EDGE, 0, 0, 0, 2, 0, 0);
	fx_window(&d.x, 1, 10, 0x3000, 4096);
	fx_finish(&d.x);
	deal(&d, 2);
	comes_before(&d, 0x2000, 0x3000);
}

/* Nothing that a damaged trace says can keep the dealer from dealing. */
static void test_barriers_that_nobody_comes_to_are_passed(void **state)
{
	static struct deal d;

	(void)state;
	fx_begin(&d.x, 2);
	fx_mark(&d.x, 0, FLT_MC_LOAD, FLT_NONE, true);
	fx_barrier(&d.x, 0, 1, 1, 2);
	fx_window(&d.x, 0, 1000, 0x1000, 4096);
	fx_barrier(&d.x, 1, 2, 5, 2);
	fx_window(&d.x, 1, 1000, 0x2000, 4096);
	fx_barrier(&d.x, 1, UINT64_MAX, UINT64_MAX - 1, UINT64_MAX);
	fx_window(&d.x, 1, 1000, 0x3000, 4096);
	fx_finish(&d.x);
	deal(&d, 2);
	at(&d, 0x1000);
	at(&d, 0x2000);
	at(&d, 0x3000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_windows_between_barriers_are_dealt_in_recorded_order),
		cmocka_unit_test(test_a_late_release_holds_nobody_back_wrongly),
		cmocka_unit_test(test_marks_and_hints_stand_between),
		cmocka_unit_test(test_no_compute_is_lost),
		cmocka_unit_test(test_an_edge_waits_for_the_other_lane),
		cmocka_unit_test(test_barriers_that_nobody_comes_to_are_passed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
