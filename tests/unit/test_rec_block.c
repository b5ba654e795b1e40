// SPDX-License-Identifier: GPL-2.0-only
/* Bios and requests that are known by device and sectors only become block records. */
#include "tests/unit/flt_fixture.h"
#include "tracer/world.h"

/* No such device: a whole disk for all we know, with its number as its name. */
#define DISK      (4000u << 20 | 16)
#define EPOCH     1000000ull
#define OUR_TID   4000000 /* above pid_max: nobody */
#define OTHER_TID 4000001

struct recording {
	struct fixture *fixture;
	struct rec_sink sink;
	struct rec_world world;
	struct flt_record record[64];
	size_t records;
};

static void begin(struct recording *r, void **state)
{
	json_t *header = json_object();

	memset(r, 0, sizeof(*r));
	r->fixture = *state;
	unlink(r->fixture->path);
	assert_int_equal(flt_writer_create(&r->sink.writer, r->fixture->path, header, NULL), 0);
	json_decref(header);
	r->sink.epoch = EPOCH;
	assert_int_equal(rec_world_open(&r->world, &r->sink, OUR_TID), 0);
	assert_non_null(rec_thread_get(&r->world, OUR_TID, OUR_TID));
}

static void happens(struct recording *r, uint32_t kind, uint64_t when, uint32_t tid,
		    uint64_t sector, uint32_t sectors, const char *rwbs)
{
	struct rec_event_block e = {
		.h = {.end = EPOCH + when, .word = kind, .tid = tid},
		.sector = sector,
		.sectors = sectors,
		.dev = DISK,
	};
	char letters[8] = "";

	strncpy(letters, rwbs, sizeof(letters));
	memcpy(&e.rwbs, letters, sizeof(letters));
	rec_world_event(&r->world, &e.h);
}

static void queue(struct recording *r, uint64_t when, uint32_t tid, uint64_t sector,
		  uint32_t sectors)
{
	happens(r, REC_EV_BIO_QUEUE, when, tid, sector, sectors, "RA");
}

static void issue(struct recording *r, uint64_t when, uint64_t sector, uint32_t sectors,
		  const char *rwbs)
{
	happens(r, REC_EV_RQ_ISSUE, when, OTHER_TID, sector, sectors, rwbs);
}

static void complete(struct recording *r, uint64_t when, uint64_t sector, uint32_t sectors)
{
	happens(r, REC_EV_RQ_DONE, when, 0, sector, sectors, "");
}

/* Ends the recording and reads its block records back. */
static void end(struct recording *r)
{
	struct flt_reader *reader;
	struct flt_cursor *c;
	struct flt_record one;

	rec_world_finish(&r->world);
	assert_int_equal(r->sink.error, 0);
	assert_int_equal(flt_writer_finish(&r->sink.writer, NULL), 0);
	assert_int_equal(flt_open(&reader, r->fixture->path, 0, NULL, 0), 0);
	assert_int_equal(flt_cursor_open(&c, reader, FLT_RECORDING, FLT_ALL_STREAMS), 0);
	while (flt_cursor_next(c, &one, 1) == 1)
		if (one.kind == FLT_BLOCK)
			r->record[r->records++] = one;
	flt_cursor_close(c);
	flt_close(reader);
	rec_world_close(&r->world);
}

static void assert_near(uint64_t found, uint64_t expected)
{
	uint64_t off = found > expected ? found - expected : expected - found;

	assert_true(off <= 250 + expected * 3 / 100);
}

