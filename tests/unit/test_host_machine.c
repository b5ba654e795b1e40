// SPDX-License-Identifier: GPL-2.0-only
/*
 * Devices, their statistics, samples, facts and scores agree with what else is known.
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
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/host.h"
#include "host/host_int.h"

#define MIB (1ULL << 20)

static void the_work_tree_is_on_a_device_that_leads_to_a_disk(void **state)
{
	struct host_device list[HOST_DEVICES_MAX];
	char text[512];
	int leaves = 0;
	int n = host_devices_of_path(".", list, HOST_DEVICES_MAX);

	(void)state;
	assert_true(n >= 0);
	if (!n)
		skip();
	assert_int_equal(list[0].parent, -1);
	for (int i = 0; i < n; i++) {
		assert_true(strlen(list[i].name) > 0);
		assert_true(list[i].parent < i);
		leaves += list[i].leaf;
	}
	assert_true(leaves > 0);
	assert_non_null(strstr(host_devices_text(list, n, text, sizeof(text)), list[0].name));
	/* no block device under a file system that is none's */
	assert_int_equal(host_devices_of_path("/proc", list, HOST_DEVICES_MAX), 0);
	assert_string_equal(host_devices_text(list, 0, text, sizeof(text)), "no block device");
	assert_int_equal(host_devices_of_path("/nonexistent", list, HOST_DEVICES_MAX), -ENOENT);
}

static void differences_of_disk_statistics_are_right(void **state)
{
	struct host_diskstat a = {
		.reads = 100, .read_sectors = 800, .read_ms = 0xfffffff0, .busy_ms = 10};
	struct host_diskstat b = {
		.reads = 300, .read_sectors = 2400, .read_ms = 84, .busy_ms = 510};
	struct host_diskdiff d;

	(void)state;
	b.when_ns = 2000000000;
	host_diskstat_diff(&a, &b, &d);
	assert_int_equal(d.reads, 200);
	assert_int_equal(d.read_bytes, 1600 * 512);
	assert_true(d.read_iops > 99.9 && d.read_iops < 100.1);
	/* the counter of milliseconds wrapped: 100 ms for 200 reads */
	assert_true(d.read_await_ms > 0.499 && d.read_await_ms < 0.501);
	assert_true(d.read_size > 4095 && d.read_size < 4097);
	assert_true(d.util > 0.249 && d.util < 0.251);
	host_diskstat_diff(&a, &a, &d);
	assert_int_equal(d.reads, 0);
	assert_true(d.read_await_ms == 0 && d.read_iops == 0);
}

/* Read a cold file: the device, the process and the sampler have to see those bytes. */
static void reading_a_cold_file_shows_everywhere(void **state)
{
	const char *file = "host_machine.tmp";
	const uint64_t size = 32 * MIB;
	struct host_device list[HOST_DEVICES_MAX];
	uint64_t v1[HOST_METRIC_COUNT], v2[HOST_METRIC_COUNT];
	struct host_diskstat before, after;
	struct host_sampler *s;
	struct host_diskdiff d;
	uint64_t own1, own2;
	struct stat st;
	int fd;

	(void)state;
	if (host_devices_of_path(".", list, HOST_DEVICES_MAX) <= 0)
		skip();
	assert_int_equal(host_datafile_make(file, size, 3, NULL, NULL, NULL), 0);
	assert_int_equal(stat(file, &st), 0);
	assert_int_equal(host_sampler_open(&s, 0, NULL, makedev(list[0].major, list[0].minor)), 0);
	assert_int_equal(host_diskstat_read(list[0].major, list[0].minor, &before), 0);
	assert_int_equal(host_process_read_bytes(0, &own1), 0);
	assert_int_equal(host_sampler_read(s, v1), 0);
	fd = open(file, O_RDONLY);
	assert_int_equal(host_warm(fd, 0, 0, NULL, NULL), 0);
	close(fd);
	assert_int_equal(host_sampler_read(s, v2), 0);
	assert_int_equal(host_process_read_bytes(0, &own2), 0);
	assert_int_equal(host_diskstat_read(list[0].major, list[0].minor, &after), 0);
	host_sampler_close(s);
	assert_int_equal(host_datafile_remove(file, NULL), 0);

	host_diskstat_diff(&before, &after, &d);
	assert_in_range(own2 - own1, size, size + MIB);
	/* others may read meanwhile, but nobody takes ours away */
	assert_true(d.read_bytes >= size);
	assert_true(d.reads > 0);
	assert_true(v2[HOST_METRIC_DISK_READ_BYTES] - v1[HOST_METRIC_DISK_READ_BYTES] >= size);
	assert_in_range(v2[HOST_METRIC_PROC_READ_BYTES] - v1[HOST_METRIC_PROC_READ_BYTES], size,
			size + MIB);
}

