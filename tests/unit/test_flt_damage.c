// SPDX-License-Identifier: GPL-2.0-only
/* Cut, damaged, foreign and newer files: nothing crashes, whole chunks survive. */
#include "flt_fixture.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "traces/frame.h"

#define RECORDS 20000

static void write_sample(struct fixture *f, bool finish)
{
	struct flt_writer *w = fixture_writer(f, NULL);
	struct flt_record r = {.kind = FLT_FAULT};
	uint64_t x = 42;

	flt_writer_define(w, "file", json_pack("{siss}", "id", 0, "path", "/m.gguf"));
	flt_writer_define(w, "region", json_pack("{sisi}", "id", 0, "file", 0));
	for (int i = 0; i < RECORDS; i++) {
		r.stream = (uint32_t)i % 3;
		r.start = (uint64_t)i * 3000;
		r.dur = fixture_random(&x) % 2000;
		r.f[FLT_FAULT_OFFSET] = (fixture_random(&x) % 10000) * 4096;
		assert_int_equal(flt_writer_add(w, FLT_RECORDING, &r), 0);
	}
	if (finish) {
		fixture_finish(f, &w);
	} else {
		assert_int_equal(flt_writer_flush(w, true), 0);
		flt_writer_abort(&w);
	}
}

static size_t load(const char *path, uint8_t **data)
{
	struct stat st;
	int fd = open(path, O_RDONLY);

	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	*data = malloc((size_t)st.st_size + 1);
	assert_int_equal(read(fd, *data, (size_t)st.st_size), st.st_size);
	close(fd);
	return (size_t)st.st_size;
}

static void store(const char *path, const uint8_t *data, size_t n)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, n), n);
	close(fd);
}

/* Reads all that can be read; the number of records. */
static uint64_t drain(struct flt_reader *r)
{
	static struct flt_record out[512];
	struct flt_cursor *c;
	uint64_t total = 0;
	ssize_t n;

	assert_int_equal(flt_cursor_open(&c, r, FLT_RECORDING, FLT_ALL_STREAMS), 0);
	while ((n = flt_cursor_next(c, out, 512)) > 0)
		total += (uint64_t)n;
	flt_cursor_close(c);
	return total;
}

static void a_cut_file_keeps_its_whole_chunks(void **state)
{
	struct fixture *f = *state;
	struct flt_verify_report rep;
	struct flt_reader *r;
	uint8_t *data;
	size_t n;

	write_sample(f, true);
	n = load(f->path, &data);
	for (size_t cut = n - 1; cut > 2000; cut -= 1 + cut / 37) {
		uint64_t got;

		store(f->path, data, cut);
		r = fixture_open(f);
		assert_false(flt_finished(r));
		assert_non_null(flt_unfinished_reason(r));
		assert_null(flt_trailer(r));
		got = drain(r);
		assert_int_equal(got, flt_record_count(r, FLT_RECORDING));
		assert_int_equal(got % FIXTURE_CHUNK, 0);
		flt_close(r);
		assert_int_equal(flt_verify(f->path, &rep), -EBADMSG);
		assert_true(rep.message[0]);
		assert_int_equal(flt_repair(f->path, f->other, &rep), 0);
		assert_int_equal(rep.records, got);
		assert_int_equal(flt_verify(f->other, &rep), 0);
		assert_int_equal(rep.records, got);
		unlink(f->other);
	}
	free(data);
}

static void an_aborted_recording_loses_nothing_that_was_flushed(void **state)
{
	struct fixture *f = *state;
	struct flt_reader *r;

	write_sample(f, false);
	r = fixture_open(f);
	assert_int_equal(drain(r), RECORDS);
	assert_int_equal(json_array_size(flt_definitions(r, "region")), 1);
	flt_close(r);
}

static void every_flipped_byte_is_noticed(void **state)
{
	struct fixture *f = *state;
	struct flt_verify_report rep;
	uint8_t *data;
	uint64_t x = 7;
	size_t n;

	write_sample(f, true);
	assert_int_equal(flt_verify(f->path, &rep), 0);
	assert_int_equal(rep.records, RECORDS);
	assert_true(rep.finished);
	n = load(f->path, &data);
	for (int i = 0; i < 400; i++) {
		size_t at = fixture_random(&x) % n;
		uint8_t bit = (uint8_t)(1u << (fixture_random(&x) % 8));

		data[at] ^= bit;
		store(f->path, data, n);
		assert_int_not_equal(flt_verify(f->path, &rep), 0);
		data[at] ^= bit;
	}
	free(data);
}

