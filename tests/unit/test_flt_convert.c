// SPDX-License-Identifier: GPL-2.0-only
/* Recordings made by hand become the program that one expects. */
#include "flt_recording.h"

#include <sys/resource.h>

static void faults_become_windows_with_the_compute_between(void **state)
{
	struct fixture *f = *state;
	struct flt_writer *w = fixture_writer(f, NULL);
	struct flt_prepare_stats st;
	struct flt_record out[32];
	struct flt_reader *r;
	ssize_t n;

	define_model(w);
	fault(w, 3, 100 * US, 5 * US, 0);                 /* window 0..64K */
	fault(w, 3, 107 * US, 5 * US, 4 * KIB);           /* inside it: 2 us compute between */
	add(w, FLT_FAULT, 3, 115 * US, 10 * US, 8, 1, 0); /* anonymous: a wait, 3 us compute */
	fault(w, 3, 132 * US, 1 * US, 64 * KIB);          /* 7 us compute; next window */
	fault(w, 3, 143 * US, 1 * US, 132 * KIB);         /* streaming: starts at 128K */
	fault(w, 3, 160 * US, 1 * US, 1 * MIB + 8 * KIB); /* a jump: starts where it faults */
	fault(w, 3, 180 * US, 1 * US, 64 * MIB - 4 * KIB);
	add(w, FLT_MARK, 3, 90 * US, 110 * US, FLT_MC_DECODE, 0, 1);
	prepare(f, &w, &st);
	assert_int_equal(st.lanes, 1);
	assert_int_equal(st.evaluations, 1);
	assert_false(st.marks_inferred);
	r = fixture_open(f);
	n = fixture_read(r, FLT_PROGRAM, 0, out, 32);
	assert_int_equal(n, 8);
	assert_int_equal(out[0].kind, FLT_P_MARK);
	assert_int_equal(out[0].f[FLT_MARK_CLASS], FLT_MC_LOAD);
	assert_int_equal(out[1].f[FLT_MARK_CLASS], FLT_MC_DECODE);
	assert_int_equal(out[1].f[FLT_MARK_TOKENS], 1);
	near(out[1].start, 90 * US);
	assert_int_equal(out[2].kind, FLT_P_WINDOW);
	assert_int_equal(out[2].f[FLT_P_WINDOW_OFFSET], 0);
	assert_int_equal(out[2].f[FLT_P_WINDOW_LENGTH], 64 * KIB);
	near(out[2].start, 100 * US);
	near(out[2].dur, 20 * US);                      /* 5 + 5 + 10: waits */
	near(out[3].start - flt_end(&out[2]), 12 * US); /* 2 + 3 + 7: compute */
	assert_int_equal(out[3].f[FLT_P_WINDOW_OFFSET], 64 * KIB);
	assert_int_equal(out[4].f[FLT_P_WINDOW_OFFSET], 128 * KIB);
	assert_int_equal(out[5].f[FLT_P_WINDOW_OFFSET], MIB + 8 * KIB);
	assert_int_equal(out[5].f[FLT_P_WINDOW_LENGTH], 56 * KIB);
	assert_int_equal(out[6].f[FLT_P_WINDOW_LENGTH], 4 * KIB);
	assert_int_equal(out[7].f[FLT_MARK_CLASS], FLT_MC_END);
	near(out[7].start, 200 * US);
	flt_close(r);
}

