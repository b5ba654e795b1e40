// SPDX-License-Identifier: GPL-2.0-only
/* Chunks that threads took from a counter are told apart from slices that were always theirs. */
#include "flt_recording.h"

#include <sys/resource.h>

#define EVALUATIONS 6

/* Evaluations over M matrices: one prompt, then single tokens. The number of chunks that were taken. */
static uint64_t make(struct fixture *f, struct sim *s, const struct matrix *m, size_t n,
		     struct flt_prepare_stats *st)
{
	struct flt_writer *w = fixture_writer(f, NULL);

	define_model(w);
	s->clock[0] = 1e6;
	for (uint64_t e = 0; e < EVALUATIONS; e++)
		sim_evaluation(s, m, n, FLT_MC_DECODE, e, 1);
	sim_write(s, w);
	prepare(f, &w, st);
	program_terminates(f, s->lanes);
	return s->chunks;
}

/* Every pool is in all lanes, before its chunks, and ends at the barrier that it names. */
static void check_pools(struct fixture *f, uint32_t lanes, uint64_t pools)
{
	for (uint32_t l = 0; l < lanes; l++) {
		struct program p = program_of(f, l);
		const struct flt_record *pool = NULL;
		uint64_t seen = 0;
		bool first = false;

		for (size_t i = 0; i < p.n; i++) {
			const struct flt_record *r = &p.rec[i];
			bool dynamic = r->kind == FLT_P_WINDOW &&
				       (r->f[FLT_P_WINDOW_FLAGS] & FLT_PW_DYNAMIC);

			if (r->kind == FLT_P_POOL) {
				assert_null(pool);
				assert_int_equal(r->f[FLT_P_POOL_PARTICIPANTS], lanes);
				assert_int_equal(r->dur, 0);
				pool = r;
				first = true;
				seen++;
				continue;
			}
			assert_int_equal(dynamic, pool && r->kind == FLT_P_WINDOW);
			if (dynamic && first)
				assert_true(r->f[FLT_P_WINDOW_FLAGS] & FLT_PW_CHUNK);
			first = first && !dynamic;
			if (!pool || dynamic)
				continue;
			assert_int_equal(r->kind, FLT_P_BARRIER);
			assert_int_equal(r->f[FLT_BARRIER_GROUP], pool->f[FLT_P_POOL_GROUP]);
			assert_int_equal(r->f[FLT_BARRIER_GENERATION],
					 pool->f[FLT_P_POOL_GENERATION]);
			pool = NULL;
		}
		assert_int_equal(seen, pools);
		free(p.rec);
	}
}

static uint64_t count_chunks(struct fixture *f, uint32_t lanes)
{
	uint64_t chunks = 0;

	for (uint32_t l = 0; l < lanes; l++) {
		struct program p = program_of(f, l);

		for (size_t i = 0; i < p.n; i++)
			chunks += p.rec[i].kind == FLT_P_WINDOW &&
				  (p.rec[i].f[FLT_P_WINDOW_FLAGS] & FLT_PW_CHUNK);
		free(p.rec);
	}
	return chunks;
}

static void chunks_of_all_lengths_become_pools(void **state)
{
	/* Rows as quantized models have them; chunks of 64 and of 16 rows. */
	static const struct matrix each[] = {
		{.offset = 4096 + 32, .row = 2016, .rows = 3584, .chunk = 64},  /* 126 KiB */
		{.offset = 96 + 512, .row = 10656, .rows = 3584, .chunk = 64},  /* 666 KiB */
		{.offset = 12345 * 32, .row = 4032, .rows = 4096, .chunk = 64}, /* 252 KiB */
		{.offset = 77 * 32, .row = 7350, .rows = 1536, .chunk = 16},    /* 115 KiB */
		{.offset = 3 * 4096, .row = 2940, .rows = 2048, .chunk = 64},   /* 184 KiB */
	};

	for (size_t i = 0; i < sizeof(each) / sizeof(each[0]); i++) {
		for (uint32_t lanes = 2; lanes <= 4; lanes += 2) {
			struct flt_prepare_stats st;
			struct sim s;
			uint64_t taken, found;

			fixture_setup(state);
			sim_init(&s, lanes);
			s.noise = 0.2;
			taken = make(*state, &s, &each[i], 1, &st);
			if (st.pools != EVALUATIONS)
				print_message("matrix %zu, %u lanes\n", i, lanes);
			assert_int_equal(st.pools, EVALUATIONS);
			assert_int_equal(st.dynamic_windows, st.windows);
			check_pools(*state, lanes, EVALUATIONS);
			found = count_chunks(*state, lanes);
			assert_in_range(found, taken - taken / 20, taken + taken / 20);
			fixture_teardown(state);
		}
	}
}

