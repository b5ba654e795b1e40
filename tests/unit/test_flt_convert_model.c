// SPDX-License-Identifier: GPL-2.0-only
/* Own compute is corrected such that the program is as fast as untraced warm runs were. */
#include "flt_recording.h"

#define RUNS   3
#define DECODE 12

static const struct matrix dense[] = {
	{.offset = 4096 + 32, .row = 2016, .rows = 3584, .chunk = 64},
	{.offset = 10 * MIB + 96, .row = 2016, .rows = 1024},
	{.offset = 20 * MIB + 96, .row = 10656, .rows = 2048, .chunk = 64},
};

#define PRODUCTS 20

/* Many short products, so that barriers weigh; experts of a window each. */
static void make_experts(struct matrix *m, uint32_t chosen)
{
	for (uint64_t i = 0; i < PRODUCTS; i++)
		m[i] = (struct matrix){.offset = i * 3 * MIB,
				       .row = 2048,
				       .rows = 32,
				       .experts = 32,
				       .chosen = chosen};
}

struct scene {
	const struct matrix *prompt, *decode;
	size_t n;
	double slower[2]; /* of single tokens, of prompts */
	double per_fault, per_barrier;
	uint64_t tokens;
};

/* Two prompts and some tokens; the times of all evaluations as a calibration run has them. */
static json_t *run(struct sim *s, const struct scene *c)
{
	json_t *list = json_array();

	s->per_fault = c->per_fault;
	s->per_barrier = c->per_barrier;
	s->noise = 0.1;
	s->clock[0] = 1e6;
	for (uint64_t e = 0; e < 2 + DECODE; e++) {
		bool prompt = e < 2;
		double ns;

		s->slower = s->recorded ? c->slower[prompt] : 1;
		ns = sim_evaluation(s, prompt ? c->prompt : c->decode, c->n,
				    prompt ? FLT_MC_PROMPT : FLT_MC_DECODE, prompt ? e : e - 2,
				    prompt ? c->tokens : 1);
		json_array_append_new(list,
				      json_pack("{sssIsI}", "class", prompt ? "prompt" : "decode",
						"tokens", (json_int_t)(prompt ? c->tokens : 1),
						"ns", (json_int_t)ns));
	}
	return json_pack("{sIso}", "load_ns", (json_int_t)1000000, "evaluations", list);
}

static json_t *calibration(const struct scene *c)
{
	json_t *runs = json_array();

	for (int i = 0; i < RUNS; i++) {
		struct sim s;

		sim_init(&s, 2);
		s.recorded = false;
		s.x += (uint64_t)i * 77777;
		json_array_append_new(runs, run(&s, c));
		free(s.rec);
	}
	return json_pack("{siso}", "n", RUNS, "runs", runs);
}

static struct flt_prepare_stats fit(struct fixture *f, const struct scene *c, const json_t *warm)
{
	struct flt_writer *w = fixture_writer(f, NULL);
	struct flt_prepare_options opt = {.calibration = warm};
	struct flt_prepare_stats st;
	struct sim s;

	define_model(w);
	sim_init(&s, 2);
	s.x ^= 424242;
	json_decref(run(&s, c));
	sim_write(&s, w);
	prepare_with(f, &w, &opt, &st);
	program_terminates(f, 2);
	return st;
}

static double term(const struct flt_prepare_stats *st, const char *name)
{
	const json_t *v = json_object_get(st->model, name);

	assert_true(json_is_number(v));
	return json_number_value(v);
}

static void about(double got, double want, double share)
{
	if (got < want * (1 - share) || got > want * (1 + share))
		print_message("%f instead of %f\n", got, want);
	assert_true(got >= want * (1 - share) && got <= want * (1 + share));
}

/* Compute of each class in the program, per evaluation and lane. */
static void program_compute(struct fixture *f, double *prompt, double *decode)
{
	struct flt_reader *r = fixture_open(f);
	struct flt_plan *plan;

	assert_int_equal(flt_plan_open(r, &plan), 0);
	*prompt = *decode = 0;
	for (uint64_t e = 1; e < plan->evaluations; e++)
		*(plan->evaluation[e].mark_class == FLT_MC_PROMPT ? prompt : decode) +=
			(double)plan->evaluation[e].compute_ns / 2;
	*prompt /= 2;
	*decode /= DECODE;
	flt_plan_close(plan);
	flt_close(r);
}

