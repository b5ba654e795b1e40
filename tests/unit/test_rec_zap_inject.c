// SPDX-License-Identifier: GPL-2.0-only
/*
 * A system call in the name of another thread leaves no trace: what it was in goes on, a sleep takes as
 * long as it was meant to, a signal that comes meanwhile is delivered once.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/util.h"
#include "tracer/zap_inject.h"

#ifndef PTRACE_SEIZE
#define PTRACE_SEIZE     0x4206
#define PTRACE_INTERRUPT 0x4207
#endif

struct shared {
	volatile uint32_t word;
	volatile int handled;
	volatile int64_t took;
};

static struct shared *shared;

static void on_signal(int sig)
{
	(void)sig;
	shared->handled++;
}

/* Each returns 0 if what it was in went as it should. */
static int sleeps(int fd)
{
	struct timespec t = {.tv_nsec = 300000000};
	uint64_t begin = host_now_ns();
	int ret = nanosleep(&t, NULL);

	(void)fd;
	shared->took = (int64_t)(host_now_ns() - begin);
	return ret;
}

static int reads(int fd)
{
	char c = 0;

	return read(fd, &c, 1) == 1 && c == 'x' ? 0 : 1;
}

static int waits(int fd)
{
	struct timespec t = {.tv_sec = 5};

	(void)fd;
	return syscall(SYS_futex, &shared->word, FUTEX_WAIT, 0, &t, NULL, 0) ? 1 : 0;
}

static int polls(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, 5000) == 1 ? 0 : 1;
}

static int computes(int fd)
{
	uint64_t expected = 0, end = host_now_ns() + 300000000;

	(void)fd;
	while (host_now_ns() < end) {
		uint64_t a = 1;
		double d = 1;

		for (uint64_t i = 0; i < 10000; i++) {
			a = a * 6364136223846793005ull + 1;
			d = d * 1.0000001 + (double)(a >> 60);
		}
		a ^= (uint64_t)d;
		if (expected && a != expected)
			return 1;
		expected = a;
	}
	return 0;
}

/* A page of its own, that the injected call makes vanish. */
static int64_t drop(struct rec_inject *i, void *page)
{
	const uint64_t arg[6] = {(uint64_t)(uintptr_t)page, 4096, MADV_DONTNEED, 0, 0, 0};
	int64_t result = -1;

	assert_int_equal(rec_inject_call(i, SYS_madvise, arg, &result), 0);
	return result;
}

static void stop(pid_t pid)
{
	int status;

	assert_int_equal(ptrace(PTRACE_INTERRUPT, pid, NULL, NULL), 0);
	assert_int_equal(waitpid(pid, &status, __WALL), pid);
	assert_true(WIFSTOPPED(status));
}

