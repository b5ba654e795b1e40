// SPDX-License-Identifier: GPL-2.0-only
/* Chunks of a pool: in the recorded order to whoever comes for them, whole, each once, and never in anybody's way. */
#include "eng_fixture.h"

#include <pthread.h>

#include "engines/group.h"
#include "engines/lanes.h"
#include "engines/measure.h"
#include "engines/pool.h"

#define PAGE  4096u
#define PAGES (FX_SIZE / PAGE)

struct run {
	struct fx x;
	struct eng_job *job[FX_LANES];
	uint32_t jobs;
	_Atomic uint64_t seen[PAGES]; /* how often each page was a window */
	_Atomic uint64_t windows,
		split; /* split: windows that did not follow their chunk's first */
	_Atomic uint32_t asked, stop_after;
};

static struct eng_settings settings(void)
{
	return (struct eng_settings){.cpu_scale = 1.0,
				     .pace = ENG_PACE_NONE,
				     .memory_limit = UINT64_MAX,
				     .footprint = ENG_FOOTPRINT_RECORDED};
}

static void pool(struct fx *x, uint32_t lane, uint64_t generation, uint64_t n)
{
	fx_add(x, lane, FLT_P_POOL, 0, 0, 1, generation, n, 0);
}

/* A window of one page, GAP after the lane's last one. */
static void chunk(struct fx *x, uint32_t lane, uint64_t gap, uint64_t page, bool first)
{
	fx_add(x, lane, FLT_P_WINDOW, gap, 1000, 3, page * PAGE, PAGE,
	       FLT_PW_DYNAMIC | (first ? FLT_PW_CHUNK : 0));
}

static struct run *begin(uint32_t lanes)
{
	struct run *r = calloc(1, sizeof(*r));

	assert_non_null(r);
	fx_begin(&r->x, lanes);
	fx_mark(&r->x, 0, FLT_MC_LOAD, FLT_NONE, true);
	return r;
}

static enum eng_end ask(void *arg)
{
	struct run *r = arg;

	return r->stop_after && atomic_fetch_add(&r->asked, 1) >= r->stop_after ? ENG_SIGNAL
										: ENG_RUNNING;
}

/* All jobs are there, none has done anything. */
static void enter(struct run *r, const struct eng_settings *set, uint32_t jobs, uint64_t loops)
{
	struct host_err err = {""};

	fx_finish(&r->x);
	r->jobs = jobs;
	if (fx_group(&r->x, set, jobs, &err))
		fail_msg("%s", err.text);
	r->x.g->loops = loops;
	for (uint32_t i = 0; i < jobs; i++) {
		r->job[i] = eng_group_add_job(r->x.g, "unit", set->pace, 1.0);
		assert_non_null(r->job[i]);
		r->job[i]->ask = ask;
		r->job[i]->ask_arg = r;
		assert_int_equal(eng_group_enter(r->job[i], &err), 0);
	}
	eng_measure_begin(r->x.g);
	atomic_store(&r->x.g->go, 1);
	for (uint32_t i = 0; i < jobs; i++)
		eng_job_begin(r->job[i]);
}

static void end(struct run *r)
{
	for (uint32_t i = 0; i < r->jobs; i++)
		eng_group_leave(r->job[i], ENG_JOB);
	fx_end(&r->x);
	free(r);
}

/* The page of the next window that this job does, which it then does; UINT64_MAX at the end. */
static uint64_t next(struct run *r, uint32_t job)
{
	const struct eng_op *op;
	uint64_t page, compute;
	bool measured;

	if (eng_job_next(r->job[job], &op, &measured) != ENG_NEXT_IO)
		return UINT64_MAX;
	page = op->offset / PAGE;
	atomic_fetch_add(&r->windows, 1);
	atomic_fetch_add(&r->seen[page], 1);
	assert_int_equal(eng_job_touch(r->job[job], &compute), 0);
	return page;
}

