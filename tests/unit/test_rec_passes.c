// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the trailer says of each evaluation: differences, totals, and what is not known.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "traces/fltrace.h"
#include "tracer/passes.h"

static json_int_t number(const json_t *list, size_t i, const char *key)
{
	const json_t *n = json_object_get(json_array_get(list, i), key);

	assert_true(json_is_integer(n));
	return json_integer_value(n);
}

static void differences_and_totals(void **state)
{
	struct rec_passes p = {0};
	const struct rec_pass pass = {
		.class = FLT_MC_DECODE,
		.tokens = 1,
		.index = FLT_NONE,
		.begin = 1500,
		.end = 1900,
		.from = {.read_bytes = 4096, .majflt = 1, .minflt = 10},
		.to = {.read_bytes = 12288, .majflt = 3, .minflt = 17},
	};
	json_t *list;

	(void)state;
	rec_passes_add(&p, &pass);
	list = rec_passes_json(&p, 1000);
	assert_int_equal(json_array_size(list), 1);
	assert_string_equal(json_string_value(json_object_get(json_array_get(list, 0), "class")),
			    "decode");
	assert_int_equal(number(list, 0, "start_ns"), 500);
	assert_int_equal(number(list, 0, "ns"), 400);
	assert_int_equal(number(list, 0, "read_bytes"), 8192);
	assert_int_equal(number(list, 0, "majflt"), 2);
	assert_int_equal(number(list, 0, "minflt"), 7);
	assert_int_equal(number(list, 0, "read_bytes_total"), 12288);
	assert_int_equal(number(list, 0, "majflt_total"), 3);
	assert_null(json_object_get(json_array_get(list, 0), "index"));
	json_decref(list);
	rec_passes_free(&p);
}

static void unknown_is_null(void **state)
{
	struct rec_passes p = {0};
	const struct rec_pass pass = {
		.class = FLT_MC_PROMPT,
		.tokens = FLT_NONE,
		.index = 5,
		.to = {UINT64_MAX, UINT64_MAX, UINT64_MAX},
	};
	json_t *list;

	(void)state;
	rec_passes_add(&p, &pass);
	list = rec_passes_json(&p, 0);
	assert_true(json_is_null(json_object_get(json_array_get(list, 0), "tokens")));
	assert_true(json_is_null(json_object_get(json_array_get(list, 0), "read_bytes")));
	assert_true(json_is_null(json_object_get(json_array_get(list, 0), "minflt_total")));
	assert_int_equal(number(list, 0, "index"), 5);
	json_decref(list);
	rec_passes_free(&p);
}

static void the_list_is_bounded(void **state)
{
	struct rec_passes p = {0};
	const struct rec_pass pass = {.class = FLT_MC_DECODE, .tokens = 1};

	(void)state;
	for (int i = 0; i < 70000; i++)
		rec_passes_add(&p, &pass);
	assert_int_equal(p.count, 65536);
	assert_int_equal(p.left_out, 70000 - 65536);
	rec_passes_free(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(differences_and_totals),
		cmocka_unit_test(unknown_is_null),
		cmocka_unit_test(the_list_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