/* Pages of the model that the program touches in evaluation INDEX. */
static void touched_in(struct fixture *f, uint32_t lanes, uint64_t index, uint8_t *pages)
{
	memset(pages, 0, MODEL_BYTES / 4096);
	for (uint32_t l = 0; l < lanes; l++) {
		struct program p = program_of(f, l);
		uint64_t now = 0;

		for (size_t i = 0; i < p.n; i++) {
			const uint64_t *r = p.rec[i].f;

			if (p.rec[i].kind == FLT_P_MARK)
				now = r[FLT_MARK_ID];
			if (p.rec[i].kind != FLT_P_WINDOW || now != index)
				continue;
			assert_true(r[FLT_P_WINDOW_LENGTH] > 0);
			for (uint64_t at = r[FLT_P_WINDOW_OFFSET];
			     at < r[FLT_P_WINDOW_OFFSET] + r[FLT_P_WINDOW_LENGTH]; at += 4096)
				pages[at / 4096] = 1;
		}
		free(p.rec);
	}
}

/*
 * A thread that begins in the middle of a fault-around window maps what comes before, too, and whoever works on that
 * leaves no fault. It is touched all the same, in chunks and in slices.
 */
static void what_left_no_fault_is_touched(void **state)
{
	static const struct matrix each[] = {
		{.offset = 4096 + 32, .row = 2016, .rows = 3584, .chunk = 64},
		{.offset = 77 * 32, .row = 1152, .rows = 8192, .chunk = 64}, /* 72 KiB */
		{.offset = 640, .row = 576, .rows = 8192, .chunk = 64},
		{.offset = 4096 + 32, .row = 2016, .rows = 3584},
	};
	uint8_t *pages = malloc(MODEL_BYTES / 4096);

	assert_non_null(pages);
	for (size_t i = 0; i < sizeof(each) / sizeof(each[0]); i++) {
		uint64_t first = each[i].offset / 4096, missing = 0;
		uint64_t last = (each[i].offset + each[i].row * each[i].rows - 1) / 4096;
		struct flt_prepare_stats st;
		struct sim s;

		fixture_setup(state);
		sim_init(&s, 2);
		s.noise = 0.2;
		make(*state, &s, &each[i], 1, &st);
		touched_in(*state, 2, 3, pages);
		for (uint64_t page = first; page <= last; page++)
			missing += !pages[page];
		if (missing)
			print_message("matrix %zu: %d pages\n", i, (int)missing);
		assert_int_equal(missing, 0);
		fixture_teardown(state);
	}
	free(pages);
}

/* A window that holds the end of one thread's chunk and the beginning of another's is divided between them. */
static void windows_end_where_chunks_end(void **state)
{
	static const struct matrix m = {.offset = 4096, .row = 2048, .rows = 4096, .chunk = 52};
	struct fixture *f = *state;
	uint64_t chunk = m.row * m.chunk, crossing = 0, windows = 0;
	struct flt_prepare_stats st;
	struct sim s;

	sim_init(&s, 2);
	s.noise = 0.05;
	make(f, &s, &m, 1, &st);
	for (uint32_t l = 0; l < 2; l++) {
		struct program p = program_of(f, l);

		for (size_t i = 0; i + 1 < p.n; i++) {
			const uint64_t *r = p.rec[i].f, *next = p.rec[i + 1].f;
			uint64_t at = r[FLT_P_WINDOW_OFFSET] - m.offset;
			uint64_t end = at + r[FLT_P_WINDOW_LENGTH];

			if (p.rec[i].kind != FLT_P_WINDOW || p.rec[i + 1].kind != FLT_P_WINDOW)
				continue;
			/* It goes on in a chunk that somebody else has. */
			crossing += at / chunk != (end - 1) / chunk &&
				    next[FLT_P_WINDOW_OFFSET] != r[FLT_P_WINDOW_OFFSET] + end - at;
			windows++;
		}
		free(p.rec);
	}
	assert_true(windows > 500);
	/* undivided it is a third of them; the borders of the first and last chunks are not known */
	assert_in_range(crossing, 0, windows / 12);
}

