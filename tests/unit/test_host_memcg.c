// SPDX-License-Identifier: GPL-2.0-only
/*
 * Real memory cgroups of this machine, of whichever version: the limit works, everybody goes back, and
 * nothing is left, not after SIGKILL either.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/host.h"
#include "host/host_int.h"

#define MIB (1ULL << 20)

static struct host_memcg_probe probe;

static int require_memcg(void **state)
{
	(void)state;
	/* without a controller every test below is skipped, see need() */
	(void)host_memcg_probe(&probe);
	return 0;
}

static void need(void)
{
	if (!probe.usable) {
		print_message("skipped: %s\n", probe.reason);
		skip();
	}
}

/*
 * The leaf of a delegated scope counts as the scope: whether it is there at the moment depends on other
 * groups, of another faultline, or of the test before, whose janitor may still be at work.
 */
static void own_group(char *buf, size_t size, pid_t pid)
{
	struct host_cg_mount m;
	char *leaf;

	assert_int_equal(host_cg_find("", &m), 0);
	assert_int_equal(host_cg_of("", &m, pid, buf, size), 0);
	leaf = strstr(buf, "/" HOST_CG_HOME);
	if (leaf)
		*leaf = '\0';
}

/* Wait until @path is gone, at most ten seconds. */
static bool gone(const char *path)
{
	for (int i = 0; i < 1000; i++) {
		if (access(path, F_OK))
			return true;
		host_sleep_ns(10000000);
	}
	return false;
}

/* How many groups and leaves of ours there are where groups are made. */
static int leftovers(void)
{
	struct dirent *d;
	int n = 0;
	DIR *dp = opendir(probe.parent);

	assert_non_null(dp);
	while ((d = readdir(dp))) {
		uint64_t start, ns;
		int pid;

		/* other faultlines may be at work on this machine: only this process' count */
		n += host_cg_parse_name(d->d_name, &pid, &start, &ns) && pid == getpid();
	}
	closedir(dp);
	return n;
}

static void entering_and_leaving_restores_the_group(void **state)
{
	char before[HOST_PATH_MAX], inside[HOST_PATH_MAX], after[HOST_PATH_MAX];
	struct host_memcg *cg;
	struct host_err err;
	char path[HOST_PATH_MAX];

	(void)state;
	need();
	own_group(before, sizeof(before), 0);
	assert_int_equal(host_memcg_create("unit", 256 * MIB, HOST_MEMCG_MAX, &cg, &err), 0);
	strcpy(path, host_memcg_path(cg));
	assert_int_equal(host_memcg_enter(cg, 0, &err), 0);
	own_group(inside, sizeof(inside), 0);
	assert_string_equal(inside, path);
	assert_int_equal(host_memcg_enter(cg, 0, &err), 0);
	assert_int_equal(host_memcg_remove(cg, &err), 0);
	own_group(after, sizeof(after), 0);
	assert_string_equal(after, before);
	assert_int_not_equal(access(path, F_OK), 0);
	assert_int_equal(leftovers(), 0);
}

/* Touch @len bytes of anonymous memory; the sum keeps the compiler from leaving it out. */
static unsigned int touch(size_t len)
{
	volatile unsigned char *p =
		mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	unsigned int sum = 0;

	if (p == MAP_FAILED)
		return 0;
	for (size_t i = 0; i < len; i += 4096) {
		p[i] = 1;
		sum += p[i];
	}
	return sum;
}

