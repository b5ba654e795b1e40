// SPDX-License-Identifier: GPL-2.0-only
/* What `faultline info` adds up, `verify` finds wrong and `dump` selects, on made-up traces. */
#include "flt_fixture.h"

#include "analysis/checks.h"
#include "analysis/scan.h"
#include "analysis/selection.h"

#define MIB         (1ull << 20)
#define MODEL_BYTES (8 * MIB)

/* What may go wrong in a trace; 0 makes a sound one. */
enum flaw {
	SOUND,
	NO_REGION,
	NO_STREAM,
	BEYOND_FILE,
	BARRIER_BACK,
	BARRIER_ALONE,
	MARK_BACK,
	SUMMARY_LIES,
	LOSS_HIDDEN,
	INVARIANT_HIDDEN,
	LOSS_MARKED,
};

static void add(struct flt_writer *w, enum flt_layer layer, uint32_t stream, uint32_t kind,
		uint64_t start, uint64_t dur, const uint64_t *f, size_t n)
{
	struct flt_record r = {.start = start, .dur = dur, .stream = stream, .kind = kind};

	memcpy(r.f, f, n * sizeof(*f));
	assert_int_equal(flt_writer_add(w, layer, &r), 0);
}

#define ADD(w, layer, stream, kind, start, dur, ...)                             \
	add(w, layer, stream, kind, start, dur, (const uint64_t[]){__VA_ARGS__}, \
	    sizeof((const uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t))

static void define(struct flt_writer *w)
{
	flt_writer_define(w, "file",
			  json_pack("{si, ss, sI, sb}", "id", 0, "path", "/m/model.gguf", "size",
				    (json_int_t)MODEL_BYTES, "model", 1));
	flt_writer_define(w, "region",
			  json_pack("{si, si, si, sI, ss}", "id", 0, "file", 0, "offset", 0,
				    "length", (json_int_t)MODEL_BYTES, "kind", "file"));
	flt_writer_define(w, "region",
			  json_pack("{si, sn, sI, ss}", "id", 1, "file", "length", (json_int_t)MIB,
				    "kind", "anon"));
	flt_writer_define(w, "stream", json_pack("{si, ss}", "id", 0, "type", "process"));
	flt_writer_define(w, "stream",
			  json_pack("{si, ss, si, ss}", "id", 1, "type", "thread", "tid", 10,
				    "comm", "main"));
	flt_writer_define(w, "stream",
			  json_pack("{si, ss, si, ss}", "id", 2, "type", "thread", "tid", 11,
				    "comm", "helper"));
	flt_writer_define(w, "stream", json_pack("{si, ss}", "id", 3, "type", "device"));
	flt_writer_define(w, "device",
			  json_pack("{si, ss, s[s]}", "id", 0, "name", "dm-0", "members", "sda"));
	flt_writer_define(w, "device",
			  json_pack("{si, ss, s[]}", "id", 1, "name", "sda", "members"));
	flt_writer_define(w, "lane",
			  json_pack("{si, ss, s[i]}", "id", 0, "role", "main", "streams", 1));
	flt_writer_define(w, "lane",
			  json_pack("{si, ss, s[i]}", "id", 1, "role", "worker", "streams", 2));
}

/* Load until 1 ms, a prompt until 3 ms, a token until 5 ms. */
static void record(struct flt_writer *w, enum flaw flaw)
{
	const uint64_t none = FLT_NONE, ms = 1000000;
	uint64_t region = flaw == NO_REGION ? 7 : 0;
	uint64_t offset = flaw == BEYOND_FILE ? MODEL_BYTES : MODEL_BYTES - 4096;

	ADD(w, FLT_RECORDING, 1, FLT_FAULT, ms / 2, 1000, FLT_FF_ANON | FLT_FF_WRITE, 1, 4096);
	ADD(w, FLT_RECORDING, 1, FLT_MARK, 0, ms, FLT_MC_LOAD, 0, none, none, 0);
	ADD(w, FLT_RECORDING, flaw == NO_STREAM ? 9 : 1, FLT_FAULT, 2 * ms, 4000,
	    FLT_FF_MAJOR | FLT_FF_BLOCKED, region, 0);
	ADD(w, FLT_RECORDING, 2, FLT_FAULT, 2 * ms, 5000, FLT_FF_BLOCKED, 0, offset);
	/* the same read at the stacked device and at its member; and somebody else's */
	ADD(w, FLT_RECORDING, 3, FLT_BLOCK, 2 * ms, 3000, 1, 0, 65536, 0, 0, 100, 1);
	ADD(w, FLT_RECORDING, 3, FLT_BLOCK, 2 * ms, 3500, 0, 0, 65536, 0, 0, 200, 1);
	ADD(w, FLT_RECORDING, 3, FLT_BLOCK, 2 * ms, 3600, 0, 0, 4096, 0, FLT_BF_FOREIGN, none,
	    none);
	ADD(w, FLT_RECORDING, 1, FLT_BARRIER, 2 * ms + 100000, 2000, 0, 5, 2);
	ADD(w, FLT_RECORDING, 2, FLT_BARRIER, 2 * ms + 102000, 0, 0, 5, 2);
	ADD(w, FLT_RECORDING, 1, FLT_MARK, ms, 2 * ms, FLT_MC_PROMPT, 0, 8, none, 0);
	ADD(w, FLT_RECORDING, 1, FLT_BARRIER, 4 * ms, 1000, 0, flaw == BARRIER_BACK ? 5 : 6, 2);
	ADD(w, FLT_RECORDING, 2, FLT_BARRIER, 4 * ms, 1000, 0, 6, 2);
	ADD(w, FLT_RECORDING, 1, FLT_MARK, 3 * ms, 2 * ms,
	    flaw == MARK_BACK ? FLT_MC_PROMPT : FLT_MC_DECODE, 0, 1, none, 0);
}

static void program(struct flt_writer *w, enum flaw flaw)
{
	const uint64_t none = FLT_NONE, ms = 1000000;
	static const uint64_t mark_class[] = {FLT_MC_LOAD, FLT_MC_PROMPT, FLT_MC_DECODE,
					      FLT_MC_END};
	static const uint64_t begin[] = {0, 1, 3, 5};

	for (uint64_t e = 0; e < 4; e++) {
		flt_writer_evaluation(w, e);
		for (uint32_t lane = 0; lane < 2; lane++)
			ADD(w, FLT_PROGRAM, lane, FLT_P_MARK, begin[e] * ms, 0, mark_class[e], e,
			    none, none, 0);
		if (e != 1)
			continue;
		for (uint32_t lane = 0; lane < 2; lane++)
			ADD(w, FLT_PROGRAM, lane, FLT_P_WINDOW, 2 * ms, 4000, 0, 0, 65536, 0);
		ADD(w, FLT_PROGRAM, 0, FLT_P_BARRIER, 2 * ms + 100000, 2000, 0, 5, 2);
		if (flaw != BARRIER_ALONE)
			ADD(w, FLT_PROGRAM, 1, FLT_P_BARRIER, 2 * ms + 102000, 0, 0, 5, 2);
	}
	for (uint64_t e = 0; e < 3; e++)
		for (uint32_t lane = 0; lane < 2; lane++)
			ADD(w, FLT_SUMMARY, lane, FLT_S_EVALUATION, begin[e] * ms,
			    (begin[e + 1] - begin[e]) * ms, e, mark_class[e], e ? 8 : none,
			    (e == 1) + (flaw == SUMMARY_LIES && e == 2), e == 1 ? 65536 : 0,
			    e == 1 && !(flaw == BARRIER_ALONE && lane), 700 * (e + 1), 1);
}

static json_t *make_header(void)
{
	return json_pack(
		"{ss, ss, ss, ss, s[s, s, s], ss, ss, ss, sI, si, s{s{ss, si}, s{sI}, s{ss, ss}}}",
		"generator", "faultline 0.1.0", "created", "2026-01-02T03:04:05Z", "mode",
		"pressure", "backend", "bpf", "command", "llama-bench", "-m", "a model.gguf",
		"user", "ada", "cwd", "/home/ada", "label", "made up for tests", "memory_limit",
		(json_int_t)(4 * MIB), "fault_around_bytes", 65536, "machine", "cpu", "model",
		"Cortex-A76", "online", 4, "memory", "total", (json_int_t)(8ull << 30), "kernel",
		"release", "6.12.0", "architecture", "aarch64");
}

static void make_trace_at(const char *path, enum flaw flaw)
{
	bool bad = flaw == INVARIANT_HIDDEN || flaw == LOSS_MARKED;
	struct flt_writer_options opt = {.chunk_ns = 1ull << 60};
	json_t *header = make_header();
	json_t *trailer = json_pack(
		"{sb, sb, si, si, s{si}, s[{ss, si, si, sb}]}", "complete", 1, "lossy",
		flaw == LOSS_MARKED, "duration_ns", 5000000, "exit_status", 0, "lost", "faults",
		flaw == LOSS_HIDDEN || flaw == LOSS_MARKED ? 3 : 0, "invariants", "name",
		"starts = ends", "expected", 5, "found", bad ? 4 : 5, "ok", !bad);
	struct flt_writer *w;

	assert_int_equal(flt_writer_create(&w, path, header, &opt), 0);
	define(w);
	record(w, flaw);
	program(w, flaw);
	assert_int_equal(flt_writer_finish(&w, trailer), 0);
	json_decref(header);
	json_decref(trailer);
}

static void make_trace(struct fixture *f, enum flaw flaw)
{
	make_trace_at(f->path, flaw);
}

static struct flt_reader *open_trace(struct fixture *f, enum flaw flaw)
{
	struct flt_reader *r;

	make_trace(f, flaw);
	assert_int_equal(flt_open(&r, f->path, 0, NULL, 0), 0);
	return r;
}

/* ---- sums ---- */

/* Times of two records are rounded by the trace, each by a microsecond at most. */
static void assert_about(uint64_t ns, uint64_t expected)
{
	assert_in_range(ns, expected - 2000, expected + 2000);
}

static void faults_are_added_up(void **state)
{
	struct flt_reader *r = open_trace(*state, SOUND);
	struct ana_scan s;

	assert_int_equal(ana_scan(&s, r), 0);
	assert_int_equal(s.faults.count, 3);
	assert_int_equal(s.faults.major, 1);
	assert_int_equal(s.faults.blocked, 2);
	assert_int_equal(s.faults.anon, 1);
	assert_about(s.faults.blocked_ns, 9000);
	assert_int_equal(s.region[0].faults.count, 2);
	assert_int_equal(s.region[1].faults.count, 1);
	assert_int_equal(s.file[0].faults.count, 2);
	assert_int_equal(s.file[0].touched, 65536);
	assert_int_equal(s.stream[1].faults.count, 2);
	assert_int_equal(s.stream[2].faults.count, 1);
	assert_int_equal(s.unresolved, 0);
	assert_int_equal(s.unknown, 0);
	ana_scan_free(&s);
	flt_close(r);
}

static void evaluations_get_what_happened_in_them(void **state)
{
	struct flt_reader *r = open_trace(*state, SOUND);
	struct ana_scan s;

	assert_int_equal(ana_scan(&s, r), 0);
	assert_int_equal(s.evaluations.count, 3);
	assert_true(s.evaluations.planned);
	assert_int_equal(s.evaluations.span[1].mark_class, FLT_MC_PROMPT);
	assert_int_equal(s.evaluations.span[1].start, 1000000);
	assert_int_equal(s.evaluations.span[1].windows, 2);
	assert_int_equal(s.evaluations.span[1].window_bytes, 131072);
	assert_int_equal(s.evaluations.span[1].compute_ns, 2800);
	assert_int_equal(s.evaluation[0].faults.count, 1);
	assert_int_equal(s.evaluation[1].faults.count, 2);
	assert_int_equal(s.evaluation[1].faults.major, 1);
	assert_int_equal(s.evaluation[1].barriers, 2);
	assert_about(s.evaluation[1].barrier_ns, 2000);
	assert_int_equal(s.evaluation[2].barriers, 2);
	assert_int_equal(s.evaluation[3].faults.count, 0);
	ana_scan_free(&s);
	flt_close(r);
}

static void reads_of_a_stack_count_once(void **state)
{
	struct flt_reader *r = open_trace(*state, SOUND);
	struct ana_scan s;

	assert_int_equal(ana_scan(&s, r), 0);
	assert_true(s.device[0].counted);
	assert_false(s.device[1].counted);
	assert_int_equal(s.device[0].read_bytes, 65536);
	assert_int_equal(s.device[0].foreign_bytes, 4096);
	assert_int_equal(s.evaluation[1].drive_bytes, 65536);
	assert_int_equal(s.evaluation[1].drive_reads, 1);
	ana_scan_free(&s);
	flt_close(r);
}

static void sizes_cover_all_records(void **state)
{
	struct flt_reader *r = open_trace(*state, SOUND);
	struct ana_scan s;

	assert_int_equal(ana_scan(&s, r), 0);
	assert_int_equal(s.share_records[ANA_SHARE_THREADS], 10);
	assert_int_equal(s.share_records[ANA_SHARE_BLOCK], 3);
	assert_int_equal(s.share_records[ANA_SHARE_PROGRAM], flt_record_count(r, FLT_PROGRAM));
	assert_int_equal(s.share_records[ANA_SHARE_SUMMARY], 6);
	assert_true(s.share_bytes[ANA_SHARE_BLOCK] > 0);
	ana_scan_free(&s);
	flt_close(r);
}

static void marks_do_without_a_program(void **state)
{
	struct fixture *f = *state;
	struct flt_writer *w = fixture_writer(f, NULL);
	struct flt_reader *r;
	struct ana_scan s;

	define(w);
	record(w, SOUND);
	assert_int_equal(flt_writer_finish(&w, NULL), 0);
	assert_int_equal(flt_open(&r, f->path, 0, NULL, 0), 0);
	assert_int_equal(ana_scan(&s, r), 0);
	assert_false(s.evaluations.planned);
	assert_int_equal(s.evaluations.count, 3);
	assert_int_equal(s.evaluations.span[0].mark_class, FLT_MC_LOAD);
	assert_int_equal(s.evaluations.span[2].mark_class, FLT_MC_DECODE);
	assert_int_equal(s.evaluations.span[1].tokens, 8);
	assert_int_equal(s.evaluation[1].faults.count, 2);
	ana_scan_free(&s);
	flt_close(r);
}

/* ---- checks ---- */

static void expect_flaw(void **state, enum flaw flaw, enum ana_check_id id, const char *says)
{
	struct flt_reader *r = open_trace(*state, flaw);
	struct ana_checks c;

	assert_int_equal(ana_checks_run(&c, r), 0);
	for (int i = 0; i < ANA_CHECKS; i++) {
		if (i == (int)id)
			continue;
		/* A trace without that stream also lacks its order: only the cause counts. */
		if (c.check[i].failed)
			fail_msg("%s: %s", ana_check_key((enum ana_check_id)i), c.check[i].first);
		/* This trace has no pools: tests/cmd/verify_checks_pools.sh has. */
		assert_true(flaw != SOUND || c.check[i].looked || i == ANA_CHECK_POOLS);
	}
	if (id < ANA_CHECKS) {
		assert_int_not_equal(c.check[id].failed, 0);
		if (!strstr(c.check[id].first, says))
			fail_msg("'%s' does not say '%s'", c.check[id].first, says);
	}
	flt_close(r);
}

static void sound_trace_passes_all_checks(void **state)
{
	expect_flaw(state, SOUND, ANA_CHECKS, "");
}

static void undefined_region_is_found(void **state)
{
	expect_flaw(state, NO_REGION, ANA_CHECK_REFERENCES, "there is no region 7");
}

static void undefined_stream_is_found(void **state)
{
	expect_flaw(state, NO_STREAM, ANA_CHECK_REFERENCES, "there is no stream 9");
}

static void offset_beyond_the_file_is_found(void **state)
{
	expect_flaw(state, BEYOND_FILE, ANA_CHECK_OFFSETS, "outside of a file of 8388608");
}

static void barrier_that_runs_back_is_found(void **state)
{
	expect_flaw(state, BARRIER_BACK, ANA_CHECK_BARRIERS, "generation 5 after 5");
}

static void barrier_that_not_all_reach_is_found(void **state)
{
	expect_flaw(state, BARRIER_ALONE, ANA_CHECK_BARRIERS,
		    "1 of 2 lanes arrive at generation 5");
}

static void mark_that_counts_back_is_found(void **state)
{
	expect_flaw(state, MARK_BACK, ANA_CHECK_MARKS, "prompt 0 comes after 0");
}

static void summary_that_lies_is_found(void **state)
{
	expect_flaw(state, SUMMARY_LIES, ANA_CHECK_SUMMARY, "evaluation 2: 1 windows and reads");
}

static void hidden_loss_is_found(void **state)
{
	expect_flaw(state, LOSS_HIDDEN, ANA_CHECK_COUNTERS, "3 events were lost");
}

static void hidden_invariant_is_found(void **state)
{
	expect_flaw(state, INVARIANT_HIDDEN, ANA_CHECK_COUNTERS, "starts = ends does not hold");
}

static void admitted_loss_is_no_flaw(void **state)
{
	struct flt_reader *r = open_trace(*state, LOSS_MARKED);
	struct ana_checks c;

	assert_int_equal(ana_checks_run(&c, r), 0);
	assert_true(c.lossy);
	assert_int_equal(c.check[ANA_CHECK_COUNTERS].failed, 0);
	flt_close(r);
}

/* ---- selections ---- */

/* How many records of the layer are selected; reading stops where it may. */
static size_t count_selected(struct flt_reader *r, const struct ana_selection *sel)
{
	struct flt_record rec;
	struct flt_cursor *c;
	size_t n = 0;

	assert_int_equal(flt_cursor_open(&c, r, sel->layer, FLT_ALL_STREAMS), 0);
	while (flt_cursor_next(c, &rec, 1) == 1) {
		bool wanted = ana_selected(sel, &rec);

		assert_true(!wanted || flt_end(&rec) <= sel->last_end);
		n += wanted;
	}
	flt_cursor_close(c);
	return n;
}

static void selections_narrow_down(void **state)
{
	struct flt_reader *r = open_trace(*state, SOUND);
	struct ana_selection sel;
	char bad[32];

	assert_int_equal(ana_select_all(&sel, r, FLT_RECORDING), 0);
	ana_select_done(&sel, r);
	assert_int_equal(count_selected(r, &sel), 13);
	assert_int_equal(ana_select_kinds(&sel, "fault,block", bad, sizeof(bad)), 0);
	assert_int_equal(count_selected(r, &sel), 6);
	assert_int_equal(ana_select_evaluations(&sel, r, 1, 1), 0);
	ana_select_done(&sel, r);
	assert_int_equal(count_selected(r, &sel), 5);
	assert_int_equal(ana_select_streams(&sel, "main", "tid", bad, sizeof(bad)), 0);
	assert_int_equal(count_selected(r, &sel), 1);
	assert_int_equal(ana_select_streams(&sel, "11", "tid", bad, sizeof(bad)), 0);
	assert_int_equal(count_selected(r, &sel), 2);
	ana_selection_free(&sel);
	flt_close(r);
}

static void selections_name_what_is_not_there(void **state)
{
	struct flt_reader *r = open_trace(*state, SOUND);
	struct ana_selection sel;
	char bad[32];

	assert_int_equal(ana_select_all(&sel, r, FLT_PROGRAM), 0);
	assert_int_equal(ana_select_kinds(&sel, "window,fault", bad, sizeof(bad)), -EINVAL);
	assert_string_equal(bad, "fault");
	assert_int_equal(ana_select_streams(&sel, "1,5", "id", bad, sizeof(bad)), -EINVAL);
	assert_string_equal(bad, "5");
	assert_int_equal(ana_select_evaluations(&sel, r, 3, 9), -ERANGE);
	ana_selection_free(&sel);
	flt_close(r);
}

/* With a name, the sound trace is written there: tests/data/analysis/small.flt was made so. */
int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(faults_are_added_up),
		FIXTURE_TEST(evaluations_get_what_happened_in_them),
		FIXTURE_TEST(reads_of_a_stack_count_once),
		FIXTURE_TEST(sizes_cover_all_records),
		FIXTURE_TEST(marks_do_without_a_program),
		FIXTURE_TEST(sound_trace_passes_all_checks),
		FIXTURE_TEST(undefined_region_is_found),
		FIXTURE_TEST(undefined_stream_is_found),
		FIXTURE_TEST(offset_beyond_the_file_is_found),
		FIXTURE_TEST(barrier_that_runs_back_is_found),
		FIXTURE_TEST(barrier_that_not_all_reach_is_found),
		FIXTURE_TEST(mark_that_counts_back_is_found),
		FIXTURE_TEST(summary_that_lies_is_found),
		FIXTURE_TEST(hidden_loss_is_found),
		FIXTURE_TEST(hidden_invariant_is_found),
		FIXTURE_TEST(admitted_loss_is_no_flaw),
		FIXTURE_TEST(selections_narrow_down),
		FIXTURE_TEST(selections_name_what_is_not_there),
	};

	if (argc == 2) {
		make_trace_at(argv[1], SOUND);
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
