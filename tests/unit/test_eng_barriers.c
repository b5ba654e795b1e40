// SPDX-License-Identifier: GPL-2.0-only
/* Barriers among threads: nobody is early, groups come and go, whoever is left alone is let go. */
#include "eng_fixture.h"

#include <pthread.h>

#include "engines/barriers.h"
#include "engines/wait.h"

#define JOBS        4
#define GENERATIONS 2000

struct team {
	struct eng_group g;
	struct eng_job job[JOBS];
	struct eng_lane lane[JOBS];
	_Atomic uint64_t arrived[GENERATIONS];
	_Atomic uint32_t early, done;
	_Atomic uint32_t stop_asked;
	uint64_t groups; /* a new one after so many generations */
};

static struct team *team_new(bool spin)
{
	struct team *t = aligned_alloc(ENG_CACHE_LINE, (sizeof(*t) + 63) & ~63ull);

	assert_non_null(t);
	memset(t, 0, sizeof(*t));
	eng_clock_init();
	pthread_mutex_init(&t->g.barrier_lock, NULL);
	t->g.job = t->job;
	t->g.lane = t->lane;
	t->g.jobs = t->g.lanes = t->g.barrier_lanes = JOBS;
	t->g.spin = spin;
	t->groups = GENERATIONS;
	assert_int_equal(eng_barriers_init(&t->g), 0);
	for (uint32_t i = 0; i < JOBS; i++) {
		t->job[i].group = &t->g;
		t->job[i].index = i;
		t->job[i].lane = &t->lane[i];
	}
	return t;
}

static void team_free(struct team *t)
{
	eng_barriers_free(&t->g);
	free(t);
}

static void run_team(struct team *t, void *(*work)(void *), uint32_t n)
{
	pthread_t thread[JOBS];

	(void)t;
	for (uint32_t i = 0; i < n; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, work, &t->job[i]), 0);
	for (uint32_t i = 0; i < n; i++)
		pthread_join(thread[i], NULL);
}

static struct team *team_of(struct eng_job *j)
{
	return (struct team *)((char *)j->group - offsetof(struct team, g));
}

static void *meet_often(void *arg)
{
	struct eng_job *j = arg;
	struct team *t = team_of(j);
	uint64_t waited = 0;

	for (uint64_t i = 0; i < GENERATIONS; i++) {
		atomic_fetch_add(&t->arrived[i], 1);
		if (!eng_barrier_meet(j, 100 + i / t->groups, i % t->groups, t->g.jobs, &waited))
			return NULL;
		/* Everybody has to have arrived before anybody goes on. */
		if (atomic_load(&t->arrived[i]) != t->g.jobs)
			atomic_fetch_add(&t->early, 1);
	}
	atomic_fetch_add(&t->done, 1);
	return NULL;
}

static void meets(bool spin, uint64_t groups, uint32_t jobs)
{
	struct team *t = team_new(spin);

	t->groups = groups;
	t->g.jobs = t->g.lanes = t->g.barrier_lanes = jobs;
	run_team(t, meet_often, jobs);
	assert_int_equal(atomic_load(&t->early), 0);
	assert_int_equal(atomic_load(&t->done), jobs);
	assert_int_equal(eng_stopped(&t->g), ENG_RUNNING);
	team_free(t);
}

static void test_nobody_passes_before_all_have_come(void **state)
{
	(void)state;
	meets(false, GENERATIONS, JOBS);
}

static void test_spinning_waits_do_the_same(void **state)
{
	(void)state;
	/* More spinners than CPUs would take for ever: then the engine does not spin either. */
	meets(true, GENERATIONS, sysconf(_SC_NPROCESSORS_ONLN) < JOBS ? 2 : JOBS);
}

/* Some runners make a thread pool, hence a barrier group, for every graph: thousands in one run. */
static void test_groups_are_used_again(void **state)
{
	(void)state;
	meets(false, 2, JOBS);
}

static void *come_alone(void *arg)
{
	struct eng_job *j = arg;
	uint64_t waited = 0;

	if (eng_barrier_meet(j, j->index, 1, JOBS, &waited))
		atomic_fetch_add(&team_of(j)->early, 1);
	return NULL;
}

