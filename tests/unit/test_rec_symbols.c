// SPDX-License-Identifier: GPL-2.0-only
/* Functions are found in ELF files where the processor finds them, and broken files do no harm. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "tracer/symbols.h"

int to_be_found_by_name(int n);

__attribute__((noinline)) int to_be_found_by_name(int n)
{
	return n * 3 + 1;
}

static void a_function_is_where_its_code_is(void **state)
{
	struct rec_symbol s[] = {
		{.name = "to_be_found_by_name"},
		{.name = "no_such_function"},
		{.name = "to_be_found_by_*"},
	};
	unsigned char bytes[16];
	int fd = open("/proc/self/exe", O_RDONLY);

	(void)state;
	assert_int_equal(rec_symbols_find("/proc/self/exe", s, 3), 2);
	assert_int_not_equal(s[0].offset, 0);
	assert_int_equal(s[1].offset, 0);
	assert_int_equal(s[2].offset, s[0].offset);
	assert_int_equal(pread(fd, bytes, sizeof(bytes), (off_t)s[0].offset), sizeof(bytes));
	assert_memory_equal(bytes, (const void *)(uintptr_t)to_be_found_by_name, sizeof(bytes));
	close(fd);
}

static void other_files_are_refused(void **state)
{
	struct rec_symbol s = {.name = "main"};

	(void)state;
	assert_int_equal(rec_symbols_find("/etc/passwd", &s, 1), -ENOEXEC);
	assert_int_equal(rec_symbols_find("/dev/null", &s, 1), -ENOEXEC);
	assert_int_equal(rec_symbols_find("/no/such/file", &s, 1), -ENOENT);
}

/* What a process maps is not ours to trust: every byte of the headers may be anything. */
static void damaged_files_do_no_harm(void **state)
{
	char path[] = "/tmp/faultline-symbols-XXXXXX";
	struct rec_symbol s = {.name = "to_be_found_by_name"};
	int in = open("/proc/self/exe", O_RDONLY), out = mkstemp(path);
	uint64_t seed = 88172645463325252ull;
	unsigned char *data;
	struct stat st;

	(void)state;
	assert_int_equal(fstat(in, &st), 0);
	data = malloc((size_t)st.st_size);
	assert_int_equal(read(in, data, (size_t)st.st_size), st.st_size);
	assert_int_equal(write(out, data, (size_t)st.st_size), st.st_size);
	for (int round = 0; round < 300; round++) {
		off_t at;

		seed ^= seed << 13;
		seed ^= seed >> 7;
		seed ^= seed << 17;
		/* headers at the front, section headers at the end */
		at = (off_t)(seed >> 8 & 1 ? seed % 1024 : (uint64_t)st.st_size - 1 - seed % 3000);
		assert_int_equal(pwrite(out, &seed, 1, at), 1);
		assert_true(rec_symbols_find(path, &s, 1) <= 1);
		assert_int_equal(pwrite(out, data + at, 1, at), 1);
	}
	assert_int_equal(ftruncate(out, st.st_size / 2), 0);
	assert_true(rec_symbols_find(path, &s, 1) <= 0);
	free(data);
	unlink(path);
	close(in);
	close(out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_function_is_where_its_code_is),
		cmocka_unit_test(other_files_are_refused),
		cmocka_unit_test(damaged_files_do_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
