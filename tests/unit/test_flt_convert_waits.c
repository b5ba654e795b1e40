// SPDX-License-Identifier: GPL-2.0-only
/* Own compute runs from the end of a fault or barrier to the next one: all else is a wait. */
#include "flt_recording.h"

/* Times are rounded by up to 3 %, and those before them, so that the clock stays right. */
static void about(uint64_t got, uint64_t want)
{
	uint64_t off = 6000 + want / 20;

	assert_in_range(got, want > off ? want - off : 0, want + off);
}

/* Compute before entry I of a lane's program. */
static uint64_t gap(const struct program *p, size_t i)
{
	return p->rec[i].start - flt_end(&p->rec[i - 1]);
}

static void a_zap_stops_its_thread_and_no_other(void **state)
{
	struct fixture *f = *state;
	struct flt_writer *w = fixture_writer(f, NULL);
	struct flt_prepare_stats st;
	struct program p;

	define_model(w);
	fault(w, 1, 50 * US, US, 5 * MIB);
	/* The mark is entered, then the main thread is stopped and the mapping zapped. */
	add(w, FLT_ZAP, 1, 101 * US, 60 * US, 0, 0, MODEL_BYTES);
	fault(w, 2, 150 * US, US, 1 * MIB);
	fault(w, 1, 171 * US, US, 0); /* 1 + 10 us of compute before it */
	fault(w, 2, 181 * US, US, 2 * MIB);
	fault(w, 1, 192 * US, US, 128 * KIB);
	add(w, FLT_ZAP, 1, 200 * US, 50 * US, 0, 0, MODEL_BYTES); /* while it computes */
	fault(w, 2, 212 * US, US, 3 * MIB);
	fault(w, 1, 263 * US, US, 256 * KIB); /* 70 us of which 20 are compute */
	add(w, FLT_MARK, 1, 100 * US, 200 * US, FLT_MC_DECODE, 0, 1);
	prepare(f, &w, &st);
	p = program_of(f, 0);
	assert_int_equal(p.n, 7);
	assert_int_equal(p.rec[2].kind, FLT_P_MARK);
	about(p.rec[2].start, 100 * US);
	about(p.rec[2].dur, 60 * US);
	about(gap(&p, 3), 11 * US);
	about(p.rec[3].start, 171 * US);
	about(gap(&p, 4), 20 * US);
	about(p.rec[4].dur, 51 * US);
	about(gap(&p, 5), 20 * US);
	free(p.rec);
	p = program_of(f, 1);
	assert_int_equal(p.n, 6);
	about(gap(&p, 3), 30 * US);
	about(gap(&p, 4), 30 * US);
	free(p.rec);
}

static void a_zap_at_the_border_belongs_to_what_follows(void **state)
{
	struct fixture *f = *state;
	struct flt_writer *w = fixture_writer(f, NULL);
	struct flt_prepare_stats st;
	struct program p;

	define_model(w);
	for (uint64_t e = 0; e < 3; e++) {
		uint64_t t = (e + 1) * MS;

		add(w, FLT_ZAP, 1, t + US, 100 * US, 0, 0, MODEL_BYTES);
		for (uint64_t i = 0; i < 4; i++)
			fault(w, 1, t + (110 + 10 * i) * US, US, (2 * i) * AROUND);
		add(w, FLT_MARK, 1, t, 200 * US, FLT_MC_DECODE, e, 1);
	}
	prepare(f, &w, &st);
	p = program_of(f, 0);
	assert_int_equal(p.n, 1 + 3 * 5 + 1);
	for (size_t e = 0; e < 3; e++) {
		size_t i = 1 + 5 * e;

		assert_int_equal(p.rec[i].kind, FLT_P_MARK);
		assert_int_equal(p.rec[i].f[FLT_MARK_ID], e + 1);
		about(p.rec[i].dur, 100 * US);
		assert_int_equal(p.rec[i + 1].f[FLT_P_WINDOW_OFFSET], 0);
		about(gap(&p, i + 1), 10 * US);
		assert_in_range(gap(&p, i), e ? 820 * US : 0, 1000 * US); /* between the calls */
	}
	free(p.rec);
}

