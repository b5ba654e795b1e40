// SPDX-License-Identifier: GPL-2.0-only
/* Page-table entries are dropped from mappings of a model only, and never where that would lose data. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "tracer/zap_maps.h"

static const char maps[] = "400000-900000 r-xp 00000000 08:01 11 /opt/engine\n"
			   "10000000-20000000 r--p 00000000 08:01 12 /m/private.bin\n"
			   "20000000-30000000 rw-p 00000000 08:01 13 /m/writable.bin\n"
			   "30000000-40000000 r--p 00000000 08:01 14 /m/locked.bin\n"
			   "40000000-50000000 rw-s 00000000 08:01 15 /m/a name with (deleted).bin\n"
			   "50000000-60000000 r--p 00000000 08:01 16 /m/copies.bin\n"
			   "60000000-70000000 r--p 00000000 08:01 17 /lib/huge.so\n"
			   "70000000-70100000 r-xp 10000000 08:01 17 /lib/huge.so\n"
			   "71000000-71200000 r--s 00001000 08:01 18 /m/tiny.gguf\n"
			   "72000000-72200000 r--s 00001000 08:01 19 /m/tiny.bin\n"
			   "73000000-83000000 rw-s 00000000 00:05 20 /dev/gpu0\n"
			   "84000000-94000000 rw-s 00000000 00:01 21 /memfd:cache (deleted)\n"
			   "95000000-a5000000 rw-p 00000000 00:00 0 \n"
			   "a6000000-b6000000 rw-p 00000000 00:00 0 [heap]\n";

static const char smaps[] =
	"10000000-20000000 r--p 00000000 08:01 12 /m/private.bin\n"
	"Size: 262144 kB\nRss: 8 kB\nAnonymous: 0 kB\nSwap: 0 kB\nVmFlags: rd mr mw me \n"
	"20000000-30000000 rw-p 00000000 08:01 13 /m/writable.bin\n"
	"Size: 262144 kB\nAnonymous: 0 kB\nSwap: 0 kB\nVmFlags: rd wr mr mw me ac \n"
	"30000000-40000000 r--p 00000000 08:01 14 /m/locked.bin\n"
	"Size: 262144 kB\nAnonymous: 0 kB\nSwap: 0 kB\nVmFlags: rd mr mw me lo \n"
	"40000000-50000000 rw-s 00000000 08:01 15 /m/a name with (deleted).bin\n"
	"Size: 262144 kB\nAnonymous: 0 kB\nSwap: 0 kB\nVmFlags: rd wr sh mr mw me ms \n"
	"50000000-60000000 r--p 00000000 08:01 16 /m/copies.bin\n"
	"Size: 262144 kB\nAnonymous: 4 kB\nSwap: 0 kB\nVmFlags: rd mr mw me ac\n"
	"71000000-71200000 r--s 00001000 08:01 18 /m/tiny.gguf\n"
	"Size: 2048 kB\nAnonymous: 0 kB\nSwap: 0 kB\nVmFlags: rd sh mr me ms\n";

static const struct rec_zap_mapping *named(const struct rec_zap_maps *m, const char *name)
{
	for (unsigned int i = 0; i < m->count; i++)
		if (!strcmp(m->mapping[i].name, name))
			return &m->mapping[i];
	return NULL;
}

static void test_candidates(void **state)
{
	static struct rec_zap_maps m;

	(void)state;
	rec_zap_maps_parse(&m, maps);
	assert_int_equal(m.count, 6);
	assert_null(named(&m, "huge.so"));
	assert_null(named(&m, "tiny.bin"));
	assert_null(named(&m, "gpu0"));
	assert_int_equal(named(&m, "tiny.gguf")->offset, 0x1000);
	assert_int_equal(named(&m, "private.bin")->length, 0x10000000);
	for (unsigned int i = 0; i < m.count; i++)
		assert_int_equal(m.mapping[i].refused, REC_ZAP_UNKNOWN);
}

static void test_refusals(void **state)
{
	static struct rec_zap_maps m;

	(void)state;
	rec_zap_maps_parse(&m, maps);
	rec_zap_maps_judge(&m, smaps);
	assert_int_equal(named(&m, "private.bin")->refused, REC_ZAP_FINE);
	assert_int_equal(named(&m, "writable.bin")->refused, REC_ZAP_WRITABLE);
	assert_int_equal(named(&m, "locked.bin")->refused, REC_ZAP_LOCKED);
	assert_int_equal(named(&m, "a name with (deleted).bin")->refused, REC_ZAP_FINE);
	assert_int_equal(named(&m, "copies.bin")->refused, REC_ZAP_COPIES);
	assert_int_equal(named(&m, "tiny.gguf")->refused, REC_ZAP_FINE);
	/* what the second reading does not know is left alone */
	rec_zap_maps_judge(&m, "");
	assert_int_equal(named(&m, "private.bin")->refused, REC_ZAP_UNKNOWN);
}

/* Our own mappings, as this kernel shows them. */
static void test_this_kernel(void **state)
{
	static struct rec_zap_maps m;
	char path[] = "zap_maps.XXXXXX";
	size_t size = REC_ZAP_SMALLEST;
	int fd = mkstemp(path);
	const char *name = path;
	char *p;

	(void)state;
	assert_true(fd >= 0);
	unlink(path);
	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	assert_true(p != MAP_FAILED);
	assert_int_equal(rec_zap_maps_read(&m, getpid(), false), 0);
	assert_int_equal(m.count, 1);
	assert_memory_equal(m.mapping[0].name, name, strlen(name));
	assert_int_equal(m.mapping[0].refused, REC_ZAP_WRITABLE);
	assert_int_equal(mprotect(p, size, PROT_READ), 0);
	assert_int_equal(rec_zap_maps_read(&m, getpid(), false), 0);
	assert_int_equal(m.mapping[0].refused, REC_ZAP_FINE);
	assert_int_equal(mprotect(p, size, PROT_READ | PROT_WRITE), 0);
	p[5 * 4096] = 1;
	assert_int_equal(rec_zap_maps_read(&m, getpid(), false), 0);
	assert_int_equal(mprotect(p, size, PROT_READ), 0);
	assert_int_equal(rec_zap_maps_read(&m, getpid(), false), 0);
	assert_int_equal(m.mapping[0].refused, REC_ZAP_COPIES);
	munmap(p, size);
	/* what the cheap list does not show has to be asked for */
	memset(&m, 0, sizeof(m));
	p = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
	assert_int_equal(rec_zap_maps_read(&m, getpid(), false), 0);
	assert_int_equal(m.mapping[0].refused, REC_ZAP_FINE);
	assert_int_equal(mprotect(p, size, PROT_READ | PROT_WRITE), 0);
	p[7 * 4096] = 1;
	assert_int_equal(mprotect(p, size, PROT_READ), 0);
	assert_int_equal(rec_zap_maps_read(&m, getpid(), true), 0);
	assert_int_equal(m.mapping[0].refused, REC_ZAP_COPIES);
	munmap(p, size);
	p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_int_equal(rec_zap_maps_read(&m, getpid(), false), 0);
	assert_int_equal(m.mapping[0].refused, REC_ZAP_FINE);
	munmap(p, size);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_candidates),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_this_kernel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
