// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sizes, texts and process identities of host/util.h.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/util.h"

static void sizes_are_read_as_people_write_them(void **state)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} good[] = {
		{"0", 0},
		{"4096", 4096},
		{"2560M", 2560ULL << 20},
		{"1.5G", 3ULL << 29},
		{"512KiB", 512 << 10},
		{"1t", 1ULL << 40},
		{"3gb", 3ULL << 30},
		{"7B", 7},
		{"18446744073709551614", UINT64_MAX - 1},
		{"max", HOST_UNKNOWN},
	};
	static const char *const bad[] = {"",    "M",   "-1", "+5",  "1x",    "1Mx", "0x10",
					  "inf", "nan", " 1", "1 M", "1e400", "1Bi", "1..5"};
	uint64_t bytes;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(host_size_parse(good[i].text, &bytes), 0);
		assert_int_equal(bytes, good[i].bytes);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_true(host_size_parse(bad[i], &bytes) < 0);
	assert_int_equal(host_size_parse("99999999999999999999", &bytes), -ERANGE);
	assert_int_equal(host_size_parse("16E", &bytes), -ERANGE);
}

static void sizes_are_shown_with_their_unit(void **state)
{
	char buf[32];

	(void)state;
	assert_string_equal(host_size_format(0, buf, sizeof(buf)), "0 B");
	assert_string_equal(host_size_format(1023, buf, sizeof(buf)), "1023 B");
	assert_string_equal(host_size_format(1024, buf, sizeof(buf)), "1.00 KiB");
	assert_string_equal(host_size_format((1ULL << 20) - 1, buf, sizeof(buf)), "1.00 MiB");
	assert_string_equal(host_size_format(5ULL << 29, buf, sizeof(buf)), "2.50 GiB");
	assert_string_equal(host_size_format(HOST_UNKNOWN, buf, sizeof(buf)), "unknown");
}

static void numbers_are_found_by_whole_words(void **state)
{
	static const char text[] = "total_rss 5\nrss_huge 9\nrss 7\nVmPTE:\t  44 kB\nrss 8\nlast 3";
	uint64_t val;

	(void)state;
	assert_int_equal(host_text_u64(text, "rss", &val), 0);
	assert_int_equal(val, 7);
	assert_int_equal(host_text_u64(text, "VmPTE:", &val), 0);
	assert_int_equal(val, 44);
	assert_int_equal(host_text_u64(text, "last", &val), 0);
	assert_int_equal(val, 3);
	assert_int_equal(host_text_u64(text, "huge", &val), -ENOENT);
	assert_int_equal(host_text_u64("", "rss", &val), -ENOENT);
}

static void a_process_keeps_its_start_and_an_ended_one_has_none(void **state)
{
	uint64_t a, b;
	pid_t pid;

	(void)state;
	assert_int_equal(host_pid_start(getpid(), &a), 0);
	assert_int_equal(host_pid_start(getpid(), &b), 0);
	assert_int_equal(a, b);
	assert_true(a > 0);
	pid = fork();
	if (!pid)
		_exit(0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(host_pid_start(pid, &b), -ESRCH);
}

static void long_error_texts_are_cut_not_overrun(void **state)
{
	char *lots = malloc(3 * HOST_ERR_MAX);
	struct host_err err;

	(void)state;
	assert_non_null(lots);
	memset(lots, 'x', 3 * HOST_ERR_MAX - 1);
	lots[3 * HOST_ERR_MAX - 1] = '\0';
	assert_int_equal(host_fail(&err, -EIO, "%s", lots), -EIO);
	assert_int_equal(strlen(err.text), HOST_ERR_MAX - 1);
	assert_int_equal(host_fail(NULL, -EIO, "%s", lots), -EIO);
	free(lots);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes_are_read_as_people_write_them),
		cmocka_unit_test(sizes_are_shown_with_their_unit),
		cmocka_unit_test(numbers_are_found_by_whole_words),
		cmocka_unit_test(a_process_keeps_its_start_and_an_ended_one_has_none),
		cmocka_unit_test(long_error_texts_are_cut_not_overrun),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
