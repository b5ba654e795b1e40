// SPDX-License-Identifier: GPL-2.0-only
/* What is written to a trace is read back: order, fields, times within the promise. */
#include "flt_fixture.h"

static void every_kind_survives(void **state)
{
	struct fixture *f = *state;
	struct flt_writer *w = fixture_writer(f, NULL);
	struct flt_record in[FLT_KIND_END * 3], out[FLT_KIND_END * 3 + 1];
	struct flt_reader *r;
	size_t n = 0;
	uint64_t now = 1000;

	for (uint32_t k = 1; k < FLT_KIND_END; k++) {
		const struct flt_kind_info *info = flt_kind_info(k);

		for (int rep = 0; info && rep < 3; rep++) {
			struct flt_record *x = &in[n];

			memset(x, 0, sizeof(*x));
			x->kind = k;
			x->stream = 7;
			x->seq = n++;
			x->start = now;
			x->dur = 2500;
			now += 5000;
			for (int i = 0; i < info->nfields; i++)
				x->f[i] = info->field[i].encoding == 6 /* ladder */ ? 5000
					  : rep == 2                                ? FLT_NONE
					  : info->field[i].is_bytes ? 4096u * k * (i + 1)
								    : k + (unsigned)i;
			assert_int_equal(flt_writer_add(w, FLT_RECORDING, x), 0);
		}
	}
	fixture_finish(f, &w);
	r = fixture_open(f);
	assert_true(flt_finished(r));
	assert_int_equal(fixture_read(r, FLT_RECORDING, 7, out, n + 1), n);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(out[i].kind, in[i].kind);
		assert_int_equal(out[i].seq, i);
		for (int j = 0; j < flt_kind_info(in[i].kind)->nfields; j++)
			assert_int_equal(out[i].f[j], in[i].f[j]);
		assert_in_range(out[i].start, in[i].start - 1000, in[i].start + 1000);
		assert_in_range(out[i].dur, 1500, 3500);
	}
	flt_close(r);
}

/* FORMAT.md: a gap or duration is off by at most 1 us or 3 %. */
static void times_keep_the_promise(void **state)
{
	struct fixture *f = *state;
	struct flt_writer *w = fixture_writer(f, NULL);
	static struct flt_record in[20000], out[20000];
	struct flt_reader *r;
	uint64_t now = 0, x = 88172645463325252ull;

	for (size_t i = 0; i < 20000; i++) {
		uint64_t gap, dur;

		gap = fixture_random(&x) >> (20 + fixture_random(&x) % 40);
		dur = fixture_random(&x) >> (20 + fixture_random(&x) % 40);
		in[i] = (struct flt_record){.kind = FLT_FAULT, .start = now + gap, .dur = dur};
		now += gap + dur;
		assert_int_equal(flt_writer_add(w, FLT_RECORDING, &in[i]), 0);
	}
	fixture_finish(f, &w);
	r = fixture_open(f);
	assert_int_equal(fixture_read(r, FLT_RECORDING, 0, out, 20000), 20000);
	for (size_t i = 1; i < 20000; i++) {
		uint64_t gap = in[i].start - flt_end(&in[i - 1]);
		uint64_t got = out[i].start - flt_end(&out[i - 1]);

		assert_true(out[i].start >= flt_end(&out[i - 1]));
		/* The first record of a chunk absorbs the drift of the chunk before it. */
		if (i % FIXTURE_CHUNK)
			assert_in_range(got,
					gap - fixture_tolerance(gap) > gap
						? 0
						: gap - fixture_tolerance(gap),
					gap + fixture_tolerance(gap));
		assert_in_range(out[i].dur,
				in[i].dur < fixture_tolerance(in[i].dur)
					? 0
					: in[i].dur - fixture_tolerance(in[i].dur),
				in[i].dur + fixture_tolerance(in[i].dur));
	}
	flt_close(r);
}