static void test_lanes_at_different_barriers_are_noticed(void **state)
{
	struct team *t = team_new(false);

	(void)state;
	run_team(t, come_alone, JOBS);
	assert_int_equal(eng_stopped(&t->g), ENG_NO_BARRIER);
	assert_int_equal(atomic_load(&t->early), 0);
	team_free(t);
}

static enum eng_end ask(void *arg)
{
	struct team *t = arg;

	return atomic_fetch_add(&t->stop_asked, 1) > 3 ? ENG_SIGNAL : ENG_RUNNING;
}

static void test_a_wait_ends_when_fio_says_so(void **state)
{
	struct team *t = team_new(false);
	uint64_t waited = 0;

	(void)state;
	t->job[0].ask = ask;
	t->job[0].ask_arg = t;
	assert_false(eng_barrier_meet(&t->job[0], 1, 1, JOBS, &waited));
	assert_int_equal(eng_stopped(&t->g), ENG_SIGNAL);
	team_free(t);
}

static void *meet_fifth(void *arg)
{
	uint64_t waited = 0;

	eng_barrier_meet(arg, 1, 5, 2, &waited);
	return NULL;
}

/* A generation may be over before one that is older: who comes to the older one then is not counted. */
static void test_who_comes_late_is_not_counted_for_a_later_generation(void **state)
{
	struct team *t = team_new(false);
	uint64_t waited = 0;

	(void)state;
	run_team(t, meet_fifth, 2);
	assert_true(eng_barrier_meet(&t->job[2], 1, 4, 2, &waited));
	t->job[0].ask = ask;
	t->job[0].ask_arg = t;
	assert_false(eng_barrier_meet(&t->job[0], 1, 4 + ENG_GENERATIONS, 2, &waited));
	assert_int_equal(eng_stopped(&t->g), ENG_SIGNAL);
	team_free(t);
}

static void *three_passes(void *arg)
{
	struct eng_job *j = arg;
	struct team *t = team_of(j);
	uint64_t waited = 0;

	for (uint64_t pass = 0; pass < 3; pass++) {
		/* The same generations in each pass. */
		for (uint64_t i = 0; i < 50; i++) {
			atomic_fetch_add(&t->arrived[pass * 50 + i], 1);
			if (!eng_barrier_meet(j, 7, i, JOBS, &waited))
				return NULL;
			if (atomic_load(&t->arrived[pass * 50 + i]) != JOBS)
				atomic_fetch_add(&t->early, 1);
		}
		if (!eng_pass_meet(j))
			return NULL;
	}
	atomic_fetch_add(&t->done, 1);
	return NULL;
}

static void test_generations_begin_again_with_a_pass(void **state)
{
	struct team *t = team_new(false);

	(void)state;
	run_team(t, three_passes, JOBS);
	assert_int_equal(atomic_load(&t->early), 0);
	assert_int_equal(atomic_load(&t->done), JOBS);
	assert_int_equal(atomic_load(&t->g.passes), 3);
	team_free(t);
}

static void test_unknown_participants_are_all_lanes_with_barriers(void **state)
{
	struct team *t = team_new(false);
	uint64_t waited = 0;

	(void)state;
	t->g.barrier_lanes = 1;
	assert_true(eng_barrier_meet(&t->job[0], 1, 1, 0, &waited));
	assert_true(eng_barrier_meet(&t->job[0], 1, 2, UINT64_MAX, &waited));
	team_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nobody_passes_before_all_have_come),
		cmocka_unit_test(test_spinning_waits_do_the_same),
		cmocka_unit_test(test_groups_are_used_again),
		cmocka_unit_test(test_lanes_at_different_barriers_are_noticed),
		cmocka_unit_test(test_a_wait_ends_when_fio_says_so),
		cmocka_unit_test(test_who_comes_late_is_not_counted_for_a_later_generation),
		cmocka_unit_test(test_generations_begin_again_with_a_pass),
		cmocka_unit_test(test_unknown_participants_are_all_lanes_with_barriers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
