// SPDX-License-Identifier: GPL-2.0-only
/* What people read and write: quantities, ranges, tables, and names that are no threat. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "analysis/table.h"
#include "analysis/touched.h"
#include "analysis/units.h"

static void bytes_have_three_digits(void **state)
{
	char b[ANA_TEXT];

	(void)state;
	assert_string_equal(ana_bytes(b, 0), "0 B");
	assert_string_equal(ana_bytes(b, 1023), "1023 B");
	assert_string_equal(ana_bytes(b, 1024), "1.00 KiB");
	assert_string_equal(ana_bytes(b, 65536), "64.0 KiB");
	assert_string_equal(ana_bytes(b, (1 << 20) - 1), "1.00 MiB");
	assert_string_equal(ana_bytes(b, 2684354560), "2.50 GiB");
	assert_string_equal(ana_bytes(b, UINT64_MAX), "16.0 EiB");
}

static void spans_change_their_unit(void **state)
{
	char b[ANA_TEXT];

	(void)state;
	assert_string_equal(ana_span(b, 999), "999 ns");
	assert_string_equal(ana_span(b, 12345), "12.3 us");
	assert_string_equal(ana_span(b, 999499), "999 us");
	assert_string_equal(ana_span(b, 999500), "1.00 ms");
	assert_string_equal(ana_span(b, 98214000000), "98.2 s");
	assert_string_equal(ana_span(b, 119999999999), "2 min 00 s");
	assert_string_equal(ana_span(b, 725000000000), "12 min 05 s");
	assert_string_equal(ana_span(b, 11220000000000), "3 h 07 min");
	assert_string_equal(ana_seconds(b, 1234567890), "1.235");
	assert_string_equal(ana_in_unit(b, 1234567, ana_unit_for(1234567)), "1.235");
	assert_string_equal(ana_unit_for(1234567).name, "ms");
	assert_string_equal(ana_unit_for(2000000000).name, "s");
}

static void counts_and_rates(void **state)
{
	char b[ANA_TEXT];

	(void)state;
	assert_string_equal(ana_count(b, 0), "0");
	assert_string_equal(ana_count(b, 999), "999");
	assert_string_equal(ana_count(b, 1000), "1,000");
	assert_string_equal(ana_count(b, UINT64_MAX), "18,446,744,073,709,551,615");
	assert_string_equal(ana_rate(b, 1 << 30, 500000000), "2.00 GiB/s");
	assert_string_equal(ana_rate(b, 1 << 30, 0), "-");
}

static void ranges_are_exact(void **state)
{
	uint64_t a, b;

	(void)state;
	assert_int_equal(ana_parse_range("3-7", &a, &b), 0);
	assert_true(a == 3 && b == 7);
	assert_int_equal(ana_parse_range("3-", &a, &b), 0);
	assert_true(a == 3 && b == UINT64_MAX);
	assert_int_equal(ana_parse_range("-7", &a, &b), 0);
	assert_true(a == 0 && b == 7);
	assert_int_equal(ana_parse_range("5", &a, &b), 0);
	assert_true(a == 5 && b == 5);
	assert_int_equal(ana_parse_seconds("1.5-2.000000001", &a, &b), 0);
	assert_true(a == 1500000000 && b == 2000000001);
}

static void nonsense_is_no_range(void **state)
{
	static const char *const bad[] = {"",
					  "-",
					  "a",
					  "7-3",
					  "1-2-3",
					  " 1",
					  "0x-1",
					  "1.5",
					  "--2",
					  "1e3",
					  "18446744073709551616",
					  "+1",
					  "99999999999999999999999999999999999999"};
	uint64_t a, b;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (!ana_parse_range(bad[i], &a, &b))
			fail_msg("'%s' was taken for a range", bad[i]);
	assert_int_equal(ana_parse_seconds("1.", &a, &b), -EINVAL);
	assert_int_equal(ana_parse_seconds("1.0000000001", &a, &b), -EINVAL);
	assert_int_equal(ana_parse_seconds("99999999999", &a, &b), -EINVAL);
}

static void names_cannot_steer_a_terminal(void **state)
{
	char b[64];

	(void)state;
	assert_string_equal(ana_safe(b, sizeof(b), "model.gguf"), "model.gguf");
	assert_string_equal(ana_safe(b, sizeof(b), "\033]0;owned\a"), "?]0;owned?");
	assert_string_equal(ana_safe(b, sizeof(b), "a\nb\tc\x7f"), "a?b?c?");
	assert_string_equal(ana_safe(b, sizeof(b), "\xc2\x9b[31m"), "?[31m");
	assert_string_equal(ana_safe(b, sizeof(b),
				     "a\xe2\x80\xae"
				     "b"),
			    "a?b");
	/* malformed, overlong, surrogate, cut off */
	assert_string_equal(ana_safe(b, sizeof(b), "\xff\xc0\xaf"), "???");
	assert_string_equal(ana_safe(b, sizeof(b), "\xed\xa0\x80"), "???");
	assert_string_equal(ana_safe(b, sizeof(b), "\xe2\x82"), "??");
	assert_string_equal(ana_safe(b, sizeof(b), "\xe2\x82\xac"), "\xe2\x82\xac");
	/* a character is never cut in two */
	assert_string_equal(ana_safe(b, 3, "a\xe2\x82\xac"), "a");
	assert_int_equal(ana_width("\xe2\x82\xac 5"), 3);
}