static void barriers_get_their_participants(void **state)
{
	struct fixture *f = *state;
	struct flt_writer *w = fixture_writer(f, NULL);
	struct flt_prepare_stats st;
	struct flt_record out[64];
	struct flt_reader *r;
	ssize_t n;
	int seen = 0;

	define_model(w);
	for (uint64_t g = 0; g < 5; g++) {
		uint64_t t = 1000 * US + g * 100 * US;

		fault(w, 1, t, US, g * 128 * KIB);
		fault(w, 2, t + 2 * US, US, g * 128 * KIB + 64 * KIB);
		barrier(w, 1, t + 10 * US, t + 30 * US, g);
		barrier(w, 2, t + 29 * US, t + 31 * US, g);
		if (g == 3) /* only one thread meets here: nobody must wait for two */
			barrier(w, 1, t + 40 * US, t + 41 * US, 100);
	}
	add(w, FLT_MARK, 1, 900 * US, 700 * US, FLT_MC_DECODE, 0, FLT_NONE);
	prepare(f, &w, &st);
	assert_int_equal(st.lanes, 2);
	assert_int_equal(st.barriers, 11);
	r = fixture_open(f);
	n = fixture_read(r, FLT_PROGRAM, 0, out, 64);
	for (ssize_t i = 0; i < n; i++) {
		if (out[i].kind != FLT_P_BARRIER)
			continue;
		seen++;
		assert_int_equal(out[i].f[FLT_BARRIER_PARTICIPANTS],
				 out[i].f[FLT_BARRIER_GENERATION] == 100 ? 1 : 2);
	}
	assert_int_equal(seen, 6);
	assert_int_equal(fixture_read(r, FLT_PROGRAM, 1, out, 64), 3 + 10);
	flt_close(r);
}

static void a_straggler_of_the_last_evaluation_stays_in_it(void **state)
{
	struct fixture *f = *state;
	struct flt_writer *w = fixture_writer(f, NULL);
	struct flt_prepare_stats st;
	struct flt_record out[64];
	struct flt_reader *r;
	ssize_t n;

	define_model(w);
	fault(w, 1, 105 * US, US, 0);
	fault(w, 2, 105 * US, US, 64 * KIB);
	barrier(w, 1, 110 * US, 120 * US, 0);
	add(w, FLT_MARK, 1, 100 * US, 25 * US, FLT_MC_EVALUATION, 0, FLT_NONE);
	/* The second thread leaves the barrier after the next evaluation began. */
	barrier(w, 2, 119 * US, 140 * US, 0);
	fault(w, 1, 150 * US, US, 128 * KIB);
	fault(w, 2, 150 * US, US, 192 * KIB);
	barrier(w, 1, 160 * US, 170 * US, 1);
	barrier(w, 2, 169 * US, 170 * US, 1);
	add(w, FLT_MARK, 1, 130 * US, 50 * US, FLT_MC_EVALUATION, 1, FLT_NONE);
	prepare(f, &w, &st);
	r = fixture_open(f);
	n = fixture_read(r, FLT_PROGRAM, 1, out, 64);
	assert_int_equal(n, 8);
	assert_int_equal(out[3].kind, FLT_P_BARRIER);
	assert_int_equal(out[3].f[FLT_BARRIER_PARTICIPANTS], 2);
	assert_int_equal(out[4].kind, FLT_P_MARK);
	assert_int_equal(out[4].f[FLT_MARK_ID], 2);
	assert_int_equal(out[6].kind, FLT_P_BARRIER);
	assert_int_equal(st.note[0], 0);
	flt_close(r);
}

