// SPDX-License-Identifier: GPL-2.0-only
/* Data files are mapped where the recorded ones were, modulo 2 MiB; a file that shrinks stops the group. */
#include "eng_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>

#include "engines/footprint.h"

static void make_file(const char *path, size_t size)
{
	int fd = open(path, O_CREAT | O_WRONLY | O_TRUNC, 0600);
	char block[4096];

	assert_true(fd >= 0);
	for (size_t i = 0; i < size; i += sizeof(block)) {
		memset(block, (int)(i / sizeof(block)) + 1, sizeof(block));
		assert_int_equal(write(fd, block, sizeof(block)), sizeof(block));
	}
	close(fd);
}

static void test_a_mapping_is_aligned_as_the_recorded_one(void **state)
{
	static const uint64_t address[] = {0, 0x1000, 0x134000, 0x1ff000, 0x200000, 0x7f0000123000};
	char path[] = "/tmp/test_eng_mapping.XXXXXX";
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

	(void)state;
	close(mkstemp(path));
	make_file(path, 16 * 4096);
	for (size_t i = 0; i < sizeof(address) / sizeof(*address); i++) {
		struct eng_file f = {
			.path = path, .size = 16 * 4096 - 100, .address = address[i], .fd = -1};

		assert_int_equal(eng_file_map(&f, NULL), 0);
		assert_int_equal((uintptr_t)f.map & (2097152 - 1),
				 address[i] & (2097152 - 1) & ~(page - 1));
		for (size_t k = 0; k < 16; k++)
			assert_int_equal(f.map[k * 4096], k + 1);
		/* Ours alone: what is left and right of it belongs to nobody. */
		unsigned char vec;

		assert_int_equal(mincore(f.map + f.map_len, page, &vec), -1);
		assert_int_equal(errno, ENOMEM);
		eng_file_unmap(&f);
		assert_null(f.map);
		assert_int_equal(f.fd, -1);
	}
	unlink(path);
}

static void test_what_cannot_be_opened_is_named(void **state)
{
	struct eng_file f = {.path = (char *)"/nowhere/at/all", .size = 4096, .fd = -1};
	struct host_err err;

	(void)state;
	assert_int_equal(eng_file_map(&f, &err), -ENOENT);
	assert_non_null(strstr(err.text, "/nowhere/at/all"));
}

static void test_a_file_that_shrinks_stops_its_group_only(void **state)
{
	char path[] = "/tmp/test_eng_mapping.XXXXXX";
	struct eng_file f = {.path = path, .size = 16 * 4096, .fd = -1};
	static struct eng_group g, other;
	volatile uint8_t sum = 0;
	struct sigaction before, after;

	(void)state;
	close(mkstemp(path));
	make_file(path, 16 * 4096);
	assert_int_equal(eng_file_map(&f, NULL), 0);
	sigaction(SIGBUS, NULL, &before);
	g.file = &f;
	g.files = 1;
	g.jobs = 1;
	assert_int_equal(eng_bus_watch(&g, NULL), 0);
	assert_int_equal(truncate(path, 4096), 0);
	/* Without the handler, any of these would be the end of this program. */
	for (size_t i = 4; i < 16; i++)
		sum = (uint8_t)(sum + f.map[i * 4096]);
	assert_int_equal(sum, 0);
	assert_int_equal(eng_stopped(&g), ENG_BUS);
	assert_int_equal(eng_stopped(&other), ENG_RUNNING);
	assert_in_range(atomic_load(&g.bus_address), (uintptr_t)f.map + 4096,
			(uintptr_t)f.map + 5 * 4096);
	eng_bus_forget(&g);
	sigaction(SIGBUS, NULL, &after);
	assert_ptr_equal(before.sa_handler, after.sa_handler);
	eng_file_unmap(&f);
	unlink(path);
}

static sig_atomic_t theirs;

static void on_bus(int sig)
{
	(void)sig;
	theirs++;
	signal(SIGBUS, SIG_IGN);
}