static char *table_text(enum ana_style style, int indent)
{
	struct ana_table *t = ana_table_new("lrl");
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	ana_table_row(t, "name", "n", "empty", NULL);
	ana_table_row(t, "a", "1", NULL);
	ana_table_cell(t, "b|%s", "\xe2\x82\xac");
	ana_table_cell(t, "%d", 1000);
	assert_int_equal(ana_table_print(t, out, style, indent), 0);
	fclose(out);
	return text;
}

static void tables_are_aligned(void **state)
{
	char *text = table_text(ANA_PLAIN, 2);

	(void)state;
	assert_string_equal(text, "  name     n\n"
				  "  a        1\n"
				  "  b|\xe2\x82\xac   1000\n");
	free(text);
	text = table_text(ANA_MARKDOWN, 0);
	assert_string_equal(text, "| name |    n |\n"
				  "|:-----|-----:|\n"
				  "| a    |    1 |\n"
				  "| b\\|\xe2\x82\xac | 1000 |\n");
	free(text);
}

static void touched_bytes_are_counted_once(void **state)
{
	struct ana_touched t;

	(void)state;
	assert_int_equal(ana_touched_init(&t, 1000000, 4096), 0);
	assert_int_equal(ana_touched_bytes(&t), 0);
	ana_touched_add(&t, 0, 1);
	ana_touched_add(&t, 100, 3996);
	assert_int_equal(ana_touched_bytes(&t), 4096);
	ana_touched_add(&t, 4095, 2);
	assert_int_equal(ana_touched_bytes(&t), 8192);
	ana_touched_add(&t, 64 * 4096, 65 * 4096);
	assert_int_equal(ana_touched_bytes(&t), 67 * 4096);
	/* beyond the end, and far beyond anything */
	ana_touched_add(&t, 999999, UINT64_MAX);
	ana_touched_add(&t, UINT64_MAX, UINT64_MAX);
	assert_int_equal(ana_touched_bytes(&t), 68 * 4096);
	ana_touched_add(&t, 0, 1000000);
	assert_int_equal(ana_touched_bytes(&t), 1000000);
	ana_touched_free(&t);
}

static void touched_memory_is_bounded(void **state)
{
	struct ana_touched t;

	(void)state;
	assert_int_equal(ana_touched_init(&t, 1ull << 62, 4096), 0);
	assert_true((1ull << 62) / t.unit <= 1 << 25);
	ana_touched_add(&t, 1ull << 61, 1);
	assert_true(ana_touched_bytes(&t) == t.unit);
	ana_touched_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_have_three_digits),
		cmocka_unit_test(spans_change_their_unit),
		cmocka_unit_test(counts_and_rates),
		cmocka_unit_test(ranges_are_exact),
		cmocka_unit_test(nonsense_is_no_range),
		cmocka_unit_test(names_cannot_steer_a_terminal),
		cmocka_unit_test(tables_are_aligned),
		cmocka_unit_test(touched_bytes_are_counted_once),
		cmocka_unit_test(touched_memory_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
