// SPDX-License-Identifier: GPL-2.0-only
/* A derivation that is interrupted, wherever, leaves a trace without a program, and can be repeated. */
#include "flt_fixture.h"

#define US     1000ull
#define FAULTS 600000u

static void record(struct flt_writer *w)
{
	struct flt_record r = {.kind = FLT_FAULT};

	flt_writer_define(w, "file",
			  json_pack("{sisssIsb}", "id", 0, "path", "/m/model.gguf", "size",
				    (json_int_t)FAULTS << 16, "model", 1));
	flt_writer_define(
		w, "region",
		json_pack("{sisisI}", "id", 0, "file", 0, "length", (json_int_t)FAULTS << 16));
	for (uint64_t i = 0; i < FAULTS; i++) {
		r.start = (10 + 10 * i) * US;
		r.dur = 5 * US;
		r.f[FLT_FAULT_OFFSET] = i * 7919 % FAULTS << 16;
		assert_int_equal(flt_writer_add(w, FLT_RECORDING, &r), 0);
	}
	assert_int_equal(flt_writer_flush(w, false), 0);
}

static bool until(void *arg, uint64_t done, uint64_t total)
{
	const uint64_t *percent = arg;

	return done < total / 100 * *percent;
}

static int derive(struct fixture *f, struct flt_writer *w, uint64_t percent,
		  struct flt_prepare_stats *st)
{
	const struct flt_prepare_options opt = {.progress = until, .progress_arg = &percent};
	struct flt_reader *r = fixture_open(f);
	int ret = flt_prepare(r, w, &opt, st);

	flt_close(r);
	return ret;
}

/* Early in the survey; at the first of the conversion; when chunks of the program are in the file. */
static const uint64_t moments[] = {1, 51, 98};

static void an_interrupted_derivation_leaves_nothing(void **state)
{
	struct fixture *f = *state;
	struct flt_writer *w = fixture_writer(f, NULL);
	struct flt_prepare_stats st;
	struct flt_plan *plan;
	struct flt_reader *r;
	uint64_t before;

	record(w);
	before = flt_writer_bytes(w);
	for (size_t i = 0; i < sizeof(moments) / sizeof(moments[0]); i++) {
		assert_int_equal(derive(f, w, moments[i], &st), -ECANCELED);
		assert_int_equal(flt_writer_bytes(w), before);
	}
	fixture_finish(f, &w);
	r = fixture_open(f);
	assert_true(flt_finished(r));
	assert_int_equal(flt_record_count(r, FLT_RECORDING), FAULTS);
	assert_int_equal(flt_record_count(r, FLT_PROGRAM), 0);
	assert_int_equal(flt_record_count(r, FLT_SUMMARY), 0);
	assert_int_equal(flt_plan_open(r, &plan), -ENODATA);
	flt_close(r);
}

static void it_can_be_repeated_in_the_same_file(void **state)
{
	struct fixture *f = *state;
	struct flt_writer *w = fixture_writer(f, NULL);
	struct flt_prepare_stats st;
	struct flt_record last;
	struct flt_cursor *c;
	struct flt_reader *r;
	uint64_t windows = 0;

	record(w);
	assert_int_equal(derive(f, w, 98, &st), -ECANCELED);
	assert_int_equal(derive(f, w, 1000, &st), 0);
	fixture_finish(f, &w);
	r = fixture_open(f);
	assert_int_equal(flt_cursor_open(&c, r, FLT_PROGRAM, FLT_ALL_STREAMS), 0);
	while (flt_cursor_next(c, &last, 1) == 1)
		windows += last.kind == FLT_P_WINDOW;
	flt_cursor_close(c);
	assert_int_equal(windows, FAULTS);
	assert_int_equal(windows, st.windows);
	flt_close(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(an_interrupted_derivation_leaves_nothing,
						fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(it_can_be_repeated_in_the_same_file, fixture_setup,
						fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