static void samples_follow_the_process(void **state)
{
	uint64_t v1[HOST_METRIC_COUNT], v2[HOST_METRIC_COUNT];
	struct host_sampler *s;
	volatile char *p;
	pid_t pid;

	(void)state;
	assert_int_equal(host_sampler_open(&s, 0, NULL, 0), 0);
	assert_int_equal(host_sampler_read(s, v1), 0);
	p = mmap(NULL, 64 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(p, MAP_FAILED);
	for (uint64_t i = 0; i < 64 * MIB; i += 4096)
		p[i] = 1;
	assert_int_equal(host_sampler_read(s, v2), 0);
	assert_in_range(v2[HOST_METRIC_RSS_ANON] - v1[HOST_METRIC_RSS_ANON], 60 * MIB, 68 * MIB);
	assert_int_not_equal(v2[HOST_METRIC_VM_FREE], HOST_UNKNOWN);
	assert_int_not_equal(v2[HOST_METRIC_VM_ALLOCSTALL], HOST_UNKNOWN);
	assert_int_not_equal(v2[HOST_METRIC_LOAD1], HOST_UNKNOWN);
	/* no group, no device: unknown, not zero */
	assert_int_equal(v2[HOST_METRIC_CG_USAGE], HOST_UNKNOWN);
	assert_int_equal(v2[HOST_METRIC_DISK_READS], HOST_UNKNOWN);
	host_sampler_close(s);
	assert_int_equal(munmap((void *)(uintptr_t)p, 64 * MIB), 0);

	/* a process that has ended tells nothing, and that is no error */
	pid = fork();
	if (!pid) {
		pause();
		_exit(0);
	}
	assert_int_equal(host_sampler_open(&s, pid, NULL, 0), 0);
	assert_int_equal(host_sampler_read(s, v1), 0);
	assert_int_not_equal(v1[HOST_METRIC_RSS_ANON], HOST_UNKNOWN);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(host_sampler_read(s, v1), 0);
	assert_int_equal(v1[HOST_METRIC_RSS_ANON], HOST_UNKNOWN);
	host_sampler_close(s);
}

static void samples_of_a_group_agree_with_its_statistics(void **state)
{
	uint64_t v[HOST_METRIC_COUNT];
	struct host_memcg_stat st;
	struct host_sampler *s;
	struct host_memcg *cg;
	struct host_err err;

	(void)state;
	if (host_memcg_create("unit", 64 * MIB, HOST_MEMCG_MAX, &cg, &err)) {
		print_message("skipped: %s\n", err.text);
		skip();
	}
	assert_int_equal(host_sampler_open(&s, -1, cg, 0), 0);
	assert_int_equal(host_sampler_read(s, v), 0);
	assert_int_equal(host_memcg_stat(cg, &st), 0);
	assert_int_equal(v[HOST_METRIC_CG_USAGE], st.usage);
	assert_int_equal(v[HOST_METRIC_CG_FILE], st.file);
	assert_int_equal(v[HOST_METRIC_CG_FAILCNT], st.failcnt);
	assert_int_equal(v[HOST_METRIC_CG_KERNEL], st.kernel);
	assert_int_equal(v[HOST_METRIC_RSS_ANON], HOST_UNKNOWN);
	/* an open sampler must not keep the group alive */
	assert_int_equal(host_memcg_remove(cg, &err), 0);
	assert_int_equal(host_sampler_read(s, v), 0);
	assert_int_equal(v[HOST_METRIC_CG_USAGE], HOST_UNKNOWN);
	host_sampler_close(s);
}

static void metrics_have_distinct_names(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < HOST_METRIC_COUNT; i++) {
		assert_non_null(host_metric_name(i));
		assert_true(strlen(host_metric_unit(i)) > 0);
		assert_in_range(host_metric_is_counter(i), 0, 1);
		for (unsigned int k = 0; k < i; k++)
			assert_string_not_equal(host_metric_name(i), host_metric_name(k));
	}
	assert_null(host_metric_name(HOST_METRIC_COUNT));
	assert_null(host_metric_unit(HOST_METRIC_COUNT));
	assert_int_equal(host_metric_is_counter(HOST_METRIC_COUNT), -1);
}

static void memory_stat_of_both_versions_is_understood(void **state)
{
	static const char v1[] =
		"cache 1\nrss 2\nmapped_file 3\nworkingset_refault_file 4\ntotal_cache 11\n"
		"total_rss 12\ntotal_pgmajfault 13\n";
	static const char v2[] =
		"anon 21\nfile 22\nkernel 23\npagetables 24\nfile_mapped 25\n"
		"workingset_refault_file 26\npgscan_kswapd 27\npgsteal_direct 28\npgmajfault 29\n";
	static const char old[] = "anon 1\nworkingset_refault 31\n";
	struct host_memcg_stat st;

	(void)state;
	memset(&st, 0xff, sizeof(st));
	host_memcg_stat_parse(v1, HOST_MEMCG_V1, &st);
	assert_int_equal(st.file, 11);
	assert_int_equal(st.anon, 12);
	assert_int_equal(st.mapped, 3);
	assert_int_equal(st.refault_file, 4);
	assert_int_equal(st.pgmajfault, 13);
	assert_int_equal(st.pagetables, HOST_UNKNOWN);
	memset(&st, 0xff, sizeof(st));
	host_memcg_stat_parse(v2, HOST_MEMCG_V2, &st);
	assert_int_equal(st.anon, 21);
	assert_int_equal(st.file, 22);
	assert_int_equal(st.kernel, 23);
	assert_int_equal(st.pagetables, 24);
	assert_int_equal(st.mapped, 25);
	assert_int_equal(st.refault_file, 26);
	assert_int_equal(st.scan_kswapd, 27);
	assert_int_equal(st.steal_direct, 28);
	assert_int_equal(st.pgmajfault, 29);
	assert_int_equal(st.scan_direct, HOST_UNKNOWN);
	memset(&st, 0xff, sizeof(st));
	host_memcg_stat_parse(old, HOST_MEMCG_V2, &st);
	assert_int_equal(st.refault_file, 31);
}