static void a_damaged_chunk_costs_only_itself(void **state)
{
	struct fixture *f = *state;
	struct flt_verify_report rep;
	struct flt_reader *r;
	uint8_t *data;
	uint64_t at;
	size_t n;

	write_sample(f, true);
	r = fixture_open(f);
	at = flt_chunk_info(r, 2)->offset + flt_chunk_info(r, 2)->bytes - 20;
	flt_close(r);
	n = load(f->path, &data);
	data[at] ^= 0x55;
	store(f->path, data, n);
	assert_int_equal(flt_verify(f->path, &rep), -EBADMSG);
	assert_int_equal(rep.chunks_bad, 1);
	assert_int_equal(rep.chunks_ok, RECORDS / FIXTURE_CHUNK - 1);
	assert_int_equal(flt_repair(f->path, f->other, &rep), 0);
	assert_int_equal(rep.chunks_bad, 1);
	assert_int_equal(rep.records, RECORDS - FIXTURE_CHUNK);
	assert_int_equal(flt_verify(f->other, &rep), 0);
	/* The same without the tables at the end. */
	store(f->path, data, n - 40);
	unlink(f->other);
	assert_int_equal(flt_repair(f->path, f->other, &rep), 0);
	assert_int_equal(rep.records, RECORDS - FIXTURE_CHUNK);
	free(data);
}

static void noise_behind_a_good_start_does_not_crash(void **state)
{
	struct fixture *f = *state;
	struct flt_verify_report rep;
	struct flt_reader *r;
	uint8_t *data, *copy;
	uint64_t x = 99;
	size_t n;

	write_sample(f, true);
	n = load(f->path, &data);
	copy = malloc(n);
	for (int i = 0; i < 300; i++) {
		int hits = 1 + (int)(fixture_random(&x) % 20);

		memcpy(copy, data, n);
		while (hits--)
			copy[fixture_random(&x) % n] = (uint8_t)fixture_random(&x);
		store(f->path, copy, n);
		flt_verify(f->path, &rep);
		if (!flt_open(&r, f->path, 0, NULL, 0)) {
			drain(r);
			flt_close(r);
		}
	}
	free(copy);
	free(data);
}

static void what_is_no_trace_is_refused_in_words(void **state)
{
	struct fixture *f = *state;
	struct flt_reader *r;
	char err[256];

	assert_int_equal(flt_open(&r, f->path, 0, err, sizeof(err)), -ENOENT);
	assert_non_null(strstr(err, "No such file"));
	store(f->path, (const uint8_t *)"", 0);
	assert_int_equal(flt_open(&r, f->path, 0, err, sizeof(err)), -EBADMSG);
	assert_non_null(strstr(err, "empty"));
	store(f->path, (const uint8_t *)"GGUF is not FLT, whatever follows here", 38);
	assert_int_equal(flt_open(&r, f->path, 0, err, sizeof(err)), -EBADMSG);
	assert_non_null(strstr(err, "not a Faultline trace"));
	assert_int_equal(flt_open(&r, f->dir, 0, err, sizeof(err)), -EISDIR);
}

/* ---- files made by a newer library, by hand ---- */

static void put_section(struct flt_buf *file, struct flt_buf *section)
{
	struct flt_compressor *c;

	flt_section_end(section);
	assert_int_equal(flt_compressor_new(&c, 3), 0);
	assert_int_equal(flt_compress(c, file, section->data, section->len, NULL, 0), 0);
	flt_compressor_free(c);
}

static void put_header(struct flt_buf *file, const char *text)
{
	struct flt_buf s = {0};

	flt_section_begin(&s, FLT_SECTION_HEADER);
	flt_buf_put(&s, text, strlen(text));
	put_section(file, &s);
	flt_buf_free(&s);
}

static void a_newer_major_version_is_refused(void **state)
{
	struct fixture *f = *state;
	struct flt_buf file = {0};
	struct flt_reader *r;
	char err[256];

	put_header(&file, "{\"format\":\"faultline\",\"version\":[2,0]}");
	store(f->path, file.data, file.len);
	assert_int_equal(flt_open(&r, f->path, 0, err, sizeof(err)), -EPROTO);
	assert_non_null(strstr(err, "newer"));
	flt_buf_free(&file);
}

static void put_column(struct flt_buf *b, uint16_t kind, uint8_t column, uint8_t encoding,
		       uint32_t values, uint32_t bytes)
{
	uint8_t d[4] = {(uint8_t)kind, (uint8_t)(kind >> 8), column, encoding};

	flt_buf_put(b, d, 4);
	flt_buf_u32(b, values);
	flt_buf_u32(b, bytes);
}