static void time_off_the_cpu_is_no_compute(void **state)
{
	struct fixture *f = *state;
	struct flt_writer *w = fixture_writer(f, NULL);
	struct flt_prepare_stats st;
	struct program p;

	define_model(w);
	fault(w, 1, 110 * US, US, 0);
	add(w, FLT_OFFCPU, 1, 120 * US, 500 * US, FLT_OF_PREEMPTED, 0, 0);
	add(w, FLT_OFFCPU, 1, 630 * US, 100 * US, 0, 0, 0);
	fault(w, 1, 741 * US, US, 128 * KIB); /* 9 + 10 + 11 us of compute */
	add(w, FLT_BARRIER, 1, 792 * US, 208 * US, 7, 0, 1);
	/* A stopped thread is off its CPU, too: counted once. */
	add(w, FLT_OFFCPU, 1, 1011 * US, 80 * US, 0, 0, 0);
	add(w, FLT_ZAP, 1, 1010 * US, 90 * US, 0, 0, MODEL_BYTES);
	fault(w, 1, 1105 * US, US, 256 * KIB); /* 10 + 5 us */
	add(w, FLT_MARK, 1, 100 * US, 1200 * US, FLT_MC_DECODE, 0, 1);
	prepare(f, &w, &st);
	p = program_of(f, 0);
	assert_int_equal(p.n, 7);
	about(gap(&p, 3), 30 * US);
	about(p.rec[3].start, 741 * US);
	about(gap(&p, 4), 50 * US);
	assert_int_equal(p.rec[4].kind, FLT_P_BARRIER);
	about(p.rec[4].dur, (208 + 90) * US);
	about(gap(&p, 5), 15 * US);
	free(p.rec);
}

/* A worker sleeps from one evaluation into the next. */
static void sleep_reaches_into_the_next_evaluation(void **state)
{
	struct fixture *f = *state;
	struct flt_writer *w = fixture_writer(f, NULL);
	struct flt_prepare_stats st;
	struct program p;

	define_model(w);
	fault(w, 1, 110 * US, US, 0);
	fault(w, 2, 110 * US, US, MIB);
	add(w, FLT_MARK, 1, 100 * US, 100 * US, FLT_MC_DECODE, 0, 1);
	add(w, FLT_OFFCPU, 2, 150 * US, 900 * US, 0, 0, 0);
	fault(w, 1, 1010 * US, US, 0);
	fault(w, 2, 1060 * US, US, MIB);
	fault(w, 2, 1080 * US, US, 2 * MIB);
	add(w, FLT_MARK, 1, 1000 * US, 100 * US, FLT_MC_DECODE, 1, 1);
	prepare(f, &w, &st);
	p = program_of(f, 1);
	assert_int_equal(p.n, 7);
	assert_int_equal(p.rec[3].kind, FLT_P_MARK);
	about(p.rec[3].start, 1000 * US);
	/* Before the mark it waits for the main thread; behind it, for whatever woke it. */
	about(gap(&p, 3), 0);
	about(gap(&p, 4), 0);
	about(p.rec[4].start, 1060 * US);
	about(gap(&p, 5), 19 * US);
	free(p.rec);
}

/* A load phase with far more waits than records: all of them count. */
static void thousands_of_waits_before_a_record(void **state)
{
	struct fixture *f = *state;
	struct flt_writer *w = fixture_writer(f, NULL);
	struct flt_prepare_stats st;
	struct program p;

	define_model(w);
	fault(w, 1, 10 * US, US, 0);
	for (uint64_t i = 0; i < 30000; i++)
		add(w, FLT_FAULT, 1, (20 + 10 * i) * US, 4 * US, FLT_FF_ANON, 1, i * 4096);
	fault(w, 1, 400000 * US, US, MIB);
	add(w, FLT_MARK, 1, 5 * US, 500000 * US, FLT_MC_DECODE, 0, 1);
	prepare(f, &w, &st);
	p = program_of(f, 0);
	assert_int_equal(p.n, 5);
	assert_in_range(p.rec[2].dur, 116400 * US, 123600 * US);
	assert_in_range(gap(&p, 3), 271500 * US, 288500 * US);
	free(p.rec);
}