static void anonymous_memory_is_charged_and_counted(void **state)
{
	struct host_memcg_stat st;
	struct host_memcg *cg;
	struct host_err err;
	json_t *o;
	pid_t pid;
	int in[2], out[2];
	char c = 0;

	(void)state;
	need();
#ifdef __SANITIZE_THREAD__
	print_message("skipped: the sanitizer's shadow memory is charged too\n");
	skip();
#endif
	assert_int_equal(pipe(in) | pipe(out), 0);
	assert_int_equal(host_memcg_create("unit", 256 * MIB, HOST_MEMCG_MAX, &cg, &err), 0);
	pid = fork();
	if (!pid) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)!read(in[0], &c, 1);
		c = touch(64 * MIB) == 64 * MIB / 4096;
		(void)!write(out[1], &c, 1);
		pause();
		_exit(0);
	}
	assert_int_equal(host_memcg_enter(cg, pid, &err), 0);
	assert_int_equal(write(in[1], &c, 1), 1);
	assert_int_equal(read(out[0], &c, 1), 1);
	assert_int_equal(c, 1);
	/* the kernel brings the sums up to date every two seconds, or when asked after many changes */
	for (int i = 0; i < 40; i++) {
		assert_int_equal(host_memcg_stat(cg, &st), 0);
		if (st.anon >= 64 * MIB)
			break;
		host_sleep_ns(100000000);
	}
	assert_in_range(st.anon, 64 * MIB, 72 * MIB);
	assert_in_range(st.usage, 64 * MIB, 80 * MIB);
	assert_int_equal(st.limit, 256 * MIB);
	/* with huge pages it is a fault for each 2 MiB */
	assert_true(st.pgfault >= 64 * MIB / (2 * MIB));
	o = host_memcg_stat_json(&st);
	assert_non_null(o);
	assert_int_equal(json_integer_value(json_object_get(o, "anon")), st.anon);
	assert_null(json_object_get(o, "nonsense"));
	json_decref(o);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(host_memcg_remove(cg, &err), 0);
	close(in[0]);
	close(in[1]);
	close(out[0]);
	close(out[1]);
}

/* The point of it all: a file larger than the limit stays within it, and is read again. */
static void the_page_cache_of_an_evicted_file_obeys_the_limit(void **state)
{
	const char *file = "host_memcg.tmp";
	const uint64_t size = 192 * MIB, limit = 64 * MIB;
	struct host_evict_result ev;
	struct host_residency res;
	struct host_memcg_stat st;
	struct host_memcg *cg;
	struct host_err err;
	volatile char *map;
	int fd;

	(void)state;
	need();
#ifdef __SANITIZE_THREAD__
	print_message("skipped: the sanitizer's shadow memory is charged too\n");
	skip();
#endif
	(void)unlink(file);
	assert_int_equal(host_datafile_make(file, size, 1, NULL, NULL, &err), 0);
	fd = open(file, O_RDONLY);
	assert_true(fd >= 0);
	if (host_evict(fd, NULL, 0, &ev, &err) == -ENOTSUP) {
		close(fd);
		unlink(file);
		print_message("skipped: %s\n", err.text);
		skip();
	}
	assert_int_equal(ev.left, 0);
	assert_int_equal(host_memcg_create("unit", limit, HOST_MEMCG_MAX, &cg, &err), 0);
	assert_int_equal(host_memcg_enter(cg, 0, &err), 0);
	map = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(map, MAP_FAILED);
	for (int pass = 0; pass < 2; pass++)
		for (uint64_t i = 0; i < size; i += 4096)
			(void)map[i];
	assert_int_equal(host_residency(fd, &res, &err), 0);
	assert_in_range(res.resident, limit / 4, limit);
	assert_int_equal(host_memcg_stat(cg, &st), 0);
	assert_in_range(st.usage, limit / 2, limit);
	assert_int_not_equal(st.failcnt, 0); /* or HOST_UNKNOWN */
	/* reclaim gives back, also while we are inside and the pages are mapped */
	assert_int_equal(munmap((void *)(uintptr_t)map, size), 0);
	assert_int_equal(host_memcg_reclaim(cg, HOST_UNKNOWN), 0);
	assert_int_equal(host_residency(fd, &res, &err), 0);
	assert_in_range(res.resident, 0, limit / 4);
	assert_int_equal(host_memcg_remove(cg, &err), 0);
	close(fd);
	assert_int_equal(host_datafile_remove(file, &err), 0);
}