static void test_other_peoples_faults_are_passed_on(void **state)
{
	static struct eng_group g;
	struct sigaction sa = {.sa_handler = on_bus}, old;

	(void)state;
	sigaction(SIGBUS, &sa, &old);
	assert_int_equal(eng_bus_watch(&g, NULL), 0);
	raise(SIGBUS);
	assert_int_equal(theirs, 1);
	assert_int_equal(eng_stopped(&g), ENG_RUNNING);
	eng_bus_forget(&g);
	sigaction(SIGBUS, &old, NULL);
}

static void test_hints_outside_of_the_file_are_errors(void **state)
{
	char path[] = "/tmp/test_eng_mapping.XXXXXX";
	struct eng_file f = {.path = path, .size = 16 * 4096, .fd = -1};

	(void)state;
	close(mkstemp(path));
	make_file(path, 16 * 4096);
	assert_int_equal(eng_file_map(&f, NULL), 0);
	assert_int_equal(eng_file_hint(&f, FLT_HO_MADVISE, MADV_WILLNEED, 0, 0), 0);
	assert_int_equal(eng_file_hint(&f, FLT_HO_MADVISE, MADV_SEQUENTIAL, 5000, UINT64_MAX), 0);
	assert_int_equal(eng_file_hint(&f, FLT_HO_FADVISE, POSIX_FADV_RANDOM, 0, 0), 0);
	assert_int_equal(eng_file_hint(&f, FLT_HO_READAHEAD, 0, 0, 4096), 0);
	assert_int_equal(eng_file_hint(&f, FLT_HO_POPULATE, 0, 0, 0), 0);
	assert_int_equal(eng_file_hint(&f, FLT_HO_MADVISE, MADV_WILLNEED, 16 * 4096, 1), -EINVAL);
	assert_int_equal(eng_file_hint(&f, 77, 0, 0, 0), -EINVAL);
	eng_file_unmap(&f);
	unlink(path);
}

static void test_what_is_locked_leaves_room_under_the_limit(void **state)
{
	char name[] = "model";
	struct eng_file f[2] = {{.path = name, .size = 64 << 20}, {.path = name, .size = 48 << 20}};
	struct eng_group g = {.file = f, .files = 2, .footprint = 16 << 20};

	(void)state;
	g.warnings = json_array();
	pthread_mutex_init(&g.hold_lock, NULL);
	g.limit = 64 << 20;
	assert_true(eng_footprint_lock(&g, &f[0], 0, 16 << 20));
	assert_true(eng_footprint_lock(&g, &f[0], 16 << 20, 16 << 20));
	/* What is locked already costs nothing. */
	assert_true(eng_footprint_lock(&g, &f[0], 0, 32 << 20));
	assert_int_equal(json_array_size(g.warnings), 0);
	assert_false(eng_footprint_lock(&g, &f[0], 0, 0));
	assert_false(eng_footprint_lock(&g, &f[1], 0, 16 << 20));
	assert_int_equal(json_array_size(g.warnings), 2);
	eng_footprint_unlock(&g, &f[0], 16 << 20, 0);
	assert_true(eng_footprint_lock(&g, &f[1], 0, 16 << 20));
	eng_footprint_unlock(&g, &f[0], 0, 0);
	assert_true(eng_footprint_lock(&g, &f[1], 0, 32 << 20));
	/* Without a limit the machine is one. */
	g.limit = HOST_UNKNOWN;
	f[0].size = UINT64_C(1) << 47;
	assert_true(eng_footprint_lock(&g, &f[0], 0, 4096));
	assert_false(eng_footprint_lock(&g, &f[0], 0, 0));
	json_decref(g.warnings);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_mapping_is_aligned_as_the_recorded_one),
		cmocka_unit_test(test_what_cannot_be_opened_is_named),
		cmocka_unit_test(test_a_file_that_shrinks_stops_its_group_only),
		cmocka_unit_test(test_other_peoples_faults_are_passed_on),
		cmocka_unit_test(test_what_is_locked_leaves_room_under_the_limit),
		cmocka_unit_test(test_hints_outside_of_the_file_are_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