static void streams_merge_by_end(void **state)
{
	struct fixture *f = *state;
	struct flt_writer *w = fixture_writer(f, NULL);
	static struct flt_record out[30001];
	uint64_t next[5] = {0}, x = 1;
	struct flt_reader *r;
	ssize_t n;

	for (int i = 0; i < 30000; i++) {
		struct flt_record rec = {.kind = FLT_FAULT, .dur = 1000};

		rec.stream = (uint32_t)(fixture_random(&x) % 5);
		rec.start = (uint64_t)i * 10000;
		assert_int_equal(flt_writer_add(w, FLT_RECORDING, &rec), 0);
	}
	fixture_finish(f, &w);
	r = fixture_open(f);
	n = fixture_read(r, FLT_RECORDING, FLT_ALL_STREAMS, out, 30001);
	assert_int_equal(n, 30000);
	assert_int_equal(flt_record_count(r, FLT_RECORDING), 30000);
	for (int i = 0; i < 30000; i++) {
		assert_int_equal(out[i].seq, next[out[i].stream]++);
		/* 10 us apart and true to 1 us plus drift: the merge restores the order. */
		if (i)
			assert_true(flt_end(&out[i]) + 3000 >= flt_end(&out[i - 1]));
	}
	flt_close(r);
}

static void definitions_are_found_by_id(void **state)
{
	struct fixture *f = *state;
	struct flt_writer *w = fixture_writer(f, NULL);
	struct flt_record rec = {.kind = FLT_FAULT, .start = 5};
	struct flt_reader *r;

	for (int i = 0; i < 300; i++) {
		flt_writer_define(w, "region", json_pack("{sisi}", "id", i, "length", i * 4096));
		if (i % 50 == 0)
			flt_writer_add(w, FLT_RECORDING, &rec);
		if (i % 70 == 0)
			flt_writer_flush(w, false);
	}
	flt_writer_define(w, "region", json_pack("{sIsi}", "id", (json_int_t)1 << 40, "length", 7));
	flt_writer_define(w, "file", json_pack("{sisi}", "id", 5000, "size", 1));
	for (int i = 0; i < 500; i++)
		flt_writer_define(w, "file", json_pack("{sisi}", "id", i, "size", 2));
	fixture_finish(f, &w);
	r = fixture_open(f);
	assert_non_null(flt_definition(r, "file", 5000));
	assert_int_equal(json_array_size(flt_definitions(r, "region")), 301);
	assert_int_equal(
		json_integer_value(json_object_get(flt_definition(r, "region", 299), "length")),
		299 * 4096);
	assert_int_equal(json_integer_value(json_object_get(flt_definition(r, "region", 1ull << 40),
							    "length")),
			 7);
	assert_null(flt_definition(r, "region", 300));
	assert_null(flt_definition(r, "device", 0));
	assert_int_equal(json_array_size(flt_definitions(r, "nothing")), 0);
	flt_close(r);
}

static void an_existing_file_is_not_overwritten(void **state)
{
	struct fixture *f = *state;
	json_t *head = json_object();
	struct flt_writer *w = NULL;
	FILE *fp = fopen(f->path, "w");

	fputs("mine", fp);
	fclose(fp);
	assert_int_equal(flt_writer_create(&w, f->path, head, NULL), -EEXIST);
	assert_null(w);
	json_decref(head);
}

static void zstd_accepts_the_file(void **state)
{
	struct fixture *f = *state;
	struct flt_writer *w = fixture_writer(f, NULL);
	struct flt_record rec = {.kind = FLT_FAULT};
	char cmd[600];

	for (int i = 0; i < 9000; i++) {
		rec.start = (uint64_t)i * 5000;
		flt_writer_add(w, FLT_RECORDING, &rec);
	}
	fixture_finish(f, &w);
	snprintf(cmd, sizeof(cmd), "zstd -q -t --no-progress < '%s' 2>&1", f->path);
	assert_int_equal(system(cmd), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(every_kind_survives),
		FIXTURE_TEST(times_keep_the_promise),
		FIXTURE_TEST(streams_merge_by_end),
		FIXTURE_TEST(definitions_are_found_by_id),
		FIXTURE_TEST(an_existing_file_is_not_overwritten),
		FIXTURE_TEST(zstd_accepts_the_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