static void disturb(int (*work)(int fd), int rounds)
{
	struct rec_inject i = {0};
	int pipes[2], status;
	pid_t pid;

	memset(shared, 0, sizeof(*shared));
	assert_int_equal(pipe(pipes), 0);
	pid = fork();
	if (!pid) {
		signal(SIGUSR1, on_signal);
		_exit(work(pipes[0]));
	}
	assert_int_equal(ptrace(PTRACE_SEIZE, pid, NULL, NULL), 0);
	host_sleep_ns(20000000);
	i.tid = pid;
	assert_int_equal(rec_inject_find(pid, &i.instruction), 0);
	for (int round = 0; round < rounds; round++) {
		stop(pid);
		if (rec_inject_is_delicate(pid)) {
			assert_int_equal(ptrace(PTRACE_CONT, pid, NULL, NULL), 0);
			continue;
		}
		assert_int_equal(rec_inject_begin(&i), 0);
		/* no such mapping, and one that is there: two calls in one stop */
		assert_int_equal(drop(&i, NULL), -ENOMEM);
		assert_int_equal(drop(&i, (void *)((uintptr_t)shared)), 0);
		assert_int_equal(rec_inject_end(&i), 0);
		assert_false(i.gone);
		assert_int_equal(ptrace(PTRACE_CONT, pid, NULL, NULL), 0);
		host_sleep_ns(5000000);
	}
	shared->word = 1;
	syscall(SYS_futex, &shared->word, FUTEX_WAKE, 1, NULL, NULL, 0);
	assert_int_equal(write(pipes[1], "x", 1), 1);
	assert_int_equal(waitpid(pid, &status, __WALL), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	close(pipes[0]);
	close(pipes[1]);
}

static void test_sleep(void **state)
{
	(void)state;
	disturb(sleeps, 10);
	assert_in_range(shared->took, 300000000, 1300000000);
}

static void test_read(void **state)
{
	(void)state;
	disturb(reads, 10);
}

static void test_futex(void **state)
{
	(void)state;
	disturb(waits, 10);
}

static void test_poll(void **state)
{
	(void)state;
	disturb(polls, 10);
}

static void test_compute(void **state)
{
	(void)state;
	disturb(computes, 30);
}

/* A signal that is sent during the call waits for the thread's own registers. */
static void test_signal(void **state)
{
	struct rec_inject i = {0};
	int pipes[2], status;
	pid_t pid;

	(void)state;
	memset(shared, 0, sizeof(*shared));
	assert_int_equal(pipe(pipes), 0);
	pid = fork();
	if (!pid) {
		char c;

		signal(SIGUSR1, on_signal);
		signal(SIGTRAP, on_signal);
		signal(SIGALRM, SIG_DFL);
		while (read(pipes[0], &c, 1) < 0 && errno == EINTR)
			;
		/* the handler of SIGTRAP is still there, and it was never called */
		raise(SIGTRAP);
		_exit(shared->handled == 2 ? 0 : 1);
	}
	assert_int_equal(ptrace(PTRACE_SEIZE, pid, NULL, NULL), 0);
	host_sleep_ns(20000000);
	i.tid = pid;
	assert_int_equal(rec_inject_find(pid, &i.instruction), 0);
	stop(pid);
	if (rec_inject_is_delicate(pid)) {
		kill(pid, SIGKILL);
		waitpid(pid, &status, __WALL);
		skip();
	}
	assert_int_equal(rec_inject_begin(&i), 0);
	kill(pid, SIGUSR1);
	assert_int_equal(drop(&i, shared), 0);
	assert_int_equal(shared->handled, 0);
	assert_int_equal(rec_inject_end(&i), 0);
	assert_int_equal(i.deferred, 0);
	assert_int_equal(ptrace(PTRACE_CONT, pid, NULL, NULL), 0);
	assert_int_equal(waitpid(pid, &status, __WALL), pid);
	assert_true(WIFSTOPPED(status));
	assert_int_equal(WSTOPSIG(status), SIGUSR1);
	assert_int_equal(ptrace(PTRACE_CONT, pid, NULL, SIGUSR1), 0);
	host_sleep_ns(20000000);
	assert_int_equal(write(pipes[1], "x", 1), 1);
	assert_int_equal(waitpid(pid, &status, __WALL), pid);
	assert_true(WIFSTOPPED(status));
	assert_int_equal(WSTOPSIG(status), SIGTRAP);
	assert_int_equal(ptrace(PTRACE_CONT, pid, NULL, SIGTRAP), 0);
	assert_int_equal(waitpid(pid, &status, __WALL), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	close(pipes[0]);
	close(pipes[1]);
}

/* Killed in the middle: told, and nothing hangs. */
static void test_killed(void **state)
{
	const uint64_t arg[6] = {0};
	struct rec_inject i = {0};
	int64_t result;
	int status;
	pid_t pid;

	(void)state;
	pid = fork();
	if (!pid)
		for (;;)
			pause();
	assert_int_equal(ptrace(PTRACE_SEIZE, pid, NULL, NULL), 0);
	host_sleep_ns(20000000);
	i.tid = pid;
	assert_int_equal(rec_inject_find(pid, &i.instruction), 0);
	stop(pid);
	assert_int_equal(rec_inject_begin(&i), 0);
	kill(pid, SIGKILL);
	assert_int_equal(rec_inject_call(&i, SYS_getpid, arg, &result), -ESRCH);
	assert_int_equal(rec_inject_end(&i), 0);
	/* either seen by the step, or still to be waited for */
	if (!i.gone)
		waitpid(pid, &status, __WALL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sleep),   cmocka_unit_test(test_read),
		cmocka_unit_test(test_futex),   cmocka_unit_test(test_poll),
		cmocka_unit_test(test_compute), cmocka_unit_test(test_signal),
		cmocka_unit_test(test_killed),
	};

	shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
