// SPDX-License-Identifier: GPL-2.0-only
/* Where no barriers were recorded, they are found between the visits of the model's parts. */
#include "flt_recording.h"

#define EVALUATIONS 5
#define LAYERS      6
#define TENSORS     (4 * LAYERS)

/* A layer: two large matrices, a small one, and a norm that the main thread alone looks at. */
static size_t make_model(struct matrix *m, json_t **tensors)
{
	uint64_t at = 4096;
	size_t n = 0;

	*tensors = json_array();
	for (uint64_t l = 0; l < LAYERS; l++) {
		struct matrix layer[] = {
			{.row = 2016, .rows = 1024, .chunk = 64},
			{.row = 10656, .rows = 512},
			{.row = 2016, .rows = 256},
		};

		for (size_t i = 0; i < 3; i++) {
			char name[32];

			layer[i].offset = at;
			m[n++] = layer[i];
			snprintf(name, sizeof(name), "blk.%u.part%zu", (unsigned int)l, i);
			json_array_append_new(
				*tensors, json_pack("[sII]", name, (json_int_t)at,
						    (json_int_t)(layer[i].row * layer[i].rows)));
			at += layer[i].row * layer[i].rows;
		}
		json_array_append_new(*tensors, json_pack("[sIi]", "norm", (json_int_t)at, 14336));
		at += 14336;
	}
	return n;
}

static void define_with(struct flt_writer *w, json_t *tensors)
{
	json_t *file = json_pack("{sisssIsb}", "id", 0, "path", "/m/model.gguf", "size",
				 (json_int_t)MODEL_BYTES, "model", 1);

	if (tensors)
		json_object_set_new(file, "tensors", tensors);
	flt_writer_define(w, "file", file);
	flt_writer_define(
		w, "region",
		json_pack("{sisisI}", "id", 0, "file", 0, "length", (json_int_t)MODEL_BYTES));
}

/* The recording of a run; KEEP: with the barriers that it had. */
static void make(struct fixture *f, uint32_t lanes, bool keep, json_t *tensors,
		 const struct matrix *m, size_t n, int barriers, struct flt_prepare_stats *st)
{
	struct flt_prepare_options opt = {.barriers = barriers};
	struct flt_writer *w = fixture_writer(f, NULL);
	struct sim s;
	size_t kept = 0;

	define_with(w, tensors);
	sim_init(&s, lanes);
	s.noise = 0.2;
	s.clock[0] = 1e6;
	for (uint64_t e = 0; e < EVALUATIONS; e++)
		sim_evaluation(&s, m, n, FLT_MC_DECODE, e, 1);
	for (size_t i = 0; i < s.n; i++)
		if (keep || s.rec[i].kind != FLT_BARRIER)
			s.rec[kept++] = s.rec[i];
	s.n = kept;
	sim_write(&s, w);
	prepare_with(f, &w, &opt, st);
	json_decref(st->model);
	program_terminates(f, lanes);
}

static uint64_t barriers_of(struct fixture *f, uint32_t lane, uint64_t participants)
{
	struct program p = program_of(f, lane);
	uint64_t n = 0;

	for (size_t i = 0; i < p.n; i++) {
		if (p.rec[i].kind != FLT_P_BARRIER)
			continue;
		n++;
		assert_int_equal(p.rec[i].f[FLT_BARRIER_PARTICIPANTS], participants);
	}
	free(p.rec);
	return n;
}

static void tensors_give_a_barrier_between_matrix_products(void **state)
{
	for (uint32_t lanes = 2; lanes <= 4; lanes++) {
		struct flt_prepare_stats st;
		struct matrix m[TENSORS];
		json_t *tensors;
		size_t n = make_model(m, &tensors);

		fixture_setup(state);
		make(*state, lanes, false, tensors, m, n, FLT_BARRIERS_AUTO, &st);
		assert_string_equal(st.barriers_from, "tensors");
		assert_int_equal(st.inferred_barriers, EVALUATIONS * (n - 1));
		assert_int_equal(st.barriers, st.inferred_barriers * lanes);
		assert_non_null(strstr(st.note, "inferred from the model's tensors"));
		for (uint32_t l = 0; l < lanes; l++)
			assert_int_equal(barriers_of(*state, l, lanes), EVALUATIONS * (n - 1));
		fixture_teardown(state);
	}
}