static void limits_change_in_both_directions_with_swap_bound(void **state)
{
	struct host_memcg_stat st;
	struct host_memcg *cg;
	struct host_err err;

	(void)state;
	need();
	assert_int_equal(host_memcg_create("unit", 64 * MIB, HOST_MEMCG_MAX, &cg, &err), 0);
	if (probe.swap_limit)
		assert_int_equal(host_memcg_set_swap(cg, 0, &err), 0);
	assert_int_equal(host_memcg_set_limit(cg, 512 * MIB, HOST_MEMCG_MAX, &err), 0);
	assert_int_equal(host_memcg_stat(cg, &st), 0);
	assert_int_equal(st.limit, 512 * MIB);
	assert_int_equal(host_memcg_set_limit(cg, 32 * MIB, HOST_MEMCG_MAX, &err), 0);
	assert_int_equal(host_memcg_stat(cg, &st), 0);
	assert_int_equal(st.limit, 32 * MIB);
	assert_int_equal(host_memcg_set_limit(cg, HOST_UNKNOWN, HOST_MEMCG_MAX, &err), 0);
	assert_int_equal(host_memcg_stat(cg, &st), 0);
	assert_int_equal(st.limit, HOST_UNKNOWN);
	if (probe.version == HOST_MEMCG_V1) {
		assert_int_equal(host_memcg_set_limit(cg, 32 * MIB, HOST_MEMCG_HIGH, &err),
				 -ENOTSUP);
	} else {
		assert_int_equal(host_memcg_set_limit(cg, 32 * MIB, HOST_MEMCG_HIGH, &err), 0);
		assert_int_equal(host_memcg_stat(cg, &st), 0);
		assert_int_equal(st.high, 32 * MIB);
		assert_int_equal(st.limit, HOST_UNKNOWN);
	}
	assert_int_equal(host_memcg_remove(cg, &err), 0);
}

static void v1_refuses_high_and_names_are_checked(void **state)
{
	struct host_memcg *cg;
	struct host_err err;

	(void)state;
	need();
	assert_int_equal(host_memcg_create("../up", MIB, HOST_MEMCG_MAX, &cg, &err), -EINVAL);
	assert_int_equal(host_memcg_create("", MIB, HOST_MEMCG_MAX, &cg, &err), -EINVAL);
	if (probe.version != HOST_MEMCG_V1)
		return;
	assert_int_equal(host_memcg_create("unit", MIB, HOST_MEMCG_HIGH, &cg, &err), -ENOTSUP);
	assert_non_null(strstr(err.text, "v2"));
	assert_null(cg);
	assert_int_equal(leftovers(), 0);
}

static void two_groups_of_one_name_live_side_by_side(void **state)
{
	struct host_memcg *a, *b;
	struct host_err err;

	(void)state;
	need();
	assert_int_equal(host_memcg_create("unit", 64 * MIB, HOST_MEMCG_MAX, &a, &err), 0);
	assert_int_equal(host_memcg_create("unit", 64 * MIB, HOST_MEMCG_MAX, &b, &err), 0);
	assert_string_not_equal(host_memcg_path(a), host_memcg_path(b));
	assert_int_equal(host_memcg_remove(a, &err), 0);
	assert_int_equal(access(host_memcg_path(b), F_OK), 0);
	assert_int_equal(host_memcg_remove(b, &err), 0);
}

/* A victim in its own session and process group: enters a group, tells its path, waits. */
static pid_t start_victim(char *path, size_t size, bool with_child, pid_t *child)
{
	int out[2];
	pid_t pid;
	ssize_t n;

	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	pid = fork();
	if (!pid) {
		struct host_memcg *cg;
		pid_t kid = 0;

		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		setsid();
		if (host_memcg_create("unit", 128 * MIB, HOST_MEMCG_MAX, &cg, NULL) ||
		    host_memcg_enter(cg, 0, NULL))
			_exit(1);
		if (with_child) {
			kid = fork();
			if (!kid) {
				/* as a recorded command would be: exec closes the janitor's pipe */
				execl("/bin/sleep", "sleep", "60", (char *)NULL);
				_exit(1);
			}
		}
		(void)touch(16 * MIB);
		(void)!write(out[1], &kid, sizeof(kid));
		(void)!write(out[1], host_memcg_path(cg), strlen(host_memcg_path(cg)));
		close(out[1]);
		pause();
		_exit(0);
	}
	close(out[1]);
	assert_int_equal(read(out[0], child, sizeof(*child)), sizeof(*child));
	n = read(out[0], path, size - 1);
	assert_true(n > 0);
	path[n] = '\0';
	close(out[0]);
	assert_int_equal(access(path, F_OK), 0);
	return pid;
}