static void stops_of_threads_without_a_lane_are_skipped(void **state)
{
	struct fixture *f = *state;
	struct flt_writer *w = fixture_writer(f, NULL);
	struct flt_prepare_stats st;

	define_model(w);
	add(w, FLT_OFFCPU, 70000, 5 * US, 20 * US, 0, 0, 0);
	add(w, FLT_ZAP, 4000000, 5 * US, 20 * US, 0, 0, 0);
	fault(w, 1, 110 * US, US, 0);
	add(w, FLT_MARK, 1, 100 * US, 200 * US, FLT_MC_DECODE, 0, 1);
	add(w, FLT_OFFCPU, 3, 50 * US, 20 * US, 0, 0, 0);
	prepare(f, &w, &st);
	assert_int_equal(st.lanes, 1);
	assert_int_equal(st.windows, 1);
}

/* One thread's records come a chunk later than the other's: its barriers are the same. */
static void a_late_thread_meets_the_others(void **state)
{
	struct fixture *f = *state;
	struct flt_writer *w = fixture_writer(f, NULL);
	struct flt_prepare_stats st;
	uint64_t t[2] = {200 * US, 200 * US};

	define_model(w);
	for (uint32_t l = 0; l < 2; l++) {
		for (uint64_t g = 0; g < 300; g++) {
			for (uint64_t i = 0; i < 4; i++, t[l] += 10 * US)
				fault(w, l + 1, t[l], US,
				      (g * 8 + l * 4 + i) * AROUND % MODEL_BYTES);
			add(w, FLT_BARRIER, l + 1, t[l], 5 * US, 7, g, 2);
			t[l] += 5 * US;
		}
		assert_int_equal(flt_writer_flush(w, false), 0);
	}
	add(w, FLT_MARK, 1, 100 * US, 100000 * US, FLT_MC_DECODE, 0, 1);
	prepare(f, &w, &st);
	assert_int_equal(st.barriers, 600);
	program_terminates(f, 2);
	for (uint32_t l = 0; l < 2; l++) {
		struct program p = program_of(f, l);

		for (size_t i = 0; i < p.n; i++)
			if (p.rec[i].kind == FLT_P_BARRIER)
				assert_int_equal(p.rec[i].f[FLT_BARRIER_PARTICIPANTS], 2);
		free(p.rec);
	}
}

/* A thread of which barriers were lost holds nobody back, in a replay or here. */
static void lost_barriers_do_not_deadlock(void **state)
{
	struct fixture *f = *state;
	struct flt_writer *w = fixture_writer(f, NULL);
	struct flt_prepare_stats st;
	uint64_t t = 200 * US;

	define_model(w);
	for (uint64_t g = 0; g < 30000; g++) {
		for (uint32_t l = 0; l < 2; l++) {
			fault(w, l + 1, t + l * US, US, (g * 2 + l) * AROUND % MODEL_BYTES);
			if (!l || g % 7 || g > 29000)
				add(w, FLT_BARRIER, l + 1, t + 10 * US + l, 5 * US, 7, g, 2);
		}
		t += 20 * US;
	}
	add(w, FLT_MARK, 1, 100 * US, t, FLT_MC_DECODE, 0, 1);
	prepare(f, &w, &st);
	program_terminates(f, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(a_zap_stops_its_thread_and_no_other),
		FIXTURE_TEST(a_zap_at_the_border_belongs_to_what_follows),
		FIXTURE_TEST(time_off_the_cpu_is_no_compute),
		FIXTURE_TEST(sleep_reaches_into_the_next_evaluation),
		FIXTURE_TEST(thousands_of_waits_before_a_record),
		FIXTURE_TEST(stops_of_threads_without_a_lane_are_skipped),
		FIXTURE_TEST(a_late_thread_meets_the_others),
		FIXTURE_TEST(lost_barriers_do_not_deadlock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