static void pools_made_anew_share_lanes(void **state)
{
	struct fixture *f = *state;
	struct flt_writer *w = fixture_writer(f, NULL);
	struct flt_prepare_stats st;
	struct flt_plan *plan;
	struct flt_reader *r;

	define_model(w);
	for (uint64_t e = 0; e < 40; e++) {
		uint64_t t = (e + 1) * 1000 * US;
		uint32_t worker = 10 + (uint32_t)e; /* a new thread each time */

		fault(w, 1, t + 10 * US, US, e * 128 * KIB);
		fault(w, worker, t + 12 * US, US, e * 128 * KIB + 64 * KIB);
		barrier(w, 1, t + 20 * US, t + 40 * US, e);
		barrier(w, worker, t + 30 * US, t + 40 * US, e);
		add(w, FLT_MARK, 1, t, 50 * US, FLT_MC_DECODE, e, 1);
	}
	prepare(f, &w, &st);
	assert_int_equal(st.lanes, 2);
	assert_int_equal(st.evaluations, 40);
	r = fixture_open(f);
	assert_int_equal(flt_plan_open(r, &plan), 0);
	assert_int_equal(plan->lanes, 2);
	assert_int_equal(plan->evaluations, 41);
	for (int e = 1; e <= 40; e++) {
		assert_int_equal(plan->evaluation[e].windows, 2);
		assert_int_equal(plan->evaluation[e].bytes, 128 * KIB);
		assert_int_equal(plan->evaluation[e].barriers, 2);
		assert_int_equal(plan->evaluation[e].mark_class, FLT_MC_DECODE);
		if (e < 40)
			near(plan->evaluation[e].dur, 1000 * US);
	}
	flt_plan_close(plan);
	flt_close(r);
}

static void seeking_finds_every_evaluation_in_every_lane(void **state)
{
	struct fixture *f = *state;
	struct flt_writer *w = fixture_writer(f, NULL);
	struct flt_prepare_stats st;
	struct flt_record out[2];
	struct flt_reader *r;
	struct flt_cursor *c;

	define_model(w);
	for (uint64_t e = 0; e < 60; e++) { /* 60 * 2 * 150 records: several chunks */
		uint64_t t = (e + 1) * 10000 * US;

		for (uint64_t i = 0; i < 150; i++) {
			fault(w, 1, t + i * 20 * US, US, i * 128 * KIB);
			fault(w, 2, t + i * 20 * US + 2 * US, US, i * 128 * KIB + 64 * KIB);
		}
		add(w, FLT_MARK, 1, t - 5 * US, 5000 * US, FLT_MC_DECODE, e, 1);
	}
	prepare(f, &w, &st);
	r = fixture_open(f);
	for (uint32_t lane = 0; lane < 2; lane++) {
		for (uint64_t e = 0; e <= 61; e++) {
			assert_int_equal(flt_cursor_open(&c, r, FLT_PROGRAM, lane), 0);
			assert_int_equal(flt_cursor_seek_evaluation(c, e), 0);
			assert_int_equal(flt_cursor_next(c, out, 1), 1);
			assert_int_equal(out[0].kind, FLT_P_MARK);
			assert_int_equal(out[0].f[FLT_MARK_ID], e);
			flt_cursor_close(c);
		}
		assert_int_equal(flt_cursor_open(&c, r, FLT_PROGRAM, lane), 0);
		assert_int_equal(flt_cursor_seek_evaluation(c, 62), -ENOENT);
		flt_cursor_close(c);
	}
	flt_close(r);
}

static void sweeps_are_found_without_marks(void **state)
{
	struct fixture *f = *state;
	struct flt_writer *w = fixture_writer(f, NULL);
	struct flt_prepare_stats st;
	uint64_t t = 0;

	define_model(w);
	for (int sweep = 0; sweep < 7; sweep++)
		for (uint64_t i = sweep & 1 ? 200 : 0; i < 1024; i++) /* a part stays resident */
			fault(w, 1, t += 20 * US, US, i * 64 * KIB);
	prepare(f, &w, &st);
	assert_true(st.marks_inferred);
	assert_int_equal(st.evaluations, 7);
	assert_true(strlen(st.note) > 0);
}

static void a_recording_without_model_faults_has_no_program(void **state)
{
	struct fixture *f = *state;
	struct flt_writer *w = fixture_writer(f, NULL);
	struct flt_prepare_stats st;
	struct flt_reader *r;

	define_model(w);
	add(w, FLT_FAULT, 1, 100, 100, FLT_FF_ANON, 1, 0);
	flt_writer_flush(w, false);
	r = fixture_open(f);
	assert_int_equal(flt_prepare(r, w, NULL, &st), -ENODATA);
	flt_close(r);
	fixture_finish(f, &w);
}

