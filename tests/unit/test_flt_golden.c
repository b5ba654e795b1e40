// SPDX-License-Identifier: GPL-2.0-only
/*
 * A file of every released version of the format stays readable, record by record.
 *
 * tests/data/golden/vX.Y.flt holds what golden_record() says. It was written once, by the library of
 * that version (GOLDEN_WRITE=FILE makes one), and is never written again.
 */
#include "flt_fixture.h"

#define STREAMS 3
#define EACH    5

/* The minor version that brought a kind. */
static unsigned int since(uint32_t kind)
{
	return kind == FLT_OFFCPU || kind == FLT_P_POOL ? 1 : 0;
}

/* Record number N of the file: every kind in turn. Times are multiples of 1 us, durations of 4 us, below the ladder's
 * first inexact rung, so that they are exact in any version. */
static bool golden_record(uint32_t kind, uint32_t n, unsigned int minor, struct flt_record *r)
{
	const struct flt_kind_info *info = flt_kind_info(kind);

	if (!info || minor < since(kind))
		return false;
	memset(r, 0, sizeof(*r));
	r->kind = kind;
	r->stream = n % STREAMS;
	r->dur = 4000 * (n % 3);
	for (uint32_t i = 0; i < info->nfields; i++)
		r->f[i] = kind == FLT_BLOCK && i == FLT_BLOCK_QUEUE ? 1000 * n
			  : n == 3                                  ? FLT_NONE
			  : info->field[i].is_bytes                 ? 4096ull * (n * n + i)
								    : (uint64_t)n * kind + i;
	return true;
}

static uint64_t next_start(uint64_t *clock, const struct flt_record *r)
{
	uint64_t start = clock[r->stream] + 3000;

	clock[r->stream] = start + r->dur;
	return start;
}

static enum flt_layer layer_of(uint32_t kind)
{
	return kind < 32 ? FLT_RECORDING : kind < 48 ? FLT_PROGRAM : FLT_SUMMARY;
}

static void write_golden(const char *path)
{
	json_t *head = json_pack("{sssisi}", "generator", "golden", "epoch_ns", 12345,
				 "fault_around_bytes", 65536);
	uint64_t clock[FLT_SUMMARY + 1][STREAMS] = {{0}};
	json_t *tail = json_pack("{sbsb}", "complete", 1, "lossy", 0);
	struct flt_record r;
	struct flt_writer *w;

	assert_int_equal(flt_writer_create(&w, path, head, NULL), 0);
	for (int i = 0; i < STREAMS; i++)
		flt_writer_define(w, "stream", json_pack("{siss}", "id", i, "type", "thread"));
	for (uint32_t kind = 1; kind < FLT_KIND_END; kind++) {
		for (uint32_t n = 0; n < EACH && golden_record(kind, n, FLT_VERSION_MINOR, &r);
		     n++) {
			r.start = next_start(clock[layer_of(kind)], &r);
			if (layer_of(kind) == FLT_PROGRAM)
				flt_writer_evaluation(w, n);
			assert_int_equal(flt_writer_add(w, layer_of(kind), &r), 0);
		}
	}
	assert_int_equal(flt_writer_finish(&w, tail), 0);
	json_decref(head);
	json_decref(tail);
}

static void check_layer(struct flt_reader *r, enum flt_layer layer, unsigned int minor)
{
	uint64_t clock[STREAMS] = {0}, seq[STREAMS] = {0};
	struct flt_cursor *c[STREAMS];
	struct flt_record want, got;

	for (uint32_t s = 0; s < STREAMS; s++)
		assert_int_equal(flt_cursor_open(&c[s], r, layer, s), 0);
	for (uint32_t kind = 1; kind < FLT_KIND_END; kind++) {
		if (layer_of(kind) != layer)
			continue;
		for (uint32_t n = 0; n < EACH && golden_record(kind, n, minor, &want); n++) {
			want.start = next_start(clock, &want);
			assert_int_equal(flt_cursor_next(c[want.stream], &got, 1), 1);
			assert_int_equal(got.kind, kind);
			assert_int_equal(got.stream, want.stream);
			assert_int_equal(got.seq, seq[want.stream]++);
			assert_int_equal(got.start, want.start);
			assert_int_equal(got.dur, want.dur);
			for (uint32_t i = 0; i < flt_kind_info(kind)->nfields; i++)
				assert_int_equal(got.f[i], want.f[i]);
		}
	}
	for (uint32_t s = 0; s < STREAMS; s++) {
		assert_int_equal(flt_cursor_next(c[s], &got, 1), 0);
		flt_cursor_close(c[s]);
	}
}

static void check_file(const char *path, unsigned int minor)
{
	struct flt_verify_report rep;
	struct flt_reader *r;
	char err[256];

	assert_int_equal(flt_verify(path, &rep), 0);
	assert_int_equal(flt_open(&r, path, 0, err, sizeof(err)), 0);
	assert_true(flt_finished(r));
	assert_string_equal(json_string_value(json_object_get(flt_header(r), "generator")),
			    "golden");
	assert_int_equal(
		json_integer_value(json_array_get(json_object_get(flt_header(r), "version"), 1)),
		minor);
	assert_int_equal(json_integer_value(json_object_get(flt_header(r), "epoch_ns")), 12345);
	assert_true(json_is_true(json_object_get(flt_trailer(r), "complete")));
	assert_int_equal(json_array_size(flt_definitions(r, "stream")), STREAMS);
	for (enum flt_layer l = FLT_RECORDING; l <= FLT_SUMMARY; l++)
		check_layer(r, l, minor);
	flt_close(r);
}

static void version_1_0_is_read(void **state)
{
	(void)state;
	check_file("tests/data/golden/v1.0.flt", 0);
}

static void version_1_1_is_read(void **state)
{
	(void)state;
	check_file("tests/data/golden/v1.1.flt", 1);
}

static void what_is_written_today_is_read_the_same(void **state)
{
	struct fixture *f = *state;

	write_golden(f->path);
	check_file(f->path, FLT_VERSION_MINOR);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(version_1_0_is_read),
		cmocka_unit_test(version_1_1_is_read),
		FIXTURE_TEST(what_is_written_today_is_read_the_same),
	};

	if (getenv("GOLDEN_WRITE")) {
		write_golden(getenv("GOLDEN_WRITE"));
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
