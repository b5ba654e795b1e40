// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is in the page cache is counted right, goes out when asked to, and who keeps it in is named.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/host.h"

#define MIB  (1ULL << 20)
#define SIZE (24 * MIB + 123)

static const char *const file = "host_evict.tmp";

static int set_up(void **state)
{
	static int fd;
	char *buf = calloc(1, SIZE);
	int ok;

	(void)unlink(file);
	fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	ok = fd >= 0 && buf && write(fd, buf, SIZE) == (ssize_t)SIZE;
	free(buf);
	*state = &fd;
	return ok ? 0 : -1;
}

static int tear_down(void **state)
{
	close(*(int *)*state);
	return unlink(file);
}

/* Evict; skipped where the work tree is in memory. */
static void evict(int fd, void *map, struct host_evict_result *ev)
{
	struct host_err err;
	int ret = host_evict(fd, map, map ? SIZE : 0, ev, &err);

	if (ret == -ENOTSUP) {
		print_message("skipped: %s\n", err.text);
		skip();
	}
	if (ret)
		print_message("%s\n", err.text);
	assert_int_equal(ret, 0);
}

static void dirty_pages_are_written_and_dropped(void **state)
{
	int fd = *(int *)*state;
	struct host_evict_result ev;
	struct host_residency res;

	evict(fd, NULL, &ev);
	assert_int_equal(ev.size, SIZE);
	assert_int_equal(ev.before, SIZE);
	assert_int_equal(ev.left, 0);
	assert_int_equal(host_residency(fd, &res, NULL), 0);
	assert_int_equal(res.resident, 0);
	assert_int_equal(res.size, SIZE);
}

static void pages_that_we_map_are_dropped_with_our_mapping(void **state)
{
	int fd = *(int *)*state;
	struct host_evict_result ev;
	volatile char *map = mmap(NULL, SIZE, PROT_READ, MAP_SHARED, fd, 0);

	assert_ptr_not_equal(map, MAP_FAILED);
	for (uint64_t i = 0; i < SIZE; i += 4096)
		(void)map[i];
	evict(fd, (void *)(uintptr_t)map, &ev);
	assert_int_equal(ev.left, 0);
	assert_int_equal(munmap((void *)(uintptr_t)map, SIZE), 0);
}

static void whoever_keeps_pages_mapped_is_named(void **state)
{
	int fd = *(int *)*state;
	struct host_evict_result ev;
	struct host_err err;
	char pid_text[32];
	int out[2];
	pid_t pid;
	char c;
	int ret;

	evict(fd, NULL, &ev);
	assert_int_equal(pipe(out), 0);
	pid = fork();
	if (!pid) {
		volatile char *map = mmap(NULL, 4 * MIB, PROT_READ, MAP_SHARED, fd, 0);

		for (uint64_t i = 0; i < 4 * MIB; i += 4096)
			(void)map[i];
		(void)!write(out[1], "x", 1);
		pause();
		_exit(0);
	}
	assert_int_equal(read(out[0], &c, 1), 1);
	ret = host_evict(fd, NULL, 0, &ev, &err);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(ret, -EBUSY);
	assert_true(ev.left >= 4 * MIB);
	(void)snprintf(pid_text, sizeof(pid_text), "(pid %d)", (int)pid);
	assert_non_null(strstr(ev.mapped_by, pid_text));
	assert_non_null(strstr(err.text, pid_text));
	close(out[0]);
	close(out[1]);
	/* and with that process gone, so is the obstacle */
	evict(fd, NULL, &ev);
}

static int count_calls(void *arg, uint64_t done, uint64_t total)
{
	assert_true(done <= total);
	return ++*(int *)arg == 3 ? 1 : 0;
}

static void warming_fills_the_asked_range(void **state)
{
	int fd = *(int *)*state;
	struct host_evict_result ev;
	uint64_t resident;
	int calls = -1000;

	evict(fd, NULL, &ev);
	assert_int_equal(host_warm(fd, 4 * MIB, 8 * MIB, count_calls, &calls), 0);
	assert_int_equal(calls, -1000 + 8);
	assert_int_equal(host_resident_range(fd, 4 * MIB, 8 * MIB, &resident), 0);
	assert_int_equal(resident, 8 * MIB);
	/* read-ahead is off: nothing beyond */
	assert_int_equal(host_resident_range(fd, 0, SIZE, &resident), 0);
	assert_int_equal(resident, 8 * MIB);
	assert_int_equal(host_resident_range(fd, 4 * MIB + 100, 50, &resident), 0);
	assert_int_equal(resident, 50);
	assert_int_equal(host_warm(fd, 0, 0, NULL, NULL), 0);
	assert_int_equal(host_resident_range(fd, 0, UINT64_MAX / 2, &resident), 0);
	assert_int_equal(resident, SIZE);
	calls = 0;
	assert_int_equal(host_warm(fd, 0, 0, count_calls, &calls), -ECANCELED);
}

static void other_peoples_files_are_not_claimed_to_be_known(void **state)
{
	int fd = *(int *)*state;
	int status;
	pid_t pid;

	if (geteuid())
		skip();
	pid = fork();
	if (!pid) {
		struct host_residency res;
		struct host_err err;

		if (setgid(65534) || setuid(65534))
			_exit(2);
		_exit(host_residency(fd, &res, &err) != -EPERM);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void a_file_in_memory_is_refused(void **state)
{
	struct host_evict_result ev;
	struct host_err err;
	int fd = memfd_create("faultline", MFD_CLOEXEC);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(host_evict(fd, NULL, 0, &ev, &err), -ENOTSUP);
	close(fd);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(dirty_pages_are_written_and_dropped),
		TEST(pages_that_we_map_are_dropped_with_our_mapping),
		TEST(whoever_keeps_pages_mapped_is_named),
		TEST(warming_fills_the_asked_range),
		TEST(other_peoples_files_are_not_claimed_to_be_known),
		TEST(a_file_in_memory_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
