// SPDX-License-Identifier: GPL-2.0-only
/*
 * Data files: complete and incompressible, known again by their content, and nobody else's is touched.
 */
#include <dirent.h>
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
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/host.h"

#define MIB (1ULL << 20)

static const char *const dir = "host_datafile.tmp";
static const char *const file = "host_datafile.tmp/model.bin";

static int set_up(void **state)
{
	(void)state;
	(void)!system("rm -rf host_datafile.tmp");
	return mkdir(dir, 0755);
}

static int tear_down(void **state)
{
	(void)state;
	return system("rm -rf host_datafile.tmp");
}

static int entries(void)
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

static void make(uint64_t size)
{
	struct host_err err = {""};
	int ret = host_datafile_make(file, size, 42, NULL, NULL, &err);

	if (ret)
		print_message("%s\n", err.text);
	assert_int_equal(ret, 0);
}

static void put(uint64_t offset, const char *text)
{
	int fd = open(file, O_WRONLY | O_CREAT, 0644);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, text, strlen(text), (off_t)offset), strlen(text));
	close(fd);
}

static void a_made_file_is_whole_written_and_ours(void **state)
{
	struct host_datafile df;
	struct host_residency res;
	uint64_t size = 33 * MIB + 4097;
	int fd;

	(void)state;
	make(size);
	assert_int_equal(host_datafile_check(file, &df, NULL), 0);
	assert_int_equal(df.size, size);
	assert_int_equal(df.holes, 0);
	if (df.unwritten != HOST_UNKNOWN)
		assert_int_equal(df.unwritten, 0);
	assert_true(df.ours);
	assert_true(strlen(df.fstype) > 0);
	assert_true(strlen(df.mount) > 0);
	assert_int_equal(host_datafile_fit(file, &df, size, NULL), 0);
	assert_int_equal(host_datafile_fit(file, &df, size + 1, NULL), -EINVAL);
	assert_int_equal(entries(), 1);
	/* its pages are not left behind in the cache */
	fd = open(file, O_RDONLY);
	assert_int_equal(host_residency(fd, &res, NULL), 0);
	close(fd);
	if (strcmp(df.fstype, "tmpfs") != 0)
		assert_in_range(res.resident, 0, 4 * MIB);
}

static void odd_sizes_are_known_again(void **state)
{
	static const uint64_t sizes[] = {4096, 4097, 4103, 4104, 8191, 65536, 65537, MIB + 1};

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		make(sizes[i]);
		assert_int_equal(host_datafile_make(file, sizes[i], 42, NULL, NULL, NULL), 1);
		assert_int_equal(host_datafile_remove(file, NULL), 0);
	}
	assert_int_equal(host_datafile_make(file, 4095, 42, NULL, NULL, NULL), -EINVAL);
}

static void the_stream_is_the_same_in_any_piece_and_has_no_pattern(void **state)
{
	unsigned char *a = malloc(MIB), b[64];
	unsigned int count[256] = {0};

	(void)state;
	assert_non_null(a);
	host_datafile_fill(a, MIB, 7, 8192);
	host_datafile_fill(b, sizeof(b), 7, 8192 + 4000);
	assert_memory_equal(a + 4000, b, sizeof(b));
	host_datafile_fill(b, sizeof(b), 8, 8192 + 4000);
	assert_memory_not_equal(a + 4000, b, sizeof(b));
	/* every byte value about as often as the others: 4096 +- 6 sigma */
	for (size_t i = 0; i < MIB; i++)
		count[a[i]]++;
	for (int i = 0; i < 256; i++)
		assert_in_range(count[i], 4096 - 384, 4096 + 384);
	free(a);
}

static void a_file_of_another_size_is_replaced_if_it_is_ours(void **state)
{
	struct stat st;

	(void)state;
	make(2 * MIB);
	make(3 * MIB);
	assert_int_equal(stat(file, &st), 0);
	assert_int_equal(st.st_size, 3 * MIB);
	assert_int_equal(entries(), 1);
}

static void a_strangers_file_is_never_touched(void **state)
{
	struct host_err err;
	char have[32];

	(void)state;
	put(0, "GGUF: somebody's model");
	assert_int_equal(host_datafile_make(file, MIB, 42, NULL, NULL, &err), -EEXIST);
	assert_non_null(strstr(err.text, file));
	assert_int_equal(host_datafile_remove(file, NULL), -EEXIST);
	assert_true(host_file_read(file, have, sizeof(have)) > 0);
	assert_string_equal(have, "GGUF: somebody's model");
	/* neither through a symbolic link, whatever is behind it */
	assert_int_equal(rename(file, "host_datafile.tmp/other"), 0);
	assert_int_equal(symlink("other", file), 0);
	assert_int_equal(host_datafile_make(file, MIB, 42, NULL, NULL, NULL), -EEXIST);
	assert_int_equal(unlink(file), 0);
	assert_int_equal(symlink("nowhere", file), 0);
	assert_int_equal(host_datafile_make(file, MIB, 42, NULL, NULL, NULL), -EEXIST);
	assert_int_not_equal(access("host_datafile.tmp/nowhere", F_OK), 0);
}