static void *work(void *arg)
{
	struct eng_job *j = arg;
	struct run *r = j->ask_arg;
	uint64_t last = UINT64_MAX, page;

	/* In these traces, the odd pages are those that follow an even one in a chunk. */
	while ((page = next(r, j->index)) != UINT64_MAX) {
		if (page % 2 && page != last + 1)
			atomic_fetch_add(&r->split, 1);
		last = page;
	}
	return NULL;
}

static void work_all(struct run *r)
{
	pthread_t thread[FX_LANES];

	for (uint32_t i = 0; i < r->jobs; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, work, r->job[i]), 0);
	for (uint32_t i = 0; i < r->jobs; i++)
		pthread_join(thread[i], NULL);
}

static void test_chunks_go_to_whoever_asks_in_recorded_order(void **state)
{
	struct eng_settings set = settings();
	struct run *r = begin(2);

	(void)state;
	for (uint32_t i = 0; i < 2; i++) {
		fx_window(&r->x, i, 100, (uint64_t)(100 + i) * PAGE, PAGE);
		pool(&r->x, i, 1, 2);
	}
	/* Starts: 0 and 1 at 1100 and 1200, then 2 at about 3200 in lane 1, 4 in lane 0, 6 in lane 1 */
	chunk(&r->x, 0, 1000, 0, true);
	chunk(&r->x, 0, 1000, 1, false);
	chunk(&r->x, 0, 9000, 8, true);
	chunk(&r->x, 1, 1100, 2, true);
	chunk(&r->x, 1, 1100, 3, false);
	chunk(&r->x, 1, 1100, 4, true);
	chunk(&r->x, 1, 1100, 6, true);
	for (uint32_t i = 0; i < 2; i++)
		fx_barrier(&r->x, i, 1, 1, 2);
	enter(r, &set, 2, 1);
	/* What a lane does by itself stays with it. */
	assert_int_equal(next(r, 0), 100);
	assert_int_equal(next(r, 1), 101);
	/* The first to come takes what was taken first, in the other lane; the second takes the next chunk. */
	assert_int_equal(next(r, 1), 0);
	assert_int_equal(next(r, 0), 2);
	assert_int_equal(next(r, 1), 1);
	assert_int_equal(next(r, 1), 4);
	assert_int_equal(next(r, 1), 6);
	assert_int_equal(next(r, 1), 8);
	assert_int_equal(next(r, 0), 3);
	assert_int_equal(r->job[0]->count.chunks, 1);
	assert_int_equal(r->job[1]->count.chunks, 4);
	assert_int_equal(r->windows, 9);
	end(r);
}

static void test_as_recorded_each_lane_does_its_own(void **state)
{
	struct eng_settings set = settings();
	struct run *r = begin(2);

	(void)state;
	set.chunks = ENG_CHUNKS_RECORDED;
	for (uint32_t i = 0; i < 2; i++) {
		pool(&r->x, i, 1, 2);
		chunk(&r->x, i, 1000, 10 + 2 * i, true);
		chunk(&r->x, i, 1000, 20 + 2 * i, true);
		fx_barrier(&r->x, i, 1, 1, 2);
	}
	enter(r, &set, 2, 1);
	assert_int_equal(next(r, 0), 10);
	assert_int_equal(next(r, 1), 12);
	assert_int_equal(next(r, 1), 22);
	assert_int_equal(next(r, 0), 20);
	end(r);
}

/* CHUNKS chunks of LENGTH windows in each of SEGMENTS pools, given to the lanes in turn, unevenly. */
static void many(struct run *r, uint64_t segments, uint64_t chunks, uint64_t length)
{
	uint32_t lanes = r->x.lanes;

	for (uint64_t s = 1; s <= segments; s++) {
		for (uint32_t i = 0; i < lanes; i++)
			pool(&r->x, i, s, lanes);
		for (uint64_t c = 0; c < chunks; c++) {
			uint32_t lane = (uint32_t)(c % (lanes + 1) % lanes);

			for (uint64_t w = 0; w < length; w++)
				chunk(&r->x, lane, 100, (2 * c + w) % PAGES, !w);
		}
		for (uint32_t i = 0; i < lanes; i++)
			fx_barrier(&r->x, i, 1, s, lanes);
	}
}