static void check_class(struct fixture *f, const struct flt_prepare_stats *st)
{
	double prompt, decode;

	assert_true(json_is_true(json_object_get(st->model, "fitted")));
	about(term(st, "model_prompt_ns"), term(st, "warm_prompt_ns"), 0.005);
	about(term(st, "model_decode_ns"), term(st, "warm_decode_ns"), 0.005);
	assert_true(term(st, "residual") < 0.005);
	/* The critical path is no shorter than the lanes' mean, and not much longer here. */
	program_compute(f, &prompt, &decode);
	about(prompt, term(st, "warm_prompt_ns"), 0.06);
	about(decode, term(st, "warm_decode_ns"), 0.06);
}

static void a_cost_of_faults_is_recovered(void **state)
{
	static const double costs[] = {500, 1500, 4500};

	for (size_t i = 0; i < sizeof(costs) / sizeof(costs[0]); i++) {
		double cost = costs[i];
		struct scene c = {dense, dense, 3, {1, 1}, cost, 0, 32};
		struct flt_prepare_stats st;
		json_t *warm = calibration(&c);

		fixture_setup(state);
		st = fit(*state, &c, warm);
		about(term(&st, "per_fault_ns"), cost, 0.15);
		about(term(&st, "factor_prompt"), 1, 0.02);
		about(term(&st, "factor_decode"), 1, 0.03);
		assert_true(term(&st, "per_barrier_ns") == 0);
		check_class(*state, &st);
		json_decref(st.model);
		json_decref(warm);
		fixture_teardown(state);
	}
}

/* Where prompts use more experts for the same number of barriers, the two costs differ. */
static void a_cost_of_barriers_is_told_from_it(void **state)
{
	struct matrix few[PRODUCTS], many[PRODUCTS];
	struct scene c = {many, few, PRODUCTS, {1, 1}, 1500, 9000, 8};
	struct flt_prepare_stats st;
	json_t *warm;

	make_experts(few, 2);
	make_experts(many, 16);
	warm = calibration(&c);
	st = fit(*state, &c, warm);
	about(term(&st, "per_fault_ns"), 1500, 0.35);
	about(term(&st, "per_barrier_ns"), 9000, 0.2);
	about(term(&st, "factor_decode"), 1, 0.03);
	json_decref(st.model);
	json_decref(warm);
}

static void a_slower_machine_is_a_factor(void **state)
{
	struct scene c = {dense, dense, 3, {1.25, 1.25}, 2000, 0, 32};
	struct flt_prepare_stats st;
	json_t *warm = calibration(&c);

	st = fit(*state, &c, warm);
	about(term(&st, "per_fault_ns"), 2000, 0.25);
	about(term(&st, "factor_prompt"), 0.8, 0.03);
	about(term(&st, "factor_decode"), 0.8, 0.05);
	check_class(*state, &st);
	json_decref(st.model);
	json_decref(warm);
}

static void what_nothing_explains_has_a_factor_for_each_class(void **state)
{
	struct scene c = {dense, dense, 3, {0.95, 1.4}, 0, 0, 32};
	struct flt_prepare_stats st;
	json_t *warm = calibration(&c);

	st = fit(*state, &c, warm);
	assert_true(term(&st, "per_fault_ns") == 0);
	about(term(&st, "factor_prompt"), 1 / 1.4, 0.03);
	about(term(&st, "factor_decode"), 1 / 0.95, 0.03);
	assert_non_null(strstr(json_string_value(json_object_get(st.model, "why")), "own factor"));
	check_class(*state, &st);
	json_decref(st.model);
	json_decref(warm);
}