static void our_file_with_other_content_is_no_longer_ours(void **state)
{
	char *other = malloc(MIB);
	struct host_datafile df;
	int fd;

	(void)state;
	make(4 * MIB);
	/* header kept, all the rest overwritten by somebody */
	assert_non_null(other);
	memset(other, 'm', MIB);
	fd = open(file, O_WRONLY);
	for (uint64_t at = 4096; at + MIB <= 4 * MIB; at += MIB)
		assert_int_equal(pwrite(fd, other, MIB, (off_t)at), MIB);
	close(fd);
	free(other);
	assert_int_equal(host_datafile_check(file, &df, NULL), 0);
	assert_false(df.ours);
	assert_int_equal(host_datafile_make(file, MIB, 42, NULL, NULL, NULL), -EEXIST);
	assert_int_equal(unlink(file), 0);
	/* and one that was cut or has grown is not either */
	make(4 * MIB);
	assert_int_equal(truncate(file, 3 * MIB), 0);
	assert_int_equal(host_datafile_remove(file, NULL), -EEXIST);
}

static void holes_and_unwritten_extents_are_refused(void **state)
{
	struct host_datafile df;
	struct host_err err;
	int fd;

	(void)state;
	put(4 * MIB, "x");
	assert_int_equal(host_datafile_check(file, &df, NULL), 0);
	if (df.unwritten == HOST_UNKNOWN)
		skip();
	assert_int_equal(df.holes, 4 * MIB);
	assert_int_equal(host_datafile_fit(file, &df, MIB, &err), -EINVAL);
	assert_non_null(strstr(err.text, "holes"));
	assert_int_equal(unlink(file), 0);
	fd = open(file, O_WRONLY | O_CREAT, 0644);
	if (fallocate(fd, 0, 0, 8 * MIB)) {
		close(fd);
		skip();
	}
	close(fd);
	assert_int_equal(host_datafile_check(file, &df, NULL), 0);
	assert_true(df.unwritten == 8 * MIB || df.holes == 8 * MIB);
	assert_int_equal(host_datafile_fit(file, &df, MIB, &err), -EINVAL);
	assert_non_null(strstr(err.text, "no drive is asked for"));
}

static int stop_after_a_step(void *arg, uint64_t done, uint64_t total)
{
	(void)arg;
	return done < total;
}

static void an_interrupted_file_leaves_nothing(void **state)
{
	struct host_err err;

	(void)state;
	assert_int_equal(host_datafile_make(file, 64 * MIB, 1, stop_after_a_step, NULL, &err),
			 -ECANCELED);
	assert_int_equal(entries(), 0);
	/* one step only: the last call's wish to stop comes too late to matter, and is not made */
	assert_int_equal(host_datafile_make(file, MIB, 1, stop_after_a_step, NULL, &err), 0);
}

static int tell_and_wait(void *arg, uint64_t done, uint64_t total)
{
	(void)done;
	(void)total;
	(void)!write(*(int *)arg, "x", 1);
	pause();
	return 0;
}

static void sigkill_in_the_middle_leaves_nothing(void **state)
{
	int out[2];
	pid_t pid;
	char c;

	(void)state;
	assert_int_equal(pipe(out), 0);
	pid = fork();
	if (!pid) {
		(void)host_datafile_make(file, 64 * MIB, 1, tell_and_wait, &out[1], NULL);
		_exit(0);
	}
	close(out[1]);
	assert_int_equal(read(out[0], &c, 1), 1);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	/* where the file system has no nameless files, the janitor is at work */
	for (int i = 0; i < 500 && entries(); i++)
		host_sleep_ns(10000000);
	assert_int_equal(entries(), 0);
	close(out[0]);
}

static void missing_space_is_noticed_before_anything_is_written(void **state)
{
	struct statvfs vfs;
	struct host_err err;

	(void)state;
	assert_int_equal(statvfs(dir, &vfs), 0);
	assert_int_equal(host_datafile_make(file, (uint64_t)vfs.f_bavail * vfs.f_frsize, 1, NULL,
					    NULL, &err),
			 -ENOSPC);
	assert_non_null(strstr(err.text, "not enough space"));
	assert_int_equal(entries(), 0);
}

static void what_is_no_file_is_refused(void **state)
{
	struct host_datafile df;

	(void)state;
	assert_int_equal(host_datafile_check(dir, &df, NULL), -EINVAL);
	assert_int_equal(host_datafile_check(file, &df, NULL), -ENOENT);
	assert_int_equal(host_datafile_make(dir, MIB, 1, NULL, NULL, NULL), -EEXIST);
	assert_int_equal(mkfifo(file, 0600), 0);
	assert_int_equal(host_datafile_check(file, &df, NULL), -EINVAL);
	assert_int_equal(host_datafile_make(file, MIB, 1, NULL, NULL, NULL), -EEXIST);
	assert_int_equal(host_datafile_remove("host_datafile.tmp/none", NULL), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_made_file_is_whole_written_and_ours),
		TEST(odd_sizes_are_known_again),
		TEST(the_stream_is_the_same_in_any_piece_and_has_no_pattern),
		TEST(a_file_of_another_size_is_replaced_if_it_is_ours),
		TEST(a_strangers_file_is_never_touched),
		TEST(our_file_with_other_content_is_no_longer_ours),
		TEST(holes_and_unwritten_extents_are_refused),
		TEST(an_interrupted_file_leaves_nothing),
		TEST(sigkill_in_the_middle_leaves_nothing),
		TEST(missing_space_is_noticed_before_anything_is_written),
		TEST(what_is_no_file_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