/* Forced on a recording that has barriers: as many segments, and nearly the same compute. */
static void inferred_segments_are_the_recorded_ones(void **state)
{
	struct flt_prepare_stats recorded, inferred, hidden;
	struct matrix m[TENSORS];
	json_t *tensors;
	size_t n = make_model(m, &tensors);

	make(*state, 2, true, json_deep_copy(tensors), m, n, FLT_BARRIERS_RECORDED, &recorded);
	assert_string_equal(recorded.barriers_from, "recorded");
	assert_int_equal(recorded.inferred_barriers, 0);
	fixture_teardown(state);
	fixture_setup(state);
	make(*state, 2, true, json_deep_copy(tensors), m, n, FLT_BARRIERS_INFERRED, &inferred);
	assert_int_equal(inferred.windows, recorded.windows);
	/* The last product of an evaluation has no other behind it. */
	assert_int_equal(inferred.barriers, recorded.barriers - EVALUATIONS * 2);
	assert_in_range(inferred.pools, recorded.pools - recorded.pools / 10, recorded.pools);
	assert_in_range(inferred.compute_ns, recorded.compute_ns - recorded.compute_ns / 20,
			recorded.compute_ns);
	fixture_teardown(state);
	fixture_setup(state);
	/* Where nothing of them was seen, waits are estimated: closer than to count them as compute. */
	make(*state, 2, false, tensors, m, n, FLT_BARRIERS_AUTO, &hidden);
	assert_in_range(hidden.compute_ns, recorded.compute_ns - recorded.compute_ns / 10,
			recorded.compute_ns + recorded.compute_ns / 10);
}

static void ranges_are_cut_without_tensors(void **state)
{
	struct flt_prepare_stats st;
	struct matrix m[TENSORS];
	json_t *tensors;
	size_t n = make_model(m, &tensors);

	json_decref(tensors);
	make(*state, 2, false, NULL, m, n, FLT_BARRIERS_AUTO, &st);
	assert_string_equal(st.barriers_from, "ranges");
	assert_non_null(strstr(st.note, "ranges"));
	/* 5 MiB in slices and 2 MiB in chunks a layer: parts of a MiB at least. */
	assert_in_range(st.inferred_barriers, EVALUATIONS * LAYERS, EVALUATIONS * LAYERS * 9);
	assert_int_equal(barriers_of(*state, 0, 2), st.inferred_barriers);
	assert_int_equal(barriers_of(*state, 1, 2), st.inferred_barriers);
}

static void recorded_ones_are_taken_alone_where_asked_for(void **state)
{
	struct flt_prepare_stats st;
	struct matrix m[TENSORS];
	json_t *tensors;
	size_t n = make_model(m, &tensors);

	make(*state, 2, false, tensors, m, n, FLT_BARRIERS_RECORDED, &st);
	assert_string_equal(st.barriers_from, "none");
	assert_int_equal(st.barriers, 0);
	assert_int_equal(st.pools, 0);
	assert_int_equal(st.note[0], 0);
}

static void one_lane_needs_no_barriers(void **state)
{
	struct flt_prepare_stats st;
	struct matrix m[TENSORS];
	json_t *tensors;
	size_t n = make_model(m, &tensors);

	make(*state, 1, false, tensors, m, n, FLT_BARRIERS_AUTO, &st);
	assert_string_equal(st.barriers_from, "none");
	assert_int_equal(st.barriers, 0);
}

/* The first part of the model is its last one, too: tied embeddings. */
static void a_part_can_be_visited_again(void **state)
{
	struct flt_prepare_stats st;
	struct matrix m[TENSORS + 1];
	json_t *tensors;
	size_t n = make_model(m, &tensors);

	m[n++] = m[0];
	make(*state, 2, false, tensors, m, n, FLT_BARRIERS_AUTO, &st);
	/* Pages that are still mapped from the first visit do not fault again: no visit is seen. */
	assert_int_equal(st.inferred_barriers, EVALUATIONS * (n - 2));
}

/* Tables that say anything: outside of the file, overlapping, not of this form. */
static void bad_tensor_tables_do_no_harm(void **state)
{
	static const char *const tables[] = {
		"[]",
		"[[\"a\", 0, 99999999999999]]",
		"[[\"a\", -5, 100000], [\"b\", 1, -1]]",
		"[1, null, [], [2], [\"x\"], [\"y\", 1.5, \"z\"], {\"a\": 1}]",
		"[[\"a\", 0, 9000000], [\"b\", 4096, 9000000], [\"c\", 100, 200000], [\"d\", 0, 8000000]]",
		"\"text\"",
	};

	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		struct flt_prepare_stats st;
		struct matrix m[TENSORS];
		json_t *tensors, *bad = json_loads(tables[i], JSON_DECODE_ANY, NULL);
		size_t n = make_model(m, &tensors);

		assert_non_null(bad);
		json_decref(tensors);
		fixture_setup(state);
		make(*state, 2, false, bad, m, n, FLT_BARRIERS_AUTO, &st);
		fixture_teardown(state);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tensors_give_a_barrier_between_matrix_products),
		FIXTURE_TEST(inferred_segments_are_the_recorded_ones),
		FIXTURE_TEST(ranges_are_cut_without_tensors),
		FIXTURE_TEST(recorded_ones_are_taken_alone_where_asked_for),
		FIXTURE_TEST(one_lane_needs_no_barriers),
		FIXTURE_TEST(a_part_can_be_visited_again),
		cmocka_unit_test(bad_tensor_tables_do_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