static void check_all(struct run *r, uint64_t windows)
{
	uint64_t sum = 0, bytes = 0;

	assert_int_equal(eng_stopped(r->x.g), ENG_RUNNING);
	assert_int_equal(r->windows, windows);
	assert_int_equal(r->split, 0);
	for (uint32_t i = 0; i < r->jobs; i++) {
		assert_true(r->job[i]->finished);
		sum += r->job[i]->count.windows;
		bytes += r->job[i]->count.bytes;
	}
	assert_int_equal(sum, windows);
	assert_int_equal(bytes, windows * PAGE);
	for (uint64_t i = 0; i < PAGES; i++)
		assert_int_equal(r->seen[i], windows / PAGES);
}

static void test_a_pool_may_be_longer_than_any_ring(void **state)
{
	struct eng_settings set = settings();
	struct run *r = begin(3);

	(void)state;
	many(r, 2, 128ull * 40, 2);
	enter(r, &set, 3, 1);
	work_all(r);
	check_all(r, 2 * 128ull * 40 * 2);
	end(r);
}

static void test_there_may_be_more_pools_than_are_known_ahead(void **state)
{
	struct eng_settings set = settings();
	struct run *r = begin(4);

	(void)state;
	many(r, 20ull * ENG_POOLS_AHEAD, 128, 2);
	enter(r, &set, 4, 1);
	work_all(r);
	check_all(r, 20ull * ENG_POOLS_AHEAD * 256);
	end(r);
}

static void test_passes_have_pools_of_their_own(void **state)
{
	struct eng_settings set = settings();
	struct run *r = begin(2);

	(void)state;
	many(r, 7, 128, 2);
	enter(r, &set, 2, 5);
	work_all(r);
	check_all(r, 5 * 7 * 256);
	end(r);
}

static void test_a_chunk_may_be_longer_than_a_ring(void **state)
{
	struct eng_settings set = settings();
	struct run *r = begin(2);

	(void)state;
	many(r, 1, 2, 4ull * ENG_CHUNK_OPS);
	enter(r, &set, 2, 1);
	work_all(r);
	assert_int_equal(eng_stopped(r->x.g), ENG_RUNNING);
	assert_int_equal(r->windows, 8ull * ENG_CHUNK_OPS);
	end(r);
}

/* Lanes with thousands of windows of their own first: the others' chunks do not wait for them. */
static void test_a_lane_that_is_far_behind_holds_nobody_up(void **state)
{
	struct eng_settings set = settings();
	struct run *r = begin(2);

	(void)state;
	for (uint32_t i = 0; i < 3 * ENG_RING_OPS; i++)
		fx_window(&r->x, 1, 100, (uint64_t)(i % PAGES) * PAGE, PAGE);
	for (uint32_t i = 0; i < 2; i++)
		pool(&r->x, i, 1, 2);
	for (uint64_t i = 0; i < 10; i++)
		chunk(&r->x, 0, 100, 2 * i, true);
	for (uint32_t i = 0; i < 2; i++)
		fx_barrier(&r->x, i, 1, 1, 2);
	enter(r, &set, 2, 1);
	for (uint64_t i = 0; i < 10; i++)
		assert_int_equal(next(r, 0), 2 * i);
	end(r);
}

static void test_windows_of_chunks_release_whoever_waits_for_them(void **state)
{
	struct eng_settings set = settings();
	struct run *r = begin(2);

	(void)state;
	for (uint32_t i = 0; i < 2; i++)
		pool(&r->x, i, 1, 2);
	chunk(&r->x, 0, 100, 0, true);
	chunk(&r->x, 0, 100, 2, true); /* record 3 of lane 0 */
	fx_add(&r->x, 1, FLT_P_EDGE, 0, 0, 0, 3, 0, 0);
	fx_window(&r->x, 1, 100, 50ull * PAGE, PAGE);
	for (uint32_t i = 0; i < 2; i++)
		fx_barrier(&r->x, i, 1, 1, 2);
	enter(r, &set, 2, 1);
	work_all(r);
	assert_int_equal(eng_stopped(r->x.g), ENG_RUNNING);
	assert_int_equal(r->windows, 3);
	end(r);
}

