// SPDX-License-Identifier: GPL-2.0-only
/*
 * Kernel settings come back: asked for, after a crash with a janitor, after a crash without one.
 * Works on vm.extfrag_threshold, which decides about nothing that a test would notice.
 */
#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/host.h"

static const char *const knob = "/proc/sys/vm/extfrag_threshold";
static char dir[64];
static uint64_t original;

static int set_up(void **state)
{
	(void)state;
	(void)snprintf(dir, sizeof(dir), "/tmp/faultline-tunables-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	/* absent, and writable by root only: then each test is skipped */
	original = HOST_UNKNOWN;
	if (!access(knob, W_OK))
		(void)host_file_read_u64(knob, &original);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	if (original != HOST_UNKNOWN)
		(void)host_file_write_u64(knob, original);
	return rmdir(dir);
}

static void need(void)
{
	if (original == HOST_UNKNOWN) {
		print_message("skipped: %s cannot be written\n", knob);
		skip();
	}
}

static uint64_t now(void)
{
	uint64_t val = 0;

	assert_int_equal(host_file_read_u64(knob, &val), 0);
	return val;
}

static int journals(void)
{
	struct dirent *d;
	int n = 0;
	DIR *dp = opendir(dir);

	assert_non_null(dp);
	while ((d = readdir(dp)))
		n += d->d_name[0] != '.';
	closedir(dp);
	return n;
}

static void a_value_comes_back_when_asked_to(void **state)
{
	struct host_tunables *t;
	struct host_err err;

	(void)state;
	need();
	assert_int_equal(host_tunables_open_at(dir, &t, NULL, &err), 0);
	assert_int_equal(journals(), 0);
	assert_int_equal(host_tunables_set(t, knob, "123", &err), 0);
	assert_int_equal(host_tunables_set(t, knob, "234", &err), 0);
	assert_int_equal(now(), 234);
	assert_int_equal(journals(), 1);
	assert_int_equal(host_tunables_restore(t, &err), 0);
	assert_int_equal(now(), original);
	assert_int_equal(journals(), 0);
}

static void only_kernel_settings_are_accepted(void **state)
{
	struct host_tunables *t;
	struct host_err err;

	(void)state;
	assert_int_equal(host_tunables_open_at(dir, &t, NULL, &err), 0);
	assert_int_equal(host_tunables_set(t, "/etc/hostname", "x", &err), -EINVAL);
	assert_int_equal(host_tunables_set(t, "/proc/sys/../../etc/hostname", "x", &err), -EINVAL);
	assert_int_equal(host_tunables_set(t, "/proc/sys/vm/none_such", "1", &err), -ENOENT);
	assert_int_equal(host_tunables_restore(t, &err), 0);
}

static void a_refused_value_leaves_the_old_one(void **state)
{
	struct host_tunables *t;
	struct host_err err;

	(void)state;
	need();
	assert_int_equal(host_tunables_open_at(dir, &t, NULL, &err), 0);
	assert_true(host_tunables_set(t, knob, "nonsense", &err) < 0);
	assert_int_equal(now(), original);
	assert_int_equal(host_tunables_restore(t, &err), 0);
	assert_int_equal(journals(), 0);
}

/* A child that changes the value and is killed. */
static void crash(bool with_janitor)
{
	int out[2];
	pid_t pid;
	char c;

	assert_int_equal(pipe2(out, 0), 0);
	pid = fork();
	if (!pid) {
		struct host_janitor *j = NULL;
		struct host_tunables *t;

		if (with_janitor && host_janitor_start(&j, NULL))
			_exit(1);
		if (host_tunables_open_at(dir, &t, j, NULL) ||
		    host_tunables_set(t, knob, "321", NULL))
			_exit(1);
		(void)!write(out[1], "x", 1);
		pause();
		_exit(0);
	}
	close(out[1]);
	assert_int_equal(read(out[0], &c, 1), 1);
	assert_int_equal(now(), 321);
	/* a living process' journal is nobody else's business */
	assert_int_equal(host_tunables_recover_at(dir, NULL), 0);
	assert_int_equal(now(), 321);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	close(out[0]);
}

static void the_janitor_puts_it_back_after_sigkill(void **state)
{
	(void)state;
	need();
	crash(true);
	for (int i = 0; i < 500 && (now() != original || journals()); i++)
		host_sleep_ns(10000000);
	assert_int_equal(now(), original);
	assert_int_equal(journals(), 0);
}

static void the_next_start_puts_it_back_after_a_crash(void **state)
{
	struct host_tunables *t;

	(void)state;
	need();
	crash(false);
	assert_int_equal(now(), 321);
	assert_int_equal(journals(), 1);
	assert_int_equal(host_tunables_open_at(dir, &t, NULL, NULL), 0);
	assert_int_equal(now(), original);
	assert_int_equal(journals(), 0);
	assert_int_equal(host_tunables_restore(t, NULL), 0);
}

static void a_forged_journal_writes_nothing_else(void **state)
{
	char path[128], victim[128], text[64];
	FILE *f;

	(void)state;
	(void)snprintf(victim, sizeof(victim), "%s.victim", dir);
	f = fopen(victim, "w");
	assert_non_null(f);
	assert_true(fputs("kept", f) >= 0);
	assert_int_equal(fclose(f), 0);
	(void)snprintf(path, sizeof(path), "%s/4194305.1", dir);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_true(fprintf(f, "%s\tlost\n/proc/sys/../..%s\tlost\nno tab\n", victim, victim) > 0);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(host_tunables_recover_at(dir, NULL), 0);
	assert_true(host_file_read(victim, text, sizeof(text)) > 0);
	assert_string_equal(text, "kept");
	assert_int_equal(journals(), 0);
	assert_int_equal(unlink(victim), 0);
	/* and a folder that others can write is not believed at all */
	assert_int_equal(chmod(dir, 0777), 0);
	assert_int_equal(host_tunables_recover_at(dir, NULL), -EPERM);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_value_comes_back_when_asked_to),
		TEST(only_kernel_settings_are_accepted),
		TEST(a_refused_value_leaves_the_old_one),
		TEST(the_janitor_puts_it_back_after_sigkill),
		TEST(the_next_start_puts_it_back_after_a_crash),
		TEST(a_forged_journal_writes_nothing_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