static void a_read_has_its_times_and_its_submitter(void **state)
{
	struct recording r;

	begin(&r, state);
	queue(&r, 10000, OUR_TID, 800, 16);
	issue(&r, 30000, 800, 16, "RAM");
	complete(&r, 130000, 800, 16);
	end(&r);
	assert_int_equal(r.records, 1);
	assert_near(flt_end(&r.record[0]), 130000);
	assert_near(r.record[0].dur, 100000);
	assert_int_equal(r.record[0].f[FLT_BLOCK_SECTOR], 800);
	assert_int_equal(r.record[0].f[FLT_BLOCK_LENGTH], 16 * 512);
	assert_int_equal(r.record[0].f[FLT_BLOCK_OP], 0);
	assert_int_equal(r.record[0].f[FLT_BLOCK_FLAGS], FLT_BF_RAHEAD | FLT_BF_META);
	assert_near(r.record[0].f[FLT_BLOCK_QUEUE], 20000);
	assert_int_not_equal(r.record[0].f[FLT_BLOCK_STREAM], FLT_NONE);
	assert_int_equal(r.world.totals.io_read_bytes, 16 * 512);
}

static void other_people_are_foreign(void **state)
{
	struct recording r;

	begin(&r, state);
	queue(&r, 10000, OTHER_TID, 800, 16);
	issue(&r, 30000, 800, 16, "FWS");
	complete(&r, 40000, 800, 16);
	end(&r);
	assert_int_equal(r.records, 1);
	assert_int_equal(r.record[0].f[FLT_BLOCK_OP], 1);
	assert_int_equal(r.record[0].f[FLT_BLOCK_FLAGS], FLT_BF_FOREIGN | FLT_BF_SYNC);
	assert_int_equal(r.record[0].f[FLT_BLOCK_STREAM], FLT_NONE);
	assert_int_equal(r.world.totals.io_read_bytes, 0);
}

static void a_large_bio_becomes_several_requests(void **state)
{
	struct recording r;

	begin(&r, state);
	queue(&r, 10000, OUR_TID, 1000, 300);
	issue(&r, 20000, 1000, 100, "R");
	issue(&r, 30000, 1100, 100, "R");
	issue(&r, 40000, 1200, 100, "R");
	complete(&r, 50000, 1100, 100);
	complete(&r, 60000, 1000, 100);
	complete(&r, 70000, 1200, 100);
	end(&r);
	assert_int_equal(r.records, 3);
	for (int i = 0; i < 3; i++)
		assert_int_not_equal(r.record[i].f[FLT_BLOCK_STREAM], FLT_NONE);
	assert_near(r.record[0].f[FLT_BLOCK_QUEUE], 20000);
	assert_near(r.record[1].f[FLT_BLOCK_QUEUE], 10000);
	assert_near(r.record[2].f[FLT_BLOCK_QUEUE], 30000);
}

static void neighbours_become_one_request(void **state)
{
	struct recording r;

	begin(&r, state);
	queue(&r, 12000, OUR_TID, 1008, 8);
	queue(&r, 10000, OTHER_TID, 1000, 8);
	issue(&r, 20000, 1000, 16, "R");
	complete(&r, 30000, 1000, 16);
	/* nothing of them is left: these sectors' next request waits for nobody */
	issue(&r, 40000, 1008, 8, "R");
	complete(&r, 50000, 1008, 8);
	end(&r);
	assert_int_equal(r.records, 2);
	assert_near(r.record[0].f[FLT_BLOCK_QUEUE], 10000);
	assert_int_not_equal(r.record[0].f[FLT_BLOCK_STREAM], FLT_NONE);
	assert_int_equal(r.record[1].f[FLT_BLOCK_QUEUE], FLT_NONE);
}

static void what_a_full_device_sends_back_counts_once(void **state)
{
	struct recording r;

	begin(&r, state);
	queue(&r, 10000, OUR_TID, 1000, 8);
	issue(&r, 20000, 1000, 8, "R");
	issue(&r, 60000, 1000, 8, "R");
	complete(&r, 70000, 1000, 8);
	end(&r);
	assert_int_equal(r.records, 1);
	assert_near(flt_end(&r.record[0]), 70000);
	assert_near(r.record[0].dur, 50000);
	assert_int_equal(r.world.totals.io_requeued, 1);
	assert_int_equal(r.world.totals.io_unfinished, 0);
}

