// SPDX-License-Identifier: GPL-2.0-only
/*
 * A balloon locks what it says, survives the thread that inflated it, and never its process. A quarter of a
 * GiB of it will do: how much is left to the machine is arithmetic that these tests need not suffer from.
 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/host.h"

#define MIB  (1ULL << 20)
#define SIZE (256 * MIB)
/* What other programs of this machine may allocate or free meanwhile. */
#define NOISE (160 * MIB)

static struct host_err err;

static uint64_t available(void)
{
	char text[4096];
	uint64_t kib = 0;

	assert_true(host_file_read("/proc/meminfo", text, sizeof(text)) > 0);
	assert_int_equal(host_text_u64(text, "MemAvailable:", &kib), 0);
	return kib << 10;
}

static uint64_t status_u64(pid_t pid, const char *key)
{
	char path[64], text[4096];
	uint64_t kib = 0;

	(void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	assert_true(host_file_read(path, text, sizeof(text)) > 0);
	assert_int_equal(host_text_u64(text, key, &kib), 0);
	return kib << 10;
}

/* Inflate to about SIZE, or skip where that is not allowed or not there. */
static struct host_balloon *inflate(uint64_t *leave)
{
	uint64_t before = available();
	struct host_balloon *b = NULL;
	int ret;

	if (before < SIZE + HOST_BALLOON_LEAVE_MIN + NOISE) {
		print_message("skipped: only %llu bytes of memory are available\n",
			      (unsigned long long)before);
		skip();
	}
	*leave = before - SIZE;
	ret = host_balloon_inflate(&b, *leave, &err);
	if (ret == -EPERM) {
		print_message("skipped: %s\n", err.text);
		skip();
	}
	if (ret)
		print_error("%s\n", err.text);
	assert_int_equal(ret, 0);
	assert_non_null(b);
	return b;
}

static void near(uint64_t a, uint64_t b, uint64_t by)
{
	assert_in_range(a, b > by ? b - by : 0, b + by);
}

static void what_it_says_is_locked(void **state)
{
	struct host_balloon *b;
	uint64_t leave;
	char path[64];
	uint64_t adj;
	json_t *j;

	(void)state;
	b = inflate(&leave);
	assert_int_equal(status_u64(host_balloon_pid(b), "VmLck:"), host_balloon_bytes(b));
	/* locked is in memory, not just promised */
	assert_true(status_u64(host_balloon_pid(b), "RssAnon:") >= host_balloon_bytes(b));
	(void)snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", (int)host_balloon_pid(b));
	assert_int_equal(host_file_read_u64(path, &adj), 0);
	assert_int_equal(adj, 1000);
	assert_true(host_balloon_alive(b));
	near(available(), leave, NOISE);

	j = host_balloon_json(b);
	assert_non_null(j);
	assert_int_equal(json_integer_value(json_object_get(j, "locked_bytes")),
			 host_balloon_bytes(b));
	assert_int_equal(json_integer_value(json_object_get(j, "leave_bytes")), leave);
	near((uint64_t)json_integer_value(json_object_get(j, "available_after")), leave, NOISE);
	assert_true(json_is_true(json_object_get(j, "alive")));
	json_decref(j);
	host_balloon_release(&b);
	assert_null(b);
}

static void release_gives_it_back(void **state)
{
	struct host_balloon *b;
	uint64_t leave;
	pid_t pid;

	(void)state;
	b = inflate(&leave);
	pid = host_balloon_pid(b);
	host_balloon_release(&b);
	assert_int_equal(kill(pid, 0), -1);
	assert_int_equal(errno, ESRCH);
	/* not at once where the host of a virtual machine is told of free memory */
	for (int i = 0; i < 1000 && available() < leave + SIZE / 2; i++)
		host_sleep_ns(10000000);
	assert_true(available() >= leave + SIZE / 2);
	host_balloon_release(&b);
	host_balloon_release(NULL);
	b = NULL;
	assert_int_equal(host_balloon_bytes(b), 0);
	assert_false(host_balloon_alive(b));
}

static void *inflate_in_a_thread(void *arg)
{
	return inflate(arg);
}

static void it_outlives_the_thread_that_inflated_it(void **state)
{
	struct host_balloon *b;
	pthread_t thread;
	uint64_t leave;
	void *result;

	(void)state;
	/* skips here if it has to: not in the thread */
	b = inflate(&leave);
	host_balloon_release(&b);
	assert_int_equal(pthread_create(&thread, NULL, inflate_in_a_thread, &leave), 0);
	assert_int_equal(pthread_join(thread, &result), 0);
	b = result;
	host_sleep_ns(100000000);
	assert_true(host_balloon_alive(b));
	assert_int_equal(status_u64(host_balloon_pid(b), "VmLck:"), host_balloon_bytes(b));
	host_balloon_release(&b);
}

static void it_dies_with_a_process_that_is_killed(void **state)
{
	struct host_balloon *b;
	uint64_t leave;
	int out[2];
	pid_t pid, balloon = 0;

	(void)state;
	b = inflate(&leave);
	host_balloon_release(&b);
	assert_int_equal(pipe(out), 0);
	pid = fork();
	if (!pid) {
		if (host_balloon_inflate(&b, leave, NULL))
			_exit(1);
		balloon = host_balloon_pid(b);
		(void)!write(out[1], &balloon, sizeof(balloon));
		pause();
		_exit(0);
	}
	assert_int_equal(read(out[0], &balloon, sizeof(balloon)), sizeof(balloon));
	assert_int_equal(kill(balloon, 0), 0);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	for (int i = 0; i < 1000 && !kill(balloon, 0); i++)
		host_sleep_ns(10000000);
	assert_int_equal(kill(balloon, 0), -1);
	assert_int_equal(errno, ESRCH);
	close(out[0]);
	close(out[1]);
}

static void it_tells_when_it_was_killed(void **state)
{
	struct host_balloon *b;
	uint64_t leave;
	json_t *j;

	(void)state;
	b = inflate(&leave);
	assert_int_equal(kill(host_balloon_pid(b), SIGKILL), 0);
	for (int i = 0; i < 1000 && host_balloon_alive(b); i++)
		host_sleep_ns(10000000);
	assert_false(host_balloon_alive(b));
	j = host_balloon_json(b);
	assert_true(json_is_false(json_object_get(j, "alive")));
	json_decref(j);
	host_balloon_release(&b);
}

static void signals_of_a_terminal_do_not_end_it(void **state)
{
	struct host_balloon *b;
	uint64_t leave;

	(void)state;
	b = inflate(&leave);
	assert_int_equal(kill(host_balloon_pid(b), SIGINT), 0);
	assert_int_equal(kill(host_balloon_pid(b), SIGTERM), 0);
	host_sleep_ns(100000000);
	assert_true(host_balloon_alive(b));
	host_balloon_release(&b);
}

static void impossible_sizes_are_refused(void **state)
{
	struct host_balloon *b;

	(void)state;
	assert_int_equal(host_balloon_inflate(&b, 1 * MIB, &err), -EINVAL);
	assert_null(b);
	assert_non_null(strstr(err.text, "64.00 MiB"));
	assert_int_equal(host_balloon_inflate(&b, 1ULL << 60, &err), -EINVAL);
	assert_null(b);
	assert_non_null(strstr(err.text, "are available now"));
	assert_int_equal(host_balloon_inflate(&b, 1ULL << 60, NULL), -EINVAL);
}

static void a_user_who_may_not_lock_is_told(void **state)
{
	struct rlimit none = {0};
	uint64_t before = available();
	int status;
	pid_t pid;

	(void)state;
	if (before < SIZE + HOST_BALLOON_LEAVE_MIN)
		skip();
	pid = fork();
	if (!pid) {
		struct host_balloon *b;

		if (setrlimit(RLIMIT_MEMLOCK, &none) || (!geteuid() && setuid(65534)))
			_exit(2);
		if (host_balloon_inflate(&b, before - SIZE, &err) != -EPERM || b)
			_exit(3);
		_exit(strstr(err.text, "ulimit -l") ? 0 : 4);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_it_says_is_locked),
		cmocka_unit_test(release_gives_it_back),
		cmocka_unit_test(it_outlives_the_thread_that_inflated_it),
		cmocka_unit_test(it_dies_with_a_process_that_is_killed),
		cmocka_unit_test(it_tells_when_it_was_killed),
		cmocka_unit_test(signals_of_a_terminal_do_not_end_it),
		cmocka_unit_test(impossible_sizes_are_refused),
		cmocka_unit_test(a_user_who_may_not_lock_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
