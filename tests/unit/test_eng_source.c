// SPDX-License-Identifier: GPL-2.0-only
/* What the engine makes of a lane's records: compute, selection, what skipped phases leave behind, hostile values. */
#include "eng_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>

#include "engines/selection.h"
#include "engines/source.h"

static struct eng_settings plain(void)
{
	return (struct eng_settings){
		.cpu_scale = 1.0, .memory_limit = UINT64_MAX, .footprint = ENG_FOOTPRINT_RECORDED};
}

static struct eng_source source;

static void open_source(struct fx *x, const struct eng_settings *set, uint64_t pass)
{
	struct host_err err;

	assert_int_equal(fx_group(x, set, 1, &err), 0);
	assert_int_equal(eng_source_begin(&source, x->g, 0, pass), 0);
}

static void close_source(struct fx *x)
{
	eng_source_end(&source);
	fx_end(x);
}

static void next_is(uint8_t kind, uint64_t offset, uint64_t length, uint64_t compute)
{
	struct eng_op op;

	assert_int_equal(eng_source_next(&source, &op), 1);
	assert_int_equal(op.kind, kind);
	assert_int_equal(op.offset, offset);
	assert_int_equal(op.length, length);
	assert_int_equal(op.compute, compute);
}

static void next_is_end(void)
{
	struct eng_op op;

	assert_int_equal(eng_source_next(&source, &op), 0);
	assert_int_equal(eng_source_next(&source, &op), 0);
}

static void test_the_gap_after_a_record_is_its_compute(void **state)
{
	struct fx x;

	(void)state;
	fx_begin(&x, 1);
	fx_mark(&x, 0, FLT_MC_LOAD, FLT_NONE, true);
	fx_window(&x, 0, 5000, 0, 65536);
	fx_window(&x, 0, 7000, 65536, 65536);
	fx_barrier(&x, 0, 9, 4, 2);
	fx_add(&x, 0, FLT_P_READ, 3000, 2000, 3, 100, 50, 0);
	fx_add(&x, 0, FLT_P_IDLE, 1000, 4000, 0, 0, 0, 0);
	fx_mark(&x, 1, FLT_MC_DECODE, 1, true);
	fx_window(&x, 0, 11000, 131072, 4096);
	fx_finish(&x);
	open_source(&x, NULL, 0);
	next_is(ENG_MARK, 0, FLT_NONE, 5000);
	next_is(ENG_WINDOW, 0, 65536, 7000);
	next_is(ENG_WINDOW, 65536, 65536, 0);
	next_is(ENG_BARRIER, 4, 2, 3000);
	next_is(ENG_READ, 100, 50, 1000);
	next_is(ENG_IDLE, 0, 4000, 0);
	next_is(ENG_MARK, 1, 1, 11000);
	next_is(ENG_WINDOW, 131072, 4096, 0);
	next_is_end();
	close_source(&x);
}

static void test_a_mark_may_last_as_long_as_its_evaluation(void **state)
{
	struct fx x;

	(void)state;
	fx_begin(&x, 1);
	fx_add(&x, 0, FLT_P_MARK, 0, 0, FLT_MC_LOAD, 0, FLT_NONE, FLT_NONE);
	x.sum[x.sums++] =
		(struct flt_record){.kind = FLT_S_EVALUATION, .f = {0, FLT_MC_LOAD, FLT_NONE}};
	/* The mark of the next evaluation spans 50 us; its first window begins 8 us into it. */
	fx_add(&x, 0, FLT_P_MARK, 1000, 50000, FLT_MC_DECODE, 1, 1, FLT_NONE);
	x.sum[x.sums++] = (struct flt_record){
		.kind = FLT_S_EVALUATION, .start = 1000, .f = {1, FLT_MC_DECODE, 1}};
	x.now[0] = 1000;
	fx_window(&x, 0, 58000, 0, 4096);
	fx_finish(&x);
	open_source(&x, NULL, 0);
	next_is(ENG_MARK, 0, FLT_NONE, 1000);
	next_is(ENG_MARK, 1, 1, 8000);
	next_is(ENG_WINDOW, 0, 4096, 0);
	next_is_end();
	close_source(&x);
}

static void test_skipped_phases_leave_advice_and_footprint_behind(void **state)
{
	struct eng_settings set = plain();
	struct fx x;

	(void)state;
	fx_begin(&x, 1);
	fx_mark(&x, 0, FLT_MC_LOAD, FLT_NONE, true);
	fx_add(&x, 0, FLT_P_HINT, 0, 0, FLT_HO_MADVISE, MADV_WILLNEED, 3, 0);
	fx_add(&x, 0, FLT_P_HINT, 0, 0, FLT_HO_MADVISE, MADV_RANDOM, 3, 0);
	fx_add(&x, 0, FLT_P_FOOTPRINT, 0, 0, 1000000, 0, 0, 0);
	fx_window(&x, 0, 5000, 0, 4096);
	fx_add(&x, 0, FLT_P_FOOTPRINT, 0, 0, 2000000, 0, 0, 0);
	fx_barrier(&x, 0, 1, 1, 1);
	fx_mark(&x, 1, FLT_MC_DECODE, 1, true);
	fx_window(&x, 0, 6000, 4096, 4096);
	fx_finish(&x);
	set.phases = "decode";
	open_source(&x, &set, 0);
	next_is(ENG_HINT, 0, 0, 0);
	next_is(ENG_FOOTPRINT, 2000000, 0, 0);
	next_is(ENG_MARK, 1, 1, 6000);
	next_is(ENG_WINDOW, 4096, 4096, 0);
	next_is_end();
	close_source(&x);
}