static void what_is_sent_back_may_merge_with_its_neighbours(void **state)
{
	struct recording r;

	begin(&r, state);
	queue(&r, 10000, OUR_TID, 1000, 24);
	issue(&r, 20000, 1000, 8, "R");
	issue(&r, 21000, 1008, 8, "R");
	/* both are sent back; one request of all, with what had not been issued yet */
	issue(&r, 60000, 1000, 24, "R");
	complete(&r, 70000, 1000, 24);
	end(&r);
	assert_int_equal(r.records, 1);
	assert_int_equal(r.record[0].f[FLT_BLOCK_LENGTH], 24 * 512);
	assert_near(r.record[0].dur, 50000);
	assert_int_equal(r.world.totals.io_requeued, 2);
	assert_int_equal(r.world.totals.io_unfinished, 0);
}

static void a_completion_that_nobody_saw_is_told(void **state)
{
	struct recording r;

	begin(&r, state);
	queue(&r, 10000, OUR_TID, 1000, 8);
	issue(&r, 20000, 1000, 8, "R");
	/* read again: so the first read has ended, but when? */
	queue(&r, 50000, OUR_TID, 1000, 8);
	issue(&r, 60000, 1000, 8, "R");
	complete(&r, 70000, 1000, 8);
	/* and one that is under way at the end */
	issue(&r, 80000, 5000, 8, "R");
	end(&r);
	assert_int_equal(r.records, 3);
	assert_true(r.record[0].f[FLT_BLOCK_FLAGS] & FLT_BF_UNFINISHED);
	assert_near(r.record[1].dur, 10000);
	assert_false(r.record[1].f[FLT_BLOCK_FLAGS] & FLT_BF_UNFINISHED);
	assert_true(r.record[2].f[FLT_BLOCK_FLAGS] & FLT_BF_UNFINISHED);
	assert_int_equal(r.record[2].f[FLT_BLOCK_SECTOR], 5000);
	assert_int_equal(r.world.totals.io_unfinished, 2);
}

static void parts_complete_by_themselves(void **state)
{
	struct recording r;

	begin(&r, state);
	queue(&r, 10000, OUR_TID, 1000, 24);
	issue(&r, 20000, 1000, 24, "R");
	complete(&r, 30000, 1000, 8);
	complete(&r, 40000, 1008, 16);
	end(&r);
	assert_int_equal(r.records, 2);
	assert_int_equal(r.record[0].f[FLT_BLOCK_LENGTH], 8 * 512);
	assert_int_equal(r.record[1].f[FLT_BLOCK_LENGTH], 16 * 512);
	assert_near(r.record[1].dur, 20000);
	assert_int_equal(r.world.totals.io_unfinished, 0);
}

static void devices_without_requests_show_their_bios(void **state)
{
	struct recording r;

	begin(&r, state);
	queue(&r, 10000, OUR_TID, 1000, 8);
	queue(&r, 11000, OUR_TID, 1008, 8);
	happens(&r, REC_EV_BIO_DONE, 15000, 0, 1000, 8, "");
	/* a driver that moves the bio's position: at the end of it, nothing left */
	happens(&r, REC_EV_BIO_DONE, 19000, 0, 1016, 0, "");
	end(&r);
	assert_int_equal(r.records, 2);
	assert_int_equal(r.record[0].f[FLT_BLOCK_FLAGS] & FLT_BF_BIO, FLT_BF_BIO);
	assert_near(r.record[0].dur, 5000);
	assert_int_equal(r.record[1].f[FLT_BLOCK_SECTOR], 1008);
	assert_int_equal(r.record[1].f[FLT_BLOCK_LENGTH], 8 * 512);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(a_read_has_its_times_and_its_submitter),
		FIXTURE_TEST(other_people_are_foreign),
		FIXTURE_TEST(a_large_bio_becomes_several_requests),
		FIXTURE_TEST(neighbours_become_one_request),
		FIXTURE_TEST(what_a_full_device_sends_back_counts_once),
		FIXTURE_TEST(what_is_sent_back_may_merge_with_its_neighbours),
		FIXTURE_TEST(a_completion_that_nobody_saw_is_told),
		FIXTURE_TEST(parts_complete_by_themselves),
		FIXTURE_TEST(devices_without_requests_show_their_bios),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