/* Damaged: one who never comes, windows without a pool, pools without an end, numbers that are none. */
static void test_what_a_trace_says_wrongly_stops_nobody(void **state)
{
	struct eng_settings set = settings();
	struct run *r = begin(3);

	(void)state;
	chunk(&r->x, 0, 100, 0, true);
	pool(&r->x, 0, 1, 3);
	chunk(&r->x, 0, 100, 1, false);
	pool(&r->x, 1, 1, UINT64_MAX);
	pool(&r->x, 1, 1, 0);
	chunk(&r->x, 1, 100, 2, false);
	fx_window(&r->x, 1, 100, 3ull * PAGE, PAGE);
	chunk(&r->x, 1, 100, 4, false);
	fx_mark(&r->x, 1, FLT_MC_DECODE, 1, true);
	pool(&r->x, 2, UINT64_MAX, 2);
	chunk(&r->x, 2, 100, 5, true);
	enter(r, &set, 3, 1);
	work_all(r);
	assert_int_equal(r->windows, 6);
	end(r);
}

static void test_waiting_for_chunks_ends_when_fio_says_so(void **state)
{
	struct eng_settings set = settings();
	struct run *r = begin(2);

	(void)state;
	for (uint32_t i = 0; i < 3 * ENG_RING_OPS; i++)
		fx_window(&r->x, 1, 100, (uint64_t)(i % PAGES) * PAGE, PAGE);
	for (uint32_t i = 0; i < 2; i++)
		pool(&r->x, i, 1, 2);
	chunk(&r->x, 0, 100, 0, true);
	for (uint32_t i = 0; i < 2; i++)
		fx_barrier(&r->x, i, 1, 1, 2);
	enter(r, &set, 2, 1);
	assert_int_equal(next(r, 0), 0);
	/* The other lane may have chunks yet, but its job does nothing. */
	r->stop_after = 5;
	assert_int_equal(next(r, 0), UINT64_MAX);
	assert_int_equal(eng_stopped(r->x.g), ENG_SIGNAL);
	assert_int_equal(next(r, 1), UINT64_MAX);
	end(r);
}

static void test_shared_jobs_get_whole_chunks(void **state)
{
	struct eng_settings set = settings();

	(void)state;
	set.streams = ENG_STREAMS_SHARED;
	for (uint32_t jobs = 1; jobs <= 5; jobs += 2) {
		struct run *r = begin(3);

		many(r, 3, 128ull * 10, 2);
		enter(r, &set, jobs, 2);
		work_all(r);
		check_all(r, 2 * 3 * 128ull * 10 * 2);
		end(r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_chunks_go_to_whoever_asks_in_recorded_order),
		cmocka_unit_test(test_as_recorded_each_lane_does_its_own),
		cmocka_unit_test(test_a_pool_may_be_longer_than_any_ring),
		cmocka_unit_test(test_there_may_be_more_pools_than_are_known_ahead),
		cmocka_unit_test(test_passes_have_pools_of_their_own),
		cmocka_unit_test(test_a_chunk_may_be_longer_than_a_ring),
		cmocka_unit_test(test_a_lane_that_is_far_behind_holds_nobody_up),
		cmocka_unit_test(test_windows_of_chunks_release_whoever_waits_for_them),
		cmocka_unit_test(test_what_a_trace_says_wrongly_stops_nobody),
		cmocka_unit_test(test_waiting_for_chunks_ends_when_fio_says_so),
		cmocka_unit_test(test_shared_jobs_get_whole_chunks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