static void terms_stay_within_their_bounds(void **state)
{
	struct scene c = {dense, dense, 3, {4, 4}, 0, 0, 32};
	struct flt_prepare_stats st;
	json_t *warm = calibration(&c);

	st = fit(*state, &c, warm);
	assert_true(term(&st, "factor_prompt") >= 0.5);
	assert_true(term(&st, "factor_decode") >= 0.5);
	assert_true(term(&st, "per_fault_ns") <= 10000);
	assert_true(term(&st, "residual") > 0.5);
	assert_non_null(strstr(json_string_value(json_object_get(st.model, "why")), "nothing"));
	json_decref(st.model);
	json_decref(warm);
}

static void without_calibration_gaps_are_as_recorded(void **state)
{
	struct scene c = {dense, dense, 3, {1, 1}, 3000, 0, 32};
	json_t *other =
		json_pack("{s[{s[{sssi}]}]}", "runs", "evaluations", "class", "load", "ns", 5);
	const json_t *each[] = {NULL, other};
	uint64_t compute = 0;

	for (int i = 0; i < 2; i++) {
		struct flt_prepare_stats st;

		fixture_setup(state);
		st = fit(*state, &c, each[i]);
		assert_true(json_is_false(json_object_get(st.model, "fitted")));
		assert_true(term(&st, "per_fault_ns") == 0);
		assert_true(term(&st, "factor_decode") == 1);
		assert_true(json_is_null(json_object_get(st.model, "warm_decode_ns")));
		assert_true(strlen(json_string_value(json_object_get(st.model, "why"))) > 0);
		assert_true(!i || st.compute_ns == compute);
		compute = st.compute_ns;
		json_decref(st.model);
		fixture_teardown(state);
	}
	json_decref(other);
}

/* What is taken from a gap goes to the wait before it: records stay on the recorded clock. */
static void records_stay_on_the_recorded_clock(void **state)
{
	struct scene c = {dense, dense, 3, {1, 1}, 3000, 0, 32};
	struct flt_prepare_stats st;
	json_t *warm = calibration(&c);
	struct program raw, own;

	st = fit(*state, &c, NULL);
	json_decref(st.model);
	raw = program_of(*state, 1);
	fixture_teardown(state);
	fixture_setup(state);
	st = fit(*state, &c, warm);
	json_decref(st.model);
	own = program_of(*state, 1);
	assert_int_equal(raw.n, own.n);
	for (size_t i = 0; i < own.n; i++) {
		assert_int_equal(raw.rec[i].kind, own.rec[i].kind);
		assert_in_range(own.rec[i].start,
				raw.rec[i].start < 70000 ? 0 : raw.rec[i].start - 70000,
				raw.rec[i].start + 70000);
	}
	free(raw.rec);
	free(own.rec);
	json_decref(warm);
}

static void a_trace_brings_its_own_calibration(void **state)
{
	struct scene c = {dense, dense, 3, {1, 1}, 2500, 0, 32};
	struct fixture *f = *state;
	struct flt_writer *w = fixture_writer(f, NULL);
	struct flt_prepare_stats st;
	struct flt_reader *r;
	json_t *trailer = json_pack("{sbso}", "complete", 1, "calibration", calibration(&c));
	struct sim s;

	define_model(w);
	sim_init(&s, 2);
	json_decref(run(&s, &c));
	sim_write(&s, w);
	assert_int_equal(flt_writer_finish(&w, trailer), 0);
	json_decref(trailer);
	r = fixture_open(f);
	assert_int_equal(flt_prepare_copy(r, f->other, NULL, &st), 0);
	flt_close(r);
	about(term(&st, "per_fault_ns"), 2500, 0.15);
	json_decref(st.model);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_cost_of_faults_is_recovered),
		FIXTURE_TEST(a_cost_of_barriers_is_told_from_it),
		FIXTURE_TEST(a_slower_machine_is_a_factor),
		FIXTURE_TEST(what_nothing_explains_has_a_factor_for_each_class),
		FIXTURE_TEST(terms_stay_within_their_bounds),
		cmocka_unit_test(without_calibration_gaps_are_as_recorded),
		FIXTURE_TEST(records_stay_on_the_recorded_clock),
		FIXTURE_TEST(a_trace_brings_its_own_calibration),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