static void a_copy_with_the_program_alone_replays_the_same(void **state)
{
	struct fixture *f = *state;
	struct flt_writer *w = fixture_writer(f, NULL);
	struct flt_prepare_options opt = {.program_only = true};
	struct flt_prepare_stats st, again;
	struct flt_record a[64], b[64];
	struct flt_reader *r, *copy;
	char err[128];
	ssize_t n;

	define_model(w);
	for (uint64_t i = 0; i < 20; i++)
		fault(w, 1, (i + 1) * 20 * US, US, i * 64 * KIB);
	add(w, FLT_MARK, 1, 10 * US, 900 * US, FLT_MC_DECODE, 0, 1);
	prepare(f, &w, &st);
	r = fixture_open(f);
	assert_int_equal(flt_prepare_copy(r, f->other, &opt, &again), 0);
	json_decref(again.model);
	assert_int_equal(again.windows, st.windows);
	assert_int_equal(flt_open(&copy, f->other, 0, err, sizeof(err)), 0);
	assert_true(flt_finished(copy));
	assert_int_equal(flt_record_count(copy, FLT_RECORDING), 0);
	n = fixture_read(r, FLT_PROGRAM, 0, a, 64);
	assert_int_equal(n, 23);
	assert_int_equal(fixture_read(copy, FLT_PROGRAM, 0, b, 64), n);
	for (ssize_t i = 0; i < n; i++) {
		assert_int_equal(a[i].kind, b[i].kind);
		assert_int_equal(a[i].start, b[i].start);
		assert_memory_equal(a[i].f, b[i].f, sizeof(a[i].f));
	}
	/* The copy has no recording to derive from: a clear error, no file left. */
	unlink(f->path);
	assert_int_equal(flt_prepare_copy(copy, f->path, NULL, &again), -ENODATA);
	assert_int_equal(access(f->path, F_OK), -1);
	flt_close(copy);
	flt_close(r);
}

static void threads_beyond_the_lanes_fold_into_a_helper(void **state)
{
	struct flt_prepare_options opt = {.max_lanes = 3};
	struct fixture *f = *state;
	struct flt_writer *w = fixture_writer(f, NULL);
	struct flt_prepare_stats st;
	struct flt_record out[64];
	struct flt_reader *r;
	uint64_t windows = 0;
	ssize_t n;

	define_model(w);
	for (uint64_t i = 0; i < 6; i++)
		for (uint32_t t = 0; t < 5; t++)
			fault(w, t, (i * 100 + t + 1) * US, US, (i * 5 + t) * 128 * KIB);
	add(w, FLT_MARK, 0, US / 2, 900 * US, FLT_MC_DECODE, 0, 1);
	flt_writer_flush(w, false);
	r = fixture_open(f);
	assert_int_equal(flt_prepare(r, w, &opt, &st), 0);
	json_decref(st.model);
	flt_close(r);
	fixture_finish(f, &w);
	assert_int_equal(st.lanes, 3);
	r = fixture_open(f);
	n = fixture_read(r, FLT_PROGRAM, 2, out, 64);
	for (ssize_t i = 0; i < n; i++)
		windows += out[i].kind == FLT_P_WINDOW;
	assert_int_equal(windows, 18);
	assert_string_equal(
		json_string_value(json_object_get(flt_definition(r, "lane", 2), "role")), "helper");
	flt_close(r);
}

static long max_rss_kib(void)
{
	struct rusage ru;

	getrusage(RUSAGE_SELF, &ru);
	return ru.ru_maxrss;
}