static void newer_kinds_and_columns_are_passed_over(void **state)
{
	/* Two faults around a record of kind 200; the faults have a column 8 that
	 * faults do not have today, and one in an encoding (99) of tomorrow. */
	static const uint8_t data[] = {1,    200,  1, /* kinds */
				       4,    4,       /* fault gap */
				       8,    8,       /* fault duration */
				       0,             /* fault flags, constant */
				       0xde, 0xad,    /* column 1, unknown encoding */
				       2,    3,       /* column 8 */
				       40};           /* kind 200: step */
	struct flt_buf file = {0}, block = {0}, dir = {0}, frame = {0};
	struct fixture *f = *state;
	struct flt_record out[4];
	struct flt_reader *r;

	put_header(&file, "{\"format\":\"faultline\",\"version\":[1,7]}");
	flt_section_begin(&block, FLT_SECTION_BLOCK);
	flt_buf_u32(&block, FLT_RECORDING);
	flt_buf_u32(&block, 5);
	flt_buf_u32(&block, 3);
	flt_buf_u32(&block, 7);
	flt_buf_u64(&block, 0);
	flt_buf_u64(&block, 1000);
	flt_buf_u32(&block, 250);
	flt_buf_u32(&block, 4096);
	put_column(&block, 0, FLT_COL_KIND, FLT_ENC_U8, 3, 3);
	put_column(&block, FLT_FAULT, FLT_COL_GAP, FLT_ENC_LADDER, 2, 2);
	put_column(&block, FLT_FAULT, FLT_COL_DUR, FLT_ENC_LADDER, 2, 2);
	put_column(&block, FLT_FAULT, 0, FLT_ENC_CONST, 2, 1);
	put_column(&block, FLT_FAULT, 1, 99, 2, 2);
	put_column(&block, FLT_FAULT, 8, FLT_ENC_U8, 2, 2);
	put_column(&block, 200, FLT_COL_STEP, FLT_ENC_LADDER, 1, 1);
	flt_buf_put(&block, data, sizeof(data));
	put_section(&frame, &block);
	flt_section_begin(&dir, FLT_SECTION_CHUNK);
	flt_buf_u32(&dir, FLT_RECORDING);
	flt_buf_u32(&dir, 1);
	flt_buf_u64(&dir, 3);
	flt_buf_u64(&dir, 0);
	flt_buf_u64(&dir, 9000);
	for (int i = 0; i < 3; i++)
		flt_buf_u64(&dir, 0);
	flt_buf_u32(&dir, 5);
	flt_buf_u32(&dir, 3);
	flt_buf_u32(&dir, (uint32_t)frame.len);
	flt_buf_u32(&dir, (uint32_t)block.len);
	flt_buf_u64(&dir, 0);
	flt_buf_u64(&dir, 0); /* the hash is wrong: such a chunk must not be taken */
	flt_buf_u64(&dir, 0);
	put_section(&file, &dir);
	flt_buf_put(&file, frame.data, frame.len);
	store(f->path, file.data, file.len);
	r = fixture_open(f);
	assert_int_equal(flt_chunk_count(r), 0);
	flt_close(r);

	/* With the right one. */
	{
		uint64_t hash = 0;
		struct flt_buf again = {0};

		put_header(&again, "{\"format\":\"faultline\",\"version\":[1,7]}");
		hash = flt_frame_hash(frame.data, frame.len);
		for (int i = 0; i < 8; i++)
			dir.data[FLT_SECTION_BYTES + FLT_CHUNK_HEAD + 24 + i] =
				(uint8_t)(hash >> (8 * i));
		put_section(&again, &dir);
		flt_buf_put(&again, frame.data, frame.len);
		store(f->path, again.data, again.len);
		flt_buf_free(&again);
	}
	r = fixture_open(f);
	assert_int_equal(fixture_read(r, FLT_RECORDING, 5, out, 4), 3);
	assert_int_equal(out[0].kind, FLT_FAULT);
	assert_int_equal(out[0].start, 2000);
	assert_int_equal(out[0].dur, 2000);
	assert_int_equal(out[0].f[1], FLT_NONE);
	assert_int_equal(out[0].f[8], 2);
	/* Columns that are not in the file are none, not 0. */
	assert_int_equal(out[0].f[2], FLT_NONE);
	assert_int_equal(out[1].f[0], FLT_NONE);
	assert_int_equal(out[1].kind, 200);
	assert_int_equal(out[2].kind, FLT_FAULT);
	assert_int_equal(out[2].start, flt_end(&out[1]) + 1000);
	assert_int_equal(out[2].f[8], 3);
	assert_null(flt_kind_info(200));
	flt_close(r);
	flt_buf_free(&file);
	flt_buf_free(&block);
	flt_buf_free(&dir);
	flt_buf_free(&frame);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(a_cut_file_keeps_its_whole_chunks),
		FIXTURE_TEST(an_aborted_recording_loses_nothing_that_was_flushed),
		FIXTURE_TEST(every_flipped_byte_is_noticed),
		FIXTURE_TEST(a_damaged_chunk_costs_only_itself),
		FIXTURE_TEST(noise_behind_a_good_start_does_not_crash),
		FIXTURE_TEST(what_is_no_trace_is_refused_in_words),
		FIXTURE_TEST(a_newer_major_version_is_refused),
		FIXTURE_TEST(newer_kinds_and_columns_are_passed_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