static void killed(int whole_process_group)
{
	char path[HOST_PATH_MAX];
	pid_t child;
	pid_t pid = start_victim(path, sizeof(path), false, &child);

	assert_int_equal(kill(whole_process_group ? -pid : pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_true(gone(path));
}

static void nothing_is_left_after_sigkill(void **state)
{
	(void)state;
	need();
	killed(0);
}

static void nothing_is_left_after_sigkill_to_the_process_group(void **state)
{
	(void)state;
	need();
	killed(1);
}

static void a_surviving_child_goes_back_after_sigkill(void **state)
{
	char path[HOST_PATH_MAX], before[HOST_PATH_MAX], after[HOST_PATH_MAX];
	pid_t child, pid;

	(void)state;
	need();
	own_group(before, sizeof(before), 0);
	pid = start_victim(path, sizeof(path), true, &child);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_true(gone(path));
	assert_int_equal(kill(child, 0), 0);
	own_group(after, sizeof(after), child);
	assert_string_equal(after, before);
	kill(child, SIGKILL);
}

static void a_terminal_signal_does_not_end_the_janitor(void **state)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGQUIT};
	struct host_memcg *cg;
	struct host_err err;
	pid_t pid;

	(void)state;
	need();
	assert_int_equal(host_memcg_create("unit", 64 * MIB, HOST_MEMCG_MAX, &cg, &err), 0);
	pid = host_janitor_pid(host_memcg_janitor(cg));
	/* its signals are blocked until they are ignored: from the start */
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		assert_int_equal(kill(pid, signals[i]), 0);
	host_sleep_ns(50000000);
	assert_int_equal(kill(pid, 0), 0);
	assert_int_not_equal(getsid(pid), getsid(0));
	assert_int_equal(host_memcg_remove(cg, &err), 0);
}