/* Chunks that are shorter than what one fault maps: nothing finer than a window can be dealt. */
static void chunks_below_a_window_are_dealt_as_windows(void **state)
{
	static const struct matrix m = {.offset = 640, .row = 576, .rows = 8192, .chunk = 64};
	struct fixture *f = *state;
	struct flt_prepare_stats st;
	struct sim s;

	sim_init(&s, 2);
	s.noise = 0.3;
	make(f, &s, &m, 1, &st);
	assert_int_equal(st.pools, EVALUATIONS);
	check_pools(f, 2, EVALUATIONS);
	assert_in_range(count_chunks(f, 2), st.windows / 2, st.windows);
}

static void slices_stay_with_their_lanes(void **state)
{
	static const struct matrix m[] = {
		{.offset = 4096 + 32, .row = 2016, .rows = 3584},
		{.offset = 10 * MIB + 96, .row = 10656, .rows = 3584},
	};

	for (uint32_t lanes = 2; lanes <= 4; lanes++) {
		struct flt_prepare_stats st;
		struct sim s;

		fixture_setup(state);
		sim_init(&s, lanes);
		s.noise = 0.2;
		make(*state, &s, m, 2, &st);
		assert_int_equal(st.pools, 0);
		assert_int_equal(st.dynamic_windows, 0);
		check_pools(*state, lanes, 0);
		fixture_teardown(state);
	}
}

static void experts_are_told_apart_too(void **state)
{
	static const struct matrix slices = {
		.offset = 4096, .row = 1152, .rows = 768, .experts = 32, .chosen = 4};
	static const struct matrix chunks = {
		.offset = 4096, .row = 2304, .rows = 768, .chunk = 64, .experts = 32, .chosen = 4};
	struct flt_prepare_stats st;
	struct sim s;

	sim_init(&s, 2);
	s.noise = 0.2;
	make(*state, &s, &slices, 1, &st);
	assert_int_equal(st.pools, 0);
	fixture_teardown(state);
	fixture_setup(state);
	sim_init(&s, 2);
	s.noise = 0.2;
	make(*state, &s, &chunks, 1, &st);
	assert_int_equal(st.pools, EVALUATIONS);
	check_pools(*state, 2, EVALUATIONS);
}

static void both_kinds_in_one_evaluation(void **state)
{
	static const struct matrix m[] = {
		{.offset = 4096 + 32, .row = 2016, .rows = 3584, .chunk = 64},
		{.offset = 10 * MIB + 96, .row = 2016, .rows = 3584},
		{.offset = 20 * MIB + 96, .row = 10656, .rows = 3584, .chunk = 64},
	};
	struct fixture *f = *state;
	struct flt_prepare_stats st;
	struct sim s;

	sim_init(&s, 2);
	s.noise = 0.2;
	make(f, &s, m, 3, &st);
	assert_int_equal(st.pools, 2 * EVALUATIONS);
	check_pools(f, 2, 2 * EVALUATIONS);
}

/* In one evaluation a thread hardly gets a chunk; the others show what the segment is. */
static void a_lane_without_chunks_has_the_pool_too(void **state)
{
	static const struct matrix m = {.offset = 4128, .row = 2016, .rows = 3584, .chunk = 64};
	struct fixture *f = *state;
	struct flt_prepare_stats st;
	struct program p;
	uint64_t windows = 0, evaluation = 0;
	struct sim s;

	sim_init(&s, 2);
	s.noise = 0.2;
	s.stall_from = 3;
	s.stall_to = 4;
	make(f, &s, &m, 1, &st);
	p = program_of(f, 1);
	for (size_t i = 0; i < p.n; i++) {
		evaluation += p.rec[i].kind == FLT_P_MARK;
		windows += p.rec[i].kind == FLT_P_WINDOW && evaluation == 3 + 2;
	}
	free(p.rec);
	assert_in_range(windows, 0, 12);
	assert_int_equal(st.pools, EVALUATIONS);
	check_pools(f, 2, EVALUATIONS);
	assert_in_range(count_chunks(f, 2), s.chunks - s.chunks / 20, s.chunks + s.chunks / 20);
}

