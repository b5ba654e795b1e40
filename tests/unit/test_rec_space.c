// SPDX-License-Identifier: GPL-2.0-only
/* Which region an address belongs to, after mappings came, went and moved. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tracer/space.h"
#include "traces/fltrace.h"

static struct rec_region file = {
	.id = 1, .addr = 0x10000, .length = 0x8000, .file = 7, .offset = 0x3000};
static struct rec_region anon = {.id = 2, .addr = 0x20000, .length = 0x4000, .file = FLT_NONE};
static struct rec_region late = {.id = 3, .addr = 0x12000, .length = 0x2000, .file = FLT_NONE};

static void assert_at(struct rec_space *s, uint64_t addr, const struct rec_region *expected)
{
	assert_ptr_equal(rec_space_find(s, addr), expected);
}

static void fill(struct rec_space *s)
{
	assert_int_equal(rec_space_map(s, 0x20000, 0x24000, &anon, 20), 0);
	assert_int_equal(rec_space_map(s, 0x10000, 0x18000, &file, 10), 0);
}

static void borders_belong_to_whom_they_should(void **state)
{
	struct rec_space s = {0};

	(void)state;
	assert_at(&s, 0x10000, NULL);
	fill(&s);
	assert_at(&s, 0xffff, NULL);
	assert_at(&s, 0x10000, &file);
	assert_at(&s, 0x17fff, &file);
	assert_at(&s, 0x18000, NULL);
	assert_at(&s, 0x1ffff, NULL);
	assert_at(&s, 0x20000, &anon);
	assert_at(&s, 0x23fff, &anon);
	assert_at(&s, 0x24000, NULL);
	assert_at(&s, UINT64_MAX, NULL);
	rec_space_clear(&s);
	assert_at(&s, 0x10000, NULL);
}

static void offsets_are_in_the_file_or_in_the_region(void **state)
{
	(void)state;
	assert_int_equal(rec_region_offset(&file, 0x10000), 0x3000);
	assert_int_equal(rec_region_offset(&file, 0x12345), 0x5345);
	assert_int_equal(rec_region_offset(&anon, 0x20010), 0x10);
}

static void mapping_over_splits_what_was_there(void **state)
{
	struct rec_space s = {0};

	(void)state;
	fill(&s);
	assert_int_equal(rec_space_map(&s, 0x12000, 0x14000, &late, 30), 0);
	assert_int_equal(s.count, 4);
	assert_at(&s, 0x11fff, &file);
	assert_at(&s, 0x12000, &late);
	assert_at(&s, 0x13fff, &late);
	/* the rest keeps its region, and with it its offsets in the file */
	assert_at(&s, 0x14000, &file);
	assert_int_equal(rec_region_offset(rec_space_find(&s, 0x14000), 0x14000), 0x7000);
	rec_space_clear(&s);
}

static void unmapping_takes_any_part(void **state)
{
	struct rec_space s = {0};

	(void)state;
	fill(&s);
	/* from the end of one over the hole into the other */
	assert_int_equal(rec_space_unmap(&s, 0x17000, 0x21000, UINT64_MAX), 0);
	assert_at(&s, 0x16fff, &file);
	assert_at(&s, 0x17000, NULL);
	assert_at(&s, 0x20fff, NULL);
	assert_at(&s, 0x21000, &anon);
	assert_int_equal(rec_space_unmap(&s, 0x0, 0x17000, UINT64_MAX), 0);
	assert_int_equal(s.count, 1);
	assert_int_equal(rec_space_unmap(&s, 0x0, UINT64_MAX, UINT64_MAX), 0);
	assert_int_equal(s.count, 0);
	rec_space_clear(&s);
}

/* Another thread may map something into the hole before the system call that made it is seen. */
static void unmapping_spares_what_is_newer(void **state)
{
	struct rec_space s = {0};

	(void)state;
	fill(&s);
	assert_int_equal(rec_space_map(&s, 0x12000, 0x14000, &late, 30), 0);
	assert_int_equal(rec_space_unmap(&s, 0x10000, 0x18000, 25), 0);
	assert_at(&s, 0x11000, NULL);
	assert_at(&s, 0x12000, &late);
	assert_at(&s, 0x14000, NULL);
	rec_space_clear(&s);
}

static void children_have_a_copy(void **state)
{
	struct rec_space s = {0}, child = {0};

	(void)state;
	fill(&s);
	assert_int_equal(rec_space_copy(&child, &s), 0);
	assert_int_equal(rec_space_unmap(&s, 0, UINT64_MAX, UINT64_MAX), 0);
	assert_at(&s, 0x10000, NULL);
	assert_at(&child, 0x10000, &file);
	assert_at(&child, 0x20000, &anon);
	rec_space_clear(&s);
	rec_space_clear(&child);
}

/* The same against a table of pages, for many random steps. */
static void agrees_with_a_table_of_pages(void **state)
{
	enum { PAGES = 64, REGIONS = 8 };
	struct rec_region region[REGIONS];
	const struct rec_region *table[PAGES] = {NULL};
	struct rec_space s = {0};
	uint64_t seed = 88172645463325252ull;

	(void)state;
	for (int step = 0; step < 20000; step++) {
		unsigned int from, to, which;

		seed ^= seed << 13;
		seed ^= seed >> 7;
		seed ^= seed << 17;
		from = (unsigned int)(seed % PAGES);
		to = from + 1 + (unsigned int)(seed >> 16) % (PAGES - from);
		which = (unsigned int)(seed >> 40) % REGIONS;
		if (seed >> 50 & 1)
			assert_int_equal(rec_space_map(&s, from, to, &region[which], 1), 0);
		else
			assert_int_equal(rec_space_unmap(&s, from, to, UINT64_MAX), 0);
		for (unsigned int i = from; i < to; i++)
			table[i] = seed >> 50 & 1 ? &region[which] : NULL;
		for (unsigned int i = 0; i < PAGES; i++)
			assert_at(&s, i, table[i]);
	}
	rec_space_clear(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(borders_belong_to_whom_they_should),
		cmocka_unit_test(offsets_are_in_the_file_or_in_the_region),
		cmocka_unit_test(mapping_over_splits_what_was_there),
		cmocka_unit_test(unmapping_takes_any_part),
		cmocka_unit_test(unmapping_spares_what_is_newer),
		cmocka_unit_test(children_have_a_copy),
		cmocka_unit_test(agrees_with_a_table_of_pages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