static void the_janitor_is_not_our_child(void **state)
{
	struct host_memcg *cg;
	struct host_err err;
	char path[64];
	char target[64];
	int open_files = 0;
	struct dirent *d;
	DIR *dp;

	(void)state;
	need();
	assert_int_equal(host_memcg_create("unit", 64 * MIB, HOST_MEMCG_MAX, &cg, &err), 0);
	errno = 0;
	assert_int_equal(waitpid(-1, NULL, __WALL | WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
	/* and it holds none of our files */
	host_sleep_ns(50000000);
	(void)snprintf(path, sizeof(path), "/proc/%d/fd",
		       (int)host_janitor_pid(host_memcg_janitor(cg)));
	dp = opendir(path);
	assert_non_null(dp);
	while ((d = readdir(dp)))
		open_files += d->d_name[0] != '.';
	closedir(dp);
	assert_int_equal(open_files, 1);
	(void)snprintf(path, sizeof(path), "/proc/%d/fd/0",
		       (int)host_janitor_pid(host_memcg_janitor(cg)));
	memset(target, 0, sizeof(target));
	assert_true(readlink(path, target, sizeof(target) - 1) > 0);
	assert_int_equal(strncmp(target, "pipe:", 5), 0);
	assert_int_equal(host_memcg_remove(cg, &err), 0);
}

static void groups_of_dead_processes_are_swept_and_others_kept(void **state)
{
	char dead[HOST_PATH_MAX + 128], foreign[HOST_PATH_MAX + 128], strange[HOST_PATH_MAX + 128];
	struct host_memcg *cg;
	struct host_err err;
	struct stat st;

	(void)state;
	need();
	assert_int_equal(stat("/proc/self/ns/pid", &st), 0);
	(void)snprintf(dead, sizeof(dead), "%s/faultline.unit.4194305.1.%llu", probe.parent,
		       (unsigned long long)st.st_ino);
	(void)snprintf(foreign, sizeof(foreign), "%s/faultline.unit.4194305.1.1", probe.parent);
	(void)snprintf(strange, sizeof(strange), "%s/faultline.unit-of-somebody", probe.parent);
	assert_int_equal(mkdir(dead, 0755) | mkdir(foreign, 0755) | mkdir(strange, 0755), 0);
	assert_int_equal(host_memcg_create("unit", 64 * MIB, HOST_MEMCG_MAX, &cg, &err), 0);
	assert_true(host_memcg_sweep() >= 0);
	assert_int_equal(access(host_memcg_path(cg), F_OK), 0);
	assert_int_equal(host_memcg_remove(cg, &err), 0);
	assert_int_not_equal(access(dead, F_OK), 0);
	assert_int_equal(access(foreign, F_OK), 0);
	assert_int_equal(access(strange, F_OK), 0);
	assert_int_equal(rmdir(foreign), 0);
	assert_int_equal(rmdir(strange), 0);
	/* as long as there was a group, what was prepared for it had to stay */
	assert_true(host_memcg_sweep() >= 0);
}

static void undo_runs_backwards_and_dropped_ones_do_not_run(void **state)
{
	const char *a = "/tmp/faultline-undo-a", *b = "/tmp/faultline-undo-b";
	struct host_janitor *j;
	struct host_err err;
	char text[64];
	FILE *f;
	int id;

	(void)state;
	for (int i = 0; i < 2; i++) {
		f = fopen(i ? b : a, "w");
		assert_non_null(f);
		assert_int_equal(fclose(f), 0);
	}
	assert_int_equal(host_janitor_start(&j, &err), 0);
	assert_true(host_janitor_add(j, HOST_UNDO_WRITE, a, "first") > 0);
	assert_true(host_janitor_add(j, HOST_UNDO_WRITE, a, "second") > 0);
	id = host_janitor_add(j, HOST_UNDO_WRITE, a, "third");
	assert_true(id > 0);
	assert_true(host_janitor_add(j, HOST_UNDO_UNLINK, b, NULL) > 0);
	assert_int_equal(host_janitor_drop(j, id), 0);
	assert_int_equal(host_janitor_drop(j, 99), -EINVAL);
	host_janitor_stop(j);
	assert_true(gone(b));
	for (int i = 0; i < 100; i++) {
		assert_true(host_file_read(a, text, sizeof(text)) >= 0);
		if (!strcmp(text, "firstd"))
			break;
		host_sleep_ns(10000000);
	}
	/* "second", then "first" over it, and nothing truncates */
	assert_string_equal(text, "firstd");
	assert_int_equal(unlink(a), 0);
}

static void a_full_janitor_says_so(void **state)
{
	struct host_janitor *j;
	struct host_err err;

	(void)state;
	assert_int_equal(host_janitor_start(&j, &err), 0);
	for (int i = 0; i < HOST_JANITOR_SLOTS; i++)
		assert_true(host_janitor_add(j, HOST_UNDO_UNLINK, "/nonexistent/x", NULL) > 0);
	assert_int_equal(host_janitor_add(j, HOST_UNDO_UNLINK, "/nonexistent/x", NULL), -ENOSPC);
	assert_int_equal(host_janitor_drop(j, 1), 0);
	assert_true(host_janitor_add(j, HOST_UNDO_UNLINK, "/nonexistent/x", NULL) > 0);
	host_janitor_stop(j);
}

static void a_dead_janitor_is_an_error_not_a_signal(void **state)
{
	struct host_janitor *j;
	struct host_err err;
	int ret = 0;

	(void)state;
	assert_int_equal(host_janitor_start(&j, &err), 0);
	assert_int_equal(kill(host_janitor_pid(j), SIGKILL), 0);
	for (int i = 0; i < 50 && ret != -EPIPE; i++) {
		host_sleep_ns(10000000);
		ret = host_janitor_add(j, HOST_UNDO_UNLINK, "/nonexistent/x", NULL);
	}
	assert_int_equal(ret, -EPIPE);
	host_janitor_stop(j);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(entering_and_leaving_restores_the_group),
		cmocka_unit_test(anonymous_memory_is_charged_and_counted),
		cmocka_unit_test(the_page_cache_of_an_evicted_file_obeys_the_limit),
		cmocka_unit_test(limits_change_in_both_directions_with_swap_bound),
		cmocka_unit_test(v1_refuses_high_and_names_are_checked),
		cmocka_unit_test(two_groups_of_one_name_live_side_by_side),
		cmocka_unit_test(nothing_is_left_after_sigkill),
		cmocka_unit_test(nothing_is_left_after_sigkill_to_the_process_group),
		cmocka_unit_test(a_surviving_child_goes_back_after_sigkill),
		cmocka_unit_test(a_terminal_signal_does_not_end_the_janitor),
		cmocka_unit_test(the_janitor_is_not_our_child),
		cmocka_unit_test(groups_of_dead_processes_are_swept_and_others_kept),
		cmocka_unit_test(undo_runs_backwards_and_dropped_ones_do_not_run),
		cmocka_unit_test(a_full_janitor_says_so),
		cmocka_unit_test(a_dead_janitor_is_an_error_not_a_signal),
	};

	return cmocka_run_group_tests(tests, require_memcg, NULL);
}
