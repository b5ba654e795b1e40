/* SPDX-License-Identifier: GPL-2.0-only */
/* A trace in a temporary folder, for the tests of the trace library. */
#ifndef FLT_FIXTURE_H
#define FLT_FIXTURE_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "traces/fltrace.h"

#define FIXTURE_CHUNK    4000 /* records: small, so that tests cross chunk borders */
#define FIXTURE_TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)

struct fixture {
	char dir[64], path[96], other[96];
};

static inline int fixture_setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	strcpy(f->dir, "/tmp/flt-test-XXXXXX");
	if (!mkdtemp(f->dir))
		return -1;
	snprintf(f->path, sizeof(f->path), "%s/a.flt", f->dir);
	snprintf(f->other, sizeof(f->other), "%s/b.flt", f->dir);
	*state = f;
	return 0;
}

static inline int fixture_teardown(void **state)
{
	struct fixture *f = *state;

	unlink(f->path);
	unlink(f->other);
	rmdir(f->dir);
	free(f);
	return 0;
}

static inline struct flt_writer *fixture_writer(struct fixture *f, json_t *header)
{
	struct flt_writer_options opt = {.chunk_records = FIXTURE_CHUNK, .chunk_ns = 1ull << 60};
	json_t *own = header ? header : json_pack("{ss}", "generator", "test");
	struct flt_writer *w = NULL;

	assert_int_equal(flt_writer_create(&w, f->path, own, &opt), 0);
	json_decref(own);
	return w;
}

static inline void fixture_finish(struct fixture *f, struct flt_writer **w)
{
	json_t *trailer = json_pack("{sb}", "complete", 1);

	(void)f;
	assert_int_equal(flt_writer_finish(w, trailer), 0);
	json_decref(trailer);
}

static inline struct flt_reader *fixture_open(struct fixture *f)
{
	struct flt_reader *r = NULL;
	char err[256];
	int ret = flt_open(&r, f->path, 0, err, sizeof(err));

	if (ret)
		print_message("%s\n", err);
	assert_int_equal(ret, 0);
	return r;
}

static inline ssize_t fixture_read(struct flt_reader *r, enum flt_layer layer, uint32_t stream,
				   struct flt_record *out, size_t n)
{
	struct flt_cursor *c;
	ssize_t got;

	assert_int_equal(flt_cursor_open(&c, r, layer, stream), 0);
	got = flt_cursor_next(c, out, n);
	flt_cursor_close(c);
	return got;
}

static inline uint64_t fixture_random(uint64_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 7;
	*x ^= *x << 17;
	return *x;
}

static inline uint64_t fixture_tolerance(uint64_t ns)
{
	return ns * 3 / 100 > 1000 ? ns * 3 / 100 : 1000;
}

#endif
