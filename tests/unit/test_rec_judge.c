// SPDX-License-Identifier: GPL-2.0-only
/* A reference capture is called usable only if it is, and the reason is the one that matters. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "traces/fltrace.h"
#include "tracer/judge.h"

#define WINDOW 65536ull
#define SIZE   (100 * WINDOW + 1000) /* of the model: the last window is cut */

static struct rec_judge_facts quiet(void)
{
	return (struct rec_judge_facts){
		.reference = true,
		.warmed = true,
		.launched = true,
		.cpus = 4,
		.load = {0.1, 1.0},
	};
}

/* One evaluation that touches every STEPth window, each twice. */
static void evaluate(struct rec_judge *j, uint32_t class, uint64_t step, bool zapped)
{
	if (zapped)
		rec_judge_zap(j, false);
	for (uint64_t at = 0; at < SIZE; at += step * WINDOW) {
		rec_judge_fault(j, 7, SIZE, at);
		rec_judge_fault(j, 7, SIZE, at + 500);
	}
	rec_judge_pass(j, class);
}

static uint64_t number(const json_t *o, const char *key)
{
	return (uint64_t)json_integer_value(json_object_get(o, key));
}

static void assert_judged(struct rec_judge *j, const struct rec_judge_facts *f, const char *why)
{
	json_t *o = rec_judge_json(j, f);
	const char *text = json_string_value(json_object_get(o, "why"));

	assert_non_null(o);
	assert_int_equal(json_is_true(json_object_get(o, "usable")), !why);
	assert_int_equal(json_is_true(json_object_get(o, "predictive")), !why);
	if (why && !strstr(text, why))
		fail_msg("'%s' is not in '%s'", why, text);
	json_decref(o);
}

static void test_dense(void **state)
{
	struct rec_judge *j = rec_judge_open(0);
	struct rec_judge_facts f = quiet();
	json_t *o;

	(void)state;
	/* the load phase, before anything was dropped, does not count */
	for (uint64_t at = 0; at < SIZE; at += 4096)
		rec_judge_fault(j, 7, SIZE, at);
	evaluate(j, FLT_MC_PROMPT, 1, true);
	for (int i = 0; i < 5; i++)
		evaluate(j, FLT_MC_DECODE, 1, true);
	assert_judged(j, &f, NULL);
	o = rec_judge_json(j, &f);
	assert_int_equal(number(o, "windows_per_evaluation"), 101);
	assert_int_equal(number(o, "faults_per_evaluation"), 202);
	assert_int_equal(number(o, "touched_bytes_per_evaluation"), SIZE);
	assert_int_equal(number(o, "model_bytes"), SIZE);
	assert_int_equal(number(o, "window_bytes_median"), WINDOW);
	assert_int_equal(number(o, "evaluations"), 6);
	assert_int_equal(number(o, "zaps"), 6);
	json_decref(o);
	rec_judge_close(j);
}

static void test_reasons(void **state)
{
	struct rec_judge *j = rec_judge_open(WINDOW);
	struct rec_judge_facts f = quiet();

	(void)state;
	assert_judged(j, &f, "no page of a mapped model");
	f.refused = "x.gguf is locked";
	assert_judged(j, &f, "x.gguf is locked");
	f.refused = NULL;
	evaluate(j, FLT_MC_DECODE, 1, false);
	assert_judged(j, &f, "no evaluation was seen");
	f.stop_refused = 1;
	assert_judged(j, &f, "block SIGURG");
	f.stop_refused = 0;
	evaluate(j, FLT_MC_DECODE, 1, true);
	assert_judged(j, &f, "too few");
	for (int i = 0; i < 10; i++)
		evaluate(j, FLT_MC_DECODE, 1, false);
	assert_judged(j, &f, "only 1 of 12 evaluations");
	rec_judge_close(j);
}

static void test_machine(void **state)
{
	struct rec_judge *j = rec_judge_open(WINDOW);
	struct rec_judge_facts f = quiet();
	json_t *o;

	(void)state;
	for (int i = 0; i < 5; i++)
		evaluate(j, FLT_MC_DECODE, 1, true);
	assert_judged(j, &f, NULL);
	f.foreign_cpus = 0.9;
	f.load[1] = 3.1;
	assert_judged(j, &f, "load 3.1");
	f = quiet();
	f.dropped = 1;
	assert_judged(j, &f, "--ring");
	f = quiet();
	f.lossy = true;
	assert_judged(j, &f, "--ring");
	f = quiet();
	f.spread = 0.3;
	assert_judged(j, &f, "30 % apart");
	f.spread = -1;
	assert_judged(j, &f, NULL);
	f = quiet();
	f.larger_pieces = 0.5;
	assert_judged(j, &f, "50 % of the model is in larger pieces");
	/* not known is no reason */
	f.larger_pieces = f.foreign_cpus = -1;
	assert_judged(j, &f, NULL);
	/* a pressure recording is fine as what it is */
	f.reference = false;
	o = rec_judge_json(NULL, &f);
	assert_true(json_is_true(json_object_get(o, "usable")));
	assert_true(json_is_false(json_object_get(o, "predictive")));
	json_decref(o);
	rec_judge_close(j);
}

static void test_large_windows(void **state)
{
	struct rec_judge *j = rec_judge_open(WINDOW);
	struct rec_judge_facts f = quiet();

	(void)state;
	for (int i = 0; i < 5; i++)
		evaluate(j, FLT_MC_DECODE, 8, true);
	assert_judged(j, &f, "512 KiB instead of 64");
	rec_judge_close(j);
}

/* By time: a process that waits touches nothing in some intervals; evaluations do not mix with them. */
static void test_by_time(void **state)
{
	struct rec_judge *j = rec_judge_open(WINDOW);
	struct rec_judge_facts f = quiet();
	json_t *o;

	(void)state;
	evaluate(j, FLT_MC_DECODE, 1, false);
	for (int i = 0; i < 12; i++) {
		rec_judge_zap(j, true);
		if (i % 3)
			continue;
		for (uint64_t at = 0; at < SIZE; at += WINDOW)
			rec_judge_fault(j, 7, SIZE, at);
		rec_judge_pass(j, FLT_MC_DECODE);
	}
	assert_judged(j, &f, NULL);
	o = rec_judge_json(j, &f);
	assert_int_equal(number(o, "windows_per_evaluation"), 101);
	assert_int_equal(number(o, "evaluations"), 11);
	assert_true(json_is_number(json_object_get(json_object_get(o, "interval"), "every_ms")));
	json_decref(o);
	rec_judge_close(j);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dense),   cmocka_unit_test(test_reasons),
		cmocka_unit_test(test_machine), cmocka_unit_test(test_large_windows),
		cmocka_unit_test(test_by_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
