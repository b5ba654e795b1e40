// SPDX-License-Identifier: GPL-2.0-only
/* Which evaluations tokens=, warmup= and phases= replay and measure, and what they refuse. */
#include "eng_fixture.h"

#include "engines/selection.h"

/* 0 load, 1 warm-up, 2 and 3 prompt, 4 to 8 decode */
static void write_trace(struct fx *x)
{
	static const uint64_t classes[] = {FLT_MC_LOAD,   FLT_MC_WARMUP, FLT_MC_PROMPT,
					   FLT_MC_PROMPT, FLT_MC_DECODE, FLT_MC_DECODE,
					   FLT_MC_DECODE, FLT_MC_DECODE, FLT_MC_DECODE};

	fx_begin(x, 1);
	for (uint64_t i = 0; i < 9; i++) {
		fx_mark(x, i, classes[i], 1, false);
		fx_window(x, 0, 1000, i * 4096, 4096);
	}
	fx_finish(x);
}

static struct eng_settings settings(const char *tokens, uint32_t warmup, const char *phases)
{
	return (struct eng_settings){.cpu_scale = 1.0,
				     .memory_limit = UINT64_MAX,
				     .footprint = 0,
				     .tokens = tokens,
				     .warmup = warmup,
				     .phases = phases};
}

/* EXPECTED: a letter for each evaluation: m measured, w warm, - left out. */
static void selects(const char *expected, const char *tokens, uint32_t warmup, const char *phases)
{
	struct eng_settings set = settings(tokens, warmup, phases);
	struct host_err err;
	struct fx x;
	char got[16] = "";

	write_trace(&x);
	assert_int_equal(fx_group(&x, &set, 1, &err), 0);
	for (uint64_t i = 0; i < x.g->sel.count; i++)
		got[i] = "-wm"[eng_selection_action(&x.g->sel, i, 0)];
	assert_string_equal(got, expected);
	for (uint64_t i = 0; i < x.g->sel.count; i++)
		if (expected[i] == 'w')
			assert_int_equal(eng_selection_action(&x.g->sel, i, 1), ENG_SKIP);
	assert_int_equal(x.g->sel.prefix, strchr(expected, 'w') != NULL);
	fx_end(&x);
}

static void refuses(const char *part, const char *tokens, const char *phases)
{
	struct eng_settings set = settings(tokens, 1, phases);
	struct host_err err;
	struct fx x;

	write_trace(&x);
	assert_true(fx_group(&x, &set, 1, &err) < 0);
	if (!strstr(err.text, part))
		fail_msg("\"%s\" is not in \"%s\"", part, err.text);
	fx_end(&x);
}

static void test_everything_is_measured_unless_told_otherwise(void **state)
{
	(void)state;
	selects("mmmmmmmmm", NULL, 1, NULL);
	selects("mmmmmmmmm", "", 1, "");
}

static void test_numbers_count_from_one_and_warm_up_comes_before(void **state)
{
	(void)state;
	selects("w-wwwmm--", "5-6", 1, NULL);
	selects("w-ww-mm--", "5-6", 0, NULL);
	selects("wwwwwmm--", "5-6", 9, NULL);
	selects("w-ww--wmm", "7-", 1, NULL);
	selects("w-ww---wm", "8", 1, NULL);
	selects("wm-------", "1", 3, NULL);
}

static void test_names_reach_from_the_first_of_a_sort_to_its_last(void **state)
{
	(void)state;
	selects("w-wwmmmmm", "decode", 0, NULL);
	selects("wwmm-----", "prompt", 1, NULL);
}

static void test_phases_leave_out_whole_classes(void **state)
{
	(void)state;
	selects("----mmmmm", NULL, 1, "decode");
	selects("m-mm-----", NULL, 1, "load,prompt");
	selects("----wmm--", "5-6", 1, "decode");
	selects("w---wmm--", "5-6", 1, "load+decode");
}

static void test_what_means_nothing_is_refused(void **state)
{
	(void)state;
	refuses("tokens=0", "0", NULL);
	refuses("tokens=9", "9", NULL);
	refuses("8 evaluations", "2-99", NULL);
	refuses("tokens=5-4", "5-4", NULL);
	refuses("tokens=5-6x", "5-6x", NULL);
	refuses("tokens=-5", "-5", NULL);
	refuses("tokens=99999999999999999999", "99999999999999999999", NULL);
	refuses("no evaluation of that sort", "evaluation", NULL);
	refuses("\"dinner\"", NULL, "load,dinner");
	refuses("\"\"", NULL, "load,");
	refuses("nothing", "5-6", "prompt");
}

static void test_left_out_time_is_left_out_of_the_clock(void **state)
{
	struct eng_settings set = settings("5-6", 0, "decode");
	struct host_err err;
	struct fx x;

	(void)state;
	write_trace(&x);
	assert_int_equal(fx_group(&x, &set, 1, &err), 0);
	/* The fifth evaluation begins where the replay's clock begins. */
	assert_int_equal(eng_selection_skipped(&x.g->sel, 5, 0), x.g->plan->evaluation[5].start);
	fx_end(&x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_everything_is_measured_unless_told_otherwise),
		cmocka_unit_test(test_numbers_count_from_one_and_warm_up_comes_before),
		cmocka_unit_test(test_names_reach_from_the_first_of_a_sort_to_its_last),
		cmocka_unit_test(test_phases_leave_out_whole_classes),
		cmocka_unit_test(test_what_means_nothing_is_refused),
		cmocka_unit_test(test_left_out_time_is_left_out_of_the_clock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