/* A thread pool that is used while loading and never again. */
static void an_old_barrier_does_not_hold_the_queues_back(void **state)
{
	struct fixture *f = *state;
	struct flt_writer *w = fixture_writer(f, NULL);
	struct flt_prepare_stats st;
	struct flt_record out[8];
	struct flt_reader *r;
	long before;

	define_model(w);
	for (uint32_t t = 1; t <= 2; t++) {
		fault(w, t, 10 * US, US, t * MIB);
		add(w, FLT_BARRIER, t, 20 * US, 10 * US, 77, 0, 0);
	}
	for (uint64_t e = 0; e < 3000; e++) {
		uint64_t now = (e + 1) * 1000 * US;

		for (uint64_t i = 0; i < 90; i++)
			for (uint32_t t = 1; t <= 2; t++)
				fault(w, t, now + (i * 10 + t) * US, US, (i * 2 + t) * 128 * KIB);
		add(w, FLT_MARK, 1, now, 950 * US, FLT_MC_DECODE, e, 1);
	}
	flt_writer_flush(w, false);
	r = fixture_open(f);
	before = max_rss_kib();
	assert_int_equal(flt_prepare(r, w, NULL, &st), 0);
	json_decref(st.model);
	/* 540,000 windows: held back they would be 60 MiB. Sanitizers have memory of their own. */
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
	assert_in_range(max_rss_kib() - before, 0, 24 << 10);
#else
	(void)before;
#endif
	flt_close(r);
	fixture_finish(f, &w);
	assert_int_equal(st.windows, 540002);
	r = fixture_open(f);
	assert_int_equal(fixture_read(r, FLT_PROGRAM, 1, out, 8), 8);
	assert_int_equal(out[2].kind, FLT_P_BARRIER);
	assert_int_equal(out[2].f[FLT_BARRIER_PARTICIPANTS], 2);
	flt_close(r);
}

static void a_private_copy_names_no_folders(void **state)
{
	struct fixture *f = *state;
	json_t *head = json_pack("{sssss[ss]s{s{ss}s{ss}}}", "user", "alice", "cwd", "/home/alice",
				 "command", "/home/alice/run", "-x", "machine", "kernel",
				 "command_line", "secret", "cgroup", "own", "/user/alice");
	struct flt_prepare_options opt = {.private_copy = true};
	struct flt_writer *w = fixture_writer(f, head);
	struct flt_prepare_stats st;
	struct flt_reader *r;
	char *text, err[128];

	define_model(w);
	fault(w, 1, 20 * US, US, 0);
	flt_writer_flush(w, false);
	fixture_finish(f, &w);
	r = fixture_open(f);
	assert_int_equal(flt_prepare_copy(r, f->other, &opt, &st), 0);
	json_decref(st.model);
	flt_close(r);
	assert_int_equal(flt_open(&r, f->other, 0, err, sizeof(err)), 0);
	text = json_dumps(flt_header(r), 0);
	assert_null(strstr(text, "alice"));
	assert_null(strstr(text, "secret"));
	assert_non_null(strstr(text, "\"run\""));
	free(text);
	assert_string_equal(
		json_string_value(json_object_get(flt_definition(r, "file", 0), "path")),
		"model.gguf");
	assert_int_equal(flt_record_count(r, FLT_RECORDING), 1);
	flt_close(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(faults_become_windows_with_the_compute_between),
		FIXTURE_TEST(barriers_get_their_participants),
		FIXTURE_TEST(a_straggler_of_the_last_evaluation_stays_in_it),
		FIXTURE_TEST(pools_made_anew_share_lanes),
		FIXTURE_TEST(seeking_finds_every_evaluation_in_every_lane),
		FIXTURE_TEST(sweeps_are_found_without_marks),
		FIXTURE_TEST(a_recording_without_model_faults_has_no_program),
		FIXTURE_TEST(a_copy_with_the_program_alone_replays_the_same),
		FIXTURE_TEST(threads_beyond_the_lanes_fold_into_a_helper),
		FIXTURE_TEST(an_old_barrier_does_not_hold_the_queues_back),
		FIXTURE_TEST(a_private_copy_names_no_folders),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