/* Both were rounded; a wait also takes up what rounding left of the clock. */
static void near_gap(uint64_t got, uint64_t want)
{
	uint64_t off = 9000 + want / 15;

	assert_in_range(got, want > off ? want - off : 0, want + off);
}

/* Pools and flags are all that is added: windows, compute and waits are as without them. */
static void the_recorded_run_is_still_there(void **state)
{
	static const struct matrix m = {.offset = 4128, .row = 2016, .rows = 3584, .chunk = 64};
	struct fixture *f = *state;
	struct flt_prepare_stats st;
	struct flt_record *want;
	struct sim s;
	size_t n;

	sim_init(&s, 2);
	s.noise = 0.2;
	want = malloc(SIM_RECORDS * sizeof(*want));
	make(f, &s, &m, 1, &st);
	for (uint32_t l = 0; l < 2; l++) {
		struct flt_reader *r = fixture_open(f);
		struct program p = program_of(f, l);
		uint64_t end = 0;
		size_t k = 0;

		n = (size_t)fixture_read(r, FLT_RECORDING, l + 1, want, SIM_RECORDS);
		for (size_t i = 0; i < p.n; i++) {
			if (p.rec[i].kind != FLT_P_WINDOW && p.rec[i].kind != FLT_P_BARRIER)
				continue;
			while (want[k].kind == FLT_MARK)
				k++;
			if (p.rec[i - 1].kind == FLT_P_MARK || p.rec[i - 2].kind == FLT_P_MARK)
				end = want[k].start - (p.rec[i].start - flt_end(&p.rec[i - 1]));
			assert_true(k < n);
			assert_int_equal(want[k].kind == FLT_FAULT, p.rec[i].kind == FLT_P_WINDOW);
			near_gap(p.rec[i].start - flt_end(&p.rec[i - 1]), want[k].start - end);
			assert_in_range(p.rec[i].dur, 0, want[k].dur + 60000);
			end = flt_end(&want[k]);
			k++;
		}
		free(p.rec);
		flt_close(r);
	}
	free(want);
}

static void a_segment_without_end_is_not_held_back(void **state)
{
	struct fixture *f = *state;
	struct flt_writer *w = fixture_writer(f, NULL);
	struct flt_prepare_stats st;
	struct rusage before, after;

	define_model(w);
	for (uint32_t t = 1; t <= 2; t++)
		add(w, FLT_BARRIER, t, 20 * US, 10 * US, 7, 0, 2);
	for (uint64_t i = 0; i < 300000; i++)
		for (uint32_t t = 1; t <= 2; t++)
			fault(w, t, (100 + i * 10 + t) * US, US,
			      (i * 2 + t) * AROUND % MODEL_BYTES);
	for (uint32_t t = 1; t <= 2; t++)
		add(w, FLT_BARRIER, t, 4000000 * US, 10 * US, 7, 1, 2);
	add(w, FLT_MARK, 1, 50 * US, 5000000 * US, FLT_MC_DECODE, 0, 1);
	getrusage(RUSAGE_SELF, &before);
	prepare(f, &w, &st);
	getrusage(RUSAGE_SELF, &after);
	/* 600,000 windows: held back they would be 80 MiB. Sanitizers have memory of their own. */
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
	assert_in_range(after.ru_maxrss - before.ru_maxrss, 0, 40 << 10);
#endif
	assert_int_equal(st.windows, 600000);
	assert_int_equal(st.barriers, 4);
	assert_int_equal(st.pools, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(slices_stay_with_their_lanes),
		FIXTURE_TEST(experts_are_told_apart_too),
		FIXTURE_TEST(both_kinds_in_one_evaluation),
		FIXTURE_TEST(chunks_below_a_window_are_dealt_as_windows),
		FIXTURE_TEST(windows_end_where_chunks_end),
		cmocka_unit_test(what_left_no_fault_is_touched),
		FIXTURE_TEST(a_lane_without_chunks_has_the_pool_too),
		FIXTURE_TEST(the_recorded_run_is_still_there),
		FIXTURE_TEST(a_segment_without_end_is_not_held_back),
		cmocka_unit_test(chunks_of_all_lengths_become_pools),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