static void test_later_passes_are_of_the_measured_part(void **state)
{
	struct eng_settings set = plain();
	struct fx x;

	(void)state;
	fx_begin(&x, 1);
	for (uint64_t i = 0; i < 4; i++) {
		fx_mark(&x, i, i ? FLT_MC_DECODE : FLT_MC_LOAD, 1, false);
		fx_window(&x, 0, 1000, i * 4096, 4096);
	}
	fx_finish(&x);
	set.tokens = "2";
	set.warmup = 1;
	open_source(&x, &set, 0);
	for (uint64_t i = 0; i < 3; i++) {
		next_is(ENG_MARK, i, 1, 1000);
		next_is(ENG_WINDOW, i * 4096, 4096, 0);
	}
	next_is_end();
	assert_int_equal(eng_source_begin(&source, x.g, 0, 1), 0);
	next_is(ENG_MARK, 2, 1, 1000);
	next_is(ENG_WINDOW, 8192, 4096, 0);
	next_is_end();
	close_source(&x);
}

static void test_the_end_of_a_window_is_the_end_of_the_file(void **state)
{
	struct fx x;

	(void)state;
	fx_begin(&x, 1);
	fx_mark(&x, 0, FLT_MC_LOAD, FLT_NONE, false);
	fx_window(&x, 0, 0, FX_SIZE - 100, 4096);
	fx_window(&x, 0, 0, 0, 0);
	fx_finish(&x);
	open_source(&x, NULL, 0);
	next_is(ENG_MARK, 0, FLT_NONE, 0);
	next_is(ENG_WINDOW, FX_SIZE - 100, 100, 0);
	next_is_end();
	close_source(&x);
}

static void refuses_window(uint64_t file, uint64_t offset, uint64_t length)
{
	struct eng_op op;
	struct fx x;

	fx_begin(&x, 1);
	fx_mark(&x, 0, FLT_MC_LOAD, FLT_NONE, false);
	fx_add(&x, 0, FLT_P_WINDOW, 0, 0, file, offset, length, 0);
	fx_finish(&x);
	open_source(&x, NULL, 0);
	assert_int_equal(eng_source_next(&source, &op), -EBADMSG);
	close_source(&x);
}

static void test_windows_outside_of_the_files_are_refused(void **state)
{
	(void)state;
	refuses_window(3, FX_SIZE, 4096);
	refuses_window(3, UINT64_MAX - 4096, 4096);
	refuses_window(3, 0, UINT64_MAX);
	refuses_window(3, 4096, UINT64_MAX - 4095);
	refuses_window(3, 0, 2 * FX_SIZE);
	refuses_window(4, 0, 4096);
	refuses_window(UINT64_MAX, 0, 4096);
}

static void test_harmful_advice_is_dropped(void **state)
{
	static const uint64_t ops[] = {FLT_HO_MADVISE, FLT_HO_FADVISE, 99, UINT64_MAX};
	/* MADV_HWPOISON, MADV_SOFT_OFFLINE, MADV_REMOVE, MADV_DONTFORK */
	static const uint64_t bad[] = {100, 101, 9, 10, UINT64_MAX};
	struct fx x;

	(void)state;
	fx_begin(&x, 1);
	fx_mark(&x, 0, FLT_MC_LOAD, FLT_NONE, false);
	for (size_t o = 0; o < 4; o++)
		for (size_t i = 0; i < 5; i++)
			fx_add(&x, 0, FLT_P_HINT, 0, 0, ops[o], bad[i], 3, 0);
	fx_add(&x, 0, FLT_P_HINT, 0, 0, FLT_HO_MADVISE, MADV_WILLNEED, 77, 0);
	fx_add(&x, 0, FLT_P_HINT, 0, 0, FLT_HO_MADVISE, MADV_WILLNEED, 3, FX_SIZE);
	fx_add(&x, 0, FLT_P_EDGE, 0, 0, 5, 1, 0, 0);
	fx_add(&x, 0, FLT_P_EDGE, 0, 0, UINT64_MAX, UINT64_MAX, 0, 0);
	fx_window(&x, 0, 0, 0, 4096);
	fx_finish(&x);
	open_source(&x, NULL, 0);
	next_is(ENG_MARK, 0, FLT_NONE, 0);
	next_is(ENG_WINDOW, 0, 4096, 0);
	next_is_end();
	close_source(&x);
}

static void test_a_barrier_without_an_end_is_refused(void **state)
{
	struct eng_op op;
	struct fx x;

	(void)state;
	fx_begin(&x, 1);
	fx_mark(&x, 0, FLT_MC_LOAD, FLT_NONE, true);
	fx_barrier(&x, 0, 1, FLT_NONE, 1);
	fx_finish(&x);
	open_source(&x, NULL, 0);
	assert_int_equal(eng_source_next(&source, &op), -EBADMSG);
	close_source(&x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_gap_after_a_record_is_its_compute),
		cmocka_unit_test(test_a_mark_may_last_as_long_as_its_evaluation),
		cmocka_unit_test(test_skipped_phases_leave_advice_and_footprint_behind),
		cmocka_unit_test(test_later_passes_are_of_the_measured_part),
		cmocka_unit_test(test_the_end_of_a_window_is_the_end_of_the_file),
		cmocka_unit_test(test_windows_outside_of_the_files_are_refused),
		cmocka_unit_test(test_a_barrier_without_an_end_is_refused),
		cmocka_unit_test(test_harmful_advice_is_dropped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