static json_int_t number(const json_t *o, const char *a, const char *b)
{
	json_t *v = json_object_get(json_object_get(o, a), b);

	assert_true(json_is_integer(v));
	return json_integer_value(v);
}

static void facts_agree_with_the_system(void **state)
{
	json_t *o = host_facts_machine();
	struct utsname u;

	(void)state;
	assert_non_null(o);
	assert_int_equal(uname(&u), 0);
	assert_string_equal(
		json_string_value(json_object_get(json_object_get(o, "kernel"), "release")),
		u.release);
	assert_int_equal(number(o, "kernel", "page_size"), sysconf(_SC_PAGESIZE));
	assert_int_equal(number(o, "cpu", "online"), sysconf(_SC_NPROCESSORS_ONLN));
	assert_int_equal(number(o, "memory", "total"),
			 (json_int_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE));
	assert_true(number(o, "vm", "min_free_kbytes") > 0);
	json_decref(o);
}

static void facts_of_a_path_name_its_file_system_and_devices(void **state)
{
	struct host_device list[HOST_DEVICES_MAX];
	struct host_err err;
	json_t *o = host_facts_path(".", &err);
	int n = host_devices_of_path(".", list, HOST_DEVICES_MAX);

	(void)state;
	assert_non_null(o);
	assert_non_null(json_object_get(json_object_get(o, "filesystem"), "type"));
	assert_int_equal(json_array_size(json_object_get(o, "devices")), n);
	json_decref(o);
	assert_null(host_facts_path("/nonexistent", &err));
	assert_non_null(strstr(err.text, "/nonexistent"));
}

static void scores_survive_json_and_scale_by_what_binds(void **state)
{
	struct host_score a = {HOST_SCORE_VERSION, 4, 20, 80, 10, 25};
	struct host_score b = a, c;
	const char *bound;
	json_t *o = host_score_json(&a);
	double scale;

	(void)state;
	assert_non_null(o);
	assert_int_equal(host_score_from_json(o, &c), 0);
	assert_memory_equal(&a, &c, sizeof(a));
	json_object_del(o, "threads");
	assert_int_equal(host_score_from_json(o, &c), -EINVAL);
	json_decref(o);

	scale = host_score_scale(&a, &a, 4, &bound);
	assert_true(scale > 0.999 && scale < 1.001);
	/* four threads read 25 GB/s, and compute 80 / 1.78 = 45 GB/s worth: memory decides */
	assert_string_equal(bound, "memory");
	b.memory_all = 12.5;
	scale = host_score_scale(&a, &b, 4, &bound);
	assert_true(scale > 1.999 && scale < 2.001);
	/* a machine with slow arithmetic: 8 / 1.78 = 4.5 GB/s worth */
	b = a;
	b.cpu_single = 2;
	b.cpu_all = 8;
	scale = host_score_scale(&a, &b, 4, &bound);
	assert_string_equal(bound, "cpu");
	assert_true(scale > 5.55 && scale < 5.56);
	b.version++;
	assert_true(host_score_scale(&a, &b, 4, &bound) == 0);
}

static void a_score_can_be_measured(void **state)
{
	struct host_score sc;
	struct host_err err;

	(void)state;
	assert_int_equal(host_score_run(&sc, &err), 0);
	assert_int_equal(sc.version, HOST_SCORE_VERSION);
	assert_true(sc.threads >= 1);
	assert_true(sc.cpu_single > 0 && sc.cpu_all > 0);
	assert_true(sc.memory_single > 0 && sc.memory_all > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_work_tree_is_on_a_device_that_leads_to_a_disk),
		cmocka_unit_test(differences_of_disk_statistics_are_right),
		cmocka_unit_test(reading_a_cold_file_shows_everywhere),
		cmocka_unit_test(samples_follow_the_process),
		cmocka_unit_test(samples_of_a_group_agree_with_its_statistics),
		cmocka_unit_test(metrics_have_distinct_names),
		cmocka_unit_test(memory_stat_of_both_versions_is_understood),
		cmocka_unit_test(facts_agree_with_the_system),
		cmocka_unit_test(facts_of_a_path_name_its_file_system_and_devices),
		cmocka_unit_test(scores_survive_json_and_scale_by_what_binds),
		cmocka_unit_test(a_score_can_be_measured),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
